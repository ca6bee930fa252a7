'use strict';

/* Programs of Redis's world, as Debian has them, with the daemon in the place of Redis. */

const assert = require('assert/strict');
const { spawn } = require('child_process');
const path = require('path');
const { after, before, describe, test } = require('node:test');

const { decode } = require('notepack.io');

const { Client } = require('../../../src/node');
const { needs } = require('../../support/needs');
const { LIBRARIES, RedisDaemon, freePort } = require('../support/redis');
const { Servers } = require('../support/servers');
const { next, until, within } = require('../../support/wait');

const PATIENT = { timeout: 120_000 };
const PASSWORD = 'correct horse';
// Debian's, which has Debian's modules; another one may stand before it in $PATH.
const PYTHON = '/usr/bin/python3';
const EMITTER = path.join(__dirname, '../support/emitter.py');

/* A program that runs: its stdout so far, and end(), which is good and gives all of it. */
function start(t, command, args, { input = '', env = {} } = {}) {
	const child = spawn(command, args, { env: { ...process.env, ...env } });
	const program = { stdout: '', stderr: '' };
	t.after(() => child.kill('SIGKILL'));
	child.stdout.setEncoding('utf8').on('data', (text) => { program.stdout += text; });
	child.stderr.setEncoding('utf8').on('data', (text) => { program.stderr += text; });
	const closed = new Promise((resolve) => { child.once('close', resolve); });
	child.on('error', (error) => { program.stderr += error; });
	child.stdin.on('error', () => {}).end(input);
	program.end = async () => {
		const code = await within(closed, `end of ${command}`);
		assert.equal(code, 0, `${command}: ${program.stderr}${program.stdout}`);
		return program.stdout;
	};
	return program;
}

const run = (...args) => start(...args).end();

/* A client that has subscribed to a channel. */
async function hear(t, daemon, channel) {
	const client = LIBRARIES['ioredis 5']({ path: daemon.redis });
	t.after(() => client.close());
	await within(client.connect(), 'connection');
	await client.subscribe(channel);
	return client;
}

describe('redis-cli', { ...PATIENT, ...needs('redis-cli') }, () => {
	let daemon;
	let guarded;
	const cli = (t, args, options) => run(t, 'redis-cli', ['-s', daemon.redis, ...args], options);

	before(async () => {
		daemon = await RedisDaemon.start();
		guarded = await RedisDaemon.start({ args: ['--resp-password', PASSWORD] });
	});

	after(async () => {
		await daemon?.destroy();
		await guarded?.destroy();
	});

	for (const [protocol, options] of [['RESP2', []], ['RESP3', ['-3']]])
		test(`hears and publishes, with ${protocol}`, async (t) => {
			const hearer = start(t, 'redis-cli',
				['-s', daemon.redis, ...options, 'SUBSCRIBE', 'channel']);
			await until(() => hearer.stdout.includes('subscribe'), 'subscription');
			assert.equal(await cli(t, [...options, 'PUBLISH', 'channel', 'a message']), '1\n');
			await until(() => hearer.stdout.includes('a message'), 'message');
			assert.match(hearer.stdout, /message.*channel.*a message/s);
			assert.match(await cli(t, [...options, 'PUBSUB', 'NUMSUB', 'channel']), /channel\s+1\n/);
		});

	test('answers as a Redis does', async (t) => {
		assert.equal(await cli(t, ['PING']), 'PONG\n');
		assert.equal(await cli(t, ['ECHO', 'text']), 'text\n');
		assert.match(await cli(t, ['INFO', 'server']), /^redis_version:7\./m);
		assert.match(await cli(t, ['GET', 'key']), /^ERR unknown command 'GET'/);
		assert.equal(await cli(t, ['PUBSUB', 'CHANNELS', 'none*']), '\n');
	});

	test('what it reads from stdin is published as it is', async (t) => {
		const client = await hear(t, daemon, 'stdin');
		const input = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
		assert.equal(await cli(t, ['-x', 'PUBLISH', 'stdin'], { input }), '1\n');
		await until(() => client.got.length === 1, 'message');
		assert.deepEqual(client.got, [['message', null, 'stdin', input]]);
	});

	test('with a password', async (t) => {
		const ask = (env) => run(t, 'redis-cli', ['-s', guarded.redis, 'PING'], { env });
		assert.equal(await ask({ REDISCLI_AUTH: PASSWORD }), 'PONG\n');
		assert.match(await ask({ REDISCLI_AUTH: 'incorrect horse' }), /NOAUTH/);
		assert.match(await ask({}), /^NOAUTH Authentication required\./);
	});
});

