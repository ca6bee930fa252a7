'use strict';

/*
 * When the subscriptions to rooms leave the worker, what waits for them, and what rooms and
 * namespaces cost.
 */

const assert = require('assert/strict');
const { execFileSync } = require('child_process');
const http = require('http');
const { describe, test } = require('node:test');

const { io: connect4 } = require('socket.io-client');
const connect2 = require('socket.io-client-2');

const { BINARY, Daemon } = require('../../support/daemon');
const { FakeDaemon, TYPE } = require('../support/fake-daemon');
const { MAJORS, MajorServer } = require('../support/majors');
const { Servers } = require('../support/servers');
const { until, within } = require('../../support/wait');

const PATIENT = { timeout: 120_000 };
const CONNECT = { 2: connect2, 4: connect4 };
const SETTLE_MS = 50; // until the transport is idle: without it, the test finds less
const REACH = 16 * 1024; // bytes that need no PONG

const turn = () => new Promise((resolve) => { setImmediate(resolve); });

function follow(promise) {
	const state = { isFulfilled: false };
	state.promise = promise.then(() => { state.isFulfilled = true; });
	return state;
}

/* Blocks this process, so the daemon knows only subscriptions that were written before. */
function subscriptionsAt({ socket }) {
	const line = ['--socket', socket, '--stats', 'overview', '--json'];
	return JSON.parse(execFileSync(BINARY, line, { encoding: 'utf8' })).overview.subscriptions;
}

/* A server at a daemon that only listens, and the sockets of two clients of it. */
async function atFake(t, options) {
	const daemon = await FakeDaemon.start(options);
	t.after(() => daemon.destroy());
	const servers = await Servers.start(daemon.socket, 1);
	t.after(() => servers.close());
	const clients = [await servers.client(0), await servers.client(0)];
	await within(servers.all[0].client.barrier(), 'barrier');
	const [link] = daemon.links;
	return { daemon, servers, link, peers: clients.map(({ peer }) => peer) };
}

describe('joins: what leaves the worker after them', PATIENT, () => {
	test('a tick has one SUBSCRIBE, before whatever else it sends', async (t) => {
		const { servers, link, peers: [peer] } = await atFake(t);
		const before = link.frames.length;
		for (let i = 0; i < 200; i++)
			peer.join(`room-${i}`);
		servers.ios[0].to('room-1').emit('event');
		await link.count('PUBLISH', 1);
		const frames = link.frames.slice(before);
		assert.deepEqual(frames.map(({ name }) => name), ['SUBSCRIBE', 'PUBLISH']);
		assert.equal(frames[0].body.length, 200);
	});

	/* The acknowledgement of a join, and whatever else a client gets. */
	for (const transport of ['websocket', 'polling'])
		for (const major of MAJORS)
			test(`Socket.IO ${major}: what a client gets over ${transport}`, async (t) => {
				const daemon = await Daemon.start();
				t.after(() => daemon.destroy());
				const server = new MajorServer(major, {
					adapter: { socket: daemon.socket }, server: { transports: [transport] },
				});
				t.after(() => server.end());
				server.serve('/');
				await server.listen();
				await within(server.client.ready(), 'daemon');
				const joined = new Promise((resolve) => {
					server.io.on('connection', (socket) => socket.on('enter', () => {
						const before = subscriptionsAt(daemon);
						// Engine.IO emits it when it has handed a packet to the transport.
						socket.conn.once('drain', () => resolve(subscriptionsAt(daemon) - before));
						socket.join('room');
						socket.emit('joined');
					}));
				});
				const socket = CONNECT[major](`http://127.0.0.1:${server.port}`,
					{ transports: [transport] });
				socket.once('connect', () => setTimeout(() => socket.emit('enter'), SETTLE_MS));
				const n = await within(joined, 'connection');
				socket.disconnect();
				assert.ok(n >= 1, 'the room is unknown when the client gets something');
			});

	test('what a client gets from a server with two ports', async (t) => {
		const daemon = await Daemon.start();
		t.after(() => daemon.destroy());
		const servers = await Servers.start(daemon.socket, 1);
		t.after(() => servers.close());
		const { io, client } = servers.all[0];
		const { httpServer: first } = io;
		t.after(() => first.close());
		const second = http.createServer().listen(0, '127.0.0.1');
		io.attach(second, { transports: ['websocket'] }); // its engine is the server's from now on
		const { peer } = await servers.client(0);
		await within(client.barrier(), 'barrier');
		const before = subscriptionsAt(daemon);
		peer.join('room');
		assert.equal(subscriptionsAt(daemon), before);
		peer.emit('joined');
		assert.equal(subscriptionsAt(daemon), before + 1);
	});
});

