'use strict';

/* Which class the adapter extends, and what Socket.IO 2 has of it. Several majors in one process. */

const assert = require('assert/strict');
const http = require('http');
const { createRequire } = require('module');
const { after, before, describe, test } = require('node:test');

const socketIo2 = require('socket.io-2');
const socketIo21 = require('socket.io-2.1');
const { Server } = require('socket.io');
const { Server: Server45 } = require('socket.io-4.5');
const { Manager } = require('socket.io-client');
const { Manager: Manager2 } = require('socket.io-client-2');

const pm2Adapter = require('../../../src/node');
const { Daemon } = require('../../support/daemon');
const { next, until, within } = require('../../support/wait');

const PATIENT = { timeout: 120_000 };
const OPTIONS = { transports: ['websocket'], serveClient: false };

/* The class that a version of Socket.IO has by itself. */
function own(name) {
	const exported = createRequire(require.resolve(name))('socket.io-adapter');
	return exported.Adapter ?? exported;
}

const VERSIONS = {
	'4.8': {
		serve: (server, options) => new Server(server, { ...OPTIONS, ...options }),
		connect: (url) => new Manager(url, OPTIONS),
		Adapter: own('socket.io'),
	},
	'4.5': {
		serve: (server, options) => new Server45(server, { ...OPTIONS, ...options }),
		connect: (url) => new Manager(url, OPTIONS),
		Adapter: own('socket.io-4.5'),
	},
	2: {
		serve: (server, options) => socketIo2(server, { ...OPTIONS, ...options }),
		connect: (url) => new Manager2(url, OPTIONS),
		Adapter: own('socket.io-2'),
	},
	// The oldest that is tested: 2.0 depends on a native module that no longer builds.
	2.1: {
		serve: (server, options) => socketIo21(server, { ...OPTIONS, ...options }),
		connect: (url) => new Manager2(url, OPTIONS),
		Adapter: own('socket.io-2.1'),
	},
};

/* A server of a version with clients, which ends with the test. */
class Host {
	#version;
	#sockets = [];

	static async start(t, version, options) {
		const host = new Host();
		host.#version = VERSIONS[version];
		host.version = version;
		host.http = http.createServer();
		host.io = host.#version.serve(host.http, options);
		host.http.listen(0, '127.0.0.1');
		await next(host.http, 'listening');
		t.after(() => host.close());
		return host;
	}

	get adapter() {
		return this.io.of('/').adapter;
	}

	get client() {
		return this.adapter.client;
	}

	/* A client in a namespace: { id, got, peer, socket }. */
	async visit(nsp = '/') {
		const { port } = this.http.address();
		const come = next(this.io.of(nsp), 'connection');
		const socket = this.#version.connect(`http://127.0.0.1:${port}`).socket(nsp);
		this.#sockets.push(socket);
		const got = [];
		socket.on('event', (...args) => got.push(args));
		socket.connect();
		const [peer] = await come;
		await until(() => socket.connected, 'connection');
		return { id: peer.id, got, peer, socket };
	}

