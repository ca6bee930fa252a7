'use strict';

/* createEmitter(): when what it emits is with the daemon, and how long a process lives for it. */

const assert = require('assert/strict');
const { spawn } = require('child_process');
const { once } = require('events');
const path = require('path');
const { describe, test } = require('node:test');

const { Client, createEmitter } = require('../../../src/node');
const { decodePayload } = require('../../../src/node/lib/socketio/payload');
const { Daemon } = require('../../support/daemon');
const { FakeDaemon, TYPE } = require('../support/fake-daemon');
const { next, until, within } = require('../../support/wait');

const PATIENT = { timeout: 120_000 };
const TIMEOUT = 54_321; // ms, that no other timer has
const PACKAGE = path.join(__dirname, '../../../src/node');

const code = (name) => ({ name: 'Pm2aError', code: `PM2A_ERR_${name}` });
const turn = () => new Promise((resolve) => { setImmediate(resolve); });

/* An emitter and a daemon that is told what to do; both end with the test. */
async function pair(t, { daemon: daemonOptions, ...options } = {}) {
	const daemon = new FakeDaemon(daemonOptions ?? {});
	if (daemonOptions !== null)
		await daemon.start();
	const emitter = createEmitter({
		socket: daemon.socket, reconnectDelay: 1, reconnectDelayMax: 10, ...options,
	});
	t.after(async () => {
		emitter.destroy();
		await daemon.destroy();
	});
	return { daemon, emitter };
}

async function connected(t, options) {
	const { daemon, emitter } = await pair(t, options);
	await within(emitter.ready(), 'connection');
	return { daemon, emitter, link: daemon.links[0] };
}

/* The names of the events that a daemon got over a connection. */
function eventsOf(link) {
	return link.named('PUBLISH').map(({ body }) => decodePayload(body).packet.data[0]);
}

/* Returns the state of a promise; its `end` is undefined while it is pending. */
function follow(promise) {
	const state = { end: undefined };
	promise.then(() => { state.end = 'fulfilled'; }, (error) => { state.end = error.code; });
	return state;
}

/* The timers of that length, which no other has, and which the test fires. */
function timersOf(t, timeout) {
	const timers = [];
	const { clearTimeout: originalClear, setTimeout: original } = global;
	t.mock.method(global, 'setTimeout', (fire, ms, ...args) => {
		if (ms !== timeout)
			return original(fire, ms, ...args);
		timers.push({ fire, refreshed: 0, isOver: false, refresh() { this.refreshed++; } });
		return timers.at(-1);
	});
	t.mock.method(global, 'clearTimeout', (timer) => {
		if (timers.includes(timer))
			timer.isOver = true;
		else
			originalClear(timer);
	});
	return timers;
}

/* No warning of a test may come from another one. */
function warnings(t) {
	const heard = [];
	t.mock.method(process, 'emitWarning', (...args) => heard.push(args));
	return heard;
}

