'use strict';

/*
 * Broadcasts between workers, as their clients see them: byte for byte what those of the sender
 * see, whoever listens, and whatever the transport, the version and the parser.
 */

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { encode } = require('notepack.io');
const { Manager } = require('socket.io-client');
const { Manager: Manager2 } = require('socket.io-client-2');

const { createEmitter } = require('../../../src/node');
const { Client } = require('../../../src/node/lib/client/client');
const { Daemon } = require('../../support/daemon');
const { MAJORS, MajorServer } = require('../support/majors');
const parser = require('../support/parser');
const typedParser = require('../support/typed-parser');
const { RawSocket } = require('../support/raw-socket');
const { next, until, within } = require('../../support/wait');

const PATIENT = { timeout: 120_000 };
const MANAGERS = { 4: Manager, 2: Manager2 };
const FENCE = 'fence';

/* A daemon, and servers of these majors. */
async function ground(t, majors, options = {}) {
	const daemon = await Daemon.start();
	t.after(() => daemon.destroy());
	const servers = [];
	for (const major of majors) {
		const server = new MajorServer(major, { ...options, adapter: { socket: daemon.socket } });
		t.after(() => server.end());
		await server.listen();
		servers.push(server);
	}
	await Promise.all(servers.map(({ client }) => within(client.ready(), 'connection')));
	return { daemon, servers };
}

/* A raw client for each server. */
function visitAll(t, servers, options) {
	return Promise.all(servers.map(({ major, port }) => RawSocket.connect(t, major, port, options)));
}

/* Returns the messages of the first server's earlier emits, for each raw client. */
async function settle([first], raws) {
	await within(first.client.barrier(), 'barrier');
	first.io.emit(FENCE);
	const isFence = (text) => text.includes(`"${FENCE}"`);
	await until(() => raws.every(({ got }) => got.some(isFence)), 'last message');
	return raws.map(({ got }) => got.splice(0).filter((text) => !isFence(text)));
}

/* Counts calls of the encoders of servers. */
function countEncodings(servers) {
	return servers.map(({ io }) => {
		const { encoder } = io.of('/').adapter;
		const count = { n: 0 };
		const own = encoder.encode;
		encoder.encode = function counted(...args) {
			count.n++;
			return own.apply(this, args);
		};
		return count;
	});
}

/* A small generator of numbers, so that a run that fails can be had again. */
function numbers(seed) {
	let state = seed;
	return (below) => {
		state ^= state << 13;
		state ^= state >>> 17;
		state ^= state << 5;
		return (state >>> 0) % below;
	};
}

const LEAVES = [
	() => null, () => true, () => -1.5e-7, () => 2 ** 60, () => '', () => 'ä日🎉\u0000\u2028"\\',
	() => 'x'.repeat(200), () => 'y'.repeat(70_000), () => undefined, () => new Date(7), () => NaN,
	() => '\ud800', () => ({ toJSON: () => ({ own: 'JSON' }) }), () => Buffer.from([1, 2, 3]),
	() => new Uint8Array(300).fill(9), () => Buffer.alloc(0), () => ({ _placeholder: false }),
];

function valueOf(random, depth) {
	const kind = depth > 3 ? 0 : random(4);
	if (kind === 2)
		return Array.from({ length: random(4) }, () => valueOf(random, depth + 1));
	if (kind === 3)
		return Object.fromEntries(Array.from({ length: random(4) },
			(_, i) => [`k${i} ü`, valueOf(random, depth + 1)]));
	return LEAVES[random(LEAVES.length)]();
}

