'use strict';

/*
 * Names that clients or applications choose badly: whatever reaches the writer of frames is judged
 * before, so nothing throws that Socket.IO's own adapter would not throw at the same call, and the
 * clients of this process are served as that serves them.
 */

const assert = require('assert/strict');
const http = require('http');
const { after, before, describe, test } = require('node:test');

const socketIo2 = require('socket.io-2');
const { Server } = require('socket.io');
const { Manager } = require('socket.io-client');
const { Manager: Manager2 } = require('socket.io-client-2');

const pm2Adapter = require('../../../src/node');
const { encodedFrame, senderOf } = require('../../../src/node/lib/socketio/encoded-packet');
const { identity } = require('../../../src/node/lib/client/identity');
const pm2App = require('../../../src/node/pm2');
const { Daemon } = require('../../support/daemon');
const { next, until, within } = require('../../support/wait');

const { Client, Pm2aError, createEmitter, redisPublisher } = pm2Adapter;
const PATIENT = { timeout: 180_000 };
const OPTIONS = { transports: ['websocket'], serveClient: false };
const NOTHING = Buffer.alloc(0);

/* Values as names; made anew for each use. */
const HOSTILE = {
	'nothing': () => '',
	'2 MB': () => 'x'.repeat(2_000_000),
	'65,536 bytes': () => 'y'.repeat(65_536),
	'a border': () => '#',
	'borders': () => 'a#b#',
	'NUL': () => 'a\0b',
	'half a surrogate pair': () => '\ud800',
	'a Symbol': () => Symbol.for('s'),
	'Symbol.iterator': () => Symbol.iterator,
	'a number': () => 7,
	'minus zero': () => -0,
	'a large number': () => 2 ** 70,
	'NaN': () => NaN,
	'Infinity': () => Infinity,
	'a BigInt': () => 10n,
	'__proto__': () => '__proto__',
	'constructor': () => 'constructor',
	'null': () => null,
	'undefined': () => undefined,
	'true': () => true,
	'an object': () => ({}),
	'an object without a prototype': () => Object.create(null),
	'an object that throws': () => ({ toString() { throw new Error('toString'); } }),
	'an object that throws as JSON': () => ({ toJSON() { throw new Error('toJSON'); } }),
	'an empty array': () => [],
	'an array with a Symbol': () => ['a', Symbol('t')],
	'a function': () => () => {},
	'no date': () => new Date(NaN),
};

/* { value } or { error } of act(), to the end of its promise. */
async function outcomeOf(act) {
	try {
		return { value: await act() };
	} catch (error) {
		return { error };
	}
}

/* Rooms are keys of objects on Socket.IO 2; sockets can neither join nor leave others. */
function isKey(value) {
	try {
		return Object.hasOwn({ [value]: 1 }, value);
	} catch {
		return false;
	}
}

/* Throws or rejects with an error of the package's own, or does not. */
async function isOwnError(what, act) {
	const { error } = await outcomeOf(() => within(act(), what));
	assert.ok(error === undefined || error instanceof Pm2aError,
		`${what}: ${error?.stack}`);
	assert.ok(error === undefined || error.message.length < 1000, `${what}: a long message`);
}

const MAJORS = {
	4: {
		serve: (server, options) => new Server(server, { ...OPTIONS, ...options }),
		manager: (url) => new Manager(url, { ...OPTIONS, reconnection: false, forceNew: true }),
	},
	2: {
		serve: (server, options) => socketIo2(server, { ...OPTIONS, ...options }),
		manager: (url) => new Manager2(url, { ...OPTIONS, reconnection: false, forceNew: true }),
	},
};

/* A server with clients. */
class Host {
	#manager;

	static async start(major, options = {}) {
		const host = new Host();
		host.http = http.createServer();
		host.io = MAJORS[major].serve(host.http, options);
		host.#manager = MAJORS[major].manager;
		host.http.listen(0, '127.0.0.1');
		await next(host.http, 'listening');
		return host;
	}

	get adapter() {
		return this.io.of('/').adapter;
	}

	/* { peer, socket, got }: the server's socket, the client's, and its events. */
	async visit(nsp = '/') {
		const come = next(this.io.of(nsp), 'connection');
		const socket = this.#manager(`http://127.0.0.1:${this.http.address().port}`).socket(nsp);
		socket.connect();
		const [peer] = await come;
		await until(() => socket.connected, 'connection');
		const got = [];
		const { onevent } = socket;
		socket.onevent = function keep(packet) { // names of all kinds
			got.push(packet.data);
			onevent.call(this, packet);
		};
		return { peer, socket, got };
	}

