'use strict';

/*
 * The adapter with questions that fail, with requests of others, and with a daemon that is away. Real
 * Socket.IO servers in this process, the real daemon.
 */

const assert = require('assert/strict');
const { after, before, describe, test } = require('node:test');

const { encode } = require('notepack.io');

const pm2Adapter = require('../../../src/node');
const { namespaceOf } = require('../../../src/node/lib/adapter/namespace');
const { Daemon } = require('../../support/daemon');
const { Servers } = require('../support/servers');
const { next, until, within } = require('../../support/wait');

const PATIENT = { timeout: 120_000 };
const MAIN = 'socket.io#/#';
const SHORT_MS = 200;

async function ground(t, count = 2, { args, ...options } = {}) {
	const daemon = new Daemon({ args });
	t.after(() => daemon.destroy());
	await daemon.start();
	const servers = await Servers.start(daemon.socket, count, options);
	t.after(() => servers.close());
	return { daemon, servers, adapters: servers.ios.map((io) => io.of('/').adapter) };
}

/* A member that is no server; onQuestion() answers its questions. */
async function member(t, daemon, name, onQuestion) {
	const client = new pm2Adapter.Client({ socket: daemon.socket, name });
	t.after(() => client.destroy());
	client.subscribe(MAIN, { member: true });
	client.on('question', onQuestion);
	client.connect();
	await within(client.ready(), 'connection');
	return client;
}

const mute = () => {};

/* Each server knows of that many. */
function counted(adapters, n) {
	return until(async () =>
		(await Promise.all(adapters.map((adapter) => adapter.serverCount()))).every((m) => m === n),
	'members');
}

/* Returns the arguments of a callback, which is called once and later. */
function called(begin) {
	let wasCalled = false;
	const come = new Promise((resolve) => {
		begin((...args) => {
			assert.equal(wasCalled, false, 'called again');
			wasCalled = true;
			resolve(args);
		});
	});
	assert.equal(wasCalled, false, 'called at once');
	return within(come, 'callback');
}

function isIdle(adapter) {
	assert.deepEqual([adapter.requests.size, adapter.ackRequests.size, adapter.client.openQuestions],
		[0, 0, 0]);
}

