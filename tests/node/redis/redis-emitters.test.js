'use strict';

/* Messages of the Redis emitters, delivered by the daemon to real clients of real servers. */

const assert = require('assert/strict');
const { after, before, describe, test } = require('node:test');

const redisEmitter = require('@socket.io/redis-emitter');
const oldEmitter = require('socket.io-emitter');

const { Client, createEmitter, redisPublisher } = require('../../../src/node');
const { decodePayload } = require('../../../src/node/lib/socketio/payload');
const { Daemon } = require('../../support/daemon');
const { LIBRARIES, RedisDaemon } = require('../support/redis');
const { Servers } = require('../support/servers');
const { next, until, within } = require('../../support/wait');

const PATIENT = { timeout: 120_000 };

/* Both expect a client of Redis; all they call of it is publish(). */
const EMITTERS = {
	'@socket.io/redis-emitter': (redis) => new redisEmitter.Emitter(redis),
	'socket.io-emitter': (redis) => oldEmitter(redis),
};

/* A stand-in for a client of Redis, on top of the daemon's own protocol. */
async function ownLink(daemon) {
	const ours = createEmitter({ socket: daemon.socket });
	await within(ours.ready(), 'connection');
	return {
		ours,
		redis: ours.redisClient,
		settled: () => within(ours.client.barrier(), 'barrier'),
		close: () => ours.destroy(),
	};
}

/* As to Redis, with a client of it. */
function redisLink(library) {
	return async (daemon) => {
		const client = LIBRARIES[library]({ path: daemon.redis });
		await within(client.connect(), 'connection');
		return {
			redis: client.native,
			settled: () => within(client.command('PING'), 'answer'),
			close: () => client.close(),
		};
	};
}

/*
 * How an emitter reaches the daemon: `redis` is for the emitter, and settled() resolves when all
 * that it published before is with the daemon.
 */
const LINKS = {
	'redisPublisher()': ownLink,
	...Object.fromEntries(Object.keys(LIBRARIES).map((name) => [name, redisLink(name)])),
};

const PAIRS = [
	['@socket.io/redis-emitter', 'redisPublisher()'],
	['@socket.io/redis-emitter', 'redis 6, RESP3'],
	['@socket.io/redis-emitter', 'ioredis 6'],
	['@socket.io/redis-emitter', 'redis 5, RESP3'],
	['@socket.io/redis-emitter', 'redis 4'],
	['@socket.io/redis-emitter', 'ioredis 5'],
	['socket.io-emitter', 'redisPublisher()'],
	['socket.io-emitter', 'redis 3'],
].filter(([, by]) => Object.hasOwn(LINKS, by));

