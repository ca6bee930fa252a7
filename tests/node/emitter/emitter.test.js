'use strict';

/* createEmitter(): its emits and requests, through the real daemon, at real servers. */

const assert = require('assert/strict');
const { after, before, describe, test } = require('node:test');

const { createEmitter, Pm2aError } = require('../../../src/node');
const { Daemon } = require('../../support/daemon');
const { MajorServer, Visitor } = require('../support/majors');
const { Servers } = require('../support/servers');
const { next, until, within } = require('../../support/wait');

const PATIENT = { timeout: 120_000 };
const ODD_ROOMS = ['', ' ', '#', 'a#b', 'räum ☃', '__proto__', 'line\nbreak', 'x'.repeat(5000)];

describe('an emitter', PATIENT, () => {
	let daemon;
	let servers;
	let emitter;
	let clients; // one of each server, and one more of the first
	let chat; // one of each server, in another namespace

	/* Returns the arguments that came with an event, by the numbers of the clients. */
	async function reached(event, who = clients) {
		await within(emitter.flush(), 'flush');
		await servers.settle(who, who === chat ? '/chat' : '/');
		return who.map(({ got }) => got.filter(([each]) => each === event)
			.map(([, ...args]) => args));
	}

	before(async () => {
		daemon = await Daemon.start();
		servers = await Servers.start(daemon.socket, 2);
		servers.ios.forEach((io) => io.of('/chat'));
		emitter = createEmitter({ socket: daemon.socket, name: 'cron' });
		await within(emitter.ready(), 'connection');
		clients = [await servers.client(0), await servers.client(1), await servers.client(0)];
		chat = [await servers.client(0, { nsp: '/chat' }), await servers.client(1, { nsp: '/chat' })];
		await clients[1].peer.join('r');
		await clients[2].peer.join(['r', 's']);
		await clients[0].peer.join(7);
		await chat[1].peer.join('r');
	});

	after(async () => {
		emitter?.destroy();
		await servers?.close();
		await daemon?.destroy();
	});

	test('is known to the daemon as one', async () => {
		const { clients: rows } = await daemon.statsAsync();
		const { role, pid } = rows.find(({ name }) => name === 'cron');
		assert.deepEqual({ role, pid }, { role: 'emitter', pid: process.pid });
	});

	describe('emits', () => {
		test('to everyone', async () => {
			assert.equal(emitter.emit('all', 1, { two: [3] }, null), true);
			assert.deepEqual(await reached('all'), Array(3).fill([[1, { two: [3] }, null]]));
		});

		test('to a room, several, a list of them, each socket once', async () => {
			emitter.to('r').emit('room');
			emitter.in('r').to('s').emit('rooms');
			emitter.to(['s', 'r', 's']).emit('list');
			for (const event of ['room', 'rooms', 'list'])
				assert.deepEqual(await reached(event), [[], [[]], [[]]], event);
		});

		test('to nobody, where nobody is in the room', async () => {
			emitter.to('nobody').emit('none');
			assert.deepEqual(await reached('none'), [[], [], []]);
		});

		test('to a room that is a number, and to a socket by its id', async () => {
			emitter.to(7).emit('number');
			emitter.to(clients[1].socket.id).emit('id');
			assert.deepEqual(await reached('number'), [[[]], [], []]);
			assert.deepEqual(await reached('id'), [[], [[]], []]);
		});

		test('with except', async () => {
			emitter.except('s').emit('but s');
			emitter.to('r').except(['s', clients[0].socket.id]).emit('r but s');
			assert.deepEqual(await reached('but s'), [[[]], [[]], []]);
			assert.deepEqual(await reached('r but s'), [[], [[]], []]);
		});

		test('bytes of any kind', async () => {
			const bytes = Buffer.from([0, 255, 1]);
			emitter.emit('bytes', bytes, { deep: [new Uint8Array(bytes)] });
			assert.deepEqual(await reached('bytes'), Array(3).fill([[bytes, { deep: [bytes] }]]));
		});

		test('volatile, and with compress', async () => {
			await reached('nothing'); // so that the transports are idle, and drop nothing
			const flags = [];
			const listen = (topics, body, flag) => flags.push(flag);
			servers.all[0].client.on('message', listen);
			emitter.volatile.emit('volatile');
			emitter.compress(false).emit('plain');
			assert.deepEqual(await reached('volatile'), Array(3).fill([[]]));
			assert.deepEqual(await reached('plain'), Array(3).fill([[]]));
			servers.all[0].client.off('message', listen);
			assert.deepEqual(flags.slice(0, 2), [1, 0]);
		});

		test('to a namespace, with the slash or without, and to a room of it', async () => {
			emitter.of('/chat').emit('chat');
			emitter.of('chat').to('r').emit('chat r');
			assert.deepEqual(await reached('chat', chat), [[[]], [[]]]);
			assert.deepEqual(await reached('chat r', chat), [[], [[]]]);
			assert.deepEqual(await reached('chat'), [[], [], []]);
			assert.equal(emitter.of('chat').nsp, '/chat');
			assert.equal(emitter.of('chat').of('/').nsp, '/');
			assert.equal(emitter.nsp, '/');
		});

		test('to the namespace that it was made for', async () => {
			const other = createEmitter({ socket: daemon.socket, nsp: 'chat' });
			other.emit('own nsp');
			await within(other.close(), 'close');
			assert.deepEqual(await reached('own nsp', chat), [[[]], [[]]]);
		});

		test('under its key alone', async () => {
			const other = createEmitter({ socket: daemon.socket, key: 'other' });
			other.emit('other key');
			other.disconnectSockets();
			await within(other.close(), 'close');
			assert.deepEqual(await reached('other key'), [[], [], []]);
		});

		test('events whose names are numbers', async () => {
			emitter.emit(7, 'seven');
			assert.deepEqual(await reached(7), Array(3).fill([['seven']]));
		});

		test('1000 in one tick, in order', async () => {
			for (let n = 0; n < 1000; n++)
				emitter.to(n % 2 ? 'r' : ['r', 's']).emit('burst', n);
			const all = Array.from({ length: 1000 }, (_, n) => [n]);
			assert.deepEqual(await reached('burst'), [[], all, all]);
		});

		test('to rooms with odd names', async () => {
			for (const [n, room] of ODD_ROOMS.entries()) {
				await clients[1].peer.join(room);
				emitter.to(room).emit('odd', n);
			}
			assert.deepEqual(await reached('odd'), [[], [...ODD_ROOMS.keys()].map((n) => [n]), []]);
		});

		test('what reaches only the workers that have the room', async () => {
			const received = () => servers.all.map(({ client }) => client.stats.received);
			await reached('nothing');
			const [first, second] = received();
			for (let n = 0; n < 50; n++)
				emitter.to(clients[1].socket.id).emit('routed', n);
			assert.equal((await reached('routed'))[1].length, 50);
			// The rest are the fences of the tests.
			assert.ok(received()[0] - first < 10, `${received()[0] - first} came to the other`);
			assert.ok(received()[1] - second >= 50);
		});
	});

	test('each call gives another operator', async () => {
		const toR = emitter.to('r');
		toR.to('s').except('r').compress(true).volatile.emit('narrow');
		emitter.except('s').to('r');
		toR.emit('wide');
		emitter.emit('widest');
		assert.deepEqual(await reached('narrow'), [[], [], []]);
		assert.deepEqual(await reached('wide'), [[], [[]], [[]]]);
		assert.deepEqual(await reached('widest'), Array(3).fill([[]]));
		const rooms = ['s'];
		const toS = emitter.to(rooms);
		rooms.push('r');
		toS.emit('copied');
		assert.deepEqual(await reached('copied'), [[], [], [[]]]);
	});

	describe('refuses', () => {
		const refused = (message) => ({ name: 'Pm2aError', code: 'PM2A_ERR_OPTION', message });

		test('reserved names, as those of the clients and of the namespaces', () => {
			for (const name of ['connect', 'connect_error', 'disconnect', 'disconnecting',
				'newListener', 'removeListener'])
				assert.throws(() => emitter.emit(name), refused(`"${name}" is a reserved event name`));
			for (const name of ['connect', 'connection', 'new_namespace'])
				assert.throws(() => emitter.serverSideEmit(name),
					refused(`"${name}" is a reserved event name`));
		});

		test('events without a name', () => {
			for (const name of [undefined, null, {}, ['a'], Symbol('s')]) {
				assert.throws(() => emitter.emit(name), refused(/^event: /));
				assert.throws(() => emitter.serverSideEmit(name), refused(/^event: /));
			}
		});

		test('acknowledgements', () => {
			const message = 'Acknowledgements are not supported';
			assert.throws(() => emitter.emit('event', 1, () => {}), refused(message));
			assert.throws(() => emitter.to('r').emit('event', () => {}), refused(message));
			assert.throws(() => emitter.serverSideEmit('event', () => {}), refused(message));
		});

		test('rooms that are none', () => {
			for (const rooms of [undefined, null, {}, ['r', {}], new Set(['r'])])
				for (const method of ['to', 'in', 'except', 'socketsJoin', 'socketsLeave'])
					assert.throws(() => emitter[method](rooms), refused(/^rooms: /), method);
		});

		test('what cannot be encoded', () => {
			const circular = {};
			circular.self = circular;
			for (const value of [10n, circular])
				assert.throws(() => emitter.emit('event', value),
					{ name: 'Pm2aError', code: 'PM2A_ERR_ENCODE' });
			assert.throws(() => emitter.serverSideEmit('event', 10n),
				{ name: 'Pm2aError', code: 'PM2A_ERR_ENCODE' });
		});

		test('wrong options', () => {
			const { socket } = daemon;
			for (const [options, message] of [
				['/run/s', /^options: /],
				[null, /^options: /],
				[{ socket, timeout: 0 }, /^timeout: /],
				[{ socket, timeout: 600_001 }, /^timeout: /],
				[{ socket, timeout: '1s' }, /^timeout: /],
				[{ socket, nsp: 7 }, /^nsp: /],
				[{ socket, key: 'a#b' }, /^key: /],
			])
				assert.throws(() => createEmitter(options), refused(message));
			assert.throws(() => emitter.of(undefined), refused(/^nsp: /));
			assert.ok(new Pm2aError('PM2A_ERR_OPTION') instanceof Error);
		});

		test('and nothing of it was sent', async () => {
			assert.deepEqual(await reached('event'), [[], [], []]);
			for (const { client } of servers.all)
				assert.equal(client.stats.malformed, 0);
		});
	});
});

