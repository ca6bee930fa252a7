'use strict';

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { Client, Pm2aError } = require('../../../src/node');
const { AWAY_MS } = require('../../../src/node/lib/client/warnings');
const { TYPE, WELCOME } = require('../support/fake-daemon');
const { connected, pair } = require('../support/pair');
const { script } = require('../support/script');
const { next, until, within } = require('../../support/wait');

const CLOSED = { name: 'Pm2aError', code: 'PM2A_ERR_CLOSED' };
const TIMEOUT = 4321; // no delay of a retry in these tests is the same
const OTHERS = [TIMEOUT, AWAY_MS];

/* The delays of the retries from now on, which pass at once. */
function delaysOf(t) {
	const delays = [];
	const { setTimeout: original } = global;
	t.mock.method(global, 'setTimeout', (run, ms, ...args) => {
		if (!OTHERS.includes(ms))
			delays.push(ms);
		return original(run, OTHERS.includes(ms) ? ms : 0, ...args);
	});
	return delays;
}

describe('client: trying again', () => {
	test('the ceiling doubles up to its maximum', async (t) => {
		const { client } = await pair(t, {
			daemon: null, reconnectDelay: 50, reconnectDelayMax: 1000, connectTimeout: TIMEOUT,
		});
		t.mock.method(Math, 'random', () => 0.5);
		let failed = 0;
		const enough = new Promise((resolve) => {
			client.on('connect_error', () => {
				if (++failed === 8)
					resolve();
			});
		});
		const delays = delaysOf(t);
		client.connect();
		await within(enough, 'attempts');
		client.destroy();
		t.mock.restoreAll();
		assert.deepEqual(delays.slice(0, 8), [25, 50, 100, 200, 400, 500, 500, 500]);
	});

	test('each delay is a random part of the ceiling', async (t) => {
		const { client } = await pair(t, {
			daemon: null, reconnectDelay: 1000, reconnectDelayMax: 1000, connectTimeout: TIMEOUT,
		});
		const delays = delaysOf(t);
		const enough = new Promise((resolve) => {
			client.on('connect_error', () => delays.length >= 200 && resolve());
		});
		client.connect();
		await within(enough, 'attempts');
		client.destroy();
		t.mock.restoreAll();
		const some = delays.slice(0, 200);
		assert.ok(some.every((delay) => delay >= 0 && delay < 1000));
		// Each side would be empty once in 10^24 runs.
		assert.ok(some.some((delay) => delay < 250) && some.some((delay) => delay > 750));
	});

	test('after a connection it begins with the first delay again', async (t) => {
		const { client, daemon } = await pair(t, {
			daemon: null, reconnectDelay: 50, reconnectDelayMax: 1000, connectTimeout: TIMEOUT,
		});
		t.mock.method(Math, 'random', () => 0.5);
		const delays = delaysOf(t);
		client.connect();
		await until(() => delays.length >= 4, 'four attempts');
		await daemon.start();
		await within(client.ready(), 'connection');
		const { length } = delays;
		daemon.links[0].socket.destroy();
		await next(client, 'disconnect');
		t.mock.restoreAll();
		assert.ok(delays.slice(length).includes(25), `${delays.slice(length)}`);
	});

	test('attempts that fail are told and counted, and one that doesn\'t makes it ready', async (t) => {
		const { client, daemon } = await pair(t, { daemon: null });
		client.connect();
		const [error] = await next(client, 'connect_error');
		assert.ok(error instanceof Pm2aError);
		assert.equal(error.code, 'PM2A_ERR_CONNECT');
		assert.ok(error.message.includes(daemon.socket));
		assert.equal(error.cause.code, 'ENOENT');
		assert.ok(client.stats.errors > 0);
		assert.equal(client.connected, false);
		assert.equal(client.welcome, null);
		await daemon.start();
		await within(client.ready(), 'connection');
		assert.equal(client.connected, true);
		assert.equal(client.stats.connects, 1);
	});

	test('a daemon that takes the connection and says nothing', async (t) => {
		const { client, daemon } = await pair(t, { daemon: { welcome: null }, connectTimeout: 20 });
		client.connect();
		const [error] = await next(client, 'connect_error');
		assert.equal(error.code, 'PM2A_ERR_TIMEOUT');
		daemon.welcome = WELCOME;
		await within(client.ready(), 'connection');
	});

	test('a daemon that says WELCOME and answers no PING', async (t) => {
		const { client, daemon } = await pair(t,
			{ daemon: { answersPings: false }, connectTimeout: 20 });
		client.connect();
		const [error] = await next(client, 'connect_error');
		assert.equal(error.code, 'PM2A_ERR_TIMEOUT');
		daemon.answersPings = true;
		await within(client.ready(), 'connection');
	});

	test('what stays wrong is tried at the longest delay from the start', async (t) => {
		for (const code of ['bad-hello', 'bad-version', 'not-allowed',
			'too-many-connections']) {
			const { client, daemon } = await pair(t, {
				daemon: { welcome: null }, reconnectDelay: 10, reconnectDelayMax: 5000,
				connectTimeout: TIMEOUT,
			});
			client.connect();
			const link = await daemon.link(0);
			await link.count('HELLO', 1);
			t.mock.method(Math, 'random', () => 0.5);
			const delays = delaysOf(t);
			const refused = next(client, 'daemon_error');
			const ended = next(client, 'connect_error');
			link.control(TYPE.ERROR, [code, 'never', true]);
			link.socket.end();
			assert.equal((await refused)[1].fatal, true);
			await ended;
			t.mock.restoreAll();
			assert.ok(delays.includes(2500), `${code}: ${delays}`);
		}
	});
});

