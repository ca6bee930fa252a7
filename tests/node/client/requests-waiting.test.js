'use strict';

/* Questions and answers that wait for their turn, and daemons that leave questions open. */

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { encode } = require('notepack.io');

const sender = require('../../../src/node/lib/wire/frame-writer');
const { TYPE, WELCOME } = require('../support/fake-daemon');
const { connected, pair } = require('../support/pair');
const { script } = require('../support/script');
const { next, until, within } = require('../../support/wait');

const ALL = 'socket.io#/#';
const BODY = Buffer.from('what?');
const BIG = 256 * 1024;
const failure = (code) => ({ name: 'Pm2aError', code: `PM2A_ERR_${code}` });
const rejects = async (promise, expected) =>
	assert.rejects(within(promise, 'end of the question'), expected);
const unheard = (promise) => promise.catch(() => {});

/* The messages, questions and answers that came, in order: their first letters or numbers. */
const told = ({ frames }) => frames.filter(({ name }) => ['ASK', 'ANSWER', 'PUBLISH'].includes(name))
	.map(({ name, body }) => (name === 'PUBLISH' ?
		body.toString('latin1', 0, 1) : `${name} ${body[0]}`));

const letter = (text, size = 1) => Buffer.alloc(size, text);

/* Publishes until the kernel takes no more, so that the next one waits. */
function fill(client, link) {
	link.socket.pause();
	let n = 0;
	for (; client.queued.messages === 0; n++)
		client.publish('x', letter('-', BIG));
	return n;
}

describe('waiting: a connection that is being made', () => {
	test('questions go behind WELCOME, in their place among the messages', async (t) => {
		const { client, daemon } = await pair(t, { daemon: { welcome: null } });
		client.publish('x', letter('a'));
		client.connect();
		client.subscribe(ALL, { member: true });
		const asked = client.ask(ALL, BODY);
		client.publish('x', letter('b'));
		const link = await daemon.link(0);
		await link.count('SUBSCRIBE', 1);
		client.publish('x', letter('c'));
		unheard(client.ask(ALL, BODY));
		await until(() => link.frames.length === 2, 'HELLO and SUBSCRIBE');
		assert.deepEqual(told(link), []);
		assert.equal(client.openQuestions, 2);
		link.control(TYPE.WELCOME, WELCOME);
		await link.count('ASK', 2);
		await link.count('PING', 1);
		assert.deepEqual(told(link), ['a', 'ASK 1', 'b', 'c', 'ASK 2']);
		link.control(TYPE.RESULT, [1, 'complete', 0, 0, [], []]);
		assert.equal((await within(asked, 'result')).outcome, 'complete');
	});

	test('they are sent as they were at the call, with the time that is left', async (t) => {
		const { client, daemon } = await pair(t, { daemon: { welcome: null } });
		client.connect();
		const body = Buffer.from('before');
		const topics = ['a', 'b'];
		unheard(client.ask(topics, body, { subscribers: true, timeout: 60_000 }));
		body.fill('x');
		topics.push('c');
		const link = await daemon.link(0);
		const start = performance.now();
		await until(() => performance.now() - start > 20, 'some time');
		link.control(TYPE.WELCOME, WELCOME);
		const [ask] = await link.count('ASK', 1);
		assert.equal(ask.topic, encode(['a', 'b']).toString());
		assert.deepEqual(ask.body[3], Buffer.from('before'));
		assert.ok(ask.body[2] > 0 && ask.body[2] <= 60_000 - 20, `${ask.body[2]} ms are left`);
	});

	test('what is wrong with them is told when the limits are known', async (t) => {
		const { client, daemon } = await pair(t,
			{ daemon: { welcome: { max_frame: 4096, max_topic: 100 } } });
		client.connect();
		const asked = [client.ask('t'.repeat(101), BODY), client.ask(ALL, Buffer.alloc(4096))];
		await rejects(asked[0], { code: 'PM2A_ERR_REFUSED', reason: 'topic-too-long' });
		await rejects(asked[1], { code: 'PM2A_ERR_REFUSED', reason: 'too-big' });
		await within(client.ready(), 'connection');
		assert.deepEqual(daemon.links[0].named('ASK'), []);
	});

	test('one that waits for longer than its timeout ends, and is not sent', async (t) => {
		const { client, daemon } = await pair(t, { daemon: { welcome: null }, connectTimeout: 600_000 });
		client.connect();
		await rejects(client.ask(ALL, BODY, { timeout: 1 }), failure('TIMEOUT'));
		assert.equal(client.openQuestions, 0);
		const link = await daemon.link(0);
		link.control(TYPE.WELCOME, WELCOME);
		await within(client.ready(), 'connection');
		assert.deepEqual(link.named('ASK'), []);
	});

	test('10,000 may wait', async (t) => {
		const { client, daemon } = await pair(t, { daemon: { welcome: null } });
		client.connect();
		for (let i = 0; i < 10_000; i++)
			unheard(client.ask(ALL, BODY));
		await rejects(client.ask(ALL, BODY), { code: 'PM2A_ERR_REFUSED', reason: 'queue-full' });
		assert.equal(client.openQuestions, 10_000);
		const link = await daemon.link(0);
		link.control(TYPE.WELCOME, WELCOME);
		await link.count('ASK', 10_000);
		unheard(client.ask(ALL, BODY));
		await link.count('ASK', 10_001);
	});

	test('a failed attempt leaves nothing that waits', async (t) => {
		const { client, daemon } = await pair(t, { daemon: { welcome: null } });
		client.connect();
		const asked = client.ask(ALL, BODY);
		client.publish('x', letter('a'));
		(await daemon.link(0)).socket.destroy();
		await rejects(asked, failure('AWAY'));
		daemon.welcome = WELCOME;
		await within(client.ready(), 'connection');
		assert.deepEqual(told(daemon.links.at(-1)), ['a']);
	});
});