describe('an emitter commands', PATIENT, () => {
	let daemon;
	let servers;
	let emitter;
	let clients; // two of each server

	before(async () => {
		daemon = await Daemon.start();
		servers = await Servers.start(daemon.socket, 2);
		servers.ios.forEach((io) => io.of('/chat'));
		emitter = createEmitter({ socket: daemon.socket });
		await within(emitter.ready(), 'connection');
	});

	after(async () => {
		emitter?.destroy();
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

	/* Which of the clients are in a room, when all that was sent before has come. */
	async function membersOf(room) {
		await within(emitter.flush(), 'flush');
		await servers.settle(clients.filter(({ socket }) => socket.connected));
		return clients.flatMap(({ peer }, n) => (peer.rooms.has(room) ? [n] : []));
	}

	test('sockets to join and to leave rooms', async (t) => {
		await visit(t);
		emitter.socketsJoin('all');
		emitter.in('some').socketsJoin(['a', 'b']);
		emitter.except('some').socketsJoin('others');
		emitter.in(clients[0].socket.id).socketsJoin('one');
		assert.deepEqual(await membersOf('all'), [0, 1, 2, 3]);
		assert.deepEqual(await membersOf('a'), [2, 3]);
		assert.deepEqual(await membersOf('b'), [2, 3]);
		assert.deepEqual(await membersOf('others'), [0, 1]);
		assert.deepEqual(await membersOf('one'), [0]);

		emitter.in('some').except(clients[2].socket.id).socketsLeave(['a', 'all']);
		emitter.socketsLeave('b');
		assert.deepEqual(await membersOf('a'), [2]);
		assert.deepEqual(await membersOf('all'), [0, 1, 2]);
		assert.deepEqual(await membersOf('b'), []);
	});

	test('and emits to the room that they are told to join, at once', async (t) => {
		await visit(t);
		const rooms = Array.from({ length: 20 }, (_, n) => `new ${n}`);
		for (const room of rooms) {
			emitter.in('some').socketsJoin(room);
			emitter.to(room).emit('welcome', room);
			emitter.to([room, 'nobody']).emit('welcome', room);
		}
		await membersOf('some');
		const heard = clients.map(({ got }) => got.map(([, room]) => room));
		const twice = rooms.flatMap((room) => [room, room]);
		assert.deepEqual(heard, [[], [], twice, twice]);
	});

	test('and the detour through all workers ends', async (t) => {
		await visit(t);
		emitter.in(clients[0].socket.id).socketsJoin('lonely');
		const { client } = servers.all[1];
		/* Whether a message to the room came to the server that doesn't have it. */
		const detours = async () => {
			let came = false;
			const look = (topics, body) => { came ||= body.includes('to the lonely'); };
			client.on('message', look);
			emitter.to('lonely').emit('to the lonely');
			await within(emitter.flush(), 'flush');
			await servers.settle(clients);
			client.off('message', look);
			return came;
		};
		await until(async () => !await detours(), 'end of the detour');
		assert.deepEqual(await membersOf('lonely'), [0]);
	});

	test('the end of connections, in order with what it emits', async (t) => {
		await visit(t);
		const ended = [2, 3].map((n) => next(clients[n].socket, 'disconnect'));
		emitter.in('some').emit('bye');
		emitter.in('some').disconnectSockets();
		emitter.emit('after');
		for (const [reason] of await Promise.all(ended))
			assert.equal(reason, 'io server disconnect');
		await membersOf('some');
		assert.deepEqual(clients.map(({ got }) => got),
			[[['after']], [['after']], [['bye']], [['bye']]]);
	});

	test('with that of the other namespaces, or without', async (t) => {
		await visit(t);
		const beside = [2, 3].map((n) => clients[n].socket.io.socket('/chat'));
		await Promise.all(beside.map((socket) => next(socket, 'connect')));
		const ended = [clients[2].socket, clients[3].socket, beside[1]]
			.map((socket) => next(socket, 'disconnect'));
		emitter.in(clients[2].socket.id).disconnectSockets();
		emitter.in(clients[3].socket.id).disconnectSockets(true);
		await Promise.all(ended);
		await membersOf('some');
		assert.deepEqual(clients.map(({ socket }) => socket.connected), [true, true, false, false]);
		assert.deepEqual(beside.map((socket) => socket.connected), [true, false]);
		beside[0].disconnect();
	});

	test('events for the servers, bytes too', async () => {
		const got = [];
		const bytes = Buffer.from([1, 0, 255]);
		const heard = servers.ios.map((io, n) => new Promise((resolve) => {
			io.on('hello servers', (...args) => {
				got[n] = args;
				resolve();
			});
			io.of('/chat').on('hello servers', () => got.push('in the wrong namespace'));
		}));
		emitter.serverSideEmit('hello servers', 1, { two: bytes });
		await within(Promise.all(heard), 'events');
		await servers.barrier();
		assert.deepEqual(got, Array(2).fill([1, { two: bytes }]));
	});

	test('in its namespace alone', async (t) => {
		await visit(t);
		const { peer, socket } = await servers.client(0, { nsp: '/chat' });
		t.after(() => socket.disconnect());
		await servers.barrier();
		emitter.of('chat').socketsJoin('chatting');
		emitter.socketsJoin('talking');
		assert.deepEqual(await membersOf('chatting'), []);
		assert.deepEqual(await membersOf('talking'), [0, 1, 2, 3]);
		await until(() => peer.rooms.has('chatting'), 'room');
		assert.ok(!peer.rooms.has('talking'));
	});
});

describe('an emitter and servers of both majors of Socket.IO', PATIENT, () => {
	let daemon;
	let servers; // of 4 and of 2
	let visitors; // one of each
	let emitter;

	before(async () => {
		daemon = await Daemon.start();
		servers = [];
		for (const major of [4, 2]) {
			const server = new MajorServer(major, { adapter: { socket: daemon.socket } });
			servers.push(server);
			server.serve('/');
			server.serve('/chat');
			await server.listen();
			await within(server.client.ready(), 'daemon');
		}
		visitors = [];
		for (const { major, port } of servers)
			visitors.push(await Visitor.connect(major, port, { '/': ['r', `of ${major}`], '/chat': ['r'] }));
		await Promise.all(servers.map(({ client }) => within(client.barrier(), 'barrier')));
		emitter = createEmitter({ socket: daemon.socket });
		await within(emitter.ready(), 'connection');
	});

	after(async () => {
		emitter?.destroy();
		visitors?.forEach((visitor) => visitor.end());
		await Promise.all(servers?.map((server) => server.end()) ?? []);
		await daemon?.destroy();
	});

	/* Returns the events since the last call, after a last event for everyone. */
	async function got(nsp = '/') {
		emitter.of(nsp).emit('event', 'last');
		const entries = visitors.map((visitor) => visitor.of(nsp));
		await until(() => entries.every((entry) => entry.got.at(-1)?.[0] === 'last'), 'last event');
		return entries.map((entry) => entry.got.splice(0).slice(0, -1));
	}

	test('everyone, rooms, except', async () => {
		emitter.emit('event', 1);
		emitter.to('r').emit('event', 2);
		emitter.to('of 4').emit('event', 3);
		emitter.to(['of 2', 'r']).emit('event', 4);
		emitter.except('of 2').emit('event', 5);
		emitter.to(visitors[1].id).emit('event', 6);
		assert.deepEqual(await got(), [[[1], [2], [3], [4], [5]], [[1], [2], [4], [6]]]);
		assert.deepEqual(await got('/chat'), [[], []]);
	});

	test('namespaces', async () => {
		emitter.of('chat').to('r').emit('event', 1);
		assert.deepEqual(await got('/chat'), [[[1]], [[1]]]);
		assert.deepEqual(await got(), [[], []]);
	});

	test('bytes', async () => {
		const bytes = Buffer.from([0, 255, 1]);
		emitter.emit('event', { deep: [bytes] }, bytes);
		emitter.to('r').emit('event', bytes);
		assert.deepEqual(await got(), Array(2).fill([[{ deep: [bytes] }, bytes], [bytes]]));
	});

	test('commands', async () => {
		emitter.in('r').socketsJoin('new');
		emitter.to('new').emit('event', 1);
		emitter.in('of 2').socketsLeave('new');
		emitter.to('new').emit('event', 2);
		assert.deepEqual(await got(), [[[1], [2]], [[1]]]);
		const ended = visitors.map((visitor) => next(visitor.of('/').socket, 'disconnect'));
		emitter.in('r').disconnectSockets();
		for (const [reason] of await Promise.all(ended))
			assert.equal(reason, 'io server disconnect');
	});
});
