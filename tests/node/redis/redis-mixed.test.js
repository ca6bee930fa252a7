'use strict';

/*
 * Workers with our adapter and workers with Socket.IO's Redis adapters, under one key on one
 * daemon, each with real clients: everybody hears everybody once, and no client is disconnected.
 * Questions stay among workers of one kind.
 */

const assert = require('assert/strict');
const { after, before, describe, test } = require('node:test');

const { createAdapter, createShardedAdapter } = require('@socket.io/redis-adapter');

const { RedisDaemon } = require('../support/redis');
const { redisAdapter } = require('../support/redis-adapter');
const { Servers } = require('../support/servers');
const { next, until, within } = require('../../support/wait');

const PATIENT = { timeout: 110_000 };
const BYTES = Buffer.from([0, 255, 13, 10]);
const VALUES = [0, -1, 1.5, -2.5e-300, 2 ** 53, null, true, '', 'r\u00e4um\n"\\\u2028 \u{1f600}', [], {},
	{ deep: [{ er: [[]] }], __proto__x: 1 }];

const ADAPTERS = [
	['classic', createAdapter, 'redis 5, RESP2'],
	['classic', createAdapter, 'redis 5, RESP3'],
	['classic', createAdapter, 'ioredis 5'],
	['sharded', createShardedAdapter, 'redis 5, RESP2'],
	['sharded', createShardedAdapter, 'redis 5, RESP3'],
	['sharded, static', createShardedAdapter, 'redis 5, RESP3', { subscriptionMode: 'static' }],
];

/* Servers 0 and 1 have our adapter, 2 and 3 the other; client n is one of server n. */
const ALL = [0, 1, 2, 3];
const NATIVE = [0, 1];
const FOREIGN = [2, 3];

