'use strict';

/* Socket.IO's own Redis adapters, with nothing but the daemon in the place of Redis. */

const assert = require('assert/strict');
const { after, before, describe, test } = require('node:test');

const { createAdapter, createShardedAdapter } = require('@socket.io/redis-adapter');

const { LIBRARIES, RedisDaemon } = require('../support/redis');
const { redisAdapter } = require('../support/redis-adapter');
const { Servers } = require('../support/servers');
const { next, until, within } = require('../../support/wait');

const PATIENT = { timeout: 110_000 };
const BYTES = Buffer.from([0, 255, 13, 10]);

const ADAPTERS = [
	['classic', createAdapter, 'redis 6, RESP3'],
	['classic', createAdapter, 'ioredis 6'],
	['sharded', createShardedAdapter, 'redis 6, RESP3'],
	['sharded', createShardedAdapter, 'ioredis 6'],
	['classic', createAdapter, 'redis 5, RESP2'],
	['classic', createAdapter, 'redis 5, RESP3'],
	['classic', createAdapter, 'redis 4'],
	['classic', createAdapter, 'ioredis 5'],
	['sharded', createShardedAdapter, 'redis 5, RESP2'],
	['sharded', createShardedAdapter, 'redis 5, RESP3'],
	['sharded', createShardedAdapter, 'redis 4'],
	['sharded', createShardedAdapter, 'ioredis 5'],
].filter(([, , library]) => Object.hasOwn(LIBRARIES, library));