for (const [name, by] of PAIRS)
	describe(`${name} over ${by}`, PATIENT, () => {
		let daemon;
		let servers;
		let link;
		let clients; // one of each server, and one more of the first
		let chat; // one of each server, in another namespace
		const published = [];
		const emitter = () => EMITTERS[name](link.redis);

		/* Returns the arguments that came with an event, by the numbers of the clients. */
		async function reached(event, who = clients) {
			await link.settled();
			await servers.settle(who, who === chat ? '/chat' : '/');
			return who.map(({ got }) => got.filter(([each]) => each === event)
				.map(([, ...args]) => args));
		}

		before(async () => {
			daemon = await RedisDaemon.start();
			servers = await Servers.start(daemon.socket, 2);
			servers.ios.forEach((io) => io.of('/chat'));
			link = await LINKS[by](daemon);
			const { publish } = link.redis;
			link.redis.publish = (channel, body) => {
				published.push({ channel, body });
				return publish.call(link.redis, channel, body);
			};
			clients = [await servers.client(0), await servers.client(1), await servers.client(0)];
			chat = [await servers.client(0, { nsp: '/chat' }), await servers.client(1, { nsp: '/chat' })];
			await clients[1].peer.join('r');
			await clients[2].peer.join(['r', 's']);
			await clients[0].peer.join(7);
			await chat[1].peer.join('r');
		});

		after(async () => {
			link?.close();
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

for (const by of ['redisPublisher()', 'redis 5, RESP2', 'ioredis 5'])
	describe(`the commands of @socket.io/redis-emitter over ${by}`, PATIENT, () => {
		let daemon;
		let servers;
		let link;
		let emitter;
		let clients; // two of each server

		before(async () => {
			daemon = await RedisDaemon.start();
			servers = await Servers.start(daemon.socket, 2);
			servers.ios.forEach((io) => io.of('/chat#1'));
			link = await LINKS[by](daemon);
			emitter = new redisEmitter.Emitter(link.redis);
		});

		after(async () => {
			link?.close();
			await servers?.close();
			await daemon?.destroy();
		});

		async function visit(t) {
			clients = [];
			for (const index of [0, 1, 0, 1])
				clients.push(await servers.client(index));
			await clients[2].peer.join('some');
			await clients[3].peer.join('some');
			t.after(() => clients.forEach(({ socket }) => socket.disconnect()));
		}

		async function settle() {
			await link.settled();
			await servers.settle(clients.filter(({ socket }) => socket.connected));
		}

		async function membersOf(room) {
			await settle();
			return clients.flatMap(({ peer }, n) => (peer.rooms.has(room) ? [n] : []));
		}

		test('join and leave', async (t) => {
			await visit(t);
			emitter.socketsJoin('all');
			emitter.in('some').except(clients[3].socket.id).socketsJoin(['a', 'b']);
			assert.deepEqual(await membersOf('all'), [0, 1, 2, 3]);
			assert.deepEqual(await membersOf('a'), [2]);
			assert.deepEqual(await membersOf('b'), [2]);
			emitter.in('some').socketsLeave(['all', 'a']);
			assert.deepEqual(await membersOf('all'), [0, 1]);
			assert.deepEqual(await membersOf('a'), []);
			assert.deepEqual(await membersOf('b'), [2]);
		});

		test('join, and what is emitted to the room once it is joined', async (t) => {
			await visit(t);
			emitter.in('some').socketsJoin('new');
			await settle();
			emitter.to('new').emit('welcome');
			await settle();
			assert.deepEqual(clients.map(({ got }) => got), [[], [], [['welcome']], [['welcome']]]);
		});

		test('join, and what is emitted to the room right behind it', async (t) => {
			await visit(t);
			const rooms = Array.from({ length: 20 }, (_, n) => `new ${n}`);
			for (const room of rooms) {
				emitter.in('some').socketsJoin(room);
				emitter.to(room).emit('welcome', room);
				link.ours?.to(room).emit('welcome', room);
			}
			await settle();
			const got = link.ours ? rooms.flatMap((room) => [room, room]) : rooms;
			assert.deepEqual(clients.map((client) => client.got.map(([, room]) => room)),
				[[], [], got, got]);
		});

		test('in another namespace', async (t) => {
			await visit(t);
			const { peer, socket, got } = await servers.client(0, { nsp: '/chat#1' });
			t.after(() => socket.disconnect());
			const chat = emitter.of('/chat#1');
			chat.socketsJoin('chatting');
			if (!link.ours) {
				await until(() => peer.rooms.has('chatting'), 'join');
				await servers.barrier();
			}
			chat.to('chatting').emit('welcome');
			assert.deepEqual(await membersOf('chatting'), []);
			await until(() => got.length > 0, 'event');
			assert.deepEqual(got, [['welcome']]);
			assert.ok(peer.rooms.has('chatting'));
		});

		test('disconnect, behind what was emitted before', async (t) => {
			await visit(t);
			const ended = [2, 3].map((n) => next(clients[n].socket, 'disconnect'));
			emitter.in('some').emit('bye');
			emitter.in('some').disconnectSockets();
			for (const [reason] of await Promise.all(ended))
				assert.equal(reason, 'io server disconnect');
			await settle();
			assert.deepEqual(clients.map(({ got }) => got), [[], [], [['bye']], [['bye']]]);
		});

		test('serverSideEmit', async () => {
			const heard = servers.ios.map((io) => next(io, 'hello servers'));
			emitter.serverSideEmit('hello servers', 1, { two: [3] });
			assert.deepEqual(await Promise.all(heard), Array(2).fill([1, { two: [3] }]));
		});

		test('what is no request is counted, and harms nobody', async (t) => {
			await visit(t);
			const malformed = () => servers.all.map(({ client }) => client.stats.malformed);
			const before = malformed();
			for (const body of ['{"type":2}', 'x', '{"type":6,"data":["connection",1]}'])
				link.redis.publish('socket.io-request#/#', body);
			await settle();
			assert.deepEqual(malformed().map((count, n) => count - before[n]), [3, 3]);
		});
	});

describe('redisPublisher()', PATIENT, () => {
	let daemon;
	let client;
	let hearer;

	before(async () => {
		daemon = await Daemon.start();
		client = new Client({ socket: daemon.socket, role: 'emitter' }).connect();
		hearer = new Client({ socket: daemon.socket }).connect();
		hearer.subscribe('topic ☃');
		await within(Promise.all([client.ready(), hearer.ready()]), 'connections');
	});

	after(async () => {
		client?.destroy();
		hearer?.destroy();
		await daemon?.destroy();
	});

	test('publishes text and bytes, to a channel as text or bytes', async () => {
		const publisher = redisPublisher(client);
		for (const channel of ['topic ☃', Buffer.from('topic ☃')])
			for (const body of ['b☃', Buffer.from('b☃'), new Uint8Array(Buffer.from('b☃'))]) {
				const heard = next(hearer, 'message');
				publisher.publish(channel, body);
				const [topics, got] = await heard;
				assert.deepEqual([topics, got.toString()], [['topic ☃'], 'b☃']);
			}
	});

	test('gives what clients of Redis give: a promise, and a callback\'s call', async () => {
		const publisher = redisPublisher(client);
		const calls = [];
		const published = publisher.publish('nobody subscribes', 'x', (...args) => calls.push(args));
		assert.deepEqual(calls, []);
		assert.equal(await within(published, 'promise'), 0);
		await until(() => calls.length > 0, 'callback');
		assert.deepEqual(calls, [[null, 0]]);
	});

	test('refuses what is neither', () => {
		const refused = { name: 'Pm2aError', code: 'PM2A_ERR_OPTION' };
		const publisher = redisPublisher(client);
		for (const value of [undefined, null, 7, {}, ['a']]) {
			assert.throws(() => publisher.publish(value, 'x'), refused);
			assert.throws(() => publisher.publish('x', value), refused);
			assert.throws(() => redisPublisher(value), refused);
		}
		assert.throws(() => publisher.hset('key', 'field', 'value'), refused);
	});

	test('of an emitter is the one that it has', () => {
		const emitter = createEmitter({ socket: daemon.socket });
		assert.equal(redisPublisher(emitter), emitter.redisClient);
		assert.equal(emitter.of('/chat').redisClient, emitter.redisClient);
		emitter.destroy();
	});

	test('and what it publishes is waited for', async () => {
		const emitter = createEmitter({ socket: daemon.socket });
		const heard = next(hearer, 'message');
		emitter.redisClient.publish('topic ☃', 'waited for');
		await within(emitter.flush(), 'flush');
		assert.equal(emitter.client.stats.published, 1);
		assert.equal((await heard)[1].toString(), 'waited for');
		await within(emitter.close(), 'close');
	});
});