describe('client: GOODBYE', () => {
	test('what was begun is sent, our side is closed, and what still comes is heard', async (t) => {
		const { client, daemon, link } = await connected(t, { daemon: { staysOpen: true } });
		const reason = next(client, 'disconnect');
		client.once('message', () => {
			for (let n = 0; n < 100; n++)
				client.publish('x', Buffer.from(`${n}`));
		});
		// In one chunk: the messages are of the same tick as the GOODBYE.
		link.socket.cork();
		link.frame(TYPE.PUBLISH, 0, 't', Buffer.from('publish!'));
		link.control(TYPE.GOODBYE, { reason: 'shutdown', retry_after_ms: 0 });
		link.socket.uncork();
		await until(() => link.hasEnded, 'end of the client\'s side');
		assert.deepEqual(link.messages, Array.from({ length: 100 }, (_, n) => `${n}`));

		assert.equal(client.connected, false);
		const ready = client.ready();
		client.publish('x', Buffer.from('for the next'));
		const heard = next(client, 'message');
		link.frame(TYPE.PUBLISH, 0, 't', Buffer.from('last words'));
		assert.equal(String((await heard)[1]), 'last words');
		assert.equal(daemon.links.length, 1);
		link.socket.end();
		assert.deepEqual(await reason, ['goodbye', undefined]);
		await within(ready, 'connection');
		assert.deepEqual(daemon.links[1].messages, ['for the next']);
		assert.equal(client.stats.dropped, 0);
	});

	test('it comes back no earlier than it was asked to', async (t) => {
		const { daemon, link } = await connected(t, { connectTimeout: TIMEOUT });
		t.mock.method(Math, 'random', () => 0.5);
		const delays = delaysOf(t);
		link.control(TYPE.GOODBYE, { reason: 'shutdown', retry_after_ms: 3000 });
		await daemon.link(1);
		t.mock.restoreAll();
		assert.ok(delays.some((delay) => delay > 3000 && delay <= 3010), `${delays}`);
	});

	test('a retry_after_ms that is no sensible number doesn\'t keep it away', async (t) => {
		for (const retryAfter of [-1, 'soon', null, NaN, {}, 2 ** 53]) {
			const { daemon, link } = await connected(t, { connectTimeout: TIMEOUT });
			const delays = delaysOf(t);
			link.control(TYPE.GOODBYE, { retry_after_ms: retryAfter });
			await daemon.link(1);
			t.mock.restoreAll();
			assert.ok(delays.every((delay) => delay <= 60_010), `${retryAfter}: ${delays}`);
		}
	});

	test('a daemon that says it and stays is left', async (t) => {
		const { client, daemon, link } = await connected(t,
			{ daemon: { staysOpen: true }, connectTimeout: 50 });
		const reason = next(client, 'disconnect');
		link.control(TYPE.GOODBYE, { reason: 'shutdown', retry_after_ms: 0 });
		assert.deepEqual(await reason, ['goodbye', undefined]);
		await daemon.link(1);
	});
});