describe('waiting: a daemon that takes no more', () => {
	test('questions and answers overtake no message, and none overtakes them', async (t) => {
		const { client, link } = await connected(t);
		const heard = next(client, 'question');
		link.frame(TYPE.QUESTION, 0, ALL, encode([77, BODY, 'stream']));
		const [question] = await heard;
		const n = fill(client, link);
		client.publish('x', letter('a', BIG));
		unheard(client.ask(ALL, BODY));
		question.more(BODY);
		client.publish('x', letter('b', BIG));
		question.answer(BODY);
		client.publish('x', letter('c'));
		unheard(client.ask(ALL, BODY));
		link.socket.resume();
		await link.count('ASK', 2);
		assert.deepEqual(told(link).slice(n),
			['a', 'ASK 1', 'ANSWER 77', 'b', 'ANSWER 77', 'c', 'ASK 2']);
		assert.equal(client.stats.dropped, 0);
	});

	test('nor do they when they wait alone', async (t) => {
		const { client, link } = await connected(t);
		link.socket.pause();
		const asked = [];
		for (let i = 0; i < 20; i++)
			asked.push(unheard(client.ask(ALL, letter('?', BIG))));
		assert.equal(client.queued.messages, 0);
		client.publish('x', letter('z'));
		assert.equal(client.queued.messages, 1, 'it waits behind them');
		link.socket.resume();
		await link.count('PUBLISH', 1);
		assert.deepEqual(told(link), [...asked.map((_, i) => `ASK ${i + 1}`), 'z']);
	});

	test('messages that are dropped meanwhile don\'t hold a question back', async (t) => {
		const { client, link } = await connected(t, { queueMaxBytes: 2 * BIG });
		const n = fill(client, link);
		unheard(client.ask(ALL, BODY));
		for (const text of 'abcdef')
			client.publish('x', letter(text, BIG / 2));
		link.socket.resume();
		await until(() => told(link).includes('f'), 'the last message');
		const seen = told(link).slice(n - 1);
		assert.equal(seen[0], 'ASK 1');
		assert.deepEqual(seen.slice(1), ['d', 'e', 'f']);
		assert.equal(client.stats.dropped, 4);
	});

	test('nor when it takes some again, tick by tick', async (t) => {
		const { client, link } = await connected(t);
		const expected = [];
		link.socket.pause();
		for (let i = 1; i <= 100; i++) {
			client.publish('x', letter('-', BIG / 4));
			unheard(client.ask(ALL, BODY));
			expected.push('-', `ASK ${i}`);
			if (i === 50)
				link.socket.resume();
			await new Promise(setImmediate);
		}
		await link.count('ASK', 100);
		assert.deepEqual(told(link), expected);
	});

	test('an answer that waits goes with its connection', async (t) => {
		const { client, daemon, link } = await connected(t);
		const heard = next(client, 'question');
		link.frame(TYPE.QUESTION, 0, ALL, encode([77, BODY, 'list']));
		const [question] = await heard;
		fill(client, link);
		question.answer(BODY);
		link.socket.destroy();
		await next(client, 'disconnect');
		await within(client.ready(), 'connection');
		await within(client.barrier(), 'barrier');
		assert.deepEqual(daemon.links[1].named('ANSWER'), []);
	});

	test('close() still sends what waits of answers, and asks nothing more', async (t) => {
		const { client, link } = await connected(t);
		const heard = next(client, 'question');
		link.frame(TYPE.QUESTION, 0, ALL, encode([77, BODY, 'list']));
		const [question] = await heard;
		const n = fill(client, link);
		const asked = client.ask(ALL, BODY);
		question.answer(BODY);
		const closed = client.close();
		await rejects(asked, failure('CLOSED'));
		link.socket.resume();
		await within(closed, 'end of close()');
		assert.deepEqual(told(link).slice(n), ['ANSWER 77']);
	});
});