describe('what is sent', PATIENT, () => {
	const sent = async ({ emitter, link }, n) => {
		await within(emitter.flush(), 'flush');
		const frames = await link.count('PUBLISH', n);
		return frames.map(({ topic, flags, body }) => ({ topic, flags, ...decodePayload(body) }));
	};
	const opts = (rooms = [], except = [], flags = {}) =>
		({ rooms: new Set(rooms), except: new Set(except), flags });
	const uid = 'emitter';

	test('are broadcasts', async (t) => {
		const ground = await connected(t, { key: 'shop' });
		const { emitter } = ground;
		emitter.emit('e', 1);
		emitter.to('r').to(['r']).except('a').except(['b']).volatile.compress(false).emit('e');
		emitter.of('chat').compress(true).volatile.to(7).emit('e');
		const packet = { type: 2, data: ['e'], nsp: '/' };
		assert.deepEqual(await sent(ground, 3), [
			{ topic: 'shop#/#', flags: 0, uid, packet: { ...packet, data: ['e', 1] }, opts: opts() },
			{
				topic: 'shop#/#r#', flags: 1, uid, packet,
				opts: opts(['r'], ['a', 'b'], { volatile: true, compress: false }),
			},
			{
				topic: 'shop#/chat#7#', flags: 1, uid, packet: { ...packet, nsp: '/chat' },
				opts: opts([7], [], { volatile: true, compress: true }),
			},
		]);
	});

	test('and commands', async (t) => {
		const ground = await connected(t);
		const { emitter } = ground;
		emitter.disconnectSockets(1);
		emitter.in('r').except('a').disconnectSockets();
		emitter.in('r').socketsLeave('s');
		emitter.serverSideEmit('e', 1);
		emitter.of('chat').in('r').socketsJoin(['s', 's']);
		const all = { topic: 'socket.io#/#', flags: 0, uid, opts: opts() };
		const toR = { ...all, topic: 'socket.io#/#r#', opts: opts(['r']) };
		assert.deepEqual(await sent(ground, 5), [
			{ ...all, packet: { nsp: '/', cmd: 'disconnectSockets', close: true } },
			{
				...toR, opts: opts(['r'], ['a']),
				packet: { nsp: '/', cmd: 'disconnectSockets', close: false },
			},
			{ ...toR, packet: { nsp: '/', cmd: 'socketsLeave', rooms: ['s'] } },
			{ ...all, packet: { nsp: '/', cmd: 'serverSideEmit', args: ['e', 1] } },
			{
				...toR, topic: 'socket.io#/chat#r#',
				packet: { nsp: '/chat', cmd: 'socketsJoin', rooms: ['s', 's'] },
			},
		]);
	});
});

