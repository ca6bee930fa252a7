'use strict';

/* Asking, against a daemon that does what a test tells it. */

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { encode } = require('notepack.io');

const { Pm2aError } = require('../../../src/node');
const { TYPE, WELCOME } = require('../support/fake-daemon');
const { connected, pair } = require('../support/pair');
const { script } = require('../support/script');
const { vector } = require('../support/vectors');
const { next, until, within } = require('../../support/wait');

const ALL = 'socket.io#/#';
const ROOM = 'socket.io#/#room1#';
const BODY = Buffer.from('what?');
const MIB = 1024 * 1024;
const refusal = (reason) => ({ name: 'Pm2aError', code: 'PM2A_ERR_REFUSED', reason });
const failure = (code) => ({ name: 'Pm2aError', code: `PM2A_ERR_${code}` });
const hex = (text) => Buffer.from(text, 'hex');
const bin = ({ json }, ...path) => hex(path.reduce((value, at) => value[at], json).bin);

/* Settled in time, or the test fails: { value } or { error }. */
const outcome = (promise) => within(promise.then((value) => ({ value }), (error) => ({ error })),
	'end of the question');
const rejects = async (promise, expected) =>
	assert.rejects(within(promise, 'end of the question'), expected);

const result = (id, answers = [], more = []) =>
	[id, 'complete', answers.length, answers.length, [], answers, ...more];
const tellResult = (link, ...of) => link.control(TYPE.RESULT, result(...of));

/* Short text for frames: the name and a distinguishing byte. */
const told = ({ frames }) => frames.filter(({ name }) => ['ASK', 'ANSWER', 'PUBLISH'].includes(name))
	.map(({ name, body }) => (name === 'PUBLISH' ? body.toString('latin1', 0, 2) : `${name} ${body[0]}`));

describe('asking: what is sent', () => {
	test('the members of a topic', async (t) => {
		const { client, link } = await connected(t);
		const asked = client.ask(ALL, BODY);
		const [frame] = await link.count('ASK', 1);
		assert.equal(frame.flags, 0);
		assert.equal(frame.topic, ALL);
		assert.deepEqual(frame.body, [1, 'list', 5000, BODY]);
		assert.equal(client.openQuestions, 1);
		tellResult(link, 1);
		await within(asked, 'result');
		assert.equal(client.openQuestions, 0);
		assert.equal(client.stats.asked, 1);
	});

	test('subscribers of a topic, and of several', async (t) => {
		const { client, link } = await connected(t);
		client.ask(ROOM, BODY, { subscribers: true, timeout: 1 }).catch(() => {});
		client.ask([ROOM], BODY, { subscribers: true, timeout: 300_000 }).catch(() => {});
		client.ask([ROOM, 'other'], BODY, { subscribers: true, gather: 'first' }).catch(() => {});
		const [one, alone, several] = await link.count('ASK', 3);
		assert.deepEqual([one.flags, one.topic, one.body[2]], [1, ROOM, 1]);
		assert.deepEqual([alone.flags, alone.topic, alone.body[2]], [1, ROOM, 300_000]);
		assert.equal(several.flags, 3);
		assert.equal(several.topic, encode([ROOM, 'other']).toString());
		assert.deepEqual(several.body, [3, 'first', 5000, BODY]);
	});

	test('with messages and subscriptions of the same tick, in order and one write', async (t) => {
		const { client, link } = await connected(t);
		const before = link.chunks;
		link.frames.length = 0;
		client.publish('x', Buffer.from('a'));
		client.ask(ALL, BODY).catch(() => {});
		client.subscribe('room');
		client.ask(ALL, BODY).catch(() => {});
		client.publish('x', Buffer.from('b'));
		await link.count('PUBLISH', 2);
		assert.deepEqual(link.frames.map(({ name }) => name),
			['PUBLISH', 'ASK', 'SUBSCRIBE', 'ASK', 'PUBLISH']);
		assert.equal(link.chunks, before + 1);
	});

	test('a body that is any Uint8Array, as it was at the call', async (t) => {
		const { client, link } = await connected(t);
		const body = new Uint8Array([9, 1, 2, 9]).subarray(1, 3);
		client.ask(ALL, body).catch(() => {});
		body.fill(7);
		const [frame] = await link.count('ASK', 1);
		assert.deepEqual(frame.body[3], Buffer.of(1, 2));
	});
});

