'use strict';

/* The C examples, and the shell, beside real Socket.IO servers and clients. */

const assert = require('node:assert');
const { spawn, spawnSync } = require('node:child_process');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');
const { BINARY, Daemon } = require('../support/daemon');
const { Servers } = require('../node/support/servers');
const { until, within } = require('../support/wait');

const PATIENT = { timeout: 300_000 };
const SANITIZER = /Sanitizer|runtime error:/;

function example(name) {
	return path.join(path.dirname(BINARY), 'examples', name);
}

function promised(fn) {
	return within(new Promise((resolve, reject) => {
		fn((error, value) => (error ? reject(error) : resolve(value)));
	}), 'answer');
}

describe('programs in C beside Socket.IO', PATIENT, () => {
	let daemon;
	let servers;
	let clients; // one of each server
	const services = [];

	/* A program to its end: {status, stdout, stderr}. */
	async function run(command, args) {
		const child = spawn(command, args,
			{ env: { ...process.env, PM2ADAPTERD_SOCKET: daemon.socket } });
		const out = { stdout: '', stderr: '' };
		for (const name of ['stdout', 'stderr']) {
			child[name].setEncoding('utf8').on('data', (text) => {
				out[name] += text;
			});
		}
		const status = await within(new Promise((resolve) => {
			child.once('close', resolve);
		}), `end of ${command}`);
		assert.doesNotMatch(out.stderr, SANITIZER);
		return { status, ...out };
	}

	/* A running custom-request, connected. */
	async function service() {
		const child = spawn(example('custom-request'), [], {
			env: { ...process.env, PM2ADAPTERD_SOCKET: daemon.socket },
			stdio: ['ignore', 'ignore', 'pipe'],
		});
		const one = { child, stderr: '' };
		one.ended = new Promise((resolve) => {
			child.once('close', (status, signal) => resolve({ status, signal }));
		});
		child.stderr.setEncoding('utf8').on('data', (text) => {
			one.stderr += text;
		});
		services.push(one);
		await until(() => one.stderr.includes('connected to'), 'service');
		return one;
	}

	async function end(one, signal = 'SIGTERM') {
		one.child.kill(signal);
		const ended = await within(one.ended, 'end of the service');
		assert.doesNotMatch(one.stderr, SANITIZER);
		return ended;
	}

	function adapter(index = 0) {
		return servers.ios[index].of('/').adapter;
	}

	function next(index, event) {
		return within(new Promise((resolve) => {
			clients[index].socket.once(event, (...args) => resolve(args));
		}), event);
	}

	before(async () => {
		daemon = await Daemon.start();
		servers = await Servers.start(daemon.socket, 2);
		servers.ios.forEach((io, index) => {
			io.of('/').adapter.customHook = (data, answer) => answer(`${index} ${data}`);
		});
		clients = [await servers.client(0), await servers.client(1)];
		await clients[1].peer.join('news');
		await servers.barrier();
	});

	after(async () => {
		for (const { child } of services)
			child.kill('SIGKILL');
		await servers?.close();
		await daemon?.destroy();
	});

	test('a cron job emits to everyone', async () => {
		const came = [next(0, 'headline'), next(1, 'headline')];
		const { status, stderr } =
			await run(example('cron-emit'), ['', 'räum €']);
		assert.deepStrictEqual([status, stderr], [0, '']);
		for (const [text, at] of await Promise.all(came)) {
			assert.strictEqual(text, 'räum €');
			assert.ok(Math.abs(at - Date.now()) < 86_400_000, `${at}`);
		}
	});

	test('a cron job emits to a room', async () => {
		const came = next(1, 'headline');
		clients[0].got.length = 0;
		const { status } = await run(example('cron-emit'), ['news', 'to some']);
		assert.strictEqual(status, 0);
		assert.strictEqual((await came)[0], 'to some');
		await servers.settle(clients);
		assert.deepStrictEqual(clients[0].got, []);
	});

	test('a cron job says what is wrong', () => {
		const usage = spawnSync(example('cron-emit'), [], { encoding: 'utf8' });
		assert.deepStrictEqual([usage.status, usage.stderr],
			[64, 'usage: cron-emit ROOM TEXT\n']);
		const away = spawnSync(example('cron-emit'), ['', 'x'], {
			encoding: 'utf8',
			env: { ...process.env, PM2ADAPTERD_SOCKET: '/nonexistent/s' },
		});
		assert.strictEqual(away.status, 69);
		assert.match(away.stderr, /^cron-emit: there is no connection/);
	});

	test('statistics are requested in C', async () => {
		const clientsRows = await run(example('statistics'), ['clients']);
		assert.deepStrictEqual([clientsRows.status, clientsRows.stderr], [0, '']);
		assert.match(clientsRows.stdout,
			/"name"=>"statistics", .*"role"=>"observer", "client"=>"libpm2a\//);
		const refused = await run(example('statistics'), ['nonsense']);
		assert.deepStrictEqual([refused.status, refused.stdout], [69, '']);
		assert.match(refused.stderr, /^statistics: the daemon refused STATS: a section is none of/);
	});

	test('the shell emits, asks and moves sockets', async () => {
		const came = next(1, 'event');
		const emit = await run(BINARY, ['--emit', '#news', 'event', '{"json":1}', '[2]']);
		assert.deepStrictEqual([emit.status, emit.stderr], [0, '']);
		assert.deepStrictEqual(await came, [{ json: 1 }, [2]]);
		const ids = clients.map(({ socket }) => socket.id);
		const all = await run(BINARY, ['--ask', 'clients']);
		assert.deepStrictEqual(all.stdout.trim().split('\n').sort(), [...ids].sort());
		const some = await run(BINARY, ['--ask', 'clients', 'news']);
		assert.strictEqual(some.stdout, `${ids[1]}\n`);
		const join = await run(BINARY, ['--ask', 'remoteJoin', ids[0], 'moved']);
		assert.strictEqual(join.status, 0, join.stderr);
		assert.ok(clients[0].peer.rooms.has('moved'));
		const rooms = await run(BINARY, ['--ask', 'clientRooms', ids[0]]);
		assert.deepStrictEqual(JSON.parse(rooms.stdout.split('\t')[2]).sort(),
			[ids[0], 'moved'].sort());
		const unknown = await run(BINARY, ['--ask', 'clientRooms', 'nobody']);
		assert.strictEqual(unknown.status, 66);
		const hooks = await run(BINARY, ['--ask', 'customRequest', '"john"']);
		assert.deepStrictEqual(hooks.stdout.trim().split('\n')
			.map((line) => line.split('\t')[2]).sort(), ['"0 john"', '"1 john"']);
		const fetched = await run(BINARY, ['--ask', 'fetchSockets', '--json', 'news']);
		const [{ answer }] = JSON.parse(fetched.stdout).answers
			.filter(({ answer: sockets }) => sockets.length > 0);
		assert.strictEqual(answer[0].id, ids[1]);
		const left = await run(BINARY, ['--ask', 'remoteLeave', ids[0], 'moved']);
		assert.strictEqual(left.status, 0);
		assert.ok(!clients[0].peer.rooms.has('moved'));
	});

	test('a service in C answers customRequest() beside the workers', async () => {
		const one = await service();
		const replies = await promised((fn) => adapter().customRequest('load', fn));
		assert.strictEqual(replies.length, 3);
		assert.deepStrictEqual(replies.filter((reply) => typeof reply === 'string').sort(),
			['0 load', '1 load']);
		const { name, load } = replies.find((reply) => typeof reply === 'object');
		assert.strictEqual(name, 'custom-request');
		assert.strictEqual(load.length, 3);
		assert.ok(load.every((number) => number >= 0), `${load}`);
		const others = await promised((fn) => adapter(1).customRequest('other', fn));
		assert.deepStrictEqual(others.sort(), ['0 other', '1 other']);
		assert.deepStrictEqual(await end(one), { status: 0, signal: null });
	});

	test('a service in C is in the way of no question', async () => {
		const one = await service();
		const ids = clients.map(({ socket }) => socket.id).sort();
		const found = await within(servers.ios[0].fetchSockets(), 'sockets');
		assert.deepStrictEqual(found.map(({ id }) => id).sort(), ids);
		assert.deepStrictEqual(
			(await promised((fn) => adapter().clients(fn))).sort(), ids);
		await assert.rejects(promised((fn) => adapter().clientRooms('nobody', fn)));
		clients[0].socket.on('ack', (answer) => answer('one'));
		clients[1].socket.on('ack', (answer) => answer('two'));
		const acks = await within(
			servers.ios[0].timeout(20_000).emitWithAck('ack'), 'acknowledgements');
		assert.deepStrictEqual(acks.sort(), ['one', 'two']);
		assert.deepStrictEqual(await end(one, 'SIGINT'), { status: 0, signal: null });
	});

	test('a service that dies is missing at once', async () => {
		const one = await service();
		one.child.kill('SIGSTOP');
		const replies = promised((fn) => adapter().customRequest('load', fn));
		await daemon.until(({ clients: rows }) => rows.some(({ name, questions_owed: owed }) =>
			name === 'custom-request' && owed === 1), 'question');
		one.child.kill('SIGKILL');
		assert.deepStrictEqual((await replies).sort(), ['0 load', '1 load']);
	});

	test('a service comes back with the daemon', async () => {
		const one = await service();
		await daemon.stop();
		await until(() => one.stderr.includes('disconnected'), 'end');
		await daemon.start();
		await servers.ready();
		await until(() => one.stderr.split(': connected to').length === 3, 'service again');
		const replies = await promised((fn) => adapter().customRequest('load', fn));
		assert.strictEqual(replies.length, 3);
		assert.deepStrictEqual(await end(one), { status: 0, signal: null });
	});
});