describe('joins: what an awaited one waits for', PATIENT, () => {
	test('it is fulfilled when the subscription is written, which it was not before', async (t) => {
		const daemon = await Daemon.start();
		t.after(() => daemon.destroy());
		const servers = await Servers.start(daemon.socket, 1);
		t.after(() => servers.close());
		const { peer } = await servers.client(0);
		await within(servers.all[0].client.barrier(), 'barrier');
		const before = subscriptionsAt(daemon);
		const joining = peer.join('room');
		await Promise.resolve();
		assert.equal(subscriptionsAt(daemon), before);
		await joining;
		assert.equal(subscriptionsAt(daemon), before + 1);
	});

	test('as a promise; a join of a room that is subscribed has none', async (t) => {
		const { peers: [peer, other] } = await atFake(t);
		const joining = peer.join('room');
		assert.ok(joining instanceof Promise);
		assert.ok(other.join('room') instanceof Promise, 'that is still on its way');
		const order = [];
		const ends = [joining.then(() => { order.push('then'); }),
			joining.catch(() => {}).finally(() => { order.push('finally'); })];
		order.push('sync');
		await within(Promise.all(ends), 'join');
		assert.deepEqual(order, ['sync', 'then', 'finally']);
		assert.equal(await joining, undefined);
		assert.equal(other.join('room'), undefined);
	});

	/* The other server's message leaves at once; the kernel has it after the join. */
	for (const { title, count, each } of [
		{ title: 'one by one', count: 1500, each: 1 },
		{ title: 'thousands at a time, more than the daemon reads at once', count: 30, each: 6000 },
	])
		test(`a message that is sent after it arrives: ${title}`, async (t) => {
			const daemon = await Daemon.start();
			t.after(() => daemon.destroy());
			const servers = await Servers.start(daemon.socket, 2);
			t.after(() => servers.close());
			const { peer, socket } = await servers.client(0);
			const came = [];
			socket.on('event', (n) => came.push(n));
			for (let n = 0; n < count; n++) {
				const rooms = Array.from({ length: each }, (_, i) => `room ${n} ${i}`);
				await peer.join(rooms);
				servers.ios[1].to(rooms.at(-1)).emit('event', n);
				servers.all[1].client.flush();
			}
			await until(() => came.at(-1) === count - 1, 'the last message');
			assert.deepEqual(came, Array.from({ length: count }, (_, n) => n));
		});

	test('and by a PONG, if the daemon may not read it at once', async (t) => {
		const { daemon, link, peers: [peer, other] } = await atFake(t);
		daemon.answersPings = false;
		const pings = link.named('PING').length;
		const first = follow(peer.join('x'.repeat(REACH / 8)));
		await within(first.promise, 'join within reach');
		const rooms = Array.from({ length: 16 }, (_, i) => `${i}`.padEnd(REACH / 8, 'x'));
		const second = follow(peer.join(rooms));
		const list = await link.count('PING', pings + 1);
		const third = follow(other.join(rooms[0]));
		await turn();
		assert.deepEqual([second.isFulfilled, third.isFulfilled], [false, false]);
		link.frame(TYPE.PONG, 0, '', list.at(-1).body);
		await within(Promise.all([second.promise, third.promise]), 'joins');
	});

	test('and by a PONG, behind a question that the daemon may work on', async (t) => {
		const { daemon, servers, link, peers: [peer] } = await atFake(t);
		daemon.answersPings = false;
		const pings = link.named('PING').length;
		servers.all[0].client.ask('topic', Buffer.from('question')).catch(() => {});
		const joined = follow(peer.join('room'));
		const list = await link.count('PING', pings + 1);
		assert.equal(joined.isFulfilled, false);
		link.frame(TYPE.PONG, 0, '', list.at(-1).body);
		await within(joined.promise, 'join');
	});

	test('thousands, each awaited by itself, need few PONGs', async (t) => {
		const { link, peers: [peer] } = await atFake(t);
		const pings = link.named('PING').length;
		for (let i = 0; i < 2000; i++)
			await peer.join(`room-${i}`);
		await until(() => link.named('SUBSCRIBE').at(-1).body.includes('socket.io#/#room-1999#'), 'rooms');
		assert.ok(link.named('PING').length - pings < 20, `${link.named('PING').length} PINGs`);
	});

	test('the end of the connection fulfils it', async (t) => {
		const { daemon, link, peers: [peer] } = await atFake(t);
		daemon.answersPings = false;
		const joined = peer.join(Array.from({ length: 16 }, (_, i) => `${i}`.padEnd(REACH / 8, 'x')));
		await link.count('PING', 2);
		link.socket.destroy();
		await within(joined, 'join');
	});
});