for (const [kind, make, library, options] of ADAPTERS)
	describe(`our adapter and the ${kind} one of Redis, over ${library}`, PATIENT, () => {
		let daemon;
		let servers;
		let clients;
		let chat;
		const ended = [];

		async function reached(event, who = clients) {
			await servers.settle(who, who === chat ? '/chat' : '/');
			return who.map(({ got }) => got.filter(([each]) => each === event)
				.map(([, ...args]) => args));
		}

		/* Returns the clients that got the event, once each and with these arguments. */
		async function heard(event, ...args) {
			const got = await reached(event);
			const who = ALL.filter((n) => got[n].length > 0);
			who.forEach((n) => assert.deepEqual(got[n], [args], `${event} at ${n}`));
			return who;
		}

		const peer = (n) => clients[n].peer;
		const inRoom = (room) => ALL.filter((n) => peer(n).rooms.has(room));
		const room = (name, who) => until(() => String(inRoom(name)) === String(who),
			`${who} in ${name}`);

		before(async () => {
			daemon = await RedisDaemon.start();
			servers = await Servers.start(daemon.socket, NATIVE.length);
			for (let n = 0; n < FOREIGN.length; n++)
				await servers.add(null, { create: await redisAdapter(daemon, library, make, options) });
			servers.ios.forEach((io) => io.of('/chat'));
			for (const io of FOREIGN.map((n) => servers.ios[n])) {
				for (const nsp of [io.of('/'), io.of('/chat')])
					await until(async () => await nsp.adapter.serverCount() === 2, `2 in ${nsp.name}`);
			}
			clients = [];
			chat = [];
			for (const n of ALL) {
				clients.push(await servers.client(n));
				chat.push(await servers.client(n, { nsp: '/chat' }));
			}
			for (const { socket } of [...clients, ...chat])
				socket.on('disconnect', (reason) => ended.push(reason));
			await peer(0).join('r');
			await peer(2).join(['r', 's']);
			await peer(1).join('s');
			await peer(3).join('t');
			await servers.barrier();
		});

		after(async () => {
			await servers?.close();
			await daemon?.destroy();
		});

		test('to everyone, from each', async () => {
			for (const n of ALL)
				servers.ios[n].emit(`all of ${n}`, ...VALUES);
			for (const n of ALL)
				assert.deepEqual(await heard(`all of ${n}`, ...VALUES), ALL);
		});

		test('to a room, to several, to all but one, to an id', async () => {
			for (const n of ALL) {
				servers.ios[n].to('r').emit(`r of ${n}`);
				servers.ios[n].to('r').to('s').emit(`r, s of ${n}`);
				servers.ios[n].except('s').emit(`but s of ${n}`);
				servers.ios[n].to('r').except('s').emit(`r but s of ${n}`);
				servers.ios[n].to(clients[0].socket.id).emit(`0 of ${n}`);
				servers.ios[n].to(clients[3].socket.id).emit(`3 of ${n}`);
				servers.ios[n].to('nobody').emit(`nobody of ${n}`);
			}
			for (const n of ALL) {
				assert.deepEqual(await heard(`r of ${n}`), [0, 2]);
				assert.deepEqual(await heard(`r, s of ${n}`), [0, 1, 2]);
				assert.deepEqual(await heard(`but s of ${n}`), [0, 3]);
				assert.deepEqual(await heard(`r but s of ${n}`), [0]);
				assert.deepEqual(await heard(`0 of ${n}`), [0]);
				assert.deepEqual(await heard(`3 of ${n}`), [3]);
				assert.deepEqual(await heard(`nobody of ${n}`), []);
			}
		});

		test('from a socket to the others', async () => {
			for (const n of ALL)
				peer(n).broadcast.emit(`others of ${n}`, n);
			for (const n of ALL)
				assert.deepEqual(await heard(`others of ${n}`, n), ALL.filter((each) => each !== n));
		});

		test('bytes, and what looks like them', async () => {
			const fake = { _placeholder: true, num: 0 };
			for (const n of ALL) {
				servers.ios[n].emit(`bytes of ${n}`, BYTES, { deep: [BYTES, Buffer.alloc(0)] });
				servers.ios[n].to('s').emit(`bytes to s of ${n}`, [BYTES]);
				servers.ios[n].emit(`fake of ${n}`, fake);
			}
			for (const n of ALL) {
				assert.deepEqual(
					await heard(`bytes of ${n}`, BYTES, { deep: [BYTES, Buffer.alloc(0)] }), ALL);
				assert.deepEqual(await heard(`bytes to s of ${n}`, [BYTES]), [1, 2]);
				assert.deepEqual(await heard(`fake of ${n}`, fake), ALL);
			}
		});

		test('volatile, compress, local, and in another namespace', async () => {
			for (const n of ALL) {
				// Alone: Socket.IO drops it for a client to which it has not yet written the last one.
				servers.ios[n].volatile.emit(`volatile of ${n}`);
				assert.deepEqual(await heard(`volatile of ${n}`), ALL);
			}
			for (const n of ALL) {
				servers.ios[n].compress(false).emit(`compress of ${n}`);
				servers.ios[n].local.emit(`local of ${n}`);
				servers.ios[n].of('/chat').emit(`chat of ${n}`);
			}
			const got = await Promise.all(ALL.map((n) => reached(`chat of ${n}`, chat)));
			assert.deepEqual(got, ALL.map(() => ALL.map(() => [[]])));
			for (const n of ALL) {
				assert.deepEqual(await heard(`compress of ${n}`), ALL);
				assert.deepEqual(await heard(`local of ${n}`), [n]);
				assert.deepEqual(await heard(`chat of ${n}`), []);
			}
		});

		test('200 in one tick, in order', async () => {
			for (let i = 0; i < 200; i++)
				ALL.forEach((n) => servers.ios[n].emit(`burst of ${n}`, i));
			const wanted = Array.from({ length: 200 }, (_, i) => [i]);
			for (const n of ALL)
				assert.deepEqual(await reached(`burst of ${n}`), ALL.map(() => wanted));
		});

		test('socketsJoin(), an emit right behind it, and socketsLeave()', async () => {
			for (const n of ALL) {
				const name = `joined by ${n}`;
				servers.ios[n].in(['r', 's']).except('t').socketsJoin([name, 'more']);
				servers.ios[n].to(name).emit(`behind ${n}`, n);
				// A Redis adapter's own sockets join when the request has come back, and those of the
				// sharded one are told of the room behind that: what it emits passes some of them by.
				const who = (await heard(`behind ${n}`, n))
					.filter((each) => NATIVE.includes(n) || NATIVE.includes(each));
				assert.deepEqual(who, NATIVE.includes(n) ? [0, 1, 2] : [0, 1]);
				await room(name, [0, 1, 2]);
				await servers.barrier();
				servers.ios[n].to(name).emit(`in ${n}`, n);
				assert.deepEqual(await heard(`in ${n}`, n), [0, 1, 2]);
				servers.ios[n].in('s').socketsLeave(name);
				await room(name, [0]);
				servers.ios[n].socketsLeave(name);
				await room(name, []);
			}
		});

		test('serverSideEmit(), to the others', async () => {
			const got = ALL.map(() => []);
			servers.ios.forEach((io, n) => io.on('hello', (...args) => got[n].push(args)));
			ALL.forEach((n) => servers.ios[n].serverSideEmit('hello', n, { deep: [null, 'x'] }));
			await until(() => got.every(({ length }) => length >= 3), 'events of all others');
			await servers.barrier();
			got.forEach((args, n) => assert.deepEqual(args.sort(),
				ALL.filter((each) => each !== n).map((each) => [each, { deep: [null, 'x'] }])));
		});

		test('disconnectSockets()', async () => {
			for (const n of ALL) {
				const extra = await Promise.all(ALL.map((each) => servers.client(each)));
				await Promise.all(extra.map((each) => each.peer.join('leaving')));
				await servers.barrier();
				const gone = extra.map(({ socket }) => next(socket, 'disconnect'));
				servers.ios[n].in('leaving').disconnectSockets();
				for (const [reason] of await Promise.all(gone))
					assert.equal(reason, 'io server disconnect');
			}
		});

		test('questions are for one kind, and wait for nobody else', async () => {
			servers.ios.forEach((io, n) => io.on('how many', (answer) => answer(n)));
			clients.forEach(({ socket }, n) => socket.on('ack', (answer) => answer(n)));
			for (const kindOf of [NATIVE, FOREIGN]) {
				for (const n of kindOf) {
					const io = servers.ios[n];
					const other = kindOf.find((each) => each !== n);
					assert.equal(await io.of('/').adapter.serverCount(), 2);
					const sockets = await within(io.fetchSockets(), 'sockets');
					assert.deepEqual(sockets.map(({ id }) => id).sort(),
						kindOf.map((each) => clients[each].socket.id).sort());
					assert.deepEqual(await within(io.serverSideEmitWithAck('how many'), 'answers'),
						[other]);
					assert.deepEqual(
						(await within(io.timeout(60_000).emitWithAck('ack'), 'acks')).sort(), kindOf);
				}
			}
		});

		test('nobody was disconnected, and nothing was malformed', async () => {
			assert.deepEqual(ended, []);
			for (const n of NATIVE)
				assert.equal(servers.all[n].client.stats.malformed, 0);
		});
	});
