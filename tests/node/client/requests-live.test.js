'use strict';

/* Clients that ask each other, over the real daemon. */

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { encode } = require('notepack.io');

const { Client } = require('../../../src/node');
const { Daemon } = require('../../support/daemon');
const { next, until, within } = require('../../support/wait');

const ALL = 'k#/#';
const BODY = Buffer.from('what?');
const MEMBER = { member: true };
const failure = (code) => ({ name: 'Pm2aError', code: `PM2A_ERR_${code}` });
const rejects = async (promise, expected) =>
	assert.rejects(within(promise, 'end of the question'), expected);

/* A daemon, and a function that makes members of ALL by name; all end with the test. */
async function host(t, ...args) {
	const daemon = await Daemon.start({ args });
	const clients = [];
	t.after(async () => {
		clients.forEach((client) => client.destroy());
		await daemon.destroy();
	});
	async function member(name, onQuestion, options = {}) {
		const client = new Client({
			socket: daemon.socket, name, reconnectDelay: 1, reconnectDelayMax: 10, ...options,
		});
		clients.push(client);
		if (onQuestion)
			client.on('question', onQuestion);
		if (options.role === undefined)
			client.subscribe(ALL, MEMBER);
		client.connect();
		await within(client.ready(), 'connection');
		return client;
	}
	return { daemon, member };
}

const echo = (name) => (question) => question.answer(Buffer.from(`${name} ${question.body}`));
const texts = ({ answers }) => answers.map(({ name, body }) => [name, String(body)]).sort();