describe('joins: rooms that share a topic', PATIENT, () => {
	async function rooms(t, ...namespaces) {
		const { servers, link } = await atFake(t);
		for (const name of namespaces)
			servers.ios[0].of(name);
		const named = (name) => link.named(name).flatMap(({ body }) => body);
		return { io: servers.ios[0], servers, named };
	}

	test('a number and its text: the last one unsubscribes', async (t) => {
		const { io, servers, named } = await rooms(t);
		const { peer } = await servers.client(0);
		for (const room of [1, '1', -0.5, '-0.5', NaN, 'NaN', Infinity, 'Infinity'])
			peer.join(room);
		for (const room of [1, '-0.5', NaN, 'Infinity'])
			peer.leave(room);
		peer.join('fence');
		peer.leave('fence');
		await until(() => named('UNSUBSCRIBE').length > 0, 'leave');
		assert.deepEqual(named('UNSUBSCRIBE'), ['socket.io#/#fence#']);
		for (const room of ['1', -0.5, 'NaN', Infinity])
			peer.leave(room);
		await until(() => named('UNSUBSCRIBE').length > 1, 'leaves');
		assert.deepEqual(named('UNSUBSCRIBE').slice(1),
			['1', '-0.5', 'NaN', 'Infinity'].map((room) => `socket.io#/#${room}#`));
		assert.ok(io);
	});

	test('rooms of two namespaces: the last one unsubscribes, and closing is leaving', async (t) => {
		const { io, servers, named } = await rooms(t, '/a', '/a#b');
		const { peer } = await servers.client(0, { nsp: '/a' });
		const { peer: twin } = await servers.client(0, { nsp: '/a#b' });
		peer.join('b#c');
		twin.join('c');
		twin.leave('c');
		peer.join('fence');
		peer.leave('fence');
		await until(() => named('UNSUBSCRIBE').length > 0, 'leave');
		assert.deepEqual(named('UNSUBSCRIBE'), ['socket.io#/a#fence#']);
		twin.join('c');
		io.of('/a').adapter.close();
		await until(() => named('UNSUBSCRIBE').includes('socket.io#/a#'), 'close');
		assert.ok(!named('UNSUBSCRIBE').includes('socket.io#/a#b#c#'));
		twin.leave('c');
		await until(() => named('UNSUBSCRIBE').at(-1) === 'socket.io#/a#b#c#', 'leave');
	});
});

/* µs of CPU that each of `n` namespaces takes to close, the last ones of `all`. */
function closing(io, all, n) {
	for (let i = 0; i < all; i++)
		io.of(`/${all}-${i}`);
	const before = process.cpuUsage();
	for (let i = all - n; i < all; i++)
		io.of(`/${all}-${i}`).adapter.close();
	const { user, system } = process.cpuUsage(before);
	return (user + system) / n;
}

describe('what rooms and namespaces cost', PATIENT, () => {
	test('closing a namespace among many costs as much as among few', async (t) => {
		const { servers } = await atFake(t);
		const ratios = [];
		for (let i = 0; i < 3 && !(Math.min(...ratios) < 4); i++) {
			const few = closing(servers.ios[0], 200, 200);
			const many = closing(servers.ios[0], 8000, 200);
			for (const [name, nsp] of servers.ios[0]._nsps)
				if (name !== '/') {
					nsp.adapter.close();
					servers.ios[0]._nsps.delete(name);
				}
			ratios.push(many / few);
		}
		assert.ok(Math.min(...ratios) < 4, `ratios ${ratios}`);
	});
});