describe('asking: results', () => {
	test('each gather as the golden frames have it', async (t) => {
		const { client, link } = await connected(t);
		const asked = ['list', 'union', 'first', 'first', 'first']
			.map((gather) => outcome(client.ask(ALL, BODY, { gather })));
		await link.count('ASK', 5);
		link.write(vector('result-list').frame);
		link.write(vector('result-union').frame);
		link.write(vector('result-found').frame);
		assert.deepEqual(await asked[0], { value: {
			outcome: 'complete', expected: 3, answered: 2,
			missing: [{ id: 9, name: 'chat', reason: 'left' }],
			answers: [
				{ id: 7, name: 'chat', body: bin(vector('result-list'), 5, 0, 2) },
				{ id: 8, name: 'api', body: bin(vector('result-list'), 5, 1, 2) },
			],
		} });
		assert.deepEqual(await asked[1], { value: {
			outcome: 'timeout', expected: 2, answered: 1,
			missing: [{ id: 9, name: 'chat', reason: 'timeout' }],
			answers: ['room1', 'room2'],
		} });
		assert.deepEqual(await asked[4], { value: {
			outcome: 'found', expected: 2, answered: 1, missing: [],
			answers: [{ id: 7, name: 'chat', body: bin(vector('result-found'), 5, 0, 2) }],
		} });
		link.control(TYPE.RESULT, [3, ...vector('result-unknown').json.slice(1)]);
		link.control(TYPE.RESULT, [4, ...vector('result-nobody').json.slice(1)]);
		assert.deepEqual(await asked[2], { value:
			{ outcome: 'unknown', expected: 2, answered: 2, missing: [], answers: [] } });
		assert.deepEqual(await asked[3], { value:
			{ outcome: 'complete', expected: 0, answered: 0, missing: [], answers: [] } });
		assert.equal(client.openQuestions, 0);
		assert.equal(client.stats.malformed, 0);
	});

	test('1000 in flight: each gets its own, in any order, with few timers', async (t) => {
		const { client, link } = await connected(t);
		const timers = t.mock.method(global, 'setTimeout');
		const asked = Array.from({ length: 1000 }, (_, i) => client.ask(ALL, Buffer.from(`${i}`)));
		assert.ok(timers.mock.callCount() <= 1, `${timers.mock.callCount()} timers`);
		timers.mock.restore();
		assert.equal(client.openQuestions, 1000);
		const frames = await link.count('ASK', 1000);
		assert.deepEqual(frames.map(({ body }) => body[0]), asked.map((_, i) => i + 1));
		const order = frames.map((_, i) => (i * 617) % 1000);
		assert.equal(new Set(order).size, 1000);
		for (const i of order)
			tellResult(link, frames[i].body[0], [[1, 'a', frames[i].body[3]]]);
		const results = await within(Promise.all(asked), 'results');
		assert.deepEqual(results.map(({ answers }) => Number(answers[0].body)), asked.map((_, i) => i));
		assert.equal(client.openQuestions, 0);
	});

	test('a union of 100,000 strings', async (t) => {
		const { client, link } = await connected(t);
		const asked = client.ask(ALL, BODY, { gather: 'union' });
		await link.count('ASK', 1);
		const rooms = Array.from({ length: 100_000 }, (_, i) => `room number ${i}`);
		tellResult(link, 1, rooms);
		assert.deepEqual((await within(asked, 'result')).answers, rooms);
	});

	test('what is new in a RESULT is ignored', async (t) => {
		const { client, link } = await connected(t);
		const asked = client.ask(ALL, BODY);
		await link.count('ASK', 1);
		tellResult(link, 1, [[1, 'a', BODY, 'more']], [{ later: true }]);
		assert.deepEqual((await within(asked, 'result')).answers, [{ id: 1, name: 'a', body: BODY }]);
	});

	test('one that nobody waits for is counted, and so is a second one', async (t) => {
		const { client, link } = await connected(t);
		const asked = client.ask(ALL, BODY);
		await link.count('ASK', 1);
		tellResult(link, 2);
		tellResult(link, 1);
		tellResult(link, 1, [[1, 'late', BODY]]);
		assert.deepEqual((await within(asked, 'result')).answers, []);
		await until(() => client.stats.malformed === 2, 'two counted');
		assert.equal(client.connected, true);
	});
});

