'use strict';

/* Being asked, by a daemon that does what a test tells it. */

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { encode } = require('notepack.io');

const sender = require('../../../src/node/lib/wire/frame-writer');
const { TYPE } = require('../support/fake-daemon');
const { connected, pair } = require('../support/pair');
const { script } = require('../support/script');
const { vector } = require('../support/vectors');
const { next, until, within } = require('../../support/wait');

const ALL = 'socket.io#/#';
const BODY = Buffer.from('what?');
const NO = 0;
const YES = 1;
const MORE = 2;

const put = (link, id, { gather = 'list', flags = 0, topic = ALL, body = BODY } = {}) =>
	link.frame(TYPE.QUESTION, flags, topic, encode([id, body, gather]));

/* Asks the client; returns the question that it emits. */
async function asked(client, link, id, options) {
	const question = next(client, 'question');
	put(link, id, options);
	return (await question)[0];
}

/* The bodies of the first n answers, when all that was called for before them has come. */
async function answers(client, link, n) {
	await within(client.barrier(), 'barrier');
	const frames = link.named('ANSWER');
	assert.equal(frames.length, n);
	return frames.map(({ body }) => body);
}

describe('asked: what is heard', () => {
	test('the golden question, and its golden answer', async (t) => {
		const { client, link } = await connected(t);
		const heard = next(client, 'question');
		const bytes = [];
		link.socket.on('data', (chunk) => bytes.push(chunk));
		link.write(vector('question').frame);
		const [question] = await heard;
		assert.deepEqual({ ...question }, {
			topics: [ALL],
			body: Buffer.from(vector('question').json[1].bin, 'hex'),
			gather: 'list',
			subscribers: false,
		});
		question.answer(Buffer.from(vector('answer-yes').json[2].bin, 'hex'));
		await link.count('ANSWER', 1);
		assert.deepEqual(Buffer.concat(bytes), vector('answer-yes').frame);
		assert.equal(client.stats.questions, 1);
	});

	test('a question to subscribers of one topic, and of several', async (t) => {
		const { client, link } = await connected(t);
		const heard = next(client, 'question');
		link.write(vector('question-room').frame);
		const [room] = await heard;
		assert.deepEqual(room.topics, ['socket.io#/#room1#']);
		assert.equal(room.subscribers, true);
		const several = await asked(client, link, 13, {
			flags: 3, topic: encode(['a', Buffer.from('b')]), gather: 'stream',
		});
		assert.deepEqual(several.topics, ['a', 'b']);
		assert.equal(several.subscribers, true);
		assert.equal(several.gather, 'stream');
	});

	test('each gather, and a payload of no bytes', async (t) => {
		const { client, link } = await connected(t);
		for (const gather of ['list', 'union', 'first', 'stream']) {
			const question = await asked(client, link, 1, { gather, body: Buffer.alloc(0) });
			assert.equal(question.gather, gather);
			assert.equal(question.body.length, 0);
		}
	});
});