describe('adapter: somebody does not answer', PATIENT, () => {
	const missing = [{ name: 'mute', reason: 'timeout' }];
	const named = (list) => list.map(({ name, reason }) => ({ name, reason }));
	let daemon;
	let servers;
	let adapters;
	let clients;
	const cleanups = [];

	before(async () => {
		const t = { after: (fn) => cleanups.unshift(fn) };
		({ daemon, servers, adapters } = await ground(t, 3));
		await member(t, daemon, 'mute', mute);
		await counted(adapters, 4);
		clients = [await servers.client(0), await servers.client(1)];
		await clients[1].peer.join('there');
		for (const [i, adapter] of adapters.entries()) {
			adapter.requestsTimeout = SHORT_MS;
			adapter.customHook = (data, cb) => cb([i, data]);
		}
		for (const io of servers.ios.slice(1))
			io.on('ask', (cb) => cb('yes'));
	});

	after(async () => {
		for (const cleanup of cleanups)
			await cleanup();
	});

	const QUESTIONS = [
		['clients', (adapter) => adapter.clients(), () => clients.map(({ peer }) => peer.id)],
		['sockets', (adapter) => adapter.sockets(new Set()), () => clients.map(({ peer }) => peer.id)],
		['allRooms', (adapter) => adapter.allRooms(),
			() => [...clients.map(({ peer }) => peer.id), 'there']],
		['customRequest', (adapter) => adapter.customRequest('x'), () => [[0, 'x'], [1, 'x'], [2, 'x']]],
		['fetchSockets',
			(adapter) => adapter.fetchSockets({ rooms: new Set(), except: new Set() }),
			() => clients.map(({ peer }) => peer.id)],
	];

	for (const [name, ask, part] of QUESTIONS) {
		const ids = (answers) => [...answers].map((each) => each.id ?? each).sort();
		test(`${name}: an error says who, and what came`, async () => {
			await assert.rejects(within(ask(adapters[0]), 'answer'), (error) => {
				assert.equal(error.code, 'PM2A_ERR_TIMEOUT');
				assert.equal(error.message, 'timeout reached: missing 1 responses');
				assert.deepEqual(named(error.missing), missing);
				assert.deepEqual(ids(error.responses), part().sort());
				return true;
			});
			isIdle(adapters[0]);
		});
	}

	test('serverSideEmit: as the peers have it, with what came', async () => {
		const [error, responses] = await called((fn) => servers.ios[0].serverSideEmit('ask', fn));
		assert.equal(error.message, 'timeout reached: missing 1 responses');
		assert.deepEqual(responses, ['yes', 'yes']);
		await assert.rejects(servers.ios[0].serverSideEmitWithAck('ask'), (rejected) => {
			assert.deepEqual(named(rejected.missing), missing);
			assert.deepEqual(rejected.responses, ['yes', 'yes']);
			return true;
		});
	});

	test('a callback gets the error, and what came', async () => {
		const [error, responses] = await called((fn) => adapters[0].clients([], fn));
		assert.equal(error.code, 'PM2A_ERR_TIMEOUT');
		assert.equal(responses.length, 2);
	});

	test('an id that one may have is not unknown', async () => {
		for (const ask of [
			adapters[0].clientRooms('nobody'), adapters[0].remoteJoin('nobody', 'r'),
			adapters[0].remoteLeave('nobody', 'r'), adapters[0].remoteDisconnect('nobody')])
			await assert.rejects(within(ask, 'answer'), (error) => {
				assert.equal(error.code, 'PM2A_ERR_TIMEOUT');
				assert.deepEqual(named(error.missing), missing);
				return true;
			});
		isIdle(adapters[0]);
	});

	test('the time of a call is its own', async () => {
		adapters[0].requestsTimeout = 60_000;
		await assert.rejects(within(servers.ios[0].timeout(SHORT_MS).fetchSockets(), 'answer'),
			{ code: 'PM2A_ERR_TIMEOUT' });
		adapters[0].requestsTimeout = SHORT_MS;
	});

	test('times out of range, or none, are put right', async () => {
		for (const [own, flag] of [[0, undefined], [-5, undefined], [0.5, undefined], [SHORT_MS, NaN],
			[SHORT_MS, -1], [1, undefined]]) {
			adapters[0].requestsTimeout = own;
			await assert.rejects(within(adapters[0].fetchSockets(
				{ rooms: new Set(), except: new Set(), flags: { timeout: flag } }), 'answer'),
			{ code: 'PM2A_ERR_TIMEOUT' });
		}
		adapters[0].requestsTimeout = SHORT_MS;
	});

	test('partial, as a flag of a call or an option, gives what came', async (t) => {
		const flags = { partial: true };
		assert.equal((await adapters[0].fetchSockets(
			{ rooms: new Set(), except: new Set(), flags })).length, 2);
		const { io, client } = await servers.add(daemon.socket,
			{ adapter: { partial: true, requestsTimeout: SHORT_MS } });
		t.after(() => client.destroy());
		await within(client.ready(), 'connection');
		const { adapter } = io.of('/');
		assert.equal((await adapter.clients()).length, 2);
		assert.equal((await adapter.allRooms()).size, 3);
		assert.deepEqual((await adapter.customRequest('x')).length, 4);
		assert.deepEqual(await called((fn) => io.serverSideEmit('ask', fn)),
			[null, ['yes', 'yes']]);
		await assert.rejects(adapter.fetchSockets(
			{ rooms: new Set(), except: new Set(), flags: { partial: false } }),
		{ code: 'PM2A_ERR_TIMEOUT' });
		await assert.rejects(adapter.clientRooms('nobody'), { code: 'PM2A_ERR_TIMEOUT' });
	});

	test('an own hook that does not call back is named as well', async () => {
		adapters[0].customHook = () => {};
		await assert.rejects(within(adapters[0].customRequest('x'), 'answer'), (error) => {
			assert.equal(error.message, 'timeout reached: missing 2 responses');
			assert.equal(error.missing[0].id, adapters[0].client.welcome.id);
			assert.deepEqual(error.responses.sort(), [[1, 'x'], [2, 'x']]);
			return true;
		});
		adapters[0].customHook = (data, cb) => cb([0, data]);
	});

	test('who is not asked is not waited for', async () => {
		assert.deepEqual(await adapters[0].clients(['there']), [clients[1].peer.id]);
		assert.deepEqual(await adapters[0].clients('there'), [clients[1].peer.id]);
		assert.deepEqual(await adapters[0].clients(new Set(['nowhere'])), []);
		assert.deepEqual((await servers.ios[0].in('there').fetchSockets()).map(({ id }) => id),
			[clients[1].peer.id]);
		assert.deepEqual([...await adapters[0].clientRooms(clients[1].peer.id)].sort(),
			[clients[1].peer.id, 'there'].sort());
		await adapters[0].clientRooms(clients[0].peer.id);
		assert.deepEqual(await servers.ios[0].local.fetchSockets(), [clients[0].peer]);
	});
});