describe('flush()', PATIENT, () => {
	test('is fulfilled by the PONG behind the messages, not earlier', async (t) => {
		const { daemon, emitter, link } = await connected(t);
		daemon.answersPings = false;
		const before = link.named('PING').length;
		emitter.emit('a');
		emitter.emit('b');
		const first = emitter.flush();
		const state = follow(first);
		const [ping] = (await link.count('PING', before + 1)).slice(-1);
		assert.deepEqual(link.frames.slice(-3).map(({ name }) => name), ['PUBLISH', 'PUBLISH', 'PING']);
		await turn();
		assert.equal(state.end, undefined);
		link.frame(TYPE.PONG, 0, '', ping.body);
		await within(first, 'flush');
	});

	test('waits for what came before it alone', async (t) => {
		const { daemon, emitter, link } = await connected(t);
		daemon.answersPings = false;
		const before = link.named('PING').length;
		emitter.emit('a');
		const first = emitter.flush();
		const [ping] = (await link.count('PING', before + 1)).slice(-1);
		emitter.emit('b');
		const second = emitter.flush();
		const state = follow(second);
		link.frame(TYPE.PONG, 0, '', ping.body);
		await within(first, 'first flush');
		await link.count('PING', before + 2);
		await turn();
		assert.equal(state.end, undefined);
		link.frame(TYPE.PONG, 0, '', ping.body);
		await within(second, 'second flush');
	});

	test('also for what the Redis emitters publish', async (t) => {
		const { daemon, emitter, link } = await connected(t);
		daemon.answersPings = false;
		const before = link.named('PING').length;
		emitter.redisClient.publish('channel', 'message');
		const flushed = emitter.flush();
		const state = follow(flushed);
		const [ping] = (await link.count('PING', before + 1)).slice(-1);
		assert.equal(state.end, undefined);
		link.frame(TYPE.PONG, 0, '', ping.body);
		await within(flushed, 'flush');
	});

	test('is fulfilled at once where nothing was emitted, daemon or not', async (t) => {
		const { emitter } = await pair(t, { daemon: null });
		await within(emitter.flush(), 'flush');
	});

	test('waits for a daemon that comes later, and for all that waited', async (t) => {
		const { daemon, emitter } = await pair(t, { daemon: null, timeout: 60_000 });
		await next(emitter.client, 'connect_error');
		for (let n = 0; n < 100; n++)
			emitter.emit(`e${n}`);
		const flushed = emitter.flush();
		await daemon.start();
		await within(flushed, 'flush');
		const link = await daemon.link(daemon.links.length - 1);
		assert.deepEqual(eventsOf(link), Array.from({ length: 100 }, (_, n) => `e${n}`));
	});

	test('and for what is more than the stream takes', async (t) => {
		const { emitter, link } = await connected(t);
		const data = Buffer.alloc(256 * 1024, 1);
		for (let n = 0; n < 20; n++)
			emitter.emit(`e${n}`, data);
		assert.ok(emitter.client.queued.messages > 0);
		await within(emitter.flush(), 'flush');
		assert.deepEqual(emitter.client.queued, { messages: 0, bytes: 0 });
		assert.deepEqual(eventsOf(link), Array.from({ length: 20 }, (_, n) => `e${n}`));
	});

	test('is rejected where the daemon says nothing', async (t) => {
		const heard = warnings(t);
		const { daemon, emitter, link } = await connected(t, { timeout: 50 });
		daemon.answersPings = false;
		emitter.emit('a');
		await assert.rejects(within(emitter.flush(), 'flush'), code('TIMEOUT'));
		assert.deepEqual(heard, []); // the caller that waited was told
		assert.deepEqual(eventsOf(link), ['a']);
	});

	test('and where it never comes; the messages go on waiting', async (t) => {
		const { daemon, emitter } = await pair(t, { daemon: null, timeout: 50 });
		emitter.emit('a');
		await assert.rejects(within(emitter.flush(), 'flush'), code('TIMEOUT'));
		await assert.rejects(within(emitter.ready(), 'ready'), code('TIMEOUT'));
		assert.equal(emitter.client.queued.messages, 1);
		await daemon.start();
		const link = await until(() => daemon.links.find((each) => eventsOf(each).length > 0), 'event');
		assert.deepEqual(eventsOf(link), ['a']);
		await within(emitter.flush(), 'flush');
	});

	test('a daemon that answers gets its time anew', async (t) => {
		const timers = timersOf(t, TIMEOUT);
		const { daemon, emitter, link } = await connected(t, { timeout: TIMEOUT });
		daemon.answersPings = false;
		timers.length = 0;
		let pings = link.named('PING').length;
		emitter.emit('a');
		const [ping] = (await link.count('PING', ++pings)).slice(-1);
		assert.deepEqual(timers.map(({ refreshed }) => refreshed), [0]);
		emitter.emit('b');
		const flushed = follow(emitter.flush());
		link.frame(TYPE.PONG, 0, '', ping.body);
		await link.count('PING', ++pings);
		assert.deepEqual(timers.map(({ refreshed }) => refreshed), [1]);
		timers[0].fire();
		await until(() => flushed.end, 'end of flush()');
		assert.equal(flushed.end, 'PM2A_ERR_TIMEOUT');
	});

	test('that it is fulfilled doesn\'t let go what came later', async (t) => {
		const timers = timersOf(t, TIMEOUT);
		const { daemon, emitter, link } = await connected(t, { timeout: TIMEOUT });
		daemon.answersPings = false;
		timers.length = 0;
		let pings = link.named('PING').length;
		emitter.emit('a');
		const flushed = emitter.flush();
		const [ping] = (await link.count('PING', ++pings)).slice(-1);
		emitter.emit('b');
		link.frame(TYPE.PONG, 0, '', ping.body);
		await within(flushed, 'flush');
		await link.count('PING', ++pings);
		assert.deepEqual(timers.map(({ isOver }) => isOver), [false]);
		link.frame(TYPE.PONG, 0, '', ping.body);
		await until(() => timers[0].isOver, 'end of the timer');
	});

	test('where nobody waits a warning says it, once', async (t) => {
		const heard = warnings(t);
		const timers = timersOf(t, TIMEOUT);
		const { emitter } = await pair(t, { daemon: null, timeout: TIMEOUT });
		for (const event of ['a', 'b']) {
			emitter.emit(event);
			timers.at(-1).fire();
		}
		assert.equal(timers.length, 2);
		assert.equal(heard.length, 1);
		assert.equal(heard[0][1].code, 'PM2A_WARN_UNSENT');
	});

	test('is rejected where a connection broke with messages on their way, once', async (t) => {
		const { daemon, emitter, link } = await connected(t);
		daemon.answersPings = false;
		emitter.emit('a');
		await link.count('PUBLISH', 1);
		link.socket.pause();
		emitter.emit('never read', Buffer.alloc(4 * 1024 * 1024));
		const flushed = emitter.flush();
		await turn();
		link.socket.destroy();
		daemon.answersPings = true;
		await assert.rejects(within(flushed, 'flush'), code('LOST'));
		await within(emitter.ready(), 'connection');
		assert.equal(emitter.client.stats.dropped, 1);
		emitter.emit('b');
		await within(emitter.flush(), 'flush');
	});

	test('also where nobody waited when it broke', async (t) => {
		const { daemon, emitter, link } = await connected(t);
		daemon.answersPings = false;
		emitter.emit('a');
		await link.count('PUBLISH', 1);
		const gone = next(emitter.client, 'disconnect');
		link.socket.destroy();
		await gone;
		await assert.rejects(within(emitter.flush(), 'flush'), code('LOST'));
	});

	test('also where it was not even ready', async (t) => {
		const { daemon, emitter } = await pair(t, { daemon: { answersPings: false } });
		emitter.emit('a');
		const link = await daemon.link(0);
		await link.count('PUBLISH', 1);
		daemon.answersPings = true;
		link.socket.destroy();
		await assert.rejects(within(emitter.flush(), 'flush'), code('LOST'));
	});

	test('and where the client was ended behind its back', async (t) => {
		const { daemon, emitter, link } = await connected(t);
		daemon.answersPings = false;
		emitter.emit('a');
		const flushed = emitter.flush();
		await link.count('PUBLISH', 1);
		emitter.client.destroy();
		await assert.rejects(within(flushed, 'flush'), code('CLOSED'));
	});

	test('but not where it broke with nothing on its way', async (t) => {
		const { emitter, link } = await connected(t);
		emitter.emit('a');
		await within(emitter.flush(), 'flush');
		const gone = next(emitter.client, 'disconnect');
		link.socket.destroy();
		await gone;
		emitter.emit('b');
		await within(emitter.flush(), 'flush');
	});

	test('nor where the daemon said goodbye', async (t) => {
		const { daemon, emitter, link } = await connected(t);
		daemon.answersPings = false;
		emitter.emit('a');
		const flushed = emitter.flush();
		await link.count('PUBLISH', 1);
		link.control(TYPE.GOODBYE, { reason: 'shutdown', retry_after_ms: 0 });
		await within(flushed, 'flush');
	});

	test('is rejected where messages were dropped for want of room', async (t) => {
		const { daemon, emitter } = await pair(t, { daemon: null, queueMaxBytes: 1000 });
		for (let n = 0; n < 50; n++)
			emitter.emit('event', n);
		const { dropped } = emitter.client.stats;
		assert.ok(dropped > 0 && dropped < 50, `${dropped}`);
		await daemon.start();
		await assert.rejects(within(emitter.flush(), 'flush'), code('LOST'));
		await within(emitter.flush(), 'flush');
		await until(() => daemon.links.some((link) => eventsOf(link).length === 50 - dropped), 'rest');
	});

	test('or since they were too big, now or when the limit is known', async (t) => {
		const { emitter } = await pair(t, { daemon: { welcome: { max_frame: 5000 } } });
		assert.equal(emitter.emit('early', Buffer.alloc(6000)), true);
		await assert.rejects(within(emitter.flush(), 'flush'), code('LOST'));
		assert.equal(emitter.emit('late', Buffer.alloc(6000)), false);
		await assert.rejects(within(emitter.flush(), 'flush'), code('LOST'));
		await turn();
		await within(emitter.flush(), 'flush');
		assert.equal(emitter.client.stats.dropped, 2);
	});

	test('but not for volatile ones', async (t) => {
		const { daemon, emitter } = await pair(t, { daemon: null });
		await next(emitter.client, 'connect_error');
		assert.equal(emitter.volatile.emit('volatile'), false);
		emitter.emit('event');
		await daemon.start();
		await within(emitter.flush(), 'flush');
		assert.equal(emitter.client.stats.dropped, 1);
	});
});