describe('asking over the daemon', () => {
	test('each gather', async (t) => {
		const { member } = await host(t);
		const asker = await member('asker', () => assert.fail('who asks is not asked'));
		const answer = (name) => (question) => {
			switch (question.gather) {
			case 'union':
				question.answer(encode(['both', name]));
				break;
			case 'stream':
				question.more(Buffer.from(`${name} 1`));
				question.answer(Buffer.from(`${name} 2`));
				break;
			case 'first':
				if (name === 'b')
					question.answer(Buffer.from('here'));
				else
					question.decline();
				break;
			default:
				echo(name)(question);
			}
		};
		await member('a', answer('a'));
		const b = await member('b', answer('b'));
		const list = await asker.ask(ALL, BODY);
		assert.deepEqual(texts(list), [['a', 'a what?'], ['b', 'b what?']]);
		assert.deepEqual([list.outcome, list.expected, list.answered, list.missing],
			['complete', 2, 2, []]);
		const union = await asker.ask(ALL, BODY, { gather: 'union' });
		assert.deepEqual(union.answers.sort(), ['a', 'b', 'both']);
		const first = await asker.ask(ALL, BODY, { gather: 'first' });
		assert.equal(first.outcome, 'found');
		assert.deepEqual(texts(first), [['b', 'here']]);
		const parts = [];
		const stream = await asker.ask(ALL, BODY, {
			gather: 'stream', onPart: (from, body) => parts.push([from, String(body)]),
		});
		assert.deepEqual(stream.answers, []);
		assert.deepEqual(parts.filter(([from]) => from === b.welcome.id).map(([, text]) => text),
			['b 1', 'b 2']);
		assert.equal(parts.length, 4);
		assert.equal(asker.openQuestions, 0);
	});

	test('subscribers, each once, by any of several topics', async (t) => {
		const { member } = await host(t);
		const asker = await member('asker');
		const heard = [];
		const hear = (name) => (question) => {
			heard.push([name, question.topics, question.subscribers]);
			echo(name)(question);
		};
		const a = await member('a', hear('a'));
		const b = await member('b', hear('b'));
		await member('c', hear('c'));
		a.subscribe('k#/#x#');
		b.subscribe('k#/#x#');
		b.subscribe('k#/#y#');
		await Promise.all([a.barrier(), b.barrier()]);
		const several = await asker.ask(['k#/#x#', 'k#/#y#'], BODY, { subscribers: true });
		assert.deepEqual(texts(several).map(([name]) => name), ['a', 'b']);
		const one = await asker.ask('k#/#y#', BODY, { subscribers: true });
		assert.deepEqual(texts(one).map(([name]) => name), ['b']);
		assert.deepEqual(heard.sort(), [
			['a', ['k#/#x#', 'k#/#y#'], true], ['b', ['k#/#x#', 'k#/#y#'], true],
			['b', ['k#/#y#'], true],
		].sort());
	});

	test('nobody is there, nobody listens, nobody knows', async (t) => {
		const { member } = await host(t);
		const asker = await member('asker');
		const alone = await asker.ask(ALL, BODY);
		assert.deepEqual([alone.outcome, alone.expected, alone.answers], ['complete', 0, []]);
		assert.equal((await asker.ask(ALL, BODY, { gather: 'first' })).outcome, 'unknown');
		await member('mute');
		const mute = await asker.ask(ALL, BODY);
		assert.deepEqual([mute.outcome, mute.expected, mute.answered, mute.answers],
			['complete', 1, 1, []]);
		assert.equal((await asker.ask(ALL, BODY, { gather: 'first' })).outcome, 'unknown');
	});

	test('who doesn\'t answer, and who goes, is missing by name', async (t) => {
		const { member } = await host(t);
		const asker = await member('asker');
		await member('a', echo('a'));
		const slow = await member('slow', () => {});
		const late = await asker.ask(ALL, BODY, { timeout: 50 });
		assert.equal(late.outcome, 'timeout');
		assert.deepEqual(late.missing, [{ id: slow.welcome.id, name: 'slow', reason: 'timeout' }]);
		assert.deepEqual(texts(late), [['a', 'a what?']]);
		const heard = next(slow, 'question');
		const asked = asker.ask(ALL, BODY, { timeout: 300_000 });
		await heard;
		slow.destroy();
		const gone = await within(asked, 'result');
		assert.equal(gone.outcome, 'complete');
		assert.deepEqual(gone.missing, [{ id: late.missing[0].id, name: 'slow', reason: 'left' }]);
		assert.deepEqual(texts(gone), [['a', 'a what?']]);
	});

	test('1000 in flight to 8, answered out of order', async (t) => {
		const { daemon, member } = await host(t);
		const asker = await member('asker');
		for (let i = 0; i < 8; i++) {
			const waiting = [];
			await member(`m${i}`, (question) => {
				waiting.push(question);
				if (waiting.length % 10 === 0)
					waiting.splice(0).reverse().forEach(echo(`m${i}`));
			});
		}
		const results = await within(Promise.all(Array.from({ length: 1000 }, (_, i) =>
			asker.ask(ALL, Buffer.from(`${i}`), { timeout: 300_000 }))), 'results');
		results.forEach((result, i) => {
			assert.equal(result.outcome, 'complete');
			assert.deepEqual(texts(result),
				Array.from({ length: 8 }, (_, m) => [`m${m}`, `m${m} ${i}`]));
		});
		assert.equal(asker.openQuestions, 0);
		assert.equal((await daemon.statsAsync()).overview.questions.open, 0);
	});

	test('what is refused says why, and the connection goes on', async (t) => {
		const { member } = await host(t, '--max-questions', '1', '--max-answer', '1000',
			'--max-frame', '65536');
		const asker = await member('asker');
		const observer = await member('observer', null, { role: 'observer' });
		const mute = await member('mute', (question) => {
			if (question.gather === 'list')
				question.answer(Buffer.alloc(1001));
		});
		const refused = next(mute, 'daemon_error');
		const big = await asker.ask(ALL, BODY);
		assert.deepEqual(big.missing.map(({ name, reason }) => [name, reason]), [['mute', 'too-big']]);
		assert.equal((await refused)[1].code, 'answer-too-big');
		// In one tick, so that the first is open.
		const open = asker.ask(ALL, BODY, { gather: 'first', timeout: 1000 });
		const reason = (code) => ({ ...failure('REFUSED'), reason: code });
		await rejects(asker.ask(ALL, BODY), reason('too-many-questions'));
		await rejects(asker.ask(ALL, Buffer.alloc(65536 - 40)), reason('frame-too-big'));
		await rejects(observer.ask(ALL, BODY), reason('forbidden'));
		assert.equal((await within(open, 'result')).outcome, 'timeout');
		assert.deepEqual([asker, mute, observer].map(({ stats }) => stats.connects), [1, 1, 1]);
	});

	test('an emitter asks, and is not asked', async (t) => {
		const { member } = await host(t);
		await member('a', echo('a'));
		const emitter = await member('cron', null, { role: 'emitter' });
		assert.deepEqual(texts(await emitter.ask(ALL, BODY)), [['a', 'a what?']]);
	});

	test('a daemon that dies takes the question with it; the next one answers', async (t) => {
		const { daemon, member } = await host(t);
		const asker = await member('asker');
		const slow = await member('slow', () => {});
		const heard = next(slow, 'question');
		const asked = asker.ask(ALL, BODY);
		await heard;
		await Promise.all([daemon.kill(), rejects(asked, failure('LOST'))]);
		await until(async () => {
			const { error } = await asker.ask(ALL, BODY).then(() => ({}), (e) => ({ error: e }));
			return error.code === 'PM2A_ERR_AWAY';
		}, 'AWAY');
		slow.removeAllListeners('question');
		slow.on('question', echo('slow'));
		await daemon.start();
		await within(Promise.all([asker.ready(), slow.ready()]), 'connections');
		assert.deepEqual(texts(await asker.ask(ALL, BODY)), [['slow', 'slow what?']]);
	});

	test('a daemon that hangs: the question ends, and the connection does not', async (t) => {
		const { daemon, member } = await host(t);
		const asker = await member('asker');
		daemon.kill('SIGSTOP');
		try {
			await rejects(asker.ask(ALL, BODY, { timeout: 1 }), failure('TIMEOUT'));
		} finally {
			daemon.kill('SIGCONT');
		}
		await until(() => asker.stats.malformed === 1, 'the late result, which nobody waits for');
		assert.equal((await asker.ask(ALL, BODY)).outcome, 'complete');
		assert.equal(asker.stats.connects, 1);
	});

	test('an application that blocks for long still gets its result', async (t) => {
		const { daemon, member } = await host(t);
		const asker = await member('asker');
		const slow = await member('slow', () => {});
		const heard = next(slow, 'question');
		const asked = asker.ask(ALL, BODY, { timeout: 200 });
		await heard;
		// Past the deadline and all that is granted behind it.
		Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000);
		assert.equal((await within(asked, 'result')).outcome, 'timeout');
		assert.equal((await daemon.statsAsync()).overview.questions.timeout, 1);
	});
});