describe('adapter: hooks and listeners', PATIENT, () => {
	test('a hook that nobody has replaced gives null', async (t) => {
		const { adapters } = await ground(t);
		assert.deepEqual(await adapters[0].customRequest('x'), [null, null]);
	});

	test('a hook that throws is told where it did, and has no part in the answer', async (t) => {
		const { adapters } = await ground(t, 3);
		for (const adapter of adapters)
			adapter.customHook = (data, cb) => cb('fine');
		for (const i of [1, 0]) {
			const told = next(adapters[i].client, 'receive_error');
			adapters[i].customHook = () => {
				throw new Error('of the application');
			};
			assert.equal((await within(adapters[0].customRequest('x'), 'answer')).length, 1 + i);
			assert.equal((await told)[0].cause.message, 'of the application');
		}
	});

	test('what a hook gives is taken once, and must be something that can be carried', async (t) => {
		const { adapters } = await ground(t);
		adapters[1].customHook = (data, cb) => {
			cb(undefined);
			cb('again');
		};
		assert.deepEqual(await adapters[0].customRequest('x'), [null, null]);
		const told = next(adapters[1].client, 'receive_error');
		adapters[1].customHook = (data, cb) => cb(10n);
		await assert.rejects(within(adapters[0].customRequest('x'), 'answer'), (error) => {
			assert.deepEqual([error.code, error.reason], ['PM2A_ERR_REFUSED', 'unencodable']);
			assert.deepEqual(error.missing.map(({ reason }) => reason), ['unencodable']);
			assert.deepEqual(error.responses, [null]);
			return true;
		});
		assert.match((await told)[0].message, /bigint/);
	});

	test('what can\'t be asked is an error of its own', async (t) => {
		const { servers, adapters } = await ground(t);
		await assert.rejects(adapters[0].customRequest(10n), { code: 'PM2A_ERR_ENCODE' });
		const [error, responses] = await called((fn) => servers.ios[0].serverSideEmit('x', 10n, fn));
		assert.deepEqual([error.code, responses], ['PM2A_ERR_ENCODE', []]);
		const told = next(adapters[0].client, 'encode_error');
		servers.ios[0].serverSideEmit('x', 10n);
		assert.equal((await told)[0].code, 'PM2A_ERR_ENCODE');
		isIdle(adapters[0]);
	});

	test('who listens to the questions of a server\'s connection does not take its own', async (t) => {
		const { servers, adapters } = await ground(t);
		const heard = [];
		adapters[1].client.on('question', ({ topics }) => heard.push(...topics));
		const { socket } = await servers.client(1);
		assert.deepEqual(await within(adapters[0].clients(), 'answer'), [socket.id]);
		assert.deepEqual(heard, [MAIN]);
	});

	test('servers whose namespace nobody listens to are not waited for', async (t) => {
		const { servers } = await ground(t, 3);
		servers.ios[1].on('ask', (value, cb) => cb(value));
		assert.deepEqual(await called((fn) => servers.ios[0].serverSideEmit('ask', 7, fn)), [null, [7]]);
		assert.deepEqual(await called((fn) => servers.ios[0].serverSideEmit('other', fn)), [null, []]);
	});

	test('what a callback throws is the application\'s, and nothing is called again', async (t) => {
		const { adapters } = await ground(t);
		const thrown = new Error('of the callback');
		const uncaught = new Promise((resolve) => {
			const listeners = process.listeners('uncaughtException');
			process.removeAllListeners('uncaughtException');
			process.once('uncaughtException', (error) => {
				for (const listener of listeners)
					process.on('uncaughtException', listener);
				resolve(error);
			});
		});
		let calls = 0;
		adapters[0].clients(() => {
			calls++;
			throw thrown;
		});
		assert.equal(await within(uncaught, 'exception'), thrown);
		await adapters[0].clients();
		assert.equal(calls, 1);
	});

	test('an answer above the daemon\'s limit is an error that names its worker', async (t) => {
		const { daemon, servers, adapters } =
			await ground(t, 2, { args: ['--max-answer', '64k'] });
		const { io, client } = await servers.add(daemon.socket, { adapter: { name: 'talkative' } });
		await within(client.ready(), 'connection');
		io.of('/').adapter.customHook = (data, cb) => cb('x'.repeat(100_000));
		await assert.rejects(within(adapters[0].customRequest('x'), 'answer'), (error) => {
			assert.deepEqual([error.code, error.reason], ['PM2A_ERR_REFUSED', 'too-big']);
			assert.match(error.message, /talkative/);
			assert.deepEqual(error.responses, [null, null]);
			return true;
		});
		isIdle(adapters[0]);
	});
});