describe('ready()', PATIENT, () => {
	test('is fulfilled when connected', async (t) => {
		const { emitter } = await pair(t);
		await within(emitter.ready(), 'connection');
		assert.ok(emitter.client.connected);
		await within(emitter.ready(), 'connection again');
	});

	test('waits on when messages of before are settled', async (t) => {
		const { daemon, emitter, link } = await connected(t, { timeout: 50 });
		daemon.answersPings = false;
		daemon.staysOpen = true;
		emitter.emit('a');
		await link.count('PUBLISH', 1);
		link.control(TYPE.GOODBYE, { reason: 'shutdown', retry_after_ms: 0 });
		await until(() => !emitter.client.connected, 'goodbye');
		const waiting = emitter.ready();
		const stopped = daemon.stop();
		await assert.rejects(within(waiting, 'ready'), code('TIMEOUT'));
		await stopped;
	});

	test('is rejected where the emitter is closed', async (t) => {
		const { emitter } = await pair(t, { daemon: null });
		const waiting = emitter.ready();
		emitter.destroy();
		await assert.rejects(within(waiting, 'ready'), code('CLOSED'));
		await assert.rejects(within(emitter.ready(), 'ready'), code('CLOSED'));
	});
});

describe('close()', PATIENT, () => {
	test('sends what was emitted, then ends', async (t) => {
		const { emitter, link } = await connected(t);
		emitter.emit('a');
		emitter.emit('b');
		await within(emitter.close(), 'close');
		assert.deepEqual(eventsOf(link), ['a', 'b']);
		assert.ok(link.hasEnded);
		assert.equal(emitter.client.stats.dropped, 0);
	});

	test('while it connects, and while the daemon is away', async (t) => {
		const { daemon, emitter } = await pair(t);
		emitter.emit('connecting');
		await within(emitter.close(), 'close');
		assert.deepEqual(eventsOf(daemon.links[0]), ['connecting']);

		const { daemon: later, emitter: early } = await pair(t, { daemon: null, timeout: 60_000 });
		await next(early.client, 'connect_error');
		early.emit('away');
		const closed = early.close();
		await later.start();
		await within(closed, 'close');
		assert.deepEqual(eventsOf(later.links.at(-1)), ['away']);
	});

	test('has an end where the daemon never comes, and says what is lost', async (t) => {
		const heard = warnings(t);
		const { emitter } = await pair(t, { daemon: null, timeout: 50 });
		emitter.emit('a');
		await within(emitter.close(), 'close');
		assert.equal(emitter.client.stats.dropped, 1);
		assert.equal(heard.length, 1);
		assert.match(heard[0][0], /took nothing for 50 ms; messages that wait: 1$/);
		await assert.rejects(within(emitter.flush(), 'flush'), code('LOST'));
	});

	test('and where it hangs', async (t) => {
		const heard = warnings(t);
		const { daemon, emitter } = await connected(t, { timeout: 50 });
		daemon.answersPings = false;
		emitter.emit('a');
		await within(emitter.close(), 'close');
		assert.equal(heard.length, 1);
		assert.equal(emitter.client.connected, false);
	});

	test('what is emitted afterwards is dropped, and counted', async (t) => {
		const { emitter, link } = await connected(t);
		const closed = emitter.close();
		assert.equal(emitter.close(), closed);
		assert.equal(emitter.emit('late'), false);
		emitter.socketsJoin('late');
		emitter.serverSideEmit('late');
		await within(closed, 'close');
		assert.equal(emitter.emit('later'), false);
		assert.deepEqual(eventsOf(link), []);
		const { published, dropped, droppedBytes } = emitter.client.stats;
		assert.deepEqual([published, dropped], [4, 4]);
		assert.ok(droppedBytes > 0);
		assert.equal(emitter.client.queued.messages, 0);
	});

	test('ends for all namespaces', async (t) => {
		const { emitter, link } = await connected(t);
		emitter.of('/chat').emit('a');
		await within(emitter.of('/chat').close(), 'close');
		assert.deepEqual(eventsOf(link), ['a']);
		assert.equal(emitter.emit('late'), false);
	});

	test('destroy() ends at once, with a daemon that hangs', async (t) => {
		const { daemon, emitter, link } = await connected(t);
		daemon.answersPings = false;
		emitter.emit('a');
		const flushed = emitter.flush();
		await link.count('PUBLISH', 1);
		emitter.destroy();
		await assert.rejects(within(flushed, 'flush'), code('CLOSED'));
		assert.equal(emitter.emit('late'), false);
		assert.equal(emitter.client.stats.dropped, 1);
	});

	test('or without one', async (t) => {
		const heard = warnings(t);
		const { emitter } = await pair(t, { daemon: null });
		emitter.emit('a');
		const waiting = [emitter.flush(), emitter.close()];
		emitter.destroy();
		await assert.rejects(within(waiting[0], 'flush'), code('CLOSED'));
		await within(waiting[1], 'close');
		assert.equal(emitter.client.stats.dropped, 1);
		assert.deepEqual(heard, []);
	});
});