describe('client: a daemon that hangs', () => {
	test('is asked, left, and told as silent', async (t) => {
		const { client, daemon, link } = await connected(t,
			{ daemon: { welcome: { ping_interval_ms: 20 } } });
		daemon.answersPings = false;
		const [reason, error] = await next(client, 'disconnect');
		assert.equal(reason, 'PM2A_ERR_SILENT');
		assert.equal(error.code, 'PM2A_ERR_SILENT');
		assert.ok(link.named('PING').length >= 2, 'it was asked');
		daemon.answersPings = true;
		await within(client.ready(), 'connection');
	});

	test('one that answers is kept', async (t) => {
		const { client, daemon, link } = await connected(t,
			{ daemon: { welcome: { ping_interval_ms: 10 } } });
		await link.count('PING', 10);
		assert.equal(daemon.links.length, 1);
		assert.equal(client.stats.connects, 1);
	});

	test('one that never wants to be asked isn\'t, nor one that asks for nonsense', async (t) => {
		for (const interval of [0, -1, 'often', null, 2 ** 40, { valueOf: 1, toString: 1 }]) {
			const { client, link } = await connected(t,
				{ daemon: { welcome: { ping_interval_ms: interval } } });
			for (let n = 0; n < 20; n++)
				await new Promise((resolve) => { setTimeout(resolve, 1); });
			client.publish('x', Buffer.from('after a while'));
			await link.count('PUBLISH', 1);
			assert.equal(link.named('PING').length, 1, 'the barrier alone');
		}
	});
});

describe('client: the end', () => {
	test('close() sends what was published, and resolves when all of it was read', async (t) => {
		const { client, link } = await connected(t);
		for (let n = 0; n < 100; n++)
			client.publish('x', Buffer.alloc(100_000, n));
		await within(client.close(), 'end');
		assert.equal(link.messages.length, 100);
		assert.equal(link.hasEnded, true);
		assert.equal(client.stats.dropped, 0);
		assert.equal(client.connected, false);
	});

	test('close() of a client that never connected', async (t) => {
		const { client } = await pair(t, { daemon: null });
		client.publish('x', Buffer.from('x'));
		const waiting = assert.rejects(client.ready(), CLOSED);
		await within(client.close(), 'end');
		await waiting;
		await assert.rejects(client.ready(), CLOSED);
		assert.deepEqual(client.queued, { messages: 0, bytes: 0 });
		assert.deepEqual([client.stats.dropped, client.stats.droppedBytes], [1, 10]);
	});

	test('close() while it tries in vain', async (t) => {
		const { client } = await pair(t, { daemon: null });
		client.connect();
		await next(client, 'connect_error');
		client.publish('x', Buffer.from('x'));
		await within(client.close(), 'end');
		assert.deepEqual(await next(client, 'drop'), [{ messages: 1, bytes: 10, reason: 'closed' }]);
	});

	test('close() while it connects waits for what was published', async (t) => {
		const { client, daemon } = await pair(t);
		client.connect();
		client.publish('x', Buffer.from('from a short script'));
		await within(client.close(), 'end');
		assert.deepEqual(daemon.links[0].messages, ['from a short script']);
		assert.equal(client.stats.dropped, 0);
	});

	test('close() does not wait for ever', async (t) => {
		const { client, link } = await connected(t, { connectTimeout: 50 });
		link.socket.pause();
		for (let n = 0; n < 20; n++)
			client.publish('x', Buffer.alloc(100_000, n));
		await within(client.close(), 'end');
		await until(() => client.stats.dropped > 0, 'count of what was lost');
	});

	test('twice, and destroy() after it', async (t) => {
		const { client, link } = await connected(t);
		client.publish('x', Buffer.from('once'));
		await within(Promise.all([client.close(), client.close()]), 'end');
		client.destroy();
		client.destroy();
		await within(client.close(), 'end');
		assert.deepEqual(link.messages, ['once']);
	});

	test('publish() after it is counted, and neither it nor subscribe() throws', async (t) => {
		const { client } = await connected(t);
		await client.close();
		client.subscribe('room');
		client.unsubscribe('room');
		client.publish('x', Buffer.from('late'));
		client.destroy();
		assert.equal(client.stats.dropped, 1);
	});

	test('connect() after it begins anew, with all subscriptions', async (t) => {
		const { client, daemon } = await connected(t);
		client.subscribe('room');
		await client.close();
		client.connect();
		await within(client.ready(), 'connection');
		assert.deepEqual(daemon.links[1].named('SUBSCRIBE')[0].body, ['room']);
	});

	/* A worker with thousands of namespaces is back soon because it writes so little. */
	test('subscribes to thousands of topics again with one frame for each kind', async (t) => {
		const { client, daemon, link } = await connected(t);
		for (let i = 0; i < 1500; i++) {
			client.subscribe(`namespace-${i}`, { member: true });
			client.subscribe(`topic-${i}`);
		}
		await client.barrier();
		const gone = next(client, 'disconnect');
		link.socket.end();
		await gone;
		await within(client.ready(), 'connection');
		const { frames } = daemon.links[1];
		assert.deepEqual(frames.map(({ name }) => name), ['HELLO', 'SUBSCRIBE', 'SUBSCRIBE', 'PING']);
		assert.deepEqual(frames.map(({ body }) => body.length).slice(1, 3), [1500, 1500]);
	});

	test('destroy() ends at once: no more is sent, what waits is counted', async (t) => {
		const { client, link } = await connected(t);
		client.publish('x', Buffer.from('of this tick'));
		client.destroy();
		assert.deepEqual(await next(client, 'drop'),
			[{ messages: 1, bytes: 21, reason: 'closed' }]);
		await until(() => link.hasEnded, 'end');
		assert.deepEqual(link.messages, []);
		await assert.rejects(client.ready(), CLOSED);
	});

	test('destroy() rejects who waits', async (t) => {
		const { client } = await pair(t, { daemon: { welcome: null } });
		client.connect();
		const waiting = assert.rejects(client.ready(), CLOSED);
		client.destroy();
		await waiting;
	});

	test('no attempt follows', async (t) => {
		const { client, daemon, link } = await connected(t);
		link.socket.destroy();
		await next(client, 'disconnect');
		await client.close();
		const other = new Client({ socket: daemon.socket, name: 'other' }).connect();
		t.after(() => other.destroy());
		await within(other.ready(), 'connection');
		assert.deepEqual(daemon.links.map(({ frames }) => frames[0].body.name), ['tested', 'other']);
	});
});