describe('adapter: the end', PATIENT, () => {
	test('close() ends what is open, here and at who was asked', async (t) => {
		const { servers, adapters } = await ground(t, 3);
		for (const io of servers.ios) {
			io.of('/other');
			io.of('/').adapter.customHook = mute;
		}
		const asked = next(adapters[1].client, 'question');
		const open = [adapters[0].customRequest('x'), adapters[0].clients(), adapters[2].customRequest('y')];
		open.forEach((promise) => promise.catch(mute));
		await asked;
		await until(() => adapters[0].client.openQuestions === 1, 'answers of the others');
		adapters[0].close();
		await assert.rejects(open[0], { code: 'PM2A_ERR_CLOSED' });
		await assert.rejects(adapters[0].clients(), { code: 'PM2A_ERR_CLOSED' });
		assert.equal(await adapters[0].serverCount(), 1);
		assert.equal(adapters[0].requests.size, 0);
		// It has taken the question of the third, which waits for itself alone then.
		adapters[1].close();
		await until(() => adapters[2].client.openQuestions === 0, 'end of the question');
		adapters[2].close();
		await assert.rejects(open[2], { code: 'PM2A_ERR_CLOSED' });
	});

	test('the connection ends while questions are open', async (t) => {
		const { daemon, servers, adapters } = await ground(t, 2, {
			adapter: { requestsTimeout: 60_000, reconnectDelay: 60_000, reconnectDelayMax: 60_000 },
		});
		const clients = [await servers.client(0), await servers.client(1), await servers.client(1)];
		await member(t, daemon, 'mute', mute);
		await counted(adapters, 3);
		clients[0].socket.on('ask', (cb) => cb(0));
		clients[1].socket.on('ask', (cb) => cb(1));
		const ask = next(clients[2].socket, 'ask');
		const open = [adapters[0].clients(), adapters[0].customRequest('x'), adapters[0].clientRooms('x'),
			servers.ios[0].fetchSockets(), servers.ios[0].serverSideEmitWithAck('ask')];
		open.forEach((promise) => promise.catch(mute));
		const broadcast = called((fn) => servers.ios[0].timeout(60_000).emit('ask', fn));
		await ask;
		assert.equal(adapters[0].ackRequests.size, 1);
		await until(() => clients[1].got.length === 1, 'question to a client');
		await daemon.kill();
		for (const promise of open)
			await assert.rejects(within(promise, 'error'), { code: 'PM2A_ERR_LOST' });
		const [error, responses] = await broadcast;
		assert.equal(error, null);
		assert.ok(responses.includes(0));
		assert.equal(adapters[0].client.stats.unasked, 1);
		isIdle(adapters[0]);
	});

	test('the daemon is away: an error within a tick, and what is here works', async (t) => {
		const { daemon, servers, adapters } = await ground(t, 1);
		const { socket, peer } = await servers.client(0);
		const gone = next(adapters[0].client, 'connect_error');
		await daemon.kill();
		await gone;
		const [adapter] = adapters;
		const open = [adapter.clients(), adapter.allRooms(), adapter.customRequest('x'),
			adapter.clientRooms('x'), adapter.remoteJoin('x', 'r'), adapter.remoteLeave('x', 'r'),
			adapter.remoteDisconnect('x'), servers.ios[0].fetchSockets(), servers.ios[0].allSockets(),
			servers.ios[0].serverSideEmitWithAck('ask')];
		let errors = [];
		open.forEach((promise) => promise.catch((error) => errors.push(error.code)));
		await new Promise((resolve) => { setImmediate(resolve); });
		// Unless an attempt was under way in that tick, which is waited for.
		await until(() => errors.length === open.length, 'errors');
		assert.deepEqual(new Set(errors), new Set(['PM2A_ERR_AWAY']));
		errors = await called((fn) => adapter.clients(fn));
		assert.equal(errors[0].code, 'PM2A_ERR_AWAY');
		isIdle(adapter);
		assert.equal(await adapter.serverCount(), 1);
		await adapter.remoteJoin(peer.id, 'r');
		assert.deepEqual((await adapter.clientRooms(peer.id)).sort(), [peer.id, 'r'].sort());
		socket.on('ask', (cb) => cb(1));
		assert.deepEqual(await called((fn) => servers.ios[0].timeout(60_000).emit('ask', fn)), [null, [1]]);
		assert.equal(adapter.client.stats.unasked, 1);
		await adapter.remoteDisconnect(peer.id, true);
	});
});