describe('broadcasts: byte for byte what the sender\'s clients get', PATIENT, () => {
	for (const major of MAJORS)
		for (const listens of major === 4 ? [false, true] : [false])
			test(`Socket.IO ${major}${listens ? ', with listeners' : ''}`, async (t) => {
				const { servers } = await ground(t, [major, major]);
				const raws = await visitAll(t, servers);
				const heard = [];
				if (listens)
					for (const { io } of servers)
						for (const peer of io.of('/').sockets.values())
							peer.onAnyOutgoing((...args) => heard.push(args));
				const random = numbers(0x2545f491);
				for (let n = 0; n < 60; n++)
					servers[0].io.emit(`event ${n}`, valueOf(random, 0), valueOf(random, 0));
				const [local, remote] = await settle(servers, raws);
				assert.deepEqual(remote, local);
				assert.ok(local.length >= 60);
				assert.ok(local.some((text) => text.startsWith('binary')), 'some are binary');
				assert.equal(heard.length, listens ? 2 * 61 : 0);
			});

	test('between versions 2 and 4, either way', async (t) => {
		const { servers } = await ground(t, [4, 2]);
		const raws = await visitAll(t, servers);
		for (const sender of [servers, servers.toReversed?.() ?? [...servers].reverse()]) {
			for (const value of ['ä', 1.5, { a: [1] }, null])
				sender[0].io.emit('event', value);
			const [a, b] = await settle(sender, raws);
			assert.deepEqual(a, b);
			assert.equal(a.length, 4);
		}
	});

	test('with rooms, exceptions and flags', async (t) => {
		const { servers } = await ground(t, [4, 4]);
		const raws = await visitAll(t, servers);
		const [own, others] = servers;
		for (const { io } of servers)
			for (const peer of io.of('/').sockets.values()) {
				await peer.join(['r', 'ü'.repeat(100)]);
				if (io === others.io)
					await peer.join('theirs');
			}
		own.io.to('r').emit('to r');
		own.io.to(['r', 'none']).emit('to r or none');
		own.io.to('ü'.repeat(100)).emit('to ü');
		own.io.to('none').emit('to none');
		own.io.except('theirs').emit('not theirs');
		own.io.to('theirs').except('r').emit('nobody');
		own.io.compress(false).emit('not compressed');
		own.io.local.emit('local');
		const [local, remote] = (await settle(servers, raws)).map((texts) =>
			texts.map((text) => JSON.parse(text.slice(2))[0]));
		const both = ['to r', 'to r or none', 'to ü'];
		assert.deepEqual(local, [...both, 'not theirs', 'not compressed', 'local']);
		assert.deepEqual(remote, [...both, 'not compressed']);
	});

	test('volatile ones, where nothing is being written', async (t) => {
		const { servers } = await ground(t, [4, 4]);
		const raws = await visitAll(t, servers);
		await settle(servers, raws);
		servers[0].io.volatile.emit('volatile');
		await until(() => raws.every(({ got }) => got.length === 1), 'message');
		assert.deepEqual(raws.map(({ got }) => got[0]), Array(2).fill('42["volatile"]'));
	});
});

