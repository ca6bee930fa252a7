'use strict';

/* Deliveries between real Socket.IO servers in this process, through the real daemon. */

const assert = require('assert/strict');
const { after, before, beforeEach, describe, test } = require('node:test');

const pm2Adapter = require('../../../src/node');
const { Daemon } = require('../../support/daemon');
const { Servers } = require('../support/servers');
const { next, until, within } = require('../../support/wait');

const PATIENT = { timeout: 120_000 };

async function ground(t, count = 2, options = {}) {
	const daemon = new Daemon();
	t.after(() => daemon.destroy());
	await daemon.start();
	const servers = await Servers.start(daemon.socket, count, options);
	t.after(() => servers.close());
	return { daemon, servers };
}

function nested(depth) {
	let value = 'core';
	for (let n = 0; n < depth; n++)
		value = [value];
	return value;
}

describe('adapter: who gets a broadcast', PATIENT, () => {
	let daemon;
	let servers;
	let ios;
	let clients; // two of each of three servers

	/* How often each client got an event, after all of it must have come. */
	async function reached(event) {
		await servers.settle(clients);
		return clients.map(({ got }) => got.filter(([name]) => name === event).length);
	}

	/* Joins clients, by their numbers, to rooms. */
	async function join(rooms) {
		for (const [room, numbers] of rooms)
			for (const number of numbers)
				await clients[number].peer.join(room);
	}

	before(async () => {
		daemon = await Daemon.start();
		servers = await Servers.start(daemon.socket, 3);
		({ ios } = servers);
		clients = [];
		for (const i of [0, 0, 1, 1, 2, 2])
			clients.push(await servers.client(i));
	});

	beforeEach(() => {
		for (const { peer } of clients)
			for (const room of peer.rooms)
				if (room !== peer.id)
					peer.leave(room);
	});

	after(async () => {
		await servers?.close();
		await daemon?.destroy();
	});

	test('everyone, with all arguments', async () => {
		ios[1].emit('all', 1, 'two', { three: [4] });
		assert.deepEqual(await reached('all'), [1, 1, 1, 1, 1, 1]);
		for (const { got } of clients)
			assert.deepEqual(got.find(([name]) => name === 'all'), ['all', 1, 'two', { three: [4] }]);
	});

	test('a room', async () => {
		await join([['r', [1, 2, 5]]]);
		ios[0].to('r').emit('room');
		assert.deepEqual(await reached('room'), [0, 1, 1, 0, 0, 1]);
	});

	test('several rooms, each socket once', async () => {
		await join([['r', [1, 2, 5]], ['s', [2, 3]], ['t', [2]]]);
		ios[2].to('r').to(['s', 't', 'empty']).emit('rooms');
		assert.deepEqual(await reached('rooms'), [0, 1, 1, 1, 0, 1]);
	});

	test('except a room, of all and of rooms', async () => {
		await join([['r', [1, 2, 5]], ['s', [2, 3]]]);
		ios[0].except('s').emit('all but s');
		ios[0].to('r').except(['s', 'empty']).emit('r but s');
		assert.deepEqual(await reached('all but s'), [1, 1, 0, 0, 1, 1]);
		assert.deepEqual(await reached('r but s'), [0, 1, 0, 0, 0, 1]);
	});

	test('a room that was left, and one that was joined again', async () => {
		await join([['r', [2, 5]]]);
		clients[2].peer.leave('r');
		ios[0].to('r').emit('left');
		assert.deepEqual(await reached('left'), [0, 0, 0, 0, 0, 1]);
		await clients[2].peer.join('r');
		ios[0].to('r').emit('again');
		assert.deepEqual(await reached('again'), [0, 0, 1, 0, 0, 1]);
	});

	test('a room that is left by its last socket has no topic any more', async () => {
		await join([['brief', [2, 3]]]);
		const hasTopic = ({ topics }) => topics.some(({ topic }) => topic === 'socket.io#/#brief#');
		assert.equal(hasTopic(await daemon.statsAsync()), true);
		clients[2].peer.leave('brief');
		await servers.barrier();
		assert.equal(hasTopic(await daemon.statsAsync()), true);
		clients[3].peer.leave('brief');
		await servers.barrier();
		assert.equal(hasTopic(await daemon.statsAsync()), false);
	});

	test('a number and its text are two rooms that share a topic', async () => {
		await join([[7, [2]], ['7', [2, 4]]]);
		clients[2].peer.leave('7');
		ios[0].to(7).emit('to the number');
		ios[0].to('7').emit('to the text');
		assert.deepEqual(await reached('to the number'), [0, 0, 1, 0, 0, 0]);
		assert.deepEqual(await reached('to the text'), [0, 0, 0, 0, 1, 0]);
	});

	test('a socket by its id, from another server', async () => {
		ios[0].to(clients[4].socket.id).emit('you');
		assert.deepEqual(await reached('you'), [0, 0, 0, 0, 1, 0]);
	});

	test('socket.broadcast, and a room from a socket in it', async () => {
		await join([['r', [0, 1, 2, 5]]]);
		clients[0].peer.broadcast.emit('others');
		clients[0].peer.to('r').emit('others in r');
		assert.deepEqual(await reached('others'), [0, 1, 1, 1, 1, 1]);
		assert.deepEqual(await reached('others in r'), [0, 1, 1, 0, 0, 1]);
	});

	test('local stays where it is', async () => {
		await join([['r', [1, 2]]]);
		const { published } = servers.all[0].client.stats;
		ios[0].local.emit('here');
		ios[0].local.to('r').emit('here in r');
		assert.equal(servers.all[0].client.stats.published, published);
		assert.deepEqual(await reached('here'), [1, 1, 0, 0, 0, 0]);
		assert.deepEqual(await reached('here in r'), [0, 1, 0, 0, 0, 0]);
	});

	test('volatile and compress come with the packet on each server', async () => {
		const options = clients.map(({ peer }) => {
			const seen = [];
			peer.conn.on('packetCreate', (packet) => {
				if (String(packet.data).includes('flags of'))
					seen.push(packet.options);
			});
			return seen;
		});
		ios[0].compress(false).emit('flags of compress');
		assert.deepEqual(await reached('flags of compress'), [1, 1, 1, 1, 1, 1]);
		// Once the transports have written what came before, or they drop it.
		ios[0].volatile.emit('flags of volatile');
		assert.deepEqual(await reached('flags of volatile'), [1, 1, 1, 1, 1, 1]);
		for (const seen of options)
			assert.deepEqual(seen.map(({ compress, volatile: isVolatile }) => [compress, isVolatile]),
				[[false, undefined], [true, true]]);
	});

	test('rooms with names of all kinds', async () => {
		const names = [7, 0, -1, 1.5, 'a#b', '#', 'a#', '##x##', 'räum 日本語 🎉', ' ', '\u0000',
			'x'.repeat(255), 'x'.repeat(4000), 'ä'.repeat(2500), 'y'.repeat(5000)];
		for (const name of names)
			await join([[name, [1, 3]]]);
		for (const [i, name] of names.entries())
			ios[2].to(name).emit(`named ${i}`);
		await servers.settle(clients);
		for (const [i, name] of names.entries())
			assert.deepEqual(await reached(`named ${i}`), [0, 1, 0, 1, 0, 0],
				`${name}`.slice(0, 20));
	});

	test('rooms too many for one frame, and a long one among short ones', async () => {
		const many = Array.from({ length: 5000 }, (_, i) => `one room of many, number ${i}`);
		await join([[many[4999], [3]], ['r', [4]], ['z'.repeat(5000), [5]]]);
		ios[0].to(many).emit('many');
		ios[0].to(['r', 'z'.repeat(5000)]).emit('long');
		assert.deepEqual(await reached('many'), [0, 0, 0, 1, 0, 0]);
		assert.deepEqual(await reached('long'), [0, 0, 0, 0, 1, 1]);
	});

	test('1000 in one tick from each server, in order for each sender', async () => {
		for (const [i, io] of ios.entries())
			for (let n = 0; n < 1000; n++)
				io.emit(`burst of ${i}`, n);
		await servers.settle(clients);
		for (const { got } of clients)
			for (const i of ios.keys())
				assert.deepEqual(
					got.filter(([name]) => name === `burst of ${i}`).map(([, n]) => n),
					Array.from({ length: 1000 }, (_, n) => n));
	});

	test('who has joined is reached by whoever hears of it, 1000 times across servers', async () => {
		const { peer, socket } = clients[2];
		for (let n = 0; n < 1000; n++) {
			await peer.join(`new ${n}`);
			const come = next(socket, `joined ${n}`);
			ios[n % 2 ? 0 : 2].to(`new ${n}`).emit(`joined ${n}`);
			await come;
			peer.leave(`new ${n}`);
		}
	});

	test('who has nobody in a room gets no bytes for it', async () => {
		await join([['spared', [0]]]);
		await servers.settle(clients);
		const counts = async () => {
			const rows = (await daemon.statsAsync()).clients.filter(({ role }) => role === 'member');
			return {
				received: servers.all.map(({ client }) => client.stats.received),
				out: servers.all.map(({ client }) =>
					rows.find(({ id }) => id === client.welcome.id).messages_out),
			};
		};
		const earlier = await counts();
		for (let n = 0; n < 100; n++)
			ios[1].to('spared').emit('spared', n);
		await until(() => clients[0].got.filter(([name]) => name === 'spared').length === 100,
			'messages to the room');
		const later = await counts();
		for (const key of ['received', 'out'])
			assert.deepEqual(later[key].map((n, i) => n - earlier[key][i]), [100, 0, 0], key);
	});

	test('what others get is what the local clients get', async () => {
		const view = Uint16Array.of(1, 2, 3);
		const values = [null, true, '', 'räum 🎉', -0, 0.1, 1e20, 1e300,
			2 ** 53, -(2 ** 63), NaN, -Infinity, [], {}, [[{}]], [1, undefined, () => {}], new Date(5),
			new Date(NaN), { a: undefined, b: () => {}, c: null }, { toJSON: () => ({ x: 1 }) },
			Object(7), new Map([[1, 2]]), new Set([1]), /x/, new Error('e'), view, view.buffer,
			new DataView(view.buffer, 2, 2), Buffer.from('bytes'), Buffer.alloc(0),
			{ deep: [{ bytes: Buffer.from('x') }, new Float32Array(2)] }, Object.create({ inherited: 1 }),
			Array(70_000).fill(1), 'x'.repeat(70_000)];
		for (const [i, value] of values.entries())
			ios[0].emit(`value ${i}`, value);
		await servers.settle(clients);
		const gotBy = ({ got }, name) => got.find(([event]) => event === name).slice(1);
		for (const [i, value] of values.entries()) {
			const local = gotBy(clients[0], `value ${i}`);
			assert.equal(local.length, 1);
			for (const client of clients.slice(2))
				assert.deepEqual(gotBy(client, `value ${i}`), local, String(value).slice(0, 60));
		}
	});

	test('listeners to what goes out hear it on each server', async () => {
		const heard = [];
		for (const { peer } of [clients[0], clients[4]])
			peer.onAnyOutgoing((...args) => heard.push(args));
		ios[0].emit('outgoing', 1);
		await reached('outgoing');
		for (const { peer } of [clients[0], clients[4]])
			peer.offAnyOutgoing();
		assert.deepEqual(heard.filter(([name]) => name === 'outgoing'),
			[['outgoing', 1], ['outgoing', 1]]);
	});

	test('a listener that throws is told, and takes nobody down', async () => {
		const { client } = servers.all[2];
		clients[4].peer.onAnyOutgoing((name) => {
			if (name === 'throws')
				throw new Error('of the application');
		});
		const told = next(client, 'receive_error');
		ios[0].emit('throws');
		const [error] = await told;
		clients[4].peer.offAnyOutgoing();
		assert.equal(error.code, 'PM2A_ERR_RECEIVE');
		assert.equal(error.cause.message, 'of the application');
		ios[0].emit('after it');
		assert.deepEqual(await reached('after it'), [1, 1, 1, 1, 1, 1]);
	});

	test('what is nested deeper than a message of msgpack reaches all, as it does locally', async () => {
		ios[0].emit('deep', nested(600));
		assert.deepEqual(await reached('deep'), [1, 1, 1, 1, 1, 1]);
	});

	test('what can\'t be carried is told', async () => {
		const told = next(servers.all[0].client, 'encode_error');
		ios[0].serverSideEmit('deep', nested(600));
		assert.equal((await told)[0].code, 'PM2A_ERR_ENCODE');
	});
});