describe('adapter: commands', PATIENT, () => {
	test('what is emitted to a room right behind the command to join it arrives', async (t) => {
		const { servers, adapters } = await ground(t, 3);
		const clients = [await servers.client(0), await servers.client(1), await servers.client(2)];
		for (let n = 0; n < 200; n++) {
			servers.ios[0].in(clients[1].socket.id).socketsJoin(`one ${n}`);
			servers.ios[0].to(`one ${n}`).emit('one', n);
			servers.ios[n % 3].socketsJoin([`all ${n}`, n]);
			servers.ios[n % 3].to(n).emit('all', n);
			if (n % 10 === 0)
				await servers.barrier();
		}
		await servers.settle(clients);
		const got = (i, name) => clients[i].got.filter(([event]) => event === name).map(([, n]) => n);
		const numbers = Array.from({ length: 200 }, (_, n) => n);
		assert.deepEqual([got(0, 'one'), got(1, 'one'), got(2, 'one')], [[], numbers, []]);
		for (const i of [0, 1, 2])
			assert.deepEqual(got(i, 'all').sort((x, y) => x - y), numbers);
		await until(() => adapters.every(({ client }) => client.openQuestions === 0), 'settled joins');
		const before = servers.all[2].client.stats.received;
		servers.ios[0].to('one 0').emit('one', 0);
		await servers.settle(clients);
		assert.equal(servers.all[2].client.stats.received, before + 2, 'but the two of settle()');
	});

	test('also when the daemon was away meanwhile', async (t) => {
		const { daemon, servers } = await ground(t, 2);
		const client = await servers.client(1);
		await daemon.kill();
		await until(() => !servers.all[0].client.connected, 'end of the connection');
		servers.ios[0].socketsJoin('room');
		servers.ios[0].to('room').emit('queued');
		// The other one must be there when what waits is sent.
		const { client: other } = servers.all[1];
		await daemon.start();
		await within(other.ready(), 'connection');
		await within(servers.all[0].client.ready(), 'connection');
		servers.ios[0].socketsJoin('more');
		servers.ios[0].to('more').emit('later');
		await until(() => client.got.some(([name]) => name === 'later'), 'message');
	});

	test('local ones stay here, as does all after close()', async (t) => {
		const { servers, adapters } = await ground(t);
		const clients = [await servers.client(0), await servers.client(1)];
		const { published } = adapters[0].client.stats;
		servers.ios[0].local.socketsJoin('r');
		servers.ios[0].local.socketsLeave('r');
		servers.ios[0].local.socketsJoin('s');
		servers.ios[0].local.disconnectSockets();
		await next(clients[0].socket, 'disconnect');
		assert.equal(adapters[0].client.stats.published, published);
		assert.deepEqual(await adapters[1].clients(), [clients[1].socket.id]);
		await adapters[0].close();
		servers.ios[0].socketsJoin('r');
		servers.ios[0].serverSideEmit('x');
		assert.equal(adapters[0].client.stats.published, published);
	});

	test('obey() is for this process alone, with any lists of rooms', async (t) => {
		const { servers, adapters } = await ground(t);
		const clients = [await servers.client(0), await servers.client(0), await servers.client(1)];
		namespaceOf(adapters[0]).obey({ cmd: 'socketsJoin', rooms: ['r'] }, { except: [clients[1].socket.id] });
		namespaceOf(adapters[0]).obey({ cmd: 'socketsJoin', rooms: ['s'] }, { rooms: new Set(['r']) });
		namespaceOf(adapters[0]).obey({ cmd: 'unheard' }, {});
		namespaceOf(adapters[0]).obey({ cmd: 'toString' }, {});
		assert.deepEqual(await adapters[1].clients(['r', 's']), [clients[0].socket.id]);
		const heard = next(servers.ios[0], 'event');
		namespaceOf(adapters[0]).obey({ cmd: 'serverSideEmit', args: ['event', 1] }, {});
		assert.deepEqual(await heard, [1]);
		namespaceOf(adapters[0]).obey({ cmd: 'disconnectSockets', close: true }, {});
		await Promise.all([0, 1].map((i) => next(clients[i].socket, 'disconnect')));
	});

	test('acknowledgements that never came are forgotten', async (t) => {
		const { servers } = await ground(t);
		const { peer } = await servers.client(1);
		await assert.rejects(servers.ios[0].timeout(SHORT_MS).emitWithAck('ask'), /timed out/);
		await until(() => peer.acks.size === 0, 'end of acknowledgements');
	});

	test('a broadcast with acknowledgements that is local counts this server alone', async (t) => {
		const { servers, adapters } = await ground(t, 3);
		await counted(adapters, 3);
		const clients = [await servers.client(0), await servers.client(1)];
		clients[0].socket.on('ask', (cb) => cb(0));
		assert.deepEqual(await within(servers.ios[0].local.timeout(60_000).emitWithAck('ask'), 'answer'), [0]);
		assert.equal(adapters[0].client.stats.unasked, 0);
		isIdle(adapters[0]);
	});
});

