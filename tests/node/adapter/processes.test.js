'use strict';

/*
 * Real servers in processes of their own over the real daemon. First what a broadcast must do
 * across processes, then the faults of socket.io-pm2 1.0.0, each as a test that it is not here.
 */

const assert = require('assert/strict');
const fs = require('fs');
const path = require('path');
const { after, before, describe, test } = require('node:test');

const { Client } = require('../../../src/node');
const { Daemon } = require('../../support/daemon');
const { next, until, within } = require('../../support/wait');
const { Workers } = require('../support/workers');

const LONG = { timeout: 120_000 };
const range = (n) => Array.from({ length: n }, (_, i) => i);

async function withDaemon(t, options) {
	const daemon = new Daemon(options);
	t.after(() => daemon.destroy());
	return daemon.start();
}

/* A client of the daemon that is no Socket.IO server. */
async function rawClient(t, socket, options = {}) {
	const client = new Client({ socket, name: 'raw', ...options }).connect();
	t.after(() => client.destroy());
	await within(client.ready(), 'daemon');
	return client;
}

describe('a broadcast across three processes', LONG, () => {
	let daemon;
	let workers;
	let clients; // two of each worker

	const reached = (event) => clients.map((client) => client.of(event).length);
	const settle = () => workers.settle(clients);

	before(async () => {
		daemon = await new Daemon().start();
		workers = new Workers();
		for (let i = 0; i < 3; i++)
			await workers.add(daemon.socket);
		clients = [];
		for (const worker of workers.all)
			clients.push(await workers.client(worker), await workers.client(worker));
	});

	after(async () => {
		await workers?.destroy();
		await daemon?.destroy();
	});

	test('to everyone: each client once', async () => {
		await workers.all[0].order('emit', { event: 'everyone' });
		await settle();
		assert.deepEqual(reached('everyone'), [1, 1, 1, 1, 1, 1]);
	});

	test('to a room, from a worker that has nobody in it', async () => {
		for (const i of [2, 5])
			await clients[i].ask('join', 'r1');
		await workers.all[0].order('emit', { event: 'room', rooms: ['r1'] });
		await settle();
		assert.deepEqual(reached('room'), [0, 0, 1, 0, 0, 1]);
	});

	test('to several rooms: who is in two of them gets it once', async () => {
		await clients[2].ask('join', 'r2');
		await clients[3].ask('join', 'r2');
		await workers.all[2].order('emit', { event: 'rooms', rooms: ['r1', 'r2', 'empty'] });
		await settle();
		assert.deepEqual(reached('rooms'), [0, 0, 1, 1, 0, 1]);
	});

	test('except rooms, with rooms and without', async () => {
		await workers.all[1].order('emit', { event: 'but r2', except: ['r2'] });
		await workers.all[1].order('emit', { event: 'r1 but r2', rooms: ['r1'], except: ['r2'] });
		await settle();
		assert.deepEqual(reached('but r2'), [1, 1, 0, 0, 1, 1]);
		assert.deepEqual(reached('r1 but r2'), [0, 0, 0, 0, 0, 1]);
	});

	test('local stays in the process, and volatile reaches all', async () => {
		await workers.all[1].order('emit', { event: 'here', flags: ['local'] });
		await workers.all[1].order('emit', { event: 'perhaps', flags: ['volatile'] });
		await settle();
		assert.deepEqual(reached('here'), [0, 0, 1, 1, 0, 0]);
		assert.deepEqual(reached('perhaps'), [1, 1, 1, 1, 1, 1]);
	});

	test('to the room of a socket id', async () => {
		const { id } = clients[4].socket;
		await workers.all[0].order('emit', { event: 'you', rooms: [id] });
		await settle();
		assert.deepEqual(reached('you'), [0, 0, 0, 0, 1, 0]);
	});

	test('who hears that a socket joined can emit to its room, 300 times', async () => {
		const [a, , b] = clients;
		for (const n of range(300)) {
			const room = `new ${n}`;
			const told = next(b.socket, `told ${n}`);
			const come = next(a.socket, `come ${n}`);
			a.socket.emit('joined, tell others', room, `told ${n}`);
			assert.deepEqual(await told, [room]);
			b.socket.emit('to room', room, `come ${n}`, n);
			assert.deepEqual(await come, [n]);
			await a.ask('leave', room);
		}
	});

	test('who is told by the client that it has joined can emit to the room, 1000 times', async () => {
		const [a, , b] = clients;
		for (const n of range(1000)) {
			await a.ask('join', `answered ${n}`);
			const come = next(a.socket, `hit ${n}`);
			b.socket.emit('to room', `answered ${n}`, `hit ${n}`, n);
			assert.deepEqual(await come, [n]);
			await a.ask('leave', `answered ${n}`);
		}
	});

	test('a dynamic namespace, from a worker where nobody has opened it', async () => {
		const one = await workers.client(workers.all[1], '/dynamic-7');
		await workers.all[0].order('emit', { nsp: '/dynamic-7', event: 'dynamic' });
		await workers.settle([one]);
		assert.deepEqual(one.of('dynamic'), [[0, null]]);
		assert.deepEqual(reached('dynamic'), [0, 0, 0, 0, 0, 0]);
		one.socket.disconnect();
	});

	test('a worker with nobody in a room gets no bytes for it', async () => {
		await clients[0].ask('join', 'spared');
		const delivered = async () => Object.fromEntries((await daemon.statsAsync()).clients
			.map(({ pid, messages_out: messages }) => [pid, messages]));
		await settle();
		const [, second, third] = workers.all;
		const earlier = await delivered();
		await second.order('emit', { event: 'spared', rooms: ['spared'], count: 100, data: 'x' });
		await until(() => clients[0].of('spared').length === 100, 'messages to the room');
		const later = await delivered();
		assert.equal(later[third.pid], earlier[third.pid]);
		assert.equal(later[workers.all[0].pid], earlier[workers.all[0].pid] + 100);
	});

	test('a worker that is killed takes nothing from the others', async () => {
		const extra = await workers.add(daemon.socket);
		const late = await workers.client(extra);
		await late.ask('join', 'r1');
		await extra.kill();
		await daemon.until(({ clients: now }) => now.every(({ pid }) => pid !== extra.pid),
			'end of its connection');
		await workers.all[0].order('emit', { event: 'after', rooms: ['r1'] });
		await settle();
		assert.deepEqual(reached('after'), [0, 0, 1, 0, 0, 1]);
	});
});