	async close() {
		await within(new Promise((resolve) => { this.io.close(resolve); }), 'end of a server');
	}
}

describe('a client that chooses the name of a namespace', PATIENT, () => {
	for (const [limits, args] of [
		['usual limits', []],
		['the largest limit of topics', ['--max-topic', '65535']],
		['the least limits', ['--max-frame', '4096', '--max-topic', '4092']],
	])
		test(`is served, whatever its length, and ends nothing: ${limits}`, async (t) => {
			const daemon = new Daemon({ args });
			t.after(() => daemon.destroy());
			await daemon.start();
			const hosts = [];
			for (let i = 0; i < 2; i++) {
				const host = await Host.start(4, { adapter: pm2Adapter({ socket: daemon.socket }) });
				host.io.of(/^\/.*/s);
				t.after(async () => {
					await host.close();
					host.adapter.client.destroy();
				});
				hosts.push(host);
			}
			await Promise.all(hosts.map(({ adapter }) => within(adapter.client.ready(), 'connection')));
			const { client } = hosts[0].adapter;
			const before = { ...client.stats.droppedFor };
			const refused = [];
			client.on('daemon_error', (error, { code }) => refused.push(code));

			for (const length of [10, 1500, 1800, 3500, 4075, 4084, 4086, 65_524, 65_525, 65_536, 200_000]) {
				const name = `/${'n'.repeat(length - 1)}`;
				const { got, peer, socket } = await hosts[0].visit(name);
				const nsp = hosts[0].io.of(name);
				nsp.emit('event', length);
				nsp.emit('binary', NOTHING);
				nsp.to(peer.id).emit('event', 'room');
				nsp.socketsJoin('r');
				nsp.serverSideEmit('event');
				await until(() => got.length === 3, 'own delivery');
				assert.deepEqual((await nsp.fetchSockets()).map(({ id }) => id), [peer.id]);
				assert.ok(peer.rooms.has('r'));
				assert.equal(await nsp.adapter.serverCount(), 1);
				socket.disconnect();
			}
			assert.ok(client.stats.droppedFor['topic-too-long'] - before['topic-too-long'] >= 3 * 5);
			assert.deepEqual({ ...client.stats.droppedFor, 'topic-too-long': 0 },
				{ ...before, 'topic-too-long': 0 });
			assert.ok(refused.length > 0 && refused.every((code) => code === 'topic-too-long'));

			// The connection is the same, and is good for all others.
			const { got } = await hosts[1].visit('/short');
			hosts[0].io.of('/short').emit('event', 'at last');
			await until(() => got.length === 1, 'message of the other');
			assert.equal(client.stats.connects, 1);
		});

	test('and joins rooms whose topics are as long as a frame', async (t) => {
		const daemon = new Daemon({ args: ['--max-frame', '4096', '--max-topic', '4092'] });
		t.after(() => daemon.destroy());
		const host = await Host.start(4, {
			adapter: pm2Adapter({ socket: daemon.socket, reconnectDelay: 1, reconnectDelayMax: 5 }),
		});
		t.after(() => host.close());
		const { peer, got } = await host.visit();
		const { client } = host.adapter;
		for (let length = 4070; length < 4100; length++)
			await peer.join('r'.repeat(length));
		await daemon.start();
		await within(client.ready(), 'connection');
		for (let length = 4070; length < 4100; length++) {
			await peer.leave('r'.repeat(length));
			await within(Promise.resolve(peer.join('r'.repeat(length))), 'join');
			host.io.to('r'.repeat(length)).emit('event');
		}
		await within(client.barrier(), 'barrier');
		await until(() => got.length === 30, 'own delivery');
		assert.deepEqual([client.stats.connects, client.connected], [1, true]);
	});
});

/*
 * Calls with a value, by each major: (host, visitor, value). Socket.IO's own adapter has those of SAME
 * too, with the same outcome; the others give an error of the package's, or none.
 */