describe('adapter: what others ask and command', PATIENT, () => {
	const NOBODY = ['foreign', '/', 'clients'];

	test('what is no question of ours, or malformed, is declined at once, and harms nobody',
		async (t) => {
			const { daemon, servers, adapters } = await ground(t, 1);
			const { peer } = await servers.client(0);
			const foreign = await member(t, daemon, 'foreign', mute);
			const bodies = [null, 7, [], {}, 'x', ['u'], ['u', '/'], ['u', 7, 'clients'],
				['u', '/', 7], ['u', '/nowhere', 'clients'], ['u', '/', 'unheard', 1], ['u', '/', 'sync'],
				['u', '/', 'toString'], ['u', '/', 'constructor'], ['u', '/', '__proto__'],
				['u', '/', 'clients', 5], ['u', '/', 'clients', { length: 1 }],
				['u', '/', 'clientRooms'], ['u', '/', 'clientRooms', {}],
				['u', '/', 'remoteJoin', peer.id], ['u', '/', 'remoteJoin', peer.id, {}],
				['u', '/', 'remoteLeave', peer.id, ['r']], ['u', '/', 'remoteDisconnect', {}],
				['u', '/', 'fetchSockets'], ['u', '/', 'fetchSockets', [1]],
				['u', '/', 'serverSideEmit'], ['u', '/', 'serverSideEmit', 'connection'],
				['u', '/', 'serverSideEmit', ['connection', {}]], ['u', '/', 'serverSideEmit', [{}]],
				['u', '/', 'broadcast'], ['u', '/', 'broadcast', {}, {}],
				['u', '/', 'broadcast', { type: 2, data: ['disconnect'] }, {}],
				['u', '/', 'broadcast', { cmd: 'disconnectSockets', close: true }, {}],
				['u', '/', 'broadcast', { type: 2, data: ['x'] }, { rooms: 5 }]].map((value) => encode(value));
			const told = [];
			adapters[0].client.on('receive_error', (error) => told.push(error));
			for (const body of [...bodies, Buffer.alloc(0), Buffer.from([0xc1])]) {
				const result = await foreign.ask(MAIN, body, { timeout: 60_000 });
				assert.deepEqual([result.outcome, result.answered, result.answers], ['complete', 1, []]);
			}
			assert.deepEqual(told, []);
			assert.deepEqual([...peer.rooms], [peer.id]);
			assert.equal(peer.connected, true);
			const { answers } = await foreign.ask(MAIN, encode(NOBODY), { gather: 'union' });
			assert.deepEqual(answers, [peer.id]);
		});

	test('commands that are malformed are counted and ignored', async (t) => {
		const { daemon, servers, adapters } = await ground(t, 1);
		const { peer } = await servers.client(0);
		const foreign = await member(t, daemon, 'foreign', mute);
		const packets = [{ cmd: 'unheard' }, { cmd: 'toString' }, { cmd: 7 }, { cmd: null },
			{ cmd: 'socketsJoin' }, { cmd: 'socketsJoin', rooms: 'r' }, { cmd: 'socketsJoin', rooms: [{}] },
			{ cmd: 'socketsLeave', rooms: [null] }, { cmd: 'serverSideEmit' },
			{ cmd: 'serverSideEmit', args: ['connection', {}] }, { cmd: 'serverSideEmit', args: [] },
			{ cmd: 'serverSideEmit', args: ['new_namespace'] }];
		const opts = { rooms: [], except: [], flags: {} };
		for (const packet of packets)
			foreign.publish(MAIN, encode(['u', { nsp: '/', ...packet }, opts]));
		foreign.publish(MAIN, encode(['u', { nsp: '/', cmd: 'disconnectSockets' }, { rooms: 5 }]));
		foreign.publish(MAIN, encode(['u', { nsp: '/', cmd: 'socketsJoin', rooms: ['fine'] }, opts]));
		await until(() => peer.rooms.has('fine'), 'last command');
		assert.equal(adapters[0].client.stats.malformed, packets.length + 1);
		assert.deepEqual([...peer.rooms], [peer.id, 'fine']);
	});

	test('questions on topics of the application are the application\'s', async (t) => {
		const { daemon, servers, adapters } = await ground(t, 1);
		const foreign = await member(t, daemon, 'foreign', mute);
		const { client } = servers.all[0];
		client.subscribe('prices', { member: true });
		await within(client.barrier(), 'subscription');
		const unheard = await foreign.ask('prices', Buffer.from('x'), { timeout: 60_000 });
		assert.deepEqual([unheard.outcome, unheard.answers], ['complete', []]);
		client.on('question', (question) => {
			if (question.topics[0] === 'prices')
				question.answer(Buffer.from('7'));
		});
		const heard = await foreign.ask('prices', Buffer.from('x'), { timeout: 60_000 });
		assert.deepEqual(heard.answers.map(({ body }) => String(body)), ['7']);
		const { answers } = await foreign.ask(MAIN, encode(['u', '/', 'clients']), { gather: 'union' });
		assert.deepEqual(answers, await adapters[0].clients().catch(() => []));
	});
});