describe('redis-benchmark', { ...PATIENT, ...needs('redis-benchmark') }, () => {
	let daemon;
	let port;

	before(async () => {
		port = await freePort();
		daemon = await RedisDaemon.start({ args: ['--resp-listen', `127.0.0.1:${port}`] });
	});

	after(() => daemon?.destroy());

	const WAYS = {
		'one after the other': ['-c', '20'],
		'in pipelines of 50': ['-c', '20', '-P', '50'],
		'in pipelines, with RESP3': ['-c', '20', '-P', '50', '-3'],
		'a connection for each': ['-c', '20', '-k', '0'],
	};
	for (const [way, args] of Object.entries(WAYS))
		for (const where of ['a Unix socket', 'loopback'])
			test(`publishes 2000 messages over ${where}, ${way}`, async (t) => {
				const client = await hear(t, daemon, 'benchmark');
				const at = where === 'loopback' ? ['-p', `${port}`] : ['-s', daemon.redis];
				const told = await run(t, 'redis-benchmark',
					[...at, '-n', '2000', ...args, '-q', 'PUBLISH', 'benchmark', 'a message']);
				assert.match(told, /requests per second/);
				assert.doesNotMatch(told, /error/i);
				await until(() => client.got.length >= 2000, '2000 messages');
				assert.ok(client.got.every(([,,, body]) => body.equals(Buffer.from('a message'))));
				assert.equal(client.got.length, 2000);
			});
});

describe('an emitter in Python, over python3-redis', { ...PATIENT, ...needs(`${PYTHON}:redis`) }, () => {
	let daemon;
	let servers;
	let clients;

	async function emit(t, ...emits) {
		const told = await run(t, PYTHON, [EMITTER, daemon.redis], { input: JSON.stringify(emits) });
		await servers.settle(clients);
		return JSON.parse(told);
	}

	const reached = (event) => clients.map(({ got }) =>
		got.filter(([each]) => each === event).map(([, ...args]) => args));

	before(async () => {
		daemon = await RedisDaemon.start();
		servers = await Servers.start(daemon.socket, 2);
		servers.ios.forEach((io) => io.of('/chat'));
		clients = [await servers.client(0), await servers.client(1), await servers.client(1)];
		await clients[1].peer.join('r');
		await clients[2].peer.join(['r', 's']);
		await servers.barrier();
	});

	after(async () => {
		await servers?.close();
		await daemon?.destroy();
	});

	test('to everyone, to a room, to several', async (t) => {
		const counts = await emit(t,
			{ data: ['all', 1, { two: [3, null] }] },
			{ rooms: ['r'], data: ['room', '☃'] },
			{ rooms: ['r', 's'], data: ['rooms'] },
			{ rooms: ['nobody'], data: ['nobody'] });
		assert.deepEqual(counts, [2, 1, 2, 0], 'workers that got it');
		assert.deepEqual(reached('all'), Array(3).fill([[1, { two: [3, null] }]]));
		assert.deepEqual(reached('room'), [[], [['☃']], [['☃']]]);
		assert.deepEqual(reached('rooms'), [[], [[]], [[]]]);
		assert.deepEqual(reached('nobody'), [[], [], []]);
	});

	test('bytes', async (t) => {
		await emit(t, { data: ['bytes', ['bytes', 0, 255, 13, 10]] });
		assert.deepEqual(reached('bytes'), Array(3).fill([[Buffer.from([0, 255, 13, 10])]]));
	});

	test('in the msgpack of old, long text too', async (t) => {
		const text = 'x'.repeat(200);
		await emit(t, { data: ['old', text], old: true }, { rooms: ['s'], data: ['old'], old: true });
		assert.deepEqual(reached('old'), [[[text]], [[text]], [[text], []]]);
	});

	test('to another namespace', async (t) => {
		const chat = await servers.client(0, { nsp: '/chat' });
		t.after(() => chat.socket.disconnect());
		await servers.barrier();
		await emit(t, { nsp: '/chat', data: ['chat', 1] });
		await until(() => chat.got.length > 0, 'event');
		assert.deepEqual(chat.got, [['chat', 1]]);
		assert.deepEqual(reached('chat'), [[], [], []]);
	});

	test('all of it was understood', () => {
		for (const { client } of servers.all)
			assert.equal(client.stats.malformed, 0);
	});

	test('and gets the packet that a worker emits, as the Redis adapters write it', async (t) => {
		const member = new Client({ socket: daemon.socket }).connect();
		t.after(() => member.destroy());
		member.subscribe('socket.io#/#r#');
		await within(member.ready(), 'connection');
		const hearer = start(t, PYTHON, [EMITTER, daemon.redis, 'socket.io#/#*']);
		await until(() => hearer.stdout === 'listening\n', 'subscription');
		const heard = next(member, 'message');
		servers.ios[0].to('r').emit('for python', 1);
		const [, body] = await heard;
		const got = JSON.parse((await hearer.end()).split('\n')[1]);
		assert.equal(got.channel, 'socket.io#/#r#');
		const [uid, ...packet] = decode(Buffer.from(got.body, 'hex'));
		assert.ok(body.includes(uid), 'the sender of the native message');
		assert.deepEqual(packet, [{ type: 2, data: ['for python', 1], nsp: '/' },
			{ rooms: ['r'], except: [], flags: {} }]);
	});
});