const SAME = {
	all: {
		'io.to().emit': ({ io }, visitor, value) => { io.to(value).emit('event'); },
		'socket.to().emit': (host, { peer }, value) => { peer.to(value).emit('event'); },
		'a room, and one that is there': ({ io }, { peer }, value) => { io.to(value).to(peer.id).emit('event'); },
		'volatile': ({ io }, visitor, value) => { io.volatile.to(value).emit('event', NOTHING); },
		'join': ({ io }, { peer }, value) => {
			peer.join(value);
			io.to(value).emit('event', 'joined');
		},
		'leave': (host, { peer }, value) => { peer.leave(value); },
		'an argument': ({ io }, visitor, value) => { io.emit('event', value); },
		'adapter.del': ({ adapter }, visitor, value) => { adapter.del(value, value); },
		'adapter.delAll': ({ adapter }, visitor, value) => { adapter.delAll(value); },
	},
	4: {
		'io.except().emit': ({ io }, visitor, value) => { io.except(value).emit('event'); },
		'io.socketsJoin': ({ io }, visitor, value) => {
			io.socketsJoin(value);
			io.to(value).emit('event', 'joined');
		},
		'io.in().socketsJoin': ({ io }, visitor, value) => { io.in(value).socketsJoin('none'); },
		'io.socketsLeave': ({ io }, visitor, value) => { io.socketsLeave(value); },
		'io.in().disconnectSockets': ({ io }, visitor, value) => {
			if (!Array.isArray(value)) // none is all
				io.in(value).disconnectSockets();
		},
		'io.in().fetchSockets': async ({ io }, visitor, value) => (await io.in(value).fetchSockets()).length,
		'io.in().allSockets': async ({ io }, visitor, value) => (await io.in(value).allSockets()).size,
		'io.timeout().emit': ({ io }, visitor, value) => { io.timeout(value).emit('event'); },
		'acknowledged': ({ io }, visitor, value) => within(new Promise((resolve) => {
			io.in(value).timeout(50).emit('event', (error, answers) => resolve(answers));
		}), 'answers'),
		'adapter.addAll': ({ adapter }, visitor, value) => { adapter.addAll('nobody', new Set([value])); },
		'adapter.socketRooms': ({ adapter }, visitor, value) => adapter.socketRooms(value)?.size,
		'adapter.serverSideEmit': ({ adapter }, visitor, value) => { adapter.serverSideEmit([value]); },
	},
	2: {
		'adapter.addAll': ({ adapter }, visitor, value) => { adapter.addAll('nobody', [value]); },
		'adapter.clients': ({ adapter }, visitor, value) => within(new Promise((resolve, reject) => {
			adapter.clients([value], (error, ids) => (error ? reject(error) : resolve(ids.length)));
		}), 'clients'),
	},
};

const OURS = {
	'clients': ({ adapter }, visitor, value) => adapter.clients(value),
	'clients of a list': ({ adapter }, visitor, value) => adapter.clients([value]),
	'sockets': ({ adapter }, visitor, value) => adapter.sockets(new Set([value])),
	'clientRooms': ({ adapter }, visitor, value) => adapter.clientRooms(value),
	'remoteJoin of an id': ({ adapter }, visitor, value) => adapter.remoteJoin(value, 'r'),
	'remoteJoin of a room': ({ adapter }, visitor, value) => adapter.remoteJoin('nobody', value),
	'remoteLeave': ({ adapter }, { peer }, value) => adapter.remoteLeave(peer.id, value),
	'remoteDisconnect': ({ adapter }, visitor, value) => adapter.remoteDisconnect(value, value),
	'customRequest': ({ adapter }, visitor, value) => adapter.customRequest(value),
	'addSockets': ({ adapter }, visitor, value) => adapter.addSockets({ rooms: new Set([value]) }, [value]),
	'delSockets': ({ adapter }, visitor, value) => adapter.delSockets({ rooms: [] }, [value]),
	'a timeout': ({ adapter }, visitor, value) =>
		adapter.fetchSockets({ rooms: new Set(), except: new Set(), flags: { timeout: value } }),
	'fetchSockets': ({ adapter }, visitor, value) =>
		adapter.fetchSockets({ rooms: new Set(), except: new Set([value]), flags: {} }),
	'serverSideEmit with an answer': ({ adapter }, visitor, value) => new Promise((resolve, reject) => {
		adapter.serverSideEmit([value, (error) => (error ? reject(error) : resolve())]);
	}),
};