describe('waiting: a daemon that doesn\'t end a question', () => {
	test('is given a second more, for each of its questions', async (t) => {
		const { client, link } = await connected(t);
		const later = client.ask(ALL, BODY, { timeout: 60_000 });
		const start = performance.now();
		const late = [500, 1, 250].map((timeout) => client.ask(ALL, BODY, { timeout })
			.catch(({ code }) => ({ code, timeout, after: performance.now() - start })));
		for (const { code, timeout, after } of await within(Promise.all(late), 'timeouts')) {
			assert.equal(code, 'PM2A_ERR_TIMEOUT');
			assert.ok(after >= timeout + 1000, `${after} ms for ${timeout}`);
		}
		assert.equal(client.openQuestions, 1);
		assert.equal(client.connected, true);
		link.control(TYPE.RESULT, [2, 'timeout', 1, 0, [[9, 'b', 'timeout']], []]);
		await until(() => client.stats.malformed === 1, 'one counted that is late');
		link.control(TYPE.RESULT, [1, 'complete', 0, 0, [], []]);
		assert.equal((await within(later, 'result')).outcome, 'complete');
	});

	test('doesn\'t keep the process alive', async (t) => {
		const { daemon } = await pair(t);
		const run = script(t, { socket: daemon.socket }, `
			const busy = setInterval(() => {}, 1000);
			client.connect().ready().then(() => {
				client.ask('t', Buffer.from('?'), { timeout: 300000 });
				clearInterval(busy);
			});`);
		assert.equal(await run.ended, 0, run.err);
	});
});

describe('waiting: a RESULT or a PART that can\'t be read', () => {
	const ROW = [7, 'a', BODY];
	const GOOD = ['complete', 1, 1, [], []];
	const but = (at, value) => GOOD.map((each, i) => (i === at ? value : each));
	const RESULTS = {
		'nothing but the id': [],
		'too few elements': GOOD.slice(0, 4),
		'an unknown outcome': but(0, 'later'),
		'an outcome that is no text': but(0, { toString: 1 }),
		'expected that is no count': but(1, -1),
		'answered that is no count': but(2, '1'),
		'missing that is no array': but(3, { a: 1 }),
		'missing without a reason': but(3, [[7, 'a']]),
		'missing for a reason that is no text': but(3, [[7, 'a', { toString: 1, valueOf: 1 }]]),
		'missing with a name that is no text': but(3, [[7, 8, 'left']]),
		'missing with an id that is no number': but(3, [['7', 'a', 'left']]),
		'answers that are no array': but(4, 'a'),
		'an answer that is no row': but(4, [ROW, 'a']),
		'an answer without bytes': but(4, [[7, 'a', 'text']]),
		'an answer without a name': but(4, [[7, null, BODY]]),
	};

	for (const [what, rest] of Object.entries(RESULTS))
		test(`${what}: its question fails, and the connection goes on`, async (t) => {
			const { client, link } = await connected(t);
			const asked = client.ask(ALL, BODY);
			await link.count('ASK', 1);
			link.control(TYPE.RESULT, [1, ...rest]);
			await rejects(asked, failure('PROTOCOL'));
			assert.equal(client.stats.malformed, 1);
			assert.equal(client.connected, true);
		});

	test('a union of rows, and a list of strings', async (t) => {
		const { client, link } = await connected(t);
		const asked = ['union', 'list'].map((gather) => client.ask(ALL, BODY, { gather }));
		await link.count('ASK', 2);
		link.control(TYPE.RESULT, [1, 'complete', 1, 1, [], [ROW]]);
		link.control(TYPE.RESULT, [2, 'complete', 1, 1, [], ['a']]);
		for (const each of asked)
			await rejects(each, failure('PROTOCOL'));
	});

	test('without an id that is open: counted, nobody fails', async (t) => {
		const { client, link } = await connected(t);
		const asked = client.ask(ALL, BODY, { gather: 'stream', onPart: () => assert.fail('a part') });
		await link.count('ASK', 1);
		for (const id of [undefined, 2, 0, -1, '1', null, [1]]) {
			link.control(TYPE.RESULT, id === undefined ? [] : [id, ...GOOD]);
			link.control(TYPE.PART, id === undefined ? [] : [id, 7, BODY]);
		}
		for (const rest of [[], [7], ['7', BODY], [-1, BODY], [7, 'text']])
			link.control(TYPE.PART, [1, ...rest]);
		await until(() => client.stats.malformed === 19, 'all of them counted');
		link.control(TYPE.RESULT, [1, ...GOOD]);
		assert.equal((await within(asked, 'result')).outcome, 'complete');
	});

	for (const name of ['RESULT', 'PART'])
		for (const [what, body] of Object.entries({
			'no msgpack': 'c1', 'no array': '80', 'an array of 2^32-1': 'ddffffffff', 'a number': '01',
		}))
			test(`${name} with ${what}: that is no daemon, and its questions are lost`, async (t) => {
				const { client, link } = await connected(t);
				const asked = client.ask(ALL, BODY);
				await link.count('ASK', 1);
				link.write(sender.frame(TYPE[name], 0, '', Buffer.from(body, 'hex')));
				await rejects(asked, failure('LOST'));
				assert.equal(client.stats.malformed, 1);
				await within(client.ready(), 'connection');
			});
});