describe('broadcasts: what is done for them', PATIENT, () => {
	for (const major of MAJORS)
		test(`Socket.IO ${major}: the sender encodes once, the others don't, nor do they decode`,
			async (t) => {
				const { servers } = await ground(t, [major, major]);
				const raws = await visitAll(t, servers);
				servers[0].io.emit('first'); // the receiver has looked at its parser
				await settle(servers, raws);
				const [sender, receiver] = countEncodings(servers);
				const parse = t.mock.method(JSON, 'parse');
				servers[0].io.emit('event', { a: 1 });
				servers[0].io.emit('event', Buffer.from('x'));
				await settle(servers, raws);
				assert.deepEqual([sender.n, receiver.n], [3, 0]);
				assert.equal(parse.mock.callCount(), 0);
			});

	test('a packet is decoded once for all who listen', async (t) => {
		const { servers } = await ground(t, [4, 4]);
		const raws = [...await visitAll(t, servers), ...await visitAll(t, servers)];
		const heard = [];
		for (const peer of servers[1].io.of('/').sockets.values())
			peer.onAnyOutgoing((...args) => heard.push(args));
		const parse = t.mock.method(JSON, 'parse');
		servers[0].io.emit('event', { a: 1 }, Buffer.from('x'));
		const got = await settle(servers, raws);
		assert.equal(parse.mock.callCount(), 2); // and the fence
		assert.deepEqual(heard.slice(0, 2), Array(2).fill(['event', { a: 1 }, Buffer.from('x')]));
		assert.deepEqual(got[1], got[0]);
	});

	test('nothing is decoded where nobody is', async (t) => {
		const { servers } = await ground(t, [4, 4]);
		const [raw] = await visitAll(t, servers.slice(0, 1));
		const [, receiver] = countEncodings(servers);
		servers[0].io.emit('event');
		await settle(servers, [raw]);
		const { client } = servers[1];
		await until(() => client.stats.received === 2, 'messages');
		assert.equal(receiver.n, 0);
		assert.equal(client.stats.malformed, 0);
	});

	for (const name of ['connectionStateRecovery', 'none'])
		test(`no offset is added: ${name}`, async (t) => {
			const server = name === 'none' ? {} : { connectionStateRecovery: {} };
			const { servers } = await ground(t, [4, 4], { server });
			const raws = await visitAll(t, servers);
			servers[0].io.emit('event', 1);
			for (const peer of servers[1].io.of('/').sockets.values())
				peer.emit('own', 2);
			const [local, remote] = await settle(servers, raws);
			assert.deepEqual(local, ['42["event",1]']);
			assert.deepEqual(remote.sort(), ['42["event",1]', '42["own",2]']);
		});
});

/* Each of these must get the same as everybody. */
describe('broadcasts: ways to clients', PATIENT, () => {
	const VALUES = ['text ä', { a: [1, null] }, Buffer.from([1, 2, 3])];

	async function gets(t, { servers, major, options }) {
		const { port } = servers[1];
		const manager = new MANAGERS[major](`http://127.0.0.1:${port}`,
			{ reconnection: false, ...options });
		const socket = manager.socket('/');
		t.after(() => socket.disconnect());
		const got = [];
		socket.on('event', (value) => got.push(value));
		await next(socket, 'connect');
		for (const value of VALUES)
			servers[0].io.emit('event', value);
		await until(() => got.length === VALUES.length, 'messages');
		assert.deepEqual(got.slice(0, 2), VALUES.slice(0, 2));
		assert.deepEqual(Buffer.from(got[2]), VALUES[2]);
		assert.equal(manager.engine.transport.name, options.transports[0]);
	}

	for (const major of MAJORS) {
		test(`long polling, Socket.IO ${major}`, async (t) => {
			const { servers } = await ground(t, [4, major],
				{ server: { transports: ['polling', 'websocket'] } });
			await gets(t, { servers, major, options: { transports: ['polling'] } });
		});

		test(`WebSocket, Socket.IO ${major}`, async (t) => {
			const { servers } = await ground(t, [major === 4 ? 2 : 4, major]);
			await gets(t, { servers, major, options: { transports: ['websocket'] } });
		});
	}

	test('a client with compression gets it compressed, one without does not', async (t) => {
		const { servers } = await ground(t, [4, 4],
			{ server: { perMessageDeflate: { threshold: 0 } } });
		const { port } = servers[1];
		const raws = [await RawSocket.connect(t, 4, port),
			await RawSocket.connect(t, 4, port, { perMessageDeflate: false })];
		const before = raws.map(({ bytes }) => bytes);
		servers[0].io.emit('event', 'x'.repeat(20_000));
		const got = await settle(servers, raws);
		const [small, large] = raws.map(({ bytes }, i) => bytes - before[i]);
		assert.deepEqual(got[0], [`42["event","${'x'.repeat(20_000)}"]`]);
		assert.deepEqual(got[1], got[0]);
		assert.ok(small < 1000, `${small} bytes`);
		assert.ok(large > 20_000, `${large} bytes`);
	});
});