describe('asked: answers', () => {
	test('in any order, each to its question', async (t) => {
		const { client, link } = await connected(t);
		const questions = [];
		for (const id of [5, 2 ** 40, 7])
			questions.push(await asked(client, link, id));
		questions[2].answer(Buffer.from('seven'));
		questions[0].decline();
		questions[1].answer(new Uint8Array([1, 2]));
		assert.deepEqual(await answers(client, link, 3),
			[[7, YES, Buffer.from('seven')], [5, NO], [2 ** 40, YES, Buffer.of(1, 2)]]);
	});

	test('once: what comes after is ignored', async (t) => {
		const { client, link } = await connected(t);
		for (const [id, first, verdict] of [[1, 'answer', YES], [2, 'decline', NO]]) {
			const question = await asked(client, link, id, { gather: 'stream' });
			question[first](BODY);
			question.answer(BODY);
			question.more(BODY);
			question.decline();
			const bodies = await answers(client, link, id);
			assert.equal(bodies[id - 1][1], verdict);
		}
	});

	test('more() of a stream, as often as there is more', async (t) => {
		const { client, link } = await connected(t);
		const question = await asked(client, link, 1, { gather: 'stream' });
		question.more(Buffer.from('a'));
		question.more(Buffer.from('b'));
		question.answer(Buffer.from('c'));
		assert.deepEqual(await answers(client, link, 3),
			[[1, MORE, Buffer.from('a')], [1, MORE, Buffer.from('b')], [1, YES, Buffer.from('c')]]);
	});

	test('more() of what is no stream says nothing', async (t) => {
		const { client, link } = await connected(t);
		for (const gather of ['list', 'union', 'first'])
			(await asked(client, link, 1, { gather })).more(BODY);
		assert.deepEqual(await answers(client, link, 0), []);
	});

	test('of something that is no bytes throws, and leaves the question open', async (t) => {
		const { client, link } = await connected(t);
		const question = await asked(client, link, 1, { gather: 'stream' });
		for (const verb of ['answer', 'more'])
			for (const wrong of [undefined, null, 'text', [1], new ArrayBuffer(1)])
				assert.throws(() => question[verb](wrong), { code: 'PM2A_ERR_OPTION' });
		question.answer(BODY);
		assert.deepEqual(await answers(client, link, 1), [[1, YES, BODY]]);
	});

	test('one that the daemon would not take becomes a no, and counts', async (t) => {
		const { client, link } = await connected(t, { daemon: { welcome: { max_frame: 4096 } } });
		const most = 4096 - 64;
		(await asked(client, link, 1)).answer(Buffer.alloc(most));
		(await asked(client, link, 2)).answer(Buffer.alloc(most + 1));
		const stream = await asked(client, link, 3, { gather: 'stream' });
		stream.more(Buffer.alloc(most));
		stream.more(Buffer.alloc(most + 1));
		stream.more(BODY);
		stream.answer(BODY);
		assert.deepEqual((await answers(client, link, 4)).map(([id, verdict]) => [id, verdict]),
			[[1, YES], [2, NO], [3, MORE], [3, NO]]);
		assert.equal(client.stats.errors, 2);
	});

	test('a daemon that knows failed answers gets the reason', async (t) => {
		const { client, link } = await connected(t,
			{ daemon: { welcome: { max_frame: 4096, features: ['ask', 'failed'] } } });
		(await asked(client, link, 1)).answer(Buffer.alloc(4096));
		const failed = await asked(client, link, 2);
		failed.fail('unencodable');
		failed.answer(BODY);
		(await asked(client, link, 3, { gather: 'stream' })).more(Buffer.alloc(4096));
		assert.deepEqual(await answers(client, link, 3), [
			[1, 3, Buffer.from('too-big')], [2, 3, Buffer.from('unencodable')],
			[3, 3, Buffer.from('too-big')]]);
	});

	test('an older daemon gets a no', async (t) => {
		const { client, link } = await connected(t);
		(await asked(client, link, 1)).fail('unencodable');
		assert.deepEqual(await answers(client, link, 1), [[1, NO]]);
	});

	test('without a listener: no', async (t) => {
		const { client, link } = await connected(t);
		put(link, 1);
		put(link, 2);
		await link.count('ANSWER', 2);
		assert.deepEqual(await answers(client, link, 2), [[1, NO], [2, NO]]);
		assert.equal(client.stats.questions, 2);
	});

	test('a listener that throws says no, unless it had answered; and the stream goes on', async (t) => {
		const { daemon } = await pair(t);
		const run = script(t, { socket: daemon.socket }, `
			process.on('uncaughtException', ({ message }) => console.log('uncaught', message));
			const busy = setInterval(() => {}, 1000);
			client.connect().on('question', (question) => {
				if (String(question.body) === 'end') {
					question.answer(Buffer.from('bye'));
					clearInterval(busy);
					client.close();
				} else if (String(question.body) === 'answer') {
					question.answer(question.body);
				}
				throw new Error(String(question.body));
			});`);
		const link = await daemon.link(0);
		await link.count('PING', 1);
		link.socket.cork();
		['throw', 'answer', 'end'].forEach((text, i) => put(link, i, { body: Buffer.from(text) }));
		link.socket.uncork();
		assert.equal(await run.ended, 0, run.err);
		assert.deepEqual(link.named('ANSWER').map(({ body }) => body),
			[[0, NO], [1, YES, Buffer.from('answer')], [2, YES, Buffer.from('bye')]]);
		assert.deepEqual(run.out.trim().split('\n'),
			['throw', 'answer', 'end'].map((text) => `uncaught ${text}`));
	});

	test('after the end of the connection go nowhere, even when there is a new one', async (t) => {
		const { client, daemon, link } = await connected(t);
		const question = await asked(client, link, 1, { gather: 'stream' });
		const last = await asked(client, link, 2);
		const ended = next(client, 'disconnect');
		link.socket.destroy();
		await ended;
		question.more(BODY);
		await within(client.ready(), 'connection');
		question.more(BODY);
		question.answer(BODY);
		last.decline();
		assert.deepEqual(await answers(client, daemon.links[1], 0), []);
		assert.equal(client.stats.errors, 0);
		client.destroy();
		assert.doesNotThrow(() => last.answer(BODY));
	});

	test('close() sends those that were given', async (t) => {
		const { client, link } = await connected(t);
		const question = await asked(client, link, 1);
		question.answer(BODY);
		await within(client.close(), 'end of close()');
		assert.deepEqual(link.named('ANSWER').map(({ body }) => body), [[1, YES, BODY]]);
	});
});