describe('asking: a stream', () => {
	test('its parts come in order, and before its end', async (t) => {
		const { client, link } = await connected(t);
		const seen = [];
		const asked = client.ask(ALL, BODY, {
			gather: 'stream', onPart: (from, body) => seen.push([from, String(body)]),
		}).then(({ answers }) => seen.push(answers));
		await link.count('ASK', 1);
		link.socket.cork();
		for (const [from, text] of [[7, 'a'], [8, 'b'], [7, 'c']])
			link.control(TYPE.PART, [1, from, Buffer.from(text)]);
		tellResult(link, 1);
		link.socket.uncork();
		await within(asked, 'result');
		assert.deepEqual(seen, [[7, 'a'], [8, 'b'], [7, 'c'], []]);
		link.control(TYPE.PART, [1, 7, Buffer.from('late')]);
		await until(() => client.stats.malformed === 1, 'one counted');
		assert.equal(seen.length, 4);
	});

	test('nobody has to listen for them', async (t) => {
		const { client, link } = await connected(t);
		const asked = client.ask(ALL, BODY, { gather: 'stream' });
		await link.count('ASK', 1);
		link.control(TYPE.PART, [1, 7, BODY]);
		tellResult(link, 1);
		assert.equal((await within(asked, 'result')).outcome, 'complete');
		assert.equal(client.stats.malformed, 0);
	});

	test('a PART of what is no stream is counted', async (t) => {
		const { client, link } = await connected(t);
		const asked = client.ask(ALL, BODY, { onPart: () => assert.fail('a part of a list') });
		await link.count('ASK', 1);
		link.control(TYPE.PART, [1, 7, BODY]);
		tellResult(link, 1);
		await within(asked, 'result');
		assert.equal(client.stats.malformed, 1);
	});

	test('what onPart throws is uncaught, and neither parts nor result are lost', async (t) => {
		const { daemon } = await pair(t);
		const run = script(t, { socket: daemon.socket }, `
			process.on('uncaughtException', ({ message }) => console.log('uncaught', message));
			const busy = setInterval(() => {}, 1000);
			client.connect().ask('t', Buffer.from('?'), {
				gather: 'stream', onPart: (from, body) => { throw new Error(String(body)); },
			}).then(({ outcome }) => {
				setImmediate(() => console.log(outcome, client.stats.malformed));
				clearInterval(busy);
			});`);
		const link = await daemon.link(0);
		await link.count('ASK', 1);
		link.socket.cork();
		link.control(TYPE.PART, [1, 7, Buffer.from('a')]);
		link.control(TYPE.PART, [1, 7, Buffer.from('b')]);
		tellResult(link, 1);
		link.socket.uncork();
		assert.equal(await run.ended, 0, run.err);
		assert.deepEqual(run.out.trim().split('\n'), ['uncaught a', 'uncaught b', 'complete 0']);
	});
});