/* Two servers with parsers, and a client of each. */
async function mixed(t, parsers) {
	const daemon = await Daemon.start();
	t.after(() => daemon.destroy());
	const servers = [];
	const clients = [];
	for (const own of parsers) {
		const options = own === null ? {} : { parser: own };
		const server = new MajorServer(4,
			{ adapter: { socket: daemon.socket }, server: options });
		t.after(() => server.end());
		await server.listen();
		await within(server.client.ready(), 'connection');
		servers.push(server);
		const socket = new Manager(`http://127.0.0.1:${server.port}`,
			{ transports: ['websocket'], ...options }).socket('/');
		t.after(() => socket.disconnect());
		const got = [];
		socket.on('event', (...args) => got.push(args));
		await next(socket, 'connect');
		clients.push({ socket, got });
	}
	return { servers, clients };
}

describe('broadcasts: parsers of the application\'s own', PATIENT, () => {
	for (const [name, parsers] of Object.entries({
		'from Socket.IO\'s to another': [null, parser],
		'from another to Socket.IO\'s': [parser, null],
		'both of another': [parser, parser],
	}))
		test(name, async (t) => {
			const { servers, clients } = await mixed(t, parsers);
			servers[0].io.emit('event', { a: 'ä' }, [1, null]);
			servers[0].io.emit('event', Buffer.from([1, 2]));
			await until(() => clients.every(({ got }) => got.length === 2), 'messages');
			for (const { got: [values, [bytes]], socket } of clients) {
				assert.deepEqual(values, [{ a: 'ä' }, [1, null]]);
				assert.deepEqual([...new Uint8Array(Buffer.from(bytes))], [1, 2]);
				assert.ok(socket.connected);
			}
		});
});

describe('broadcasts: ArrayBuffers and their views', PATIENT, () => {
	const VALUES = [
		Buffer.of(1, 2), new Uint8Array([1, 2]).buffer, new Uint8Array([1, 2]).subarray(1),
		new Uint16Array([1, 2]), new DataView(new ArrayBuffer(3), 1), new ArrayBuffer(1), new ArrayBuffer(8),
		new ArrayBuffer(300), new ArrayBuffer(70_000),
	];
	const shown = (value) => [Object.prototype.toString.call(value), Buffer.from(value).toString('hex')];

	test('the clients of other workers get what those of the own one get', async (t) => {
		const { servers, clients } = await mixed(t, [typedParser, typedParser]);
		servers[0].io.emit('event', ...VALUES);
		for (const { socket } of clients)
			socket.on('question', (...args) => args.pop()(args.map(shown)));
		const answers = await servers[0].io.timeout(60_000).emitWithAck('question', ...VALUES);
		await until(() => clients.every(({ got }) => got.length === 1), 'messages');
		const [own, other] = clients.map(({ got }) => got[0].map(shown));
		assert.equal(own[0][0], '[object Uint8Array]');
		assert(own.slice(1).every(([kind]) => kind === '[object ArrayBuffer]'));
		assert.deepEqual(other, own);
		assert.deepEqual(answers, [own, own]);
	});
});