describe('a script', PATIENT, () => {
	/* Runs code with `emitter` at hand in a process of its own: { exit, out, err }. */
	async function run(t, socket, text, options = {}) {
		const child = spawn(process.execPath, ['-e', `
			const { createEmitter } = require(${JSON.stringify(PACKAGE)});
			const emitter = createEmitter(${JSON.stringify({ socket, ...options })});
			${text}`], { stdio: ['ignore', 'pipe', 'pipe'] });
		t.after(() => child.kill('SIGKILL'));
		const result = { child, out: '', err: '' };
		child.stdout.on('data', (data) => { result.out += data; });
		child.stderr.on('data', (data) => { result.err += data; });
		result.ended = within(once(child, 'close').then(([status, signal]) => status ?? signal),
			'end of the script');
		return result;
	}

	/* A daemon, and the events that somebody hears who has subscribed to everything of /. */
	async function heard(t) {
		const daemon = await Daemon.start();
		const client = new Client({ socket: daemon.socket, reconnectDelay: 1 }).connect();
		t.after(async () => {
			client.destroy();
			await daemon.destroy();
		});
		const events = [];
		client.subscribe('socket.io#/#');
		client.on('message', (topics, body) => events.push(decodePayload(body).packet.data));
		await within(client.ready(), 'connection');
		return { daemon, client, events };
	}

	const ENDINGS = {
		'and nothing else': '',
		'and close()': 'emitter.close();',
		'and await flush()': 'emitter.flush().then(() => emitter.close());',
		'and destroy() behind flush()': 'emitter.flush().finally(() => emitter.destroy());',
	};
	for (const [name, ending] of Object.entries(ENDINGS))
		test(`delivers with emit() ${name}, and ends by itself`, async (t) => {
			const { daemon, client, events } = await heard(t);
			const { socket } = daemon;
			const script = await run(t, socket, `emitter.emit('x', 1); emitter.emit('y'); ${ending}`);
			assert.equal(await script.ended, 0, script.err);
			await within(client.barrier(), 'barrier');
			assert.deepEqual(events, [['x', 1], ['y']]);
			assert.equal(script.err, '');
		});

	test('that emits nothing ends at once, even without a daemon', async (t) => {
		const daemon = new FakeDaemon();
		t.after(() => daemon.destroy());
		const script = await run(t, daemon.socket, '', { timeout: 600_000 });
		assert.equal(await script.ended, 0, script.err);
	});

	test('goes on when all of a burst is delivered, and delivers what follows', async (t) => {
		const { daemon, client, events } = await heard(t);
		const script = await run(t, daemon.socket, `
			(async () => {
				for (let n = 0; n < 3; n++) {
					for (let i = 0; i < 1000; i++)
						emitter.emit('n', n * 1000 + i);
					await emitter.flush();
				}
				emitter.emit('last');
			})();`);
		assert.equal(await script.ended, 0, script.err);
		await within(client.barrier(), 'barrier');
		assert.deepEqual(events.map(([, n]) => n).slice(0, -1), Array.from({ length: 3000 }, (_, n) => n));
		assert.deepEqual(events.at(-1), ['last']);
	});

	test('waits for a daemon that comes later', async (t) => {
		const daemon = new FakeDaemon();
		t.after(() => daemon.destroy());
		const script = await run(t, daemon.socket, `
			emitter.emit('x');
			emitter.client.once('connect_error', () => console.log('away'));`, { timeout: 60_000 });
		await until(() => script.out.includes('away'), 'failed attempt');
		await daemon.start();
		assert.equal(await script.ended, 0, script.err);
		assert.deepEqual(daemon.links.flatMap(eventsOf), ['x']);
	});

	test('ends where none comes, and says so', async (t) => {
		const daemon = new FakeDaemon();
		t.after(() => daemon.destroy());
		const script = await run(t, daemon.socket, 'emitter.emit(\'x\');', { timeout: 100 });
		assert.equal(await script.ended, 0);
		assert.match(script.err, /PM2A_WARN_UNSENT\] PM2AdapterWarning: .*took nothing for 100 ms; messages that wait: 1/);
	});

	test('hears of it in time to fail', async (t) => {
		const daemon = new FakeDaemon();
		t.after(() => daemon.destroy());
		const script = await run(t, daemon.socket, `
			emitter.emit('x');
			emitter.flush().catch((error) => {
				console.log(error.code);
				process.exitCode = 3;
			});`, { timeout: 100 });
		assert.equal(await script.ended, 3);
		assert.equal(script.out, 'PM2A_ERR_TIMEOUT\n');
		assert.equal(script.err, '');
	});

	test('that awaits ready() is not ended by having nothing else', async (t) => {
		const daemon = new FakeDaemon();
		t.after(() => daemon.destroy());
		const script = await run(t, daemon.socket, `
			emitter.client.once('connect_error', () => console.log('away'));
			emitter.ready().then(() => console.log('ready'));`, { timeout: 60_000 });
		await until(() => script.out.includes('away'), 'failed attempt');
		await daemon.start();
		assert.equal(await script.ended, 0, script.err);
		assert.equal(script.out, 'away\nready\n');
	});

	test('with ref: true goes on until close()', async (t) => {
		const daemon = await FakeDaemon.start();
		t.after(() => daemon.destroy());
		const script = await run(t, daemon.socket, `
			const end = () => emitter.close().then(() => console.log('closed'));
			emitter.emit('x');
			emitter.flush().then(() => setTimeout(end, 50).unref());`, { ref: true });
		assert.equal(await script.ended, 0, script.err);
		assert.equal(script.out, 'closed\n');
	});
});