describe('what goes into frames', () => {
	test('a broadcast that no daemon takes makes no frame', () => {
		const parts = ['2["event"]', ...Array(5).fill(new Uint8Array(2 ** 28))];
		assert.equal(encodedFrame({
			field: 't', flags: 0, sender: senderOf('uid'), opts: {}, parts,
		}), null);
	});

	test('HELLO has only numbers of pm2 that the daemon takes', () => {
		const idOf = (id) => identity({ name: 'n', role: 'member', key: 'k' }, { pm_id: id }).pm_id;
		assert.deepEqual(['0', '7', '2147483647'].map(idOf), [0, 7, 2147483647]);
		for (const id of ['-1', '2147483648', '1e400', 'x', '', undefined, '9'.repeat(400)])
			assert.equal(idOf(id), id === '1e400' ? 1 : undefined, id);
	});
});

describe('names that an application chooses', PATIENT, () => {
	const uncaught = [];
	const keep = (error) => uncaught.push(error);
	let daemon;

	before(async () => {
		process.on('uncaughtException', keep);
		process.on('unhandledRejection', keep);
		daemon = await Daemon.start();
	});

	after(async () => {
		process.off('uncaughtException', keep);
		process.off('unhandledRejection', keep);
		await daemon.destroy();
	});

	const nothingWasThrown = () => assert.deepEqual(uncaught.splice(0), []);

	for (const major of [4, 2])
		for (const isAway of [false, true])
			test(`to the adapter, ${major}, ${isAway ? 'without a daemon' : 'with another worker'}`, async (t) => {
				const socket = isAway ? `${daemon.socket}-none` : daemon.socket;
				const create = () => pm2Adapter({ socket, key: `k${major}`, requestsTimeout: 60_000 });
				const model = await Host.start(major);
				const host = await Host.start(major, { adapter: create() });
				const other = await Host.start(4, { adapter: create() });
				t.after(async () => {
					for (const each of [host, other]) {
						await each.close();
						each.adapter.client.destroy();
					}
					await model.close();
				});
				if (!isAway)
					await Promise.all([host, other].map(({ adapter }) => within(adapter.client.ready(), 'daemon')));

				for (const [name, make] of Object.entries(HOSTILE)) {
					// Which break Socket.IO 2 itself, up to the end of the socket.
					const hasModel = !(major === 2 && typeof make() === 'string' && make() in Object.prototype);
					const visitors = [await model.visit(), await host.visit()];
					for (const [op, act] of Object.entries({ ...SAME.all, ...SAME[major] })) {
						const what = `${name}, ${op}`;
						const value = make();
						const wanted = hasModel ? await outcomeOf(() => act(model, visitors[0], value)) :
							{ error: 'any' };
						const { error, ...rest } = await outcomeOf(() => act(host, visitors[1], value));
						if (isAway && error?.code === 'PM2A_ERR_AWAY')
							continue;
						assert.ok(!error || wanted.error, `${what}: ${error?.stack}`);
						if (!wanted.error)
							assert.deepEqual(rest.value, wanted.value, what);
					}
					for (const [op, act] of Object.entries(OURS))
						if (hasModel && (major === 4 || isKey(make())))
							await isOwnError(`${name}, ${op}`, async () => act(host, visitors[1], make()));
						else
							await outcomeOf(() => act(host, visitors[1], make()));
					for (const { io } of [model, host])
						io.emit('last');
					await until(() => visitors.every(({ got }) => got.at(-1)?.[0] === 'last'), `last of ${name}`);
					if (hasModel)
						assert.deepEqual(visitors[1].got.length, visitors[0].got.length, name);
					const gone = visitors.map(({ peer }) => next(peer, 'disconnect'));
					visitors.forEach(({ socket: each }) => each.disconnect());
					await Promise.all(gone);
					// Clients take some of these for a broken stream.
					const [wanted, { error }] = [await outcomeOf(() => model.io.emit(make(), 1)),
						await outcomeOf(() => host.io.emit(make(), 1))];
					assert.ok(!error || wanted.error, `${name}, event: ${error?.stack}`);
					nothingWasThrown();
				}
				if (!isAway) {
					await within(host.adapter.client.barrier(), 'barrier');
					assert.deepEqual([host.adapter.client.stats.connects, other.adapter.client.stats.malformed], [1, 0]);
					assert.ok(host.adapter.client.stats.droppedFor['bad-room'] > 0);
					assert.ok(host.adapter.client.stats.droppedFor['bad-event'] > 0);
				}
			});

	test('to a client', async (t) => {
		const client = new Client({ socket: daemon.socket });
		t.after(() => client.destroy());
		client.connect();
		await within(client.ready(), 'daemon');
		for (const [name, make] of Object.entries(HOSTILE)) {
			const acts = {
				publish: () => client.publish(make(), NOTHING),
				'publish to several': () => client.publish([make(), 'a'], NOTHING),
				'publish bytes': () => client.publish('a', make()),
				'publish with options': () => client.publish('a', NOTHING, { volatile: make() }),
				subscribe: () => client.subscribe(make()),
				'subscribe as a member': () => client.subscribe('a', { member: make() }),
				unsubscribe: () => client.unsubscribe(make()),
				ask: () => client.ask(make(), NOTHING, { timeout: 1000 }),
				'ask several': () => client.ask([make(), 'a'], NOTHING, { subscribers: true, timeout: 1000 }),
				'ask bytes': () => client.ask('a', make()),
			};
			for (const option of ['gather', 'timeout', 'subscribers', 'onPart'])
				acts[`ask with ${option}`] = () => client.ask('a', NOTHING, { [option]: make() });
			for (const option of ['socket', 'name', 'key', 'role', 'ref', 'queueMaxBytes', 'reconnectDelay',
				'reconnectDelayMax', 'connectTimeout'])
				acts[`option ${option}`] = () => {
					const other = new Client({ socket: daemon.socket, reconnectDelayMax: 600_000, [option]: make() });
					other.connect();
					other.destroy();
				};
			for (const option of ['requestsTimeout', 'partial', 'key'])
				acts[`option ${option}`] = () => { pm2Adapter({ [option]: make() }); };
			for (const [op, act] of Object.entries(acts))
				await isOwnError(`${name}, ${op}`, async () => act());
			await isOwnError(`${name}, barrier`, () => client.barrier());
		}
		assert.deepEqual([client.stats.connects, client.connected], [1, true]);
		assert.ok(client.stats.droppedFor['topic-too-long'] > 0);
		const sum = Object.values(client.stats.droppedFor).reduce((a, b) => a + b);
		assert.equal(sum, client.stats.dropped);
		nothingWasThrown();
	});

	test('to an emitter, and to its publish() for the Redis emitters', async (t) => {
		const emitter = createEmitter({ socket: daemon.socket });
		t.after(() => emitter.destroy());
		await within(emitter.ready(), 'daemon');
		const publisher = redisPublisher(emitter);
		for (const [name, make] of Object.entries(HOSTILE)) {
			const acts = {
				of: () => emitter.of(make()).emit('event'),
				to: () => emitter.to(make()).emit('event'),
				'to several': () => emitter.to([make(), 'r']).emit('event'),
				except: () => emitter.except(make()).emit('event'),
				emit: () => emitter.emit(make()),
				'emit an argument': () => emitter.emit('event', make()),
				compress: () => emitter.compress(make()).emit('event'),
				socketsJoin: () => emitter.in(make()).socketsJoin(make()),
				socketsLeave: () => emitter.socketsLeave(make()),
				disconnectSockets: () => emitter.disconnectSockets(make()),
				serverSideEmit: () => emitter.serverSideEmit(make(), make()),
				'publish()': () => publisher.publish(make(), make()),
				channel: () => publisher.publish(make(), NOTHING),
				message: () => publisher.publish('socket.io#/#', make()),
				'option nsp': () => { createEmitter({ socket: daemon.socket, nsp: make() }).destroy(); },
				'option timeout': () => { createEmitter({ socket: daemon.socket, timeout: make() }).destroy(); },
				target: () => redisPublisher(make()),
			};
			for (const [op, act] of Object.entries(acts))
				await isOwnError(`${name}, ${op}`, async () => act());
		}
		await emitter.flush().catch(() => {});
		assert.deepEqual([emitter.client.stats.connects, emitter.client.connected], [1, true]);
		nothingWasThrown();
	});

	test('to the entry for pm2', async () => {
		for (const [name, make] of Object.entries(HOSTILE)) {
			await isOwnError(name, async () => pm2App(make()));
			for (const option of ['name', 'socket', 'config', 'args'])
				await isOwnError(`${name}, ${option}`, async () => pm2App({ [option]: make() }));
			await isOwnError(`${name} in args`, async () => pm2App({ args: [make()] }));
		}
	});
});