describe('broadcasts: encoded by others', PATIENT, () => {
	const TOPIC = 'socket.io#/#';
	const GOOD = '2["good"]';

	test('what is no event ends nobody and is counted, whatever comes behind it arrives', async (t) => {
		const { daemon, servers } = await ground(t, [4, 2]);
		const raws = await visitAll(t, servers);
		const client = new Client({ socket: daemon.socket, name: 'raw', role: 'emitter' });
		t.after(() => client.destroy());
		client.connect();
		await within(client.ready(), 'connection');
		const x = Buffer.from('x');
		const bad = [
			['raw', null], ['raw', null, null], ['raw', null, null, 7], ['raw', null, null, x],
			['raw', null, null, ''], ['raw', null, null, '2["disconnect"]'], ['raw', null, null, '1'],
			['raw', null, null, '0'], ['raw', null, null, '4"error"'], ['raw', null, null, '3["a"]'],
			['raw', null, null, '51-["a"]'], ['raw', null, null, '2["a"]', x],
			['raw', null, null, '52-["a"]', x], ['raw', null, null, '51-["a"]', 'x'],
			['raw', null, 'all', GOOD], ['raw', null, ['a'], GOOD], ['raw', null, [[], [], 7], GOOD],
			['raw', 7, null, GOOD], ['raw', 'packet', null, GOOD], ['raw', [], null, GOOD],
		].map(encode);
		const good = encode(['raw', null, null, GOOD]);
		for (let n = 1; n < good.length; n++)
			bad.push(good.subarray(0, n));
		bad.push(Buffer.concat([good, x]), Buffer.from('94a3726177c0c0dbffffffff32', 'hex'));
		for (const body of bad)
			client.publish(TOPIC, body);
		// Of a namespace that has the same topic: not malformed, and not for these.
		client.publish(TOPIC, encode(['raw', null, null, '2/other,["not for these"]']));
		client.publish(TOPIC, good);
		await until(() => raws.every(({ got }) => got.includes(`4${GOOD}`)), 'what is good');
		for (const [i, { client: { stats } }] of servers.entries()) {
			assert.equal(stats.malformed, bad.length);
			assert.equal(stats.errors, 0);
			assert.deepEqual(raws[i].got, [`4${GOOD}`]);
			assert.ok(raws[i].isOpen);
		}
	});

	test('bytes that are no UTF-8 do not end a WebSocket', async (t) => {
		const { daemon, servers } = await ground(t, [4]);
		const [raw] = await visitAll(t, servers);
		const client = new Client({ socket: daemon.socket, name: 'raw', role: 'emitter' });
		t.after(() => client.destroy());
		client.connect();
		await within(client.ready(), 'connection');
		client.publish(TOPIC, Buffer.concat([Buffer.of(0x94), encode('raw'), Buffer.of(0xc0, 0xc0),
			Buffer.of(0xa7), Buffer.from('2["a\xff"]', 'latin1')]));
		await until(() => raw.got.length === 1, 'message');
		assert.deepEqual(raw.got, ['42["a\ufffd"]']);
		assert.ok(raw.isOpen);
	});

	test('JSON that is none is told by who listens', async (t) => {
		const { daemon, servers } = await ground(t, [4]);
		const [raw] = await visitAll(t, servers);
		for (const peer of servers[0].io.of('/').sockets.values())
			peer.onAnyOutgoing(() => {});
		const client = new Client({ socket: daemon.socket, name: 'raw', role: 'emitter' });
		t.after(() => client.destroy());
		client.connect();
		await within(client.ready(), 'connection');
		const told = next(servers[0].client, 'receive_error');
		client.publish(TOPIC, encode(['raw', null, null, '2["a",}]']));
		assert.equal((await told)[0].code, 'PM2A_ERR_RECEIVE');
		assert.ok(raw.isOpen);
		assert.deepEqual(raw.got, []);
	});

	test('the emitters\' form beside it, in order', async (t) => {
		const { daemon, servers } = await ground(t, [4, 2]);
		const raws = await visitAll(t, servers);
		const emitter = createEmitter({ socket: daemon.socket });
		t.after(() => emitter.destroy());
		emitter.emit('event', 1, Buffer.from('x'));
		emitter.emit('event', 2);
		await within(emitter.flush(), 'flush');
		await until(() => raws.every(({ got }) => got.length === 3), 'messages');
		for (const { got } of raws) {
			assert.equal(got[0], '451-["event",1,{"_placeholder":true,"num":0}]');
			assert.equal(got[2], '42["event",2]');
		}
	});

	test('what the bytes of a read become is not changed by the next', async (t) => {
		const { servers } = await ground(t, [4, 4]);
		const messages = [];
		servers[1].client.on('message', (topics, body) => messages.push([topics, body]));
		for (let n = 0; n < 300; n++)
			servers[0].io.emit('event', `${n}`.padStart(1000, '.'));
		await until(() => messages.length === 300, 'messages');
		messages.forEach(([topics, body], n) => {
			assert.deepEqual(topics, [TOPIC]);
			assert.ok(body.toString().endsWith(`.${n}"]`), `message ${n}`);
		});
	});
});