describe('adapter: namespaces', PATIENT, () => {
	test('each has its own, and its own rooms', async (t) => {
		const { servers } = await ground(t);
		servers.ios.forEach((io) => io.of('/chat'));
		const main = await servers.client(1);
		const chat = await servers.client(1, { nsp: '/chat' });
		await main.peer.join('r');
		await chat.peer.join('r');
		servers.ios[0].emit('main');
		servers.ios[0].of('/chat').emit('chat');
		servers.ios[0].to('r').emit('main r');
		servers.ios[0].of('/chat').to('r').emit('chat r');
		await servers.settle([main]);
		await servers.settle([chat], '/chat');
		assert.deepEqual(main.got, [['main'], ['main r']]);
		assert.deepEqual(chat.got, [['chat'], ['chat r']]);
		assert.equal(servers.ios[0].of('/chat').adapter.client, servers.all[0].client);
	});

	test('dynamic ones', async (t) => {
		const { servers } = await ground(t);
		servers.ios.forEach((io) => io.of(/^\/room-\d+$/));
		const one = await servers.client(1, { nsp: '/room-1' });
		const two = await servers.client(1, { nsp: '/room-2' });
		servers.ios[0].of('/room-1').emit('one');
		servers.ios[0].of('/room-2').emit('two');
		await servers.settle([one], '/room-1');
		await servers.settle([two], '/room-2');
		assert.deepEqual([one.got, two.got], [[['one']], [['two']]]);
	});

	test('a child that empties leaves its topics, and comes back', async (t) => {
		const { daemon, servers } = await ground(t, 2, { server: { cleanupEmptyChildNamespaces: true } });
		servers.ios.forEach((io) => io.of(/^\/room-\d+$/));
		for (let n = 0; n < 3; n++) {
			const one = await servers.client(1, { nsp: '/room-1' });
			await one.peer.join('inside');
			servers.ios[0].of('/room-1').to('inside').emit('one', n);
			await until(() => one.got.length === 1, 'message in the child');
			assert.deepEqual(one.got, [['one', n]]);
			one.socket.disconnect();
			await daemon.until(({ topics }) => !topics.some(({ topic }) =>
				/room-1#(inside|.{20})#/.test(topic)), 'end of its rooms');
			await until(() => !servers.ios[1]._nsps.has('/room-1'), 'end of the namespace');
		}
		const { topics } = await daemon.statsAsync();
		const left = topics.filter(({ topic }) => topic === 'socket.io#/room-1#');
		assert.deepEqual(left.map(({ members }) => members), [1], 'the server that emitted alone');
	});

	test('a namespace and a room that share a topic don\'t mix', async (t) => {
		const { servers } = await ground(t);
		servers.ios.forEach((io) => ['/a', '/a#b'].forEach((nsp) => io.of(nsp)));
		const inRoom = await servers.client(1, { nsp: '/a' });
		const inNamespace = await servers.client(1, { nsp: '/a#b' });
		await inRoom.peer.join('b');
		servers.ios[0].of('/a').to('b').emit('to the room');
		servers.ios[0].of('/a#b').emit('to the namespace');
		await servers.settle([inRoom], '/a');
		await servers.settle([inNamespace], '/a#b');
		assert.deepEqual(inRoom.got, [['to the room']]);
		assert.deepEqual(inNamespace.got, [['to the namespace']]);
		inRoom.peer.leave('b');
		servers.ios[0].of('/a#b').emit('still');
		await servers.settle([inNamespace], '/a#b');
		assert.deepEqual(inNamespace.got.at(-1), ['still']);
	});
});

describe('adapter: servers', PATIENT, () => {
	test('keys separate applications', async (t) => {
		const { daemon, servers } = await ground(t, 1, { adapter: { key: 'shop' } });
		for (const key of ['shop', 'chat', 'sho'])
			await servers.add(daemon.socket, { adapter: { key } });
		await servers.ready();
		const clients = [];
		for (const i of [0, 1, 2, 3])
			clients.push(await servers.client(i));
		servers.ios[0].emit('of the shop');
		await until(() => clients[1].got.length === 1, 'message of the same key');
		for (const i of [2, 3])
			servers.ios[i].emit(`of ${i}`);
		for (const i of [2, 3])
			await until(() => clients[i].got.length === 1, 'own message');
		await servers.barrier();
		assert.deepEqual(clients.map(({ got }) => got),
			[[['of the shop']], [['of the shop']], [['of 2']], [['of 3']]]);
		assert.equal(servers.ios[0].of('/').adapter.prefix, 'shop');
	});

	test('connection state recovery adds no argument', async (t) => {
		const { servers } = await ground(t, 2, { server: { connectionStateRecovery: {} } });
		const clients = [await servers.client(0), await servers.client(1)];
		servers.ios[0].emit('all', 1);
		clients[0].peer.emit('own', 2);
		servers.ios[0].to(clients[1].socket.id).emit('other', 3);
		await servers.settle(clients);
		assert.deepEqual(clients.map(({ got }) => got),
			[[['all', 1], ['own', 2]], [['all', 1], ['other', 3]]]);
	});

	test('a parser of the application\'s own, which keeps what JSON doesn\'t', async (t) => {
		const parser = require('../support/parser');
		const { servers } = await ground(t, 2, { server: { parser } });
		const clients = [await servers.client(0, { parser }), await servers.client(1, { parser })];
		servers.ios[0].emit('parsed', new Date(5), Buffer.from('x'), { deep: [1, 'two'] });
		await servers.settle(clients);
		for (const { got } of clients)
			assert.deepEqual(got, [['parsed', new Date(5), Buffer.from('x'), { deep: [1, 'two'] }]]);
	});

	test('close() leaves all topics, and the other servers go on', async (t) => {
		const { daemon, servers } = await ground(t, 3);
		const clients = [await servers.client(0), await servers.client(1), await servers.client(2)];
		await clients[2].peer.join('only here');
		const { id } = servers.all[2].client.welcome;
		await within(new Promise((resolve) => { servers.ios[2].close(resolve); }), 'close');
		const stats = await daemon.until(({ clients: rows }) => rows.every((row) => row.id !== id),
			'end of the connection');
		assert.equal(stats.overview.members, 2);
		assert.ok(!stats.topics.some(({ topic }) => topic.includes('only here')));
		assert.equal(stats.closed.find((row) => row.id === id).reason, 'eof');
		servers.ios[2].emit('after close');
		servers.ios[0].emit('goes on');
		servers.all.splice(2, 1);
		await servers.settle(clients.slice(0, 2));
		assert.deepEqual(clients[1].got, [['goes on']]);
	});

	test('what was emitted in the tick of close() is still sent', async (t) => {
		const { servers } = await ground(t);
		const client = await servers.client(1);
		for (let n = 0; n < 1000; n++)
			servers.ios[0].emit('last', n);
		servers.ios[0].close();
		await until(() => client.got.length === 1000, 'last messages');
	});

	test('a namespace that is made after close() connects again', async (t) => {
		const { servers } = await ground(t);
		servers.ios[1].of('/late');
		const client = await servers.client(1, { nsp: '/late' });
		await within(servers.ios[0].of('/').adapter.close(), 'close');
		servers.ios[0].of('/late').emit('again');
		await until(() => client.got.length === 1, 'message');
	});

	test('each adapter has its mark, the key and the time of questions', async (t) => {
		const { servers } = await ground(t, 2, { adapter: { requestsTimeout: 1234 } });
		const adapters = servers.ios.flatMap((io) => [io.of('/').adapter, io.of('/x').adapter]);
		assert.equal(new Set(adapters.map(({ uid }) => uid)).size, 4);
		for (const adapter of adapters) {
			assert.ok(adapter instanceof pm2Adapter.PM2Adapter);
			assert.equal(adapter.prefix, 'socket.io');
			assert.equal(adapter.requestsTimeout, 1234);
		}
	});

	test('what comes back to the server that sent it is not delivered again', async (t) => {
		const { daemon, servers } = await ground(t, 1);
		const client = await servers.client(0);
		const echo = new pm2Adapter.Client({ socket: daemon.socket, name: 'echo' });
		t.after(() => echo.destroy());
		echo.on('message', ([topic], body) => echo.publish(topic, body));
		echo.subscribe('socket.io#/#');
		echo.connect();
		await within(echo.ready(), 'connection');
		servers.ios[0].emit('once');
		await until(() => servers.all[0].client.stats.received === 1, 'echo');
		await servers.settle([client]);
		assert.deepEqual(client.got, [['once']]);
	});

	test('wrong options are refused at once', () => {
		for (const options of [null, { requestsTimeout: 0 }, { requestsTimeout: 300_001 },
			{ requestsTimeout: '5s' }, { key: 'a#b' }, { socket: '' }])
			assert.throws(() => pm2Adapter(options), { code: 'PM2A_ERR_OPTION' });
	});
});