for (const [kind, make, library] of ADAPTERS)
	describe(`@socket.io/redis-adapter, ${kind}, over ${library}`, PATIENT, () => {
		let daemon;
		let servers;
		let natives; // workers with our adapter beside them, under another key
		let native; // a client of each of them
		let clients; // one of each server, and one more of the first
		let chat; // one of each server, in another namespace
		const nth = (n) => servers.ios[n];

		/* Returns the arguments that came with an event, by the numbers of the clients. */
		async function reached(event, who = clients) {
			await servers.settle(who, who === chat ? '/chat' : '/');
			return who.map(({ got }) => got.filter(([each]) => each === event)
				.map(([, ...args]) => args));
		}

		/* The ids of the clients with these numbers, in the order of text. */
		const ids = (...numbers) => numbers.map((n) => clients[n].socket.id).sort();
		const sortedIds = (sockets) => sockets.map(({ id }) => id).sort();

		before(async () => {
			daemon = await RedisDaemon.start();
			servers = new Servers();
			for (let n = 0; n < 3; n++)
				await servers.add(null, { create: await redisAdapter(daemon, library, make) });
			natives = await Servers.start(daemon.socket, 2, { adapter: { key: 'native' } });
			servers.ios.forEach((io) => io.of('/chat'));
			for (const nsp of servers.ios.flatMap((io) => [io.of('/'), io.of('/chat')]))
				await until(async () => await nsp.adapter.serverCount() === 3, `3 in ${nsp.name}`);
			clients = [];
			for (const n of [0, 1, 2, 0])
				clients.push(await servers.client(n));
			chat = [];
			for (const n of [0, 1, 2])
				chat.push(await servers.client(n, { nsp: '/chat' }));
			native = [await natives.client(0), await natives.client(1)];
			await clients[1].peer.join('r');
			await clients[2].peer.join(['r', 's']);
			await chat[2].peer.join('r');
			for (const { peer } of native)
				await peer.join('r');
			await servers.barrier();
		});

		after(async () => {
			await servers?.close();
			await natives?.close();
			await daemon?.destroy();
		});

		test('to everyone, from each', async () => {
			for (const n of [0, 1, 2])
				nth(n).emit('all', n, { two: [3] });
			for (const got of await reached('all'))
				assert.deepEqual(got.sort(), [0, 1, 2].map((n) => [n, { two: [3] }]));
		});

		test('to a room, to several, to all but one', async () => {
			nth(0).to('r').emit('room');
			nth(0).to('r').to('s').emit('rooms');
			nth(1).except('s').emit('but s');
			nth(1).to('r').except('s').emit('r but s');
			nth(0).to(clients[1].socket.id).emit('id');
			assert.deepEqual(await reached('room'), [[], [[]], [[]], []]);
			assert.deepEqual(await reached('rooms'), [[], [[]], [[]], []]);
			assert.deepEqual(await reached('but s'), [[[]], [[]], [], [[]]]);
			assert.deepEqual(await reached('r but s'), [[], [[]], [], []]);
			assert.deepEqual(await reached('id'), [[], [[]], [], []]);
		});

		test('from a socket to the others', async () => {
			clients[1].peer.broadcast.emit('others');
			clients[1].peer.to('r').emit('others in r');
			assert.deepEqual(await reached('others'), [[[]], [], [[]], [[]]]);
			assert.deepEqual(await reached('others in r'), [[], [], [[]], []]);
		});

		test('bytes', async () => {
			nth(2).emit('bytes', BYTES, { deep: [BYTES] });
			assert.deepEqual(await reached('bytes'), Array(4).fill([[BYTES, { deep: [BYTES] }]]));
		});

		test('local, and in another namespace', async () => {
			nth(0).local.emit('local');
			nth(1).of('/chat').emit('chat');
			nth(1).of('/chat').to('r').emit('chat r');
			assert.deepEqual(await reached('local'), [[[]], [], [], [[]]]);
			assert.deepEqual(await reached('chat', chat), [[[]], [[]], [[]]]);
			assert.deepEqual(await reached('chat r', chat), [[], [], [[]]]);
			assert.deepEqual(await reached('chat'), [[], [], [], []]);
		});

		test('500 in one tick, in order', async () => {
			for (let n = 0; n < 500; n++)
				nth(0).emit('burst', n);
			const all = Array.from({ length: 500 }, (_, n) => [n]);
			assert.deepEqual(await reached('burst'), [all, all, all, all]);
		});

		test('serverCount()', async () => {
			for (const io of servers.ios)
				assert.equal(await io.of('/').adapter.serverCount(), 3);
		});

		test('acknowledgements of all, of a room, and none in time', async () => {
			clients.forEach(({ socket }, n) => {
				socket.on('ack', (value, answer) => answer([n, value]));
				if (n !== 2)
					socket.on('ack but 2', (answer) => answer(n));
			});
			const all = await nth(2).timeout(10_000).emitWithAck('ack', BYTES);
			assert.deepEqual(all.sort(), [0, 1, 2, 3].map((n) => [n, BYTES]));
			const room = await nth(0).to('r').timeout(10_000).emitWithAck('ack', 1);
			assert.deepEqual(room.sort(), [[1, 1], [2, 1]]);
			const [error, some] = await within(new Promise((resolve) => {
				nth(0).timeout(500).emit('ack but 2', (...args) => resolve(args));
			}), 'acknowledgements');
			assert.match(error.message, /timed out/);
			assert.deepEqual(some.sort(), [0, 1, 3]);
		});

		test('fetchSockets(), of all, of a room, of nobody', async () => {
			clients[2].peer.data.name = 'two';
			for (const io of servers.ios) {
				assert.deepEqual(sortedIds(await io.fetchSockets()), ids(0, 1, 2, 3));
				const inRoom = await io.in('r').fetchSockets();
				assert.deepEqual(sortedIds(inRoom), ids(1, 2));
				const two = inRoom.find(({ id }) => id === clients[2].socket.id);
				assert.deepEqual([...two.rooms].sort(), [two.id, 'r', 's'].sort());
				assert.equal(two.data.name, 'two');
				assert.deepEqual(await io.in('nobody').fetchSockets(), []);
			}
		});

		test('socketsJoin() and socketsLeave()', async () => {
			nth(0).in('r').socketsJoin(['joined', 'also']);
			await until(async () => (await nth(1).in('joined').fetchSockets()).length === 2, 'joined');
			assert.deepEqual(sortedIds(await nth(2).in('also').fetchSockets()), ids(1, 2));
			nth(0).in('s').socketsLeave('joined');
			await until(async () => (await nth(1).in('joined').fetchSockets()).length === 1, 'left');
			assert.deepEqual(sortedIds(await nth(0).in('joined').fetchSockets()), ids(1));
			await servers.barrier();
			nth(0).to('joined').emit('to the joined');
			assert.deepEqual(await reached('to the joined'), [[], [[]], [], []]);
		});

		test('a remote socket joins, leaves, gets a message', async () => {
			const remote = (await nth(0).in('s').fetchSockets())[0];
			remote.join('remotely');
			remote.emit('for you');
			await until(() => clients[2].peer.rooms.has('remotely'), 'join');
			remote.leave('remotely');
			await until(() => !clients[2].peer.rooms.has('remotely'), 'leave');
			assert.deepEqual(await reached('for you'), [[], [], [[]], []]);
		});

		test('serverSideEmit(), to the others', async () => {
			const own = [];
			nth(0).on('hello servers', (...args) => own.push(args));
			const heard = [1, 2].map((n) => next(nth(n), 'hello servers'));
			nth(0).serverSideEmit('hello servers', 1, { two: [BYTES.toString('hex')] });
			assert.deepEqual(await Promise.all(heard),
				Array(2).fill([1, { two: [BYTES.toString('hex')] }]));
			assert.deepEqual(own, []);
		});

		test('serverSideEmit() with answers', async () => {
			servers.ios.forEach((io, n) => io.on('how many', (more, answer) => answer(n + more)));
			const answers = await within(nth(1).serverSideEmitWithAck('how many', 10), 'answers');
			assert.deepEqual(answers.sort(), [10, 12]);
		});

		test('disconnectSockets(), here and at the others', async (t) => {
			const extra = [await servers.client(0), await servers.client(2)];
			t.after(() => extra.forEach(({ socket }) => socket.disconnect()));
			for (const { peer } of extra)
				await peer.join('leaving');
			await servers.barrier();
			const ended = extra.map(({ socket }) => next(socket, 'disconnect'));
			nth(0).in('leaving').disconnectSockets();
			for (const [reason] of await Promise.all(ended))
				assert.equal(reason, 'io server disconnect');
			assert.ok(clients.every(({ socket }) => socket.connected));
		});

		test('workers with our adapter under another key stay among themselves', async () => {
			const [before] = await reached('all'); // all that came so far
			natives.ios[0].emit('of the natives');
			natives.ios[1].to('r').emit('of the natives');
			await natives.settle(native);
			for (const { got } of native)
				assert.deepEqual(got, [['of the natives'], ['of the natives']]);
			assert.deepEqual(await reached('of the natives'), [[], [], [], []]);
			assert.deepEqual((await reached('all'))[0], before);
			assert.equal(await natives.ios[0].of('/').adapter.serverCount(), 2);
			assert.equal((await natives.ios[1].fetchSockets()).length, 2);
			for (const { client } of natives.all)
				assert.equal(client.stats.malformed, 0);
		});

		test('a server that is closed is counted no more', async () => {
			await new Promise((resolve) => { nth(2).close(resolve); });
			for (const n of [0, 1])
				await until(async () => await nth(n).of('/').adapter.serverCount() === 2, '2 servers');
			assert.deepEqual(sortedIds(await nth(0).fetchSockets()), ids(0, 1, 3));
		});
	});
