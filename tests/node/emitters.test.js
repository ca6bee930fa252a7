'use strict';

/* What the Redis emitters write, delivered by the daemon to real clients of real servers. */

const assert = require('assert/strict');
const { after, before, describe, test } = require('node:test');

const redisEmitter = require('@socket.io/redis-emitter');
const oldEmitter = require('socket.io-emitter');

const { Client } = require('../../src/node');
const { decodePayload } = require('../../src/node/lib/payload');
const { Daemon } = require('./support/daemon');
const { Servers } = require('./support/servers');
const { within } = require('./support/wait');

const PATIENT = { timeout: 120_000 };

/* Both expect a client of Redis; all they call of it is publish(). */
const EMITTERS = {
	'@socket.io/redis-emitter': (redis) => new redisEmitter.Emitter(redis),
	'socket.io-emitter': (redis) => oldEmitter({ ...redis, hset() {} }),
};

for (const [name, make] of Object.entries(EMITTERS))
	describe(`${name} over the daemon`, PATIENT, () => {
		let daemon;
		let servers;
		let client; // of the daemon; all that the emitter publishes goes through it
		let clients; // one of each server, and one more of the first
		let chat; // one of each server, in another namespace
		const published = [];
		const emitter = () => make({
			publish(channel, body) {
				published.push({ channel, body });
				client.publish(channel, body);
			},
		});

		/* What came with an event, by the numbers of the clients. */
		async function reached(event, who = clients) {
			await within(client.barrier(), 'barrier');
			await servers.settle(who, who === chat ? '/chat' : '/');
			return who.map(({ got }) => got.filter(([each]) => each === event)
				.map(([, ...args]) => args));
		}

		before(async () => {
			daemon = await Daemon.start();
			servers = await Servers.start(daemon.socket, 2);
			servers.ios.forEach((io) => io.of('/chat'));
			client = new Client({ socket: daemon.socket, role: 'emitter', name: 'emitter' }).connect();
			await within(client.ready(), 'connection');
			clients = [await servers.client(0), await servers.client(1), await servers.client(0)];
			chat = [await servers.client(0, { nsp: '/chat' }), await servers.client(1, { nsp: '/chat' })];
			await clients[1].peer.join('r');
			await clients[2].peer.join(['r', 's']);
			await clients[0].peer.join(7);
			await chat[1].peer.join('r');
		});

		after(async () => {
			client?.destroy();
			await servers?.close();
			await daemon?.destroy();
		});

		test('to everyone', async () => {
			emitter().emit('all', 1, { two: [3] });
			assert.deepEqual(await reached('all'), Array(3).fill([[1, { two: [3] }]]));
		});

		test('to a room', async () => {
			emitter().to('r').emit('room');
			assert.deepEqual(await reached('room'), [[], [[]], [[]]]);
		});

		test('to several rooms, each socket once', async () => {
			emitter().to('r').to('s').emit('rooms');
			assert.deepEqual(await reached('rooms'), [[], [[]], [[]]]);
		});

		test('to a room that is a number', async () => {
			emitter().to(7).emit('number');
			assert.deepEqual(await reached('number'), [[[]], [], []]);
		});

		test('to a socket by its id', async () => {
			emitter().to(clients[1].socket.id).emit('id');
			assert.deepEqual(await reached('id'), [[], [[]], []]);
		});

		test('bytes', async () => {
			const bytes = Buffer.from([0, 255, 1]);
			emitter().emit('bytes', bytes, { deep: [bytes] });
			assert.deepEqual(await reached('bytes'), Array(3).fill([[bytes, { deep: [bytes] }]]));
		});

		test('to a namespace, and a room of it', async () => {
			emitter().of('/chat').emit('chat');
			emitter().of('chat').to('r').emit('chat r');
			assert.deepEqual(await reached('chat', chat), [[[]], [[]]]);
			assert.deepEqual(await reached('chat r', chat), [[], [[]]]);
			assert.deepEqual(await reached('chat'), [[], [], []]);
		});

		test('volatile', async () => {
			await reached('nothing'); // so that the transports are idle, and drop nothing
			emitter().volatile.emit('volatile');
			assert.deepEqual(await reached('volatile'), Array(3).fill([[]]));
			assert.deepEqual(decodePayload(published.at(-1).body).opts.flags, { volatile: true });
		});

		test('1000 in one tick, in order', async () => {
			const one = emitter();
			for (let n = 0; n < 1000; n++)
				one.emit('burst', n);
			const all = Array.from({ length: 1000 }, (_, n) => [n]);
			assert.deepEqual(await reached('burst'), [all, all, all]);
		});

		if (name === '@socket.io/redis-emitter')
			test('except, compress, and lists of rooms', async () => {
				emitter().except('s').emit('but s');
				emitter().to(['r', 's']).except(['s']).compress(false).emit('r but s');
				assert.deepEqual(await reached('but s'), [[[]], [[]], []]);
				assert.deepEqual(await reached('r but s'), [[], [[]], []]);
				assert.deepEqual(decodePayload(published.at(-1).body).opts.flags, { compress: false });
			});

		test('all of it was of the form that is published here too', () => {
			assert.ok(published.length > 1000);
			for (const { channel, body } of published) {
				assert.match(channel, /^socket\.io#\/(chat)?#([^#]+#)?$/);
				assert.equal(decodePayload(body).uid, 'emitter');
			}
			for (const { client: of } of servers.all)
				assert.equal(of.stats.malformed, 0);
		});
	});