describe('asked: questions that can\'t be read', () => {
	const hex = (text) => Buffer.from(text, 'hex');

	for (const [what, body] of Object.entries({
		'no gather': [3, BODY],
		'an unknown gather': [3, BODY, 'later'],
		'a gather that is no text': [3, BODY, 7],
		'no payload': [3],
		'a payload that is no bytes': [3, { a: 1 }, 'list'],
	}))
		test(`${what}: no, counted, and the connection goes on`, async (t) => {
			const { client, link } = await connected(t);
			client.on('question', () => assert.fail('it can\'t be read'));
			link.frame(TYPE.QUESTION, 0, ALL, encode(body));
			await link.count('ANSWER', 1);
			assert.deepEqual(await answers(client, link, 1), [[3, NO]]);
			assert.equal(client.stats.malformed, 1);
			assert.equal(client.stats.questions, 0);
		});

	for (const [what, body] of Object.entries({
		'no id': [],
		'an id that is text': ['1', BODY, 'list'],
		'an id below 0': [-1, BODY, 'list'],
		'an id that is no integer': [1.5, BODY, 'list'],
	}))
		test(`${what}: counted, and the connection goes on`, async (t) => {
			const { client, link } = await connected(t);
			client.on('question', () => assert.fail('it can\'t be read'));
			link.frame(TYPE.QUESTION, 0, ALL, encode(body));
			await until(() => client.stats.malformed === 1, 'one counted');
			assert.deepEqual(await answers(client, link, 0), []);
			assert.equal(client.connected, true);
		});

	for (const [what, bytes] of Object.entries({
		'no msgpack': sender.frame(TYPE.QUESTION, 0, ALL, hex('c1')),
		'no array': sender.frame(TYPE.QUESTION, 0, ALL, hex('80')),
		'an array of 2^32-1': sender.frame(TYPE.QUESTION, 0, ALL, hex('ddffffffff')),
		'topics that are no array': sender.frame(TYPE.QUESTION, 3, 'a', encode([1, BODY, 'list'])),
		'topics that are maps': sender.frame(TYPE.QUESTION, 3, encode([{ toString: 1 }]),
			encode([1, BODY, 'list'])),
	}))
		test(`${what}: that is no daemon`, async (t) => {
			const { client, link } = await connected(t);
			const ended = next(client, 'disconnect');
			link.write(bytes);
			assert.equal((await ended)[0], 'PM2A_ERR_PROTOCOL');
			assert.equal(client.stats.malformed, 1);
			await within(client.ready(), 'connection');
		});
});