describe('faults of socket.io-pm2 1.0.0', LONG, () => {
	test('with three namespaces each gets its packets, and each packet once', async (t) => {
		const daemon = await withDaemon(t);
		const workers = await Workers.start(t, daemon.socket, 2);
		const clients = [];
		for (const nsp of ['/', '/a', '/b'])
			clients.push(await workers.client(workers.all[1], nsp));
		for (const nsp of ['/', '/a', '/b'])
			await workers.all[0].order('emit', { nsp, event: `for ${nsp}` });
		await workers.settle(clients);
		for (const { nsp, got } of clients)
			assert.deepEqual(got, [[`for ${nsp}`, 0, null]]);
	});

	test('of two emits in one tick both arrive, of 1000 all and in order', async (t) => {
		const daemon = await withDaemon(t);
		const workers = await Workers.start(t, daemon.socket, 2);
		const client = await workers.client(workers.all[1]);
		await workers.all[0].order('emit', { event: 'two', count: 2 });
		await workers.settle([client]);
		assert.deepEqual(client.of('two').map(([n]) => n), [0, 1]);

		await workers.all[0].order('emit', { event: 'many', count: 1000, data: 'x'.repeat(100) });
		await workers.settle([client]);
		assert.deepEqual(client.of('many').map(([n]) => n), range(1000));
	});

	test('emits some milliseconds apart all arrive, and the worker lives on', async (t) => {
		const daemon = await withDaemon(t);
		const workers = await Workers.start(t, daemon.socket, 2);
		const client = await workers.client(workers.all[1]);
		await workers.all[0].order('emit', { event: 'beat', count: 100, every: 5 });
		await workers.all[0].order('emit', { event: 'beat', count: 50, every: 10 });
		await workers.settle([client]);
		assert.deepEqual(client.of('beat').map(([n]) => n), [...range(100), ...range(50)]);
		assert.ok(workers.all[0].isAlive);
	});

	test('foreign messages on the IPC channel harm nothing', async (t) => {
		const daemon = await withDaemon(t);
		const workers = await Workers.start(t, daemon.socket, 2);
		const client = await workers.client(workers.all[1]);
		const foreign = [
			'log:reload', 'shutdown', '', 0, 7, true, null, [], [null], {}, { data: null }, { topic: 'x' },
			{ type: 'process:msg' }, { type: 'process:msg', data: { type: 'socket.io', data: 'x' } },
			{ type: 'process:msg', topic: 'socket.io#/#', data: { data: [1, 2] } },
			{ topic: 'socket.io#/#', data: { type: 'Buffer', data: [0x93, 0xc0, 0xc0, 0xc0] } },
		];
		for (const message of foreign) {
			await workers.all[0].send(message);
			await workers.all[1].send(message);
			await workers.all[1].order('hear', { foreign: message });
		}
		await workers.all[0].order('emit', { event: 'still' });
		await workers.settle([client]);
		assert.deepEqual(client.got, [['still', 0, null]]);
		for (const worker of workers.all) {
			assert.equal((await worker.order('stats')).malformed, 0);
			assert.equal(worker.stderr, '');
		}
	});

	test('a Buffer of 100 kB costs its size and less than 200 bytes, and stays a Buffer', async (t) => {
		const daemon = await withDaemon(t);
		const workers = await Workers.start(t, daemon.socket, 2);
		const client = await workers.client(workers.all[1]);
		const { overview: { published_bytes: earlier } } = await daemon.statsAsync();
		await workers.all[0].order('emit', { event: 'bytes', data: { buffer: 100_000 } });
		await until(() => client.got.length === 1, 'the Buffer');
		const { overview: { published_bytes: later } } = await daemon.statsAsync();
		const [[, , bytes]] = client.got;
		assert.ok(Buffer.isBuffer(bytes));
		assert.ok(bytes.equals(Buffer.alloc(100_000, 7)));
		assert.ok(later - earlier >= 100_000, `${later - earlier} bytes`);
		assert.ok(later - earlier < 100_200, `${later - earlier} bytes`);
	});

	test('malformed payloads leave workers and clients alive, and are counted', async (t) => {
		const daemon = await withDaemon(t);
		const workers = await Workers.start(t, daemon.socket, 2);
		const client = await workers.client(workers.all[0]);
		const other = await workers.client(workers.all[1]);
		await client.ask('join', 'room');
		await client.ask('join', 'room 2');
		const raw = await rawClient(t, daemon.socket);
		const { encode } = require('notepack.io');
		const event = { type: 2, data: ['evil'], nsp: '/' };
		const opts = { rooms: [], except: [], flags: {} };
		const bad = [
			Buffer.alloc(0), Buffer.from('{"not":"msgpack"}'), Buffer.from([0xc1]), Buffer.from([0x93]),
			Buffer.from('ddffffffff', 'hex'), Buffer.from('dfffffffff', 'hex'),
			Buffer.from('c9ffffffff00', 'hex'), Buffer.alloc(20_000, 0x91),
			...[
				null, 7, 'text', [], ['raw'], ['raw', event], { uid: 'raw' }, ['raw', null, opts],
				['raw', [], opts], ['raw', {}, opts], ['raw', event, null], ['raw', event, []],
				['raw', event, { ...opts, rooms: 'all' }], ['raw', event, { ...opts, except: 7 }],
				['raw', { ...event, data: 'text' }, opts], ['raw', { ...event, data: [] }, opts],
				['raw', { ...event, data: [{}] }, opts], ['raw', { ...event, data: ['connect'] }, opts],
				['raw', { ...event, data: ['disconnect'] }, opts], ['raw', { ...event, type: 1 }, opts],
				['raw', { ...event, type: 99 }, opts], ['raw', { ...event, id: 'x' }, opts],
			].map(encode),
		];
		const rooms = ['socket.io#/#room#', 'socket.io#/#room 2#'];
		for (const topic of ['socket.io#/#', rooms[0], rooms])
			for (const body of bad)
				raw.publish(topic, body);
		// Of another namespace's: not malformed, and not for these.
		raw.publish('socket.io#/#', encode(['raw', { ...event, nsp: '/a' }, opts]));
		raw.publish('socket.io#/#', encode(['raw', { ...event, data: ['good'] }, opts]));

		await until(() => [client, other].every((each) => each.of('good').length === 1), 'what is good');
		assert.equal((await workers.all[0].order('stats')).malformed, 3 * bad.length);
		assert.equal((await workers.all[1].order('stats')).malformed, bad.length);
		await workers.all[0].order('emit', { event: 'still' });
		await workers.settle([client, other]);
		for (const { got, socket } of [client, other]) {
			assert.deepEqual(got, [['good'], ['still', 0, null]]);
			assert.ok(socket.connected);
		}
	});

	test('applications with different main files take part, and the daemon knows them', async (t) => {
		const daemon = await withDaemon(t);
		const workers = await Workers.start(t, daemon.socket, 1);
		await workers.add(daemon.socket, { script: 'other-worker.js' });
		const clients = [];
		for (const worker of workers.all)
			clients.push(await workers.client(worker));
		for (const [i, worker] of workers.all.entries())
			await worker.order('emit', { event: 'from', data: i });
		await workers.settle(clients);
		for (const { got } of clients)
			assert.deepEqual(got.map(([, , i]) => i).sort(), [0, 1]);
		const { clients: connections } = await daemon.statsAsync();
		const scripts = connections.filter(({ role }) => role === 'member')
			.map(({ script }) => path.basename(script));
		assert.deepEqual(scripts.sort(), ['other-worker.js', 'worker.js']);
		const { mixed_keys: mixed } = (await daemon.statsAsync()).overview;
		assert.deepEqual(Object.keys(mixed), ['socket.io']);
		assert.deepEqual(mixed['socket.io'].map((script) => path.basename(script)).sort(),
			['other-worker.js', 'worker.js']);
		await workers.add(daemon.socket, { script: 'other-worker.js' });
		await until(() => daemon.stderr.includes('two-scripts'), 'log line');
		assert.equal(daemon.stderr.match(/two-scripts/g).length, 1);
	});

	test('a worker that is stopped by a signal delays nobody, and catches up when it goes on',
		async (t) => {
			const daemon = await withDaemon(t);
			const workers = await Workers.start(t, daemon.socket, 3);
			const [sender, stopped, receiver] = workers.all;
			const slow = await workers.client(stopped);
			const client = await workers.client(receiver);
			process.kill(stopped.pid, 'SIGSTOP');
			try {
				await sender.order('emit', { event: 'go', count: 100 });
				await workers.settle([client], [sender, receiver]);
				assert.equal(client.of('go').length, 100);
				assert.equal(slow.of('go').length, 0);
			} finally {
				process.kill(stopped.pid, 'SIGCONT');
			}
			await workers.settle([slow]);
			assert.deepEqual(slow.of('go').map(([n]) => n), range(100));
		});

	test('close() exists, and the process ends by itself', async (t) => {
		const daemon = await withDaemon(t);
		const workers = await Workers.start(t, daemon.socket, 2);
		const [leaving, staying] = workers.all;
		const client = await workers.client(staying);
		// Earlier emits are still sent.
		await Promise.all([
			leaving.order('emit', { event: 'last words', count: 100 }),
			leaving.order('close'),
		]);
		assert.deepEqual(await within(leaving.ended, 'end of the worker'), { code: 0, signal: null });
		await until(() => client.of('last words').length === 100, 'last words');
		assert.equal(leaving.stderr, '');
	});

	test('a worker needs no pm2, starts none, and needs no daemon to end', async (t) => {
		const daemon = new Daemon();
		t.after(() => daemon.destroy());
		const home = path.join(daemon.dir, 'home');
		fs.mkdirSync(home);
		const workers = await Workers.start(t, daemon.socket, 1,
			{ away: true, env: { HOME: home, PM2_HOME: '' } });
		const [worker] = workers.all;
		const client = await workers.client(worker);
		await worker.order('emit', { event: 'alone' });
		await until(() => client.of('alone').length === 1, 'the own client');
		await worker.order('close');
		assert.deepEqual(await within(worker.ended, 'end of the worker'), { code: 0, signal: null });
		assert.deepEqual(fs.readdirSync(home), []);
	});
});