describe('asking: what is refused', () => {
	test('by the daemon: the asker hears why, and nobody else', async (t) => {
		const { client, link } = await connected(t);
		client.on('daemon_error', () => assert.fail('it was told to the asker'));
		const asked = Array.from({ length: 7 }, () => outcome(client.ask(ALL, BODY)));
		await link.count('ASK', 7);
		link.write(vector('error-ask').frame);
		const { error } = await asked[6];
		assert.ok(error instanceof Pm2aError);
		assert.equal(error.code, 'PM2A_ERR_REFUSED');
		assert.equal(error.reason, 'too-many-questions');
		assert.match(error.message, /too-many-questions: .*max-questions is 4096/);
		assert.equal(client.stats.errors, 1);
		assert.equal(client.openQuestions, 6);
		assert.equal(client.connected, true);
	});

	test('an ERROR of no open question is a daemon_error', async (t) => {
		const { client, link } = await connected(t);
		const told = next(client, 'daemon_error');
		link.write(vector('error-ask').frame);
		const [error, { code }] = await told;
		assert.equal(error.code, 'PM2A_ERR_DAEMON');
		assert.equal(code, 'too-many-questions');
	});

	test('wrong arguments', async (t) => {
		const { client, link } = await connected(t);
		for (const args of [
			[], ['t'], [undefined, BODY], ['', BODY], [7, BODY], [[], BODY], [['a', 7], BODY],
			[['a', ''], BODY, { subscribers: true }], ['t', 'text'], ['t', [1]], ['t', new ArrayBuffer(1)],
			['t', BODY, { gather: 'all' }], ['t', BODY, { gather: 'toString' }],
			['t', BODY, { timeout: 0 }], ['t', BODY, { timeout: 300_001 }], ['t', BODY, { timeout: 1.5 }],
			['t', BODY, { timeout: '10' }], ['t', BODY, { subscribers: 1 }], [['a', 'b'], BODY],
			['t', BODY, { gather: 'stream', onPart: 'log' }],
		])
			await rejects(client.ask(...args), failure('OPTION'));
		assert.equal(client.stats.asked, 0);
		assert.equal(client.openQuestions, 0);
		client.ask('t', BODY, null).catch(() => {});
		await link.count('ASK', 1);
	});

	test('a topic or a question above the daemon\'s limits, to the byte', async (t) => {
		const { client, link } = await connected(t,
			{ daemon: { welcome: { max_frame: 4096, max_topic: 100 } } });
		const room = (n) => 'r'.repeat(n);
		// Around the body: the header less the length field, the topic, array, id, gather, timeout, bin.
		const fits = 4096 - (4 + 1 + 1 + 1 + 5 + 3 + 3);
		for (const [topics, size, reason] of [
			[room(101), 1, 'topic-too-long'], [[room(100), room(101)], 1, 'topic-too-long'],
			[Array.from({ length: 700 }, () => room(100)), 1, 'topic-too-long'],
			['t', fits + 1, 'too-big'], [Array.from({ length: 100 }, () => room(100)), 1, 'too-big'],
		])
			await rejects(client.ask(topics, Buffer.alloc(size), { subscribers: true }), refusal(reason));
		client.ask(room(100), BODY).catch(() => {});
		client.ask('t', Buffer.alloc(fits)).catch(() => {});
		const frames = await link.count('ASK', 2);
		assert.equal(frames[1].body[3].length, fits);
		assert.equal(client.openQuestions, 2);
	});

	test('by a daemon that takes no questions', async (t) => {
		for (const features of [['stats'], undefined, 'ask', null]) {
			const { client, link } = await connected(t, { daemon: { welcome: { features } } });
			await rejects(client.ask(ALL, BODY), refusal('unsupported'));
			assert.deepEqual(link.named('ASK'), []);
			assert.equal(client.openQuestions, 0);
		}
	});
});