describe('client: in a process of its own', () => {
	test('a connected client doesn\'t keep it alive', async (t) => {
		const { daemon } = await pair(t, { daemon: { welcome: { ping_interval_ms: 3_600_000 } } });
		const run = script(t, { socket: daemon.socket }, `
			const busy = setInterval(() => {}, 1000);
			client.connect().ready().then(() => clearInterval(busy));`);
		assert.equal(await run.ended, 0, run.err);
		assert.equal(daemon.links.length, 1);
	});

	test('nor does one that finds no daemon', async (t) => {
		const { daemon } = await pair(t, { daemon: null });
		const run = script(t, { socket: daemon.socket }, `
			client.connect();
			const busy = setInterval(() => {}, 1000);
			client.once('connect_error', () => clearInterval(busy));`);
		assert.equal(await run.ended, 0, run.err);
	});

	test('with ref: true it does, connected and away, until close()', async (t) => {
		const { daemon } = await pair(t, { daemon: null });
		const run = script(t, { socket: daemon.socket, ref: true }, `
			client.connect();
			client.once('connect_error', () => console.log('away'));
			client.once('message', () => client.close());`);
		await until(() => run.out === 'away\n', 'first attempt');
		await daemon.start();
		const link = await daemon.link(0);
		await link.count('PING', 1);
		link.frame(TYPE.PUBLISH, 0, 't', Buffer.from('end'));
		assert.equal(await run.ended, 0, run.err);
	});

	test('connect, publish, close: a short script is heard', async (t) => {
		const { daemon } = await pair(t);
		const run = script(t, { socket: daemon.socket, role: 'emitter' }, `
			client.connect();
			client.publish('x', Buffer.from('from a script'));
			client.close().then(() => console.log('done'));`);
		assert.equal(await run.ended, 0, run.err);
		assert.equal(run.out, 'done\n');
		assert.deepEqual(daemon.links[0].messages, ['from a script']);
	});

	test('what a listener throws is uncaught, and doesn\'t tear the stream', async (t) => {
		const { daemon } = await pair(t);
		const run = script(t, { socket: daemon.socket }, `
			process.on('uncaughtException', ({ message }) => console.log('uncaught', message));
			client.connect();
			client.on('message', (topics, body) => {
				if (String(body) === 'end') {
					client.close();
				}
				throw new Error(String(body));
			});
			const busy = setInterval(() => {}, 1000);
			client.on('presence', () => { clearInterval(busy); throw new Error('presence'); });`);
		const link = await daemon.link(0);
		await link.count('PING', 1);
		link.socket.cork();
		for (const text of ['1', '2', '3'])
			link.frame(TYPE.PUBLISH, 0, 't', Buffer.from(text));
		link.control(TYPE.PRESENCE, { event: 'left', id: 1, name: 'n', count: 0 }, 't');
		link.frame(TYPE.PUBLISH, 0, 't', Buffer.from('end'));
		link.socket.uncork();
		assert.equal(await run.ended, 0, run.err);
		assert.deepEqual(run.out.trim().split('\n'),
			['1', '2', '3', 'presence', 'end'].map((text) => `uncaught ${text}`));
	});
});