	async close() {
		for (const socket of this.#sockets)
			socket.disconnect();
		await within(new Promise((resolve) => { this.io.close(resolve); }), 'end of a server');
		this.client?.destroy();
	}
}

/* A daemon, and hosts of these versions that are connected to it. */
async function ground(t, ...versions) {
	const daemon = new Daemon();
	t.after(() => daemon.destroy());
	await daemon.start();
	const hosts = [];
	for (const version of versions)
		hosts.push(await Host.start(t, version, {
			adapter: pm2Adapter({ socket: daemon.socket, reconnectDelay: 5, reconnectDelayMax: 50 }),
		}));
	await Promise.all(hosts.map(({ client }) => within(client.ready(), 'connection')));
	return { daemon, hosts };
}

function ended(hosts) {
	return Promise.all(hosts.map(({ client }) => within(client.barrier(), 'barrier')));
}

/* Resolves when what was emitted before, anywhere, has come to these visitors. */
async function settle(hosts, visitors) {
	await ended(hosts);
	for (const { io } of hosts)
		io.emit('event', 'fence');
	const fences = ({ got }) => got.filter(([name]) => name === 'fence').length;
	await until(() => visitors.every((visitor) => fences(visitor) === hosts.length), 'last messages');
	return visitors.map(({ got }) => got.splice(0).filter(([name]) => name !== 'fence'));
}

describe('the class that an adapter extends', PATIENT, () => {
	test('is that of its server, whatever else is in the process', async (t) => {
		const { hosts } = await ground(t, 4.8, 4.5, 2, 4.8);
		const classes = hosts.map(({ version }) => VERSIONS[version].Adapter);
		assert.equal(new Set(classes).size, 3);
		for (const [i, { adapter }] of hosts.entries()) {
			assert.ok(adapter instanceof classes[i], hosts[i].version);
			assert.ok(adapter instanceof pm2Adapter.PM2Adapter);
			for (const Adapter of new Set(classes))
				assert.equal(adapter instanceof Adapter, Adapter === classes[i]);
		}
		assert.equal(hosts[0].adapter.constructor, hosts[3].adapter.constructor);
		for (const other of [new VERSIONS['4.8'].Adapter(hosts[0].io.of('/')), {}, null, undefined, 'x'])
			assert.equal(other instanceof pm2Adapter.PM2Adapter, false);
	});

	test('of a server of a class of the application\'s own', async (t) => {
		const { daemon } = await ground(t);
		class Own45 extends Server45 {}
		const io = new Own45(OPTIONS);
		io.adapter(pm2Adapter({ socket: daemon.socket }));
		const { adapter } = io.of('/chat');
		t.after(() => io._nsps.forEach((nsp) => nsp.adapter.client.destroy()));
		assert.ok(adapter instanceof VERSIONS['4.5'].Adapter);
	});

	test('of who is no server of a loaded socket.io: what is found beside the package', async (t) => {
		const { daemon } = await ground(t);
		const create = pm2Adapter({ socket: daemon.socket });
		t.after(() => create.client.destroy());
		const adapter = new create({ name: '/', server: { encoder: {} }, sockets: new Map(), timeout() {} });
		assert.ok(adapter instanceof VERSIONS['4.8'].Adapter);
		assert.deepEqual([...adapter.rooms], []);
	});

	for (const version of Object.keys(VERSIONS))
		test(`io.adapter() after construction, ${version}`, async (t) => {
			const { daemon, hosts: [other] } = await ground(t, 2);
			const host = await Host.start(t, version, { connectionStateRecovery: {} });
			host.io.adapter(pm2Adapter({ socket: daemon.socket }));
			host.io.adapter(pm2Adapter({ socket: daemon.socket }));
			await within(host.client.ready(), 'connection');
			assert.ok(host.adapter instanceof VERSIONS[version].Adapter);
			const visitors = [await host.visit(), await other.visit()];
			host.io.emit('event', 1);
			visitors[0].peer.emit('event', 2);
			assert.deepEqual(await settle([host, other], visitors), [[[1], [2]], [[1]]],
				'and no offset');
			await until(async () => await other.adapter.serverCount() === 2,
				'end of the adapter that was replaced');
		});

	test('the oldest versions: rooms, binary data, questions, commands and acknowledgements', async (t) => {
		const { hosts } = await ground(t, 4.5, 2.1, 4.5, 2.1);
		const visitors = await Promise.all(hosts.map((host) => host.visit()));
		const ids = visitors.map(({ id }) => id).sort();
		const bytes = [Buffer.from([0, 0xff]), [{ deep: Buffer.alloc(0) }]];
		for (const { adapter, io } of hosts) {
			io.emit('event', 1, ...bytes);
			adapter.addSockets({ rooms: new Set([ids[0], ids[3]]) }, ['r']);
			io.to('r').emit('event', 2);
			for (const [i, got] of (await settle(hosts, visitors)).entries())
				assert.deepEqual(got, [0, 3].includes(ids.indexOf(visitors[i].id)) ?
					[[1, ...bytes], [2]] : [[1, ...bytes]]);
			assert.deepEqual((await adapter.clients(['r'])).sort(), [ids[0], ids[3]]);
			adapter.delSockets({ rooms: [] }, ['r']);
			const sockets = await adapter.fetchSockets({ rooms: new Set(), except: new Set() });
			assert.deepEqual(sockets.map(({ id }) => id).sort(), ids);
		}
		for (const { socket } of visitors)
			socket.on('ask', (cb) => cb(1));
		const answers = await within(new Promise((resolve, reject) => {
			hosts[0].io.timeout(60_000).emit('ask', (error, list) => (error ? reject(error) : resolve(list)));
		}), 'answers');
		assert.deepEqual(answers, [1, 1, 1, 1]);
	});

	test('one that is given to several servers gives each a connection', async (t) => {
		const { daemon } = await ground(t);
		const adapter = pm2Adapter({ socket: daemon.socket });
		const hosts = [];
		for (const version of [4.8, 2, 4.5])
			hosts.push(await Host.start(t, version, { adapter }));
		await Promise.all(hosts.map(({ client }) => within(client.ready(), 'connection')));
		assert.equal(hosts[0].client, adapter.client);
		assert.equal(new Set(hosts.map(({ client }) => client)).size, 3);
		hosts.forEach(({ io }) => io.of('/other'));
		assert.ok(hosts.every(({ io, client }) => io.of('/other').adapter.client === client));
		const visitors = await Promise.all(hosts.map((host) => host.visit()));
		hosts[1].io.emit('event', 'from the second');
		assert.deepEqual(await settle(hosts, visitors), Array(3).fill([['from the second']]));
		assert.equal(await hosts[0].adapter.serverCount(), 3);
	});
});

describe('versions beside each other', PATIENT, () => {
	let hosts;
	let visitors;
	const cleanups = [];

	before(async () => {
		({ hosts } = await ground({ after: (fn) => cleanups.unshift(fn) }, 4.8, 4.5, 2));
		visitors = await Promise.all(hosts.map((host) => host.visit()));
		for (const [i, { adapter }] of hosts.entries())
			adapter.customHook = (data, cb) => cb({ i, data });
	});

	after(async () => {
		for (const cleanup of cleanups)
			await cleanup();
	});

	test('events of all kinds', async () => {
		const values = [1, 'two', { three: [4] }, Buffer.from('five'), [{ deep: Buffer.alloc(0) }], null];
		for (const { io } of hosts) {
			io.emit('event', ...values);
			for (const got of await settle(hosts, visitors))
				assert.deepEqual(got, [values]);
		}
	});

	test('rooms, and but for rooms', async () => {
		await hosts[1].adapter.remoteJoin(visitors[2].id, 'r');
		for (const i of [0, 1]) {
			hosts[i].io.to('r').emit('event', 'in');
			hosts[i].io.except('r').emit('event', 'out');
			assert.deepEqual(await settle(hosts, visitors), [[['out']], [['out']], [['in']]]);
		}
		visitors[2].peer.broadcast.emit('event', 'others');
		assert.deepEqual(await settle(hosts, visitors), [[['others']], [['others']], []]);
		await hosts[0].adapter.remoteLeave(visitors[2].id, 'r');
	});

	test('questions', async () => {
		const ids = visitors.map(({ id }) => id).sort();
		for (const { adapter, version } of hosts) {
			assert.deepEqual((await adapter.clients()).sort(), ids, version);
			assert.deepEqual([...await adapter.sockets(new Set())].sort(), ids);
			assert.deepEqual([...await adapter.allRooms()].sort(), ids);
			assert.deepEqual((await adapter.customRequest(Buffer.from('x'))).sort((a, b) => a.i - b.i),
				[0, 1, 2].map((i) => ({ i, data: Buffer.from('x') })));
			for (const { id } of visitors)
				assert.deepEqual(await adapter.clientRooms(id), [id]);
			const sockets = await adapter.fetchSockets({ rooms: new Set(), except: new Set() });
			assert.deepEqual(sockets.map(({ id }) => id).sort(), ids);
			assert.ok(sockets.every(({ handshake }) => handshake.url.startsWith('/socket.io/')));
			assert.equal(await adapter.serverCount(), 3);
		}
	});

	test('commands, of the adapter of 2 as well', async () => {
		for (const { adapter } of hosts) {
			adapter.addSockets({ rooms: new Set(visitors.map(({ id }) => id)) }, ['x']);
			assert.equal((await adapter.clients(['x'])).length, 3);
			adapter.delSockets({ rooms: ['x'], except: [visitors[0].id] }, ['x']);
			assert.deepEqual(await adapter.clients(['x']), [visitors[0].id]);
			adapter.delSockets({ rooms: [] }, ['x']);
			assert.deepEqual(await adapter.clients(['x']), []);
		}
	});

	test('serverSideEmit', async () => {
		for (const host of hosts) {
			const heard = hosts.filter((other) => other !== host)
				.map(({ io }) => next(io.of('/'), 'told'));
			host.adapter.serverSideEmit(['told', 7]);
			assert.deepEqual(await Promise.all(heard), [[7], [7]]);
		}
		hosts[2].io.of('/').on('asked', (value, cb) => cb(value + 1));
		assert.deepEqual(await hosts[0].io.serverSideEmitWithAck('asked', 7), [8]);
	});

	test('an acknowledged broadcast asks the clients of all', async () => {
		for (const { socket } of visitors)
			socket.on('ask', (cb) => cb(1));
		const answers = await within(new Promise((resolve, reject) => {
			hosts[0].io.timeout(60_000).emit('ask', (error, list) => (error ? reject(error) : resolve(list)));
		}), 'answers');
		assert.deepEqual(answers, [1, 1, 1]);
		assert.equal(hosts[0].adapter.ackRequests.size, 0);
	});

	test('a room that a version can\'t have is refused there, and ends nobody', async () => {
		const told = [];
		hosts[2].adapter.client.on('receive_error', (error) => told.push(error.code));
		for (const room of ['constructor', '__proto__'])
			await assert.rejects(hosts[0].adapter.remoteJoin(visitors[2].id, room));
		assert.ok(told.length >= 2);
		assert.deepEqual(await hosts[0].adapter.clientRooms(visitors[2].id), [visitors[2].id]);
	});

	test('one socket whose data can\'t be encoded hides no other', async () => {
		const { adapter, io } = hosts[0];
		const socket = io.of('/').sockets.get(visitors[0].id);
		socket.data = { big: 1n };
		adapter.client.once('receive_error', () => {});
		const found = await hosts[1].adapter.fetchSockets({ rooms: new Set(), except: new Set() });
		assert.deepEqual(found.map(({ id }) => id).sort(), visitors.map(({ id }) => id).sort());
		socket.data = {};
	});

	test('a namespace whose topic was that of a room first has its members', async () => {
		await hosts[0].adapter.remoteJoin(visitors[0].id, 'late');
		const [late, other] = hosts.slice(0, 2).map(({ io }) => io.of('/#late').adapter);
		await Promise.all([late, other].map(({ client }) => client.barrier()));
		await until(async () => await late.serverCount() === 2 && await other.serverCount() === 2,
			'both members');
		late.customHook = (data, cb) => cb('here');
		assert.deepEqual(await other.customRequest(1), [null, 'here']);
	});
});

describe('Socket.IO 2', PATIENT, () => {
	const joined = (peer, room) => within(new Promise((resolve) => { peer.join(room, resolve); }), 'join');
	const left = (peer, room) => within(new Promise((resolve) => { peer.leave(room, resolve); }), 'leave');

	test('who gets a broadcast', async (t) => {
		const { hosts } = await ground(t, 2, 2);
		const visitors = [];
		for (const host of [hosts[0], hosts[0], hosts[1], hosts[1]])
			visitors.push(await host.visit());
		for (const [room, numbers] of [['r', [1, 2]], ['s', [2, 3]], [7, [3]]])
			for (const i of numbers)
				await joined(visitors[i].peer, room);
		const reached = async () => (await settle(hosts, visitors)).map((got) => got.length);
		const { io } = hosts[0];
		io.to('r').emit('event');
		assert.deepEqual(await reached(), [0, 1, 1, 0]);
		io.to('r').to('s').emit('event');
		assert.deepEqual(await reached(), [0, 1, 1, 1]);
		io.to(7).emit('event');
		assert.deepEqual(await reached(), [0, 0, 0, 1]);
		visitors[2].peer.to('s').emit('event');
		assert.deepEqual(await reached(), [0, 0, 0, 1]);
		visitors[2].peer.broadcast.emit('event');
		assert.deepEqual(await reached(), [1, 1, 0, 1]);
		io.local.emit('event');
		assert.deepEqual(await reached(), [1, 1, 0, 0]);
		io.volatile.to(visitors[3].id).emit('event');
		assert.deepEqual(await reached(), [0, 0, 0, 1]);
		await left(visitors[2].peer, 'r');
		io.to('r').emit('event');
		assert.deepEqual(await reached(), [0, 1, 0, 0]);
	});

	test('binary data is so for all, also where it was said to be none', async (t) => {
		const { hosts } = await ground(t, 2, 2);
		const visitors = [await hosts[0].visit(), await hosts[1].visit()];
		const emits = [
			(io, bytes) => io.emit('event', { deep: [bytes] }, bytes),
			(io, bytes) => io.binary(true).emit('event', bytes),
			(io, bytes) => io.binary(false).emit('event', bytes),
		];
		for (const emit of emits) {
			emit(hosts[0].io, Buffer.from([0, 0xff]));
			const [local, remote] = await settle(hosts, visitors);
			assert.equal(local.length, 1);
			assert.deepEqual(remote, local);
		}
	});

	test('namespaces', async (t) => {
		const { hosts } = await ground(t, 2, 2);
		hosts.forEach(({ io }) => ['/a', '/b'].forEach((nsp) => io.of(nsp)));
		const visitors = await Promise.all(['/', '/a', '/b'].map((nsp) => hosts[1].visit(nsp)));
		for (const [i, nsp] of ['/', '/a', '/b'].entries()) {
			hosts[0].io.of(nsp).emit('event', nsp);
			await until(() => visitors[i].got.length === 1, 'message');
		}
		await ended(hosts);
		assert.deepEqual(visitors.map(({ got }) => got), [[['/']], [['/a']], [['/b']]]);
	});

	test('rooms have topics as long as somebody is in them', async (t) => {
		const { daemon, hosts } = await ground(t, 2);
		const visitors = [await hosts[0].visit(), await hosts[0].visit()];
		const topics = async () => {
			await ended(hosts);
			return (await daemon.statsAsync()).topics.map(({ topic }) => topic)
				.filter((topic) => topic.startsWith('socket.io#/#'))
				.map((topic) => topic.slice('socket.io#/#'.length, -1)).sort();
		};
		const ids = visitors.map(({ id }) => id);
		await joined(visitors[0].peer, ['r', 's', 's', 7]);
		await joined(visitors[1].peer, 'r');
		assert.deepEqual(await topics(), ['', ...ids, '7', 'r', 's'].sort());
		await left(visitors[0].peer, 's');
		await left(visitors[0].peer, 'nowhere');
		await left(visitors[0].peer, 'r');
		assert.deepEqual(await topics(), ['', ...ids, '7', 'r'].sort());
		const gone = next(visitors[0].peer, 'disconnect');
		visitors[0].socket.disconnect();
		await gone;
		assert.deepEqual(await topics(), ['', ids[1], 'r'].sort());
		hosts[0].adapter.delAll('nobody');
		await new Promise((resolve) => { hosts[0].adapter.delAll(ids[1], resolve); });
		assert.deepEqual(await topics(), ['']);
	});

	test('what a socket notes of its rooms is what it has done last', async (t) => {
		const { hosts } = await ground(t, 2);
		const { peer } = await hosts[0].visit();
		for (let n = 0; n < 50; n++) {
			peer.join(`left ${n}`);
			peer.leave(`left ${n}`);
			peer.join(`kept ${n}`);
			await joined(peer, 'last');
			assert.deepEqual(Object.keys(peer.rooms).sort(), [peer.id, `kept ${n}`, 'last'].sort());
			peer.leave(`kept ${n}`);
			await left(peer, 'last');
		}
		const calls = [];
		hosts[0].adapter.add('x', 'a', () => calls.push(1));
		hosts[0].adapter.addAll('x', ['a'], () => calls.push(2));
		hosts[0].adapter.del('x', 'a', () => calls.push(3));
		hosts[0].adapter.delAll('x', () => calls.push(4));
		await new Promise((resolve) => { hosts[0].adapter.add('y', 'b', resolve); });
		hosts[0].adapter.delAll('y', () => calls.push(5));
		await until(() => calls.length === 5, 'callbacks');
		assert.deepEqual(calls, [1, 2, 3, 4, 5]);
	});

	test('who has joined is reached by whoever hears of it', async (t) => {
		const { hosts } = await ground(t, 2, 2);
		const { got, peer } = await hosts[1].visit();
		for (let n = 0; n < 500; n++) {
			await joined(peer, `r ${n}`);
			hosts[0].io.to(`r ${n}`).emit('event', n);
			await until(() => got.length === n + 1, 'message');
			peer.leave(`r ${n}`);
		}
	});

	test('without a daemon sockets join, and hear what is local', async (t) => {
		const { daemon, hosts } = await ground(t, 2);
		await daemon.kill();
		const { got, id, peer } = await hosts[0].visit();
		await joined(peer, 'r');
		assert.deepEqual(Object.keys(peer.rooms).sort(), [id, 'r'].sort());
		hosts[0].io.to('r').emit('event', 1);
		await until(() => got.length === 1, 'message');
	});

	test('a client that is gone is neither joined nor listed', async (t) => {
		const { hosts } = await ground(t, 2, 2);
		const { id, peer, socket } = await hosts[1].visit();
		const gone = next(peer, 'disconnect');
		socket.disconnect();
		await gone;
		await assert.rejects(hosts[0].adapter.remoteJoin(id, 'r'), { code: 'PM2A_ERR_UNKNOWN' });
		assert.deepEqual(await hosts[0].adapter.clients(), []);
	});
});