describe('asking: no connection', () => {
	test('before connect(), and while the next attempt is waited for', async (t) => {
		const { client } = await pair(t, { daemon: null, reconnectDelay: 60_000, reconnectDelayMax: 60_000 });
		await rejects(client.ask(ALL, BODY), failure('AWAY'));
		client.connect();
		await next(client, 'connect_error');
		await rejects(client.ask(ALL, BODY), failure('AWAY'));
		assert.equal(client.openQuestions, 0);
		assert.equal(client.stats.asked, 0);
	});

	test('an attempt that fails, before connect_error is emitted', async (t) => {
		const { client } = await pair(t, { daemon: null });
		client.connect();
		const seen = [];
		client.once('connect_error', () => seen.push(client.openQuestions));
		const asked = outcome(client.ask(ALL, BODY));
		assert.equal(client.openQuestions, 1);
		const { error } = await asked;
		assert.equal(error.code, 'PM2A_ERR_AWAY');
		assert.deepEqual(seen, [0]);
	});

	test('an attempt that the daemon ends', async (t) => {
		const { client, daemon } = await pair(t, { daemon: { welcome: null } });
		client.connect();
		const asked = client.ask(ALL, BODY);
		const link = await daemon.link(0);
		link.control(TYPE.ERROR, ['bad-hello', 'no', true]);
		link.socket.end();
		await rejects(asked, failure('AWAY'));
		assert.deepEqual(link.named('ASK'), []);
	});

	test('one that ends takes its questions with it, before disconnect is emitted', async (t) => {
		const { client, daemon, link } = await connected(t);
		const seen = [];
		client.once('disconnect', () => seen.push(client.openQuestions));
		const asked = [client.ask(ALL, BODY), client.ask(ALL, BODY)];
		await link.count('ASK', 2);
		link.socket.destroy();
		for (const each of asked)
			await rejects(each, failure('LOST'));
		assert.deepEqual(seen, [0]);
		await within(client.ready(), 'connection');
		assert.deepEqual(daemon.links[1].named('ASK'), [], 'never asked twice');
	});

	test('what was not yet written ends with it too', async (t) => {
		const { client, daemon, link } = await connected(t);
		link.socket.pause();
		while (client.queued.messages === 0)
			client.publish('x', Buffer.alloc(MIB / 4));
		const asked = client.ask(ALL, BODY);
		link.socket.destroy();
		await rejects(asked, failure('LOST'));
		await within(client.ready(), 'connection');
		assert.deepEqual(daemon.links[1].named('ASK'), []);
	});

	test('after a GOODBYE none is asked, but those that are open may end well', async (t) => {
		const { client, link } = await connected(t, { daemon: { staysOpen: true } });
		const asked = [outcome(client.ask(ALL, BODY)), outcome(client.ask(ALL, BODY))];
		await link.count('ASK', 2);
		link.control(TYPE.GOODBYE, { reason: 'shutdown', retry_after_ms: 60_000 });
		await until(() => link.hasEnded, 'end of the client\'s side');
		await rejects(client.ask(ALL, BODY), failure('AWAY'));
		tellResult(link, 1);
		assert.equal((await asked[0]).value.outcome, 'complete');
		link.socket.end();
		assert.equal((await asked[1]).error.code, 'PM2A_ERR_LOST');
	});

	for (const end of ['close', 'destroy'])
		test(`${end}() ends what is open, and what comes after it`, async (t) => {
			const { client, link } = await connected(t);
			const asked = outcome(client.ask(ALL, BODY));
			await link.count('ASK', 1);
			client[end]();
			assert.equal(client.openQuestions, 0);
			assert.equal((await asked).error.code, 'PM2A_ERR_CLOSED');
			await rejects(client.ask(ALL, BODY), failure('CLOSED'));
		});

	test('close() that waits for a connection doesn\'t ask on it', async (t) => {
		const { client, daemon } = await pair(t, { daemon: { welcome: null } });
		client.connect();
		client.publish('x', Buffer.from('a'));
		const asked = client.ask(ALL, BODY);
		const closed = client.close();
		await rejects(asked, failure('CLOSED'));
		await rejects(client.ask(ALL, BODY), failure('CLOSED'));
		const link = await daemon.link(0);
		link.control(TYPE.WELCOME, WELCOME);
		await within(closed, 'end of close()');
		assert.deepEqual(told(link), ['a']);
	});

	test('a rejection that its asker handles is no unhandled one', async (t) => {
		const { daemon } = await pair(t);
		const run = script(t, { socket: daemon.socket }, `
			client.connect();
			const all = [client.ask('t', Buffer.from('?')), client.ask('t', 'text')];
			client.destroy();
			all.push(client.ask('t', Buffer.from('?')));
			Promise.allSettled(all).then((list) => {
				list.forEach(({ reason }) => console.log(reason.code));
			});`);
		assert.equal(await run.ended, 0, run.err);
		assert.deepEqual(run.out.trim().split('\n'),
			['PM2A_ERR_CLOSED', 'PM2A_ERR_OPTION', 'PM2A_ERR_CLOSED']);
		assert.equal(run.err, '');
	});
});
