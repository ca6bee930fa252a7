'use strict';

/* Questions: the members that are asked, the gathered answers, and the one end of each. */

const assert = require('node:assert');
const {
	AS_MEMBER, BY_PREFIX, MORE, NO, SEVERAL, TO_SUBSCRIBERS, TYPE, YES,
	answer, ask, frame, ping, publish, subscribe, unsubscribe, vectors,
} = require('./support/frames');
const { scenario, withChild } = require('./support/scenario');
const { decode, encode } = require('./support/msgpack');
const { until } = require('../support/wait');

const TOPIC = 'socket.io#/#';
const ROOM = 'socket.io#/#room1#';
const LONG_MS = 300_000;
const SHORT_MS = 50;

/* The next frame, which must be of this type; who joins and leaves goes by. */
async function expect(peer, type) {
	for (;;) {
		const frame = await peer.next();
		assert.ok(frame, 'the connection has ended');
		if (frame.type === TYPE.PRESENCE)
			continue;
		assert.strictEqual(frame.type, type,
			frame.raw.subarray(0, 200).toString('latin1'));
		return frame;
	}
}

/* All that was sent has been taken, and nothing waits here. */
async function quiet(...peers) {
	for (const peer of peers) {
		const body = Buffer.from(`quiet ${++peer.serial}`);
		peer.write(ping(body));
		const pong = await expect(peer, TYPE.PONG);
		assert.deepStrictEqual(pong.body, body);
	}
}

async function question(peer) {
	const { topic, flags, body } = await expect(peer, TYPE.QUESTION);
	const [id, payload, gather, ...more] = decode(body);
	assert.deepStrictEqual(more, []);
	assert.ok(Buffer.isBuffer(payload));
	return { id, payload: payload.toString(), gather, topic, flags };
}

async function part(peer) {
	const [id, from, payload] = decode((await expect(peer, TYPE.PART)).body);
	return [id, from, payload.toString()];
}

/* Answers as [id, name, text], missing ones as [id, name, reason]. */
async function result(peer) {
	const [id, outcome, expected, answered, missing, answers, ...more] =
		decode((await expect(peer, TYPE.RESULT)).body);
	assert.deepStrictEqual(more, []);
	return {
		id, outcome, expected, answered, missing,
		answers: answers.map((entry) => (typeof entry === 'string' ? entry :
			[entry[0], entry[1], bin(entry[2])])),
	};
}

function bin(payload) {
	assert.ok(Buffer.isBuffer(payload));
	return payload.toString();
}

function complete(id, expected, answers = [], rest = {}) {
	return { id, outcome: 'complete', expected, answered: expected,
		missing: [], answers, ...rest };
}

async function join(daemon, name) {
	const peer = await daemon.member({ name });
	peer.name = name;
	peer.write(subscribe([TOPIC], AS_MEMBER));
	await quiet(peer);
	return peer;
}

/* An asker and members of TOPIC that are called m0, m1… */
async function company(start, n, { args } = {}) {
	const daemon = await start({ args });
	const asker = await daemon.member({ name: 'asker' });
	const members = [];
	for (let i = 0; i < n; i++)
		members.push(await join(daemon, `m${i}`));
	return { daemon, asker, members };
}

/* The one question that each of these has been asked. */
function questions(members) {
	return Promise.all(members.map((member) => question(member)));
}

/* [code, fatal, ask id] */
async function error(peer) {
	const [code, text, fatal, id] =
		decode((await expect(peer, TYPE.ERROR)).body);
	assert.strictEqual(typeof text, 'string');
	return [code, fatal, id];
}

scenario('list: what came, from whom, in the order in which it came',
	async (start) => {
		const { asker, members } = await company(start, 3);
		asker.write(ask(TOPIC, 7, 'list', 'how are you?'));
		const asked = await questions(members);
		for (const each of asked) {
			assert.deepStrictEqual(each, { id: asked[0].id,
				payload: 'how are you?', gather: 'list',
				topic: Buffer.from(TOPIC), flags: 0 });
		}
		for (const [i, text] of [[1, 'well'], [0, ''], [2, 'so so']]) {
			members[i].write(answer(asked[i].id, YES, text));
			await quiet(members[i]);
		}
		assert.deepStrictEqual(await result(asker), complete(7, 3,
			[[1, 'well'], [0, ''], [2, 'so so']].map(([i, text]) =>
				[members[i].id, members[i].name, text])));
		await quiet(asker, ...members);
	});

scenario('list: a no is an answer, and leaves nothing in the list',
	async (start) => {
		const { asker, members } = await company(start, 3);
		asker.write(ask(TOPIC, 1, 'list'));
		const asked = await questions(members);
		members[0].write(answer(asked[0].id, NO));
		members[1].write(answer(asked[1].id, NO, 'with words'));
		await quiet(members[0], members[1]);
		members[2].write(answer(asked[2].id, YES, 'x'));
		assert.deepStrictEqual(await result(asker),
			complete(1, 3, [[members[2].id, 'm2', 'x']]));
	});

scenario('union: each string once, whoever says it and how often',
	async (start) => {
		const { asker, members } = await company(start, 3);
		asker.write(ask(TOPIC, 2, 'union'));
		const asked = await questions(members);
		const said = [['a', 'räum 日本', 'a', ''], ['b', 'a', ''], []];
		for (const [i, strings] of said.entries()) {
			members[i].write(answer(asked[i].id, YES, encode(strings)));
		}
		const got = await result(asker);
		got.answers.sort();
		assert.deepStrictEqual(got,
			complete(2, 3, ['', 'a', 'b', 'räum 日本']));
	});

scenario('union: a hundred thousand strings that two have', async (start) => {
	const { asker, members } = await company(start, 2);
	const strings = Array.from({ length: 100_000 }, (_, i) => `string ${i}`);
	asker.write(ask(TOPIC, 3, 'union', 'q', { timeout: LONG_MS }));
	const asked = await questions(members);
	for (const [i, member] of members.entries())
		member.write(answer(asked[i].id, YES, encode(strings)));
	const got = await result(asker);
	assert.strictEqual(got.answers.length, strings.length);
	assert.deepStrictEqual(new Set(got.answers), new Set(strings));
});

scenario('union: what is no array of strings is the fault of who says it',
	async (start) => {
		const bad = ['', encode('a'), encode([1]), encode([['a']]),
			encode({ a: 'b' }), encode([null]),
			Buffer.from('dd7fffffff', 'hex'),
			Buffer.from('92a161', 'hex'), Buffer.from('91a161c0', 'hex')];
		const { daemon, asker, members } =
			await company(start, 1 + bad.length);
		asker.write(ask(TOPIC, 4, 'union', 'q', { timeout: LONG_MS }));
		const asked = await questions(members);
		for (const [i, payload] of bad.entries()) {
			members[i].write(answer(asked[i].id, YES, payload));
			assert.deepStrictEqual((await error(members[i])).slice(0, 2),
				['bad-body', true]);
			await members[i].expectEnd();
			assert.strictEqual(
				await daemon.reasonOf(members[i].id), 'bad-body');
		}
		const last = members.at(-1);
		last.write(answer(asked.at(-1).id, YES, encode(['good'])));
		const got = await result(asker);
		assert.deepStrictEqual(got.answers, ['good']);
		assert.deepStrictEqual([got.outcome, got.expected, got.answered],
			['complete', members.length, 1]);
		assert.deepStrictEqual(
			got.missing.map(([, name, reason]) => [name, reason]).sort(),
			bad.map((_, i) => [`m${i}`, 'left']));
	});

scenario('first: the first yes ends it, and later ones are late',
	async (start) => {
		const { daemon, asker, members } = await company(start, 4);
		asker.write(ask(TOPIC, 5, 'first', 'q', { timeout: LONG_MS }));
		const asked = await questions(members);
		members[0].write(answer(asked[0].id, NO));
		await quiet(members[0]);
		members[3].destroy();
		await daemon.reasonOf(members[3].id);
		await quiet(asker);
		members[1].write(answer(asked[1].id, YES, 'here'));
		assert.deepStrictEqual(await result(asker), {
			id: 5, outcome: 'found', expected: 4, answered: 2,
			missing: [[members[3].id, 'm3', 'left']],
			answers: [[members[1].id, 'm1', 'here']],
		});
		members[2].write(answer(asked[2].id, YES, 'here too'));
		await quiet(members[2], asker);
		assert.strictEqual(daemon.rows('overview').questions.late, 1);
	});

scenario('first: unknown when all have said no, or have gone',
	async (start) => {
		const { daemon, asker, members } = await company(start, 3);
		asker.write(ask(TOPIC, 6, 'first', 'q', { timeout: LONG_MS }));
		const asked = await questions(members);
		for (const [i, member] of members.slice(0, 2).entries())
			member.write(answer(asked[i].id, NO));
		await quiet(...members.slice(0, 2), asker);
		members[2].write(answer(asked[2].id, NO));
		assert.deepStrictEqual(await result(asker),
			complete(6, 3, [], { outcome: 'unknown' }));
		asker.write(ask(TOPIC, 7, 'first', 'q', { timeout: LONG_MS }));
		const [{ id }] = await questions(members);
		members[0].write(answer(id, NO));
		members[1].write(answer(id, NO));
		await quiet(members[0], members[1]);
		members[2].destroy();
		assert.deepStrictEqual(await result(asker), {
			id: 7, outcome: 'unknown', expected: 3, answered: 2,
			missing: [[members[2].id, 'm2', 'left']], answers: [],
		});
		assert.strictEqual(daemon.rows('overview').questions.open, 0);
	});

scenario('stream: parts go on as they come, to the asker alone',
	async (start) => {
		const { asker, members } = await company(start, 3);
		asker.write(ask(TOPIC, 8, 'stream', 'q', { timeout: LONG_MS }));
		const asked = await questions(members);
		const { id } = asked[0];
		assert.strictEqual(asked[0].gather, 'stream');
		for (const [i, verdict, text] of [[0, MORE, 'one'], [1, MORE, 'two'],
			[0, MORE, ''], [1, YES, 'last of m1']]) {
			members[i].write(answer(id, verdict, text));
			assert.deepStrictEqual(await part(asker),
				[8, members[i].id, text]);
		}
		members[2].write(answer(id, NO));
		await quiet(members[2], asker);
		members[0].write(answer(id, YES, 'last of m0'));
		assert.deepStrictEqual(await part(asker),
			[8, members[0].id, 'last of m0']);
		assert.deepStrictEqual(await result(asker), complete(8, 3));
		await quiet(...members);
	});

scenario('stream: the parts of one that dies have come, and it is missing',
	async (start) => {
		const { asker, members } = await company(start, 2);
		asker.write(ask(TOPIC, 9, 'stream', 'q', { timeout: LONG_MS }));
		const [{ id }] = await questions(members);
		members[1].write(answer(id, YES, 'all'));
		assert.deepStrictEqual(await part(asker), [9, members[1].id, 'all']);
		members[0].write(Buffer.concat([answer(id, MORE, 'a'),
			answer(id, MORE, 'b')]));
		members[0].end();
		for (const text of ['a', 'b']) {
			assert.deepStrictEqual(await part(asker),
				[9, members[0].id, text]);
		}
		assert.deepStrictEqual(await result(asker), {
			id: 9, outcome: 'complete', expected: 2, answered: 1,
			missing: [[members[0].id, 'm0', 'left']], answers: [],
		});
	});

scenario('more belongs to a stream: elsewhere it ends who says it',
	async (start) => {
		const { asker, members } = await company(start, 3);
		for (const [i, gather] of ['list', 'union', 'first'].entries()) {
			asker.write(ask(TOPIC, i, gather, 'q', { timeout: LONG_MS }));
			const left = members.slice(i);
			const [{ id }] = await questions(left);
			members[i].write(answer(id, MORE, encode(['x'])));
			assert.deepStrictEqual((await error(members[i])).slice(0, 2),
				['bad-body', true]);
			for (const member of left.slice(1))
				member.write(answer(id, NO));
			const got = await result(asker);
			assert.deepStrictEqual([got.id, got.answered, got.missing],
				[i, left.length - 1,
					[[members[i].id, members[i].name, 'left']]]);
		}
	});

scenario('nobody else is there: answered at once', async (start) => {
	const { asker } = await company(start, 0);
	asker.write(subscribe([TOPIC], AS_MEMBER));
	for (const [id, gather] of ['list', 'union', 'first', 'stream'].entries()) {
		const outcome = gather === 'first' ? 'unknown' : 'complete';
		for (const topic of [TOPIC, 'nowhere', [TOPIC, 'nowhere']]) {
			asker.write(ask(topic, id, gather, 'q', { timeout: LONG_MS }));
			assert.deepStrictEqual(await result(asker),
				complete(id, 0, [], { outcome }));
		}
	}
});

scenario('the deadline: what came, and who is missing by name',
	async (start) => {
		const { asker, members } = await company(start, 3);
		for (const [gather, said, answers] of [
			['list', 'x', [[members[0].id, 'm0', 'x']]],
			['union', encode(['x']), ['x']], ['first', null, []],
			['stream', 'x', []]]) {
			asker.write(ask(TOPIC, 1, gather, 'q', { timeout: SHORT_MS }));
			const [{ id }] = await questions(members);
			members[0].write(said === null ? answer(id, NO) :
				answer(id, YES, said));
			if (gather === 'stream')
				await part(asker);
			const got = await result(asker);
			got.missing.sort();
			assert.deepStrictEqual(got, {
				id: 1, outcome: 'timeout', expected: 3, answered: 1,
				missing: [[members[1].id, 'm1', 'timeout'],
					[members[2].id, 'm2', 'timeout']],
				answers,
			});
		}
	});

scenario('the deadline: who left is missing for that reason', async (start) => {
	const { daemon, asker, members } = await company(start, 2);
	asker.write(ask(TOPIC, 1, 'list', 'q', { timeout: 500 }));
	await questions(members);
	members[0].destroy();
	await daemon.reasonOf(members[0].id);
	const { outcome, missing } = await result(asker);
	assert.deepStrictEqual([outcome, missing.sort()], ['timeout',
		[[members[0].id, 'm0', 'left'], [members[1].id, 'm1', 'timeout']]]);
});

scenario('deadlines come in their order, whatever was asked first',
	async (start) => {
		const { asker, members } = await company(start, 1);
		const timeouts = [400, 1, 200, 300, 100, LONG_MS];
		asker.write(Buffer.concat(timeouts.map((timeout) =>
			ask(TOPIC, timeout, 'list', 'q', { timeout }))));
		for (let n = 0; n < timeouts.length; n++)
			await question(members[0]);
		for (const timeout of [1, 100, 200, 300, 400])
			assert.strictEqual((await result(asker)).id, timeout);
		members[0].destroy();
		assert.strictEqual((await result(asker)).id, LONG_MS);
	});

scenario('who goes away answers nothing more: EOF, half-close, kill -9',
	async (start) => {
		const { daemon, asker, members } = await company(start, 3);
		const gone = [];
		await withChild(daemon, { name: 'child' }, TOPIC, {}, async (child) => {
			await until(() => daemon.rows('topics').find(({ topic }) =>
				topic === TOPIC).subscribers === 4, 'child');
			asker.write(ask(TOPIC, 1, 'list', 'q', { timeout: LONG_MS }));
			const [{ id }] = await questions(members);
			for (const leave of [() => members[0].destroy(),
				() => members[1].end(), () => child.kill('SIGKILL')]) {
				await quiet(asker);
				leave();
				gone.push(await until(() => daemon.rows('closed').find(
					({ id, name }) => /^m\d|child/.test(name) &&
						!gone.includes(id))?.id, 'end'));
			}
			members[2].write(answer(id, YES, 'still here'));
			const got = await result(asker);
			assert.deepStrictEqual(got.missing.map(([, name, reason]) =>
				`${name} ${reason}`).sort(),
			['child left', 'm0 left', 'm1 left']);
			assert.deepStrictEqual(got.answers,
				[[members[2].id, 'm2', 'still here']]);
		});
	});

scenario('the death of the last one that owes an answer ends it',
	async (start) => {
		const { daemon, asker, members } = await company(start, 2);
		for (const gather of ['list', 'union', 'first', 'stream']) {
			asker.write(ask(TOPIC, 1, gather, 'q', { timeout: LONG_MS }));
			const [{ id }] = await questions(members.slice(0, 2));
			members[1].write(answer(id, NO));
			await quiet(members[1]);
			members[0].destroy();
			const { outcome, missing } = await result(asker);
			assert.strictEqual(outcome,
				gather === 'first' ? 'unknown' : 'complete');
			assert.deepStrictEqual(missing,
				[[members[0].id, members[0].name, 'left']]);
			members[0] = await join(daemon, 'm0');
		}
	});

scenario('one that has half-closed is not asked, and its end is read',
	async (start) => {
		const { asker, members } = await company(start, 2);
		members[0].write(unsubscribe(['x']));
		members[0].end();
		await members[0].closed;
		asker.write(ask(TOPIC, 1, 'list', 'q', { timeout: LONG_MS }));
		members[1].write(answer((await question(members[1])).id, YES, 'x'));
		assert.deepStrictEqual(await result(asker),
			complete(1, 1, [[members[1].id, 'm1', 'x']]));
	});

scenario('who answers and then ends at once has answered', async (start) => {
	const { asker, members } = await company(start, 2);
	asker.write(ask(TOPIC, 1, 'list', 'q', { timeout: LONG_MS }));
	const [{ id }] = await questions(members);
	for (const member of members) {
		member.write(answer(id, YES, member.name));
		member.end();
		await member.closed;
	}
	assert.deepStrictEqual(await result(asker), complete(1, 2,
		members.map(({ id, name }) => [id, name, name])));
});

scenario('to unsubscribe as a member is to leave the question',
	async (start) => {
		const { daemon, asker, members } = await company(start, 2);
		members[0].write(subscribe([TOPIC, ROOM]));
		members[1].write(subscribe([TOPIC]));
		await quiet(...members);
		asker.write(ask(TOPIC, 1, 'list', 'q', { timeout: LONG_MS }));
		asker.write(ask(TOPIC, 2, 'list', 'q',
			{ timeout: LONG_MS, flags: TO_SUBSCRIBERS }));
		const [{ id }] = await questions(members);
		const [{ id: second }] = await questions(members);
		members[0].write(Buffer.concat([unsubscribe([TOPIC, ROOM]),
			unsubscribe(['other'], AS_MEMBER)]));
		members[1].write(answer(id, YES, 'x'));
		members[1].write(answer(second, YES, 'y'));
		await quiet(...members, asker);
		members[0].write(unsubscribe([TOPIC], AS_MEMBER));
		assert.deepStrictEqual(await result(asker), {
			id: 1, outcome: 'complete', expected: 2, answered: 1,
			missing: [[members[0].id, 'm0', 'left']],
			answers: [[members[1].id, 'm1', 'x']],
		});
		// Asked as a subscriber, it may still answer.
		members[0].write(Buffer.concat([answer(id, YES, 'too late'),
			answer(second, YES, 'z')]));
		assert.deepStrictEqual((await result(asker)).answers,
			[[members[1].id, 'm1', 'y'], [members[0].id, 'm0', 'z']]);
		await quiet(asker, ...members);
		assert.strictEqual(daemon.rows('overview').questions.late, 1);
	});

scenario('the asker goes: its questions are dropped, answers are late',
	async (start) => {
		const { daemon, asker, members } = await company(start, 2);
		const other = await daemon.member({ name: 'other' });
		asker.write(Buffer.concat([ask(TOPIC, 1, 'list'),
			ask(TOPIC, 2, 'first'), ask(TOPIC, 3, 'stream')]));
		other.write(ask(TOPIC, 1, 'list', 'of another'));
		const asked = [];
		for (const n of [1, 2, 3, 4])
			asked.push([n, await questions(members)]);
		asker.destroy();
		await daemon.reasonOf(asker.id);
		const { open, abandoned } = daemon.rows('overview').questions;
		assert.deepStrictEqual({ open, abandoned },
			{ open: 1, abandoned: 3 });
		for (const [, each] of asked) {
			for (const [i, { id, payload }] of each.entries()) {
				members[i].write(answer(id, YES,
					payload === 'of another' ? `${i}` : 'late'));
			}
		}
		const { answers } = await result(other);
		assert.deepStrictEqual(answers.map(([, , text]) => text).sort(),
			['0', '1']);
		await quiet(...members);
		const { late, answers: taken } = daemon.rows('overview').questions;
		assert.deepStrictEqual([late, taken], [6, 2]);
	});

scenario('doubled, foreign and late answers end nothing, and are counted',
	async (start) => {
		const { daemon, asker, members } = await company(start, 3);
		const stranger = await daemon.member({ name: 'stranger' });
		asker.write(ask(TOPIC, 1, 'list', 'q', { timeout: LONG_MS }));
		const [{ id }] = await questions(members);
		members[0].write(Buffer.concat([answer(id, YES, 'first'),
			answer(id, YES, 'second'), answer(id, NO)]));
		stranger.write(Buffer.concat([answer(id, YES, 'stranger'),
			answer(id + 1000, YES, 'nothing')]));
		asker.write(answer(id, YES, 'of the asker'));
		await quiet(members[0], stranger, asker);
		const { questions: counts } = daemon.rows('overview');
		assert.deepStrictEqual(
			[counts.open, counts.doubled, counts.foreign, counts.late],
			[1, 2, 3, 0]);
		members[1].write(answer(id, YES, 'x'));
		members[2].write(answer(id, NO));
		assert.deepStrictEqual(await result(asker), complete(1, 3,
			[[members[0].id, 'm0', 'first'], [members[1].id, 'm1', 'x']]));
		for (const peer of [...members, stranger])
			peer.write(answer(id, YES, 'late'));
		await quiet(...members, stranger, asker);
		assert.strictEqual(daemon.rows('overview').questions.late, 4);
	});

scenario('a stream takes nothing behind the last part of one', async (start) => {
	const { daemon, asker, members } = await company(start, 2);
	asker.write(ask(TOPIC, 1, 'stream', 'q', { timeout: LONG_MS }));
	const [{ id }] = await questions(members);
	members[0].write(Buffer.concat([answer(id, YES, 'last'),
		answer(id, MORE, 'behind it'), answer(id, YES, 'again')]));
	await quiet(members[0]);
	members[1].write(answer(id, NO));
	assert.deepStrictEqual(await part(asker), [1, members[0].id, 'last']);
	assert.deepStrictEqual(await result(asker), complete(1, 2));
	assert.strictEqual(daemon.rows('overview').questions.doubled, 2);
});

scenario('ask ids are the asker\'s own: any integer, and any order',
	async (start) => {
		const { daemon, asker, members: [member] } = await company(start, 1);
		const other = await daemon.member({ name: 'other' });
		const ids = [0, 1, 127, 128, 65536, 2 ** 32, 2 ** 53 - 1];
		for (const peer of [asker, other]) {
			peer.write(Buffer.concat(ids.map((id) =>
				ask(TOPIC, id, 'list', `${id}`, { timeout: LONG_MS }))));
		}
		const asked = [];
		for (let n = 0; n < 2 * ids.length; n++)
			asked.push(await question(member));
		assert.strictEqual(new Set(asked.map(({ id }) => id)).size,
			asked.length);
		for (const { id, payload } of asked.reverse())
			member.write(answer(id, YES, payload));
		for (const peer of [asker, other]) {
			for (const id of [...ids].reverse()) {
				assert.deepStrictEqual(await result(peer),
					complete(id, 1, [[member.id, 'm0', `${id}`]]));
			}
		}
	});

scenario('members are asked, or with a flag all who have subscribed',
	async (start) => {
		const { daemon, asker, members: [member] } = await company(start, 1);
		const exact = await daemon.member({ name: 'exact' });
		const prefix = await daemon.member({ name: 'prefix' });
		const emitter =
			await daemon.member({ name: 'emitter', role: 'emitter' });
		const observer =
			await daemon.member({ name: 'observer', role: 'observer' });
		for (const peer of [exact, emitter, observer])
			await peer.subscribe([TOPIC, ROOM]);
		await prefix.subscribe(['socket.io#'], BY_PREFIX);
		asker.write(subscribe([TOPIC]));
		const all = [member, exact, prefix, emitter, observer];
		for (const [flags, wanted] of [[0, [member]],
			[TO_SUBSCRIBERS, [member, exact]]]) {
			asker.write(ask(TOPIC, 1, 'list', 'q', { flags }));
			for (const peer of wanted) {
				const asked = await question(peer);
				assert.strictEqual(asked.flags, flags);
				peer.write(answer(asked.id, NO));
			}
			assert.deepStrictEqual(await result(asker),
				complete(1, wanted.length));
			await quiet(...all);
		}
		// An emitter is never asked, and may ask.
		emitter.write(ask(TOPIC, 2, 'first'));
		member.write(answer((await question(member)).id, YES, 'yes'));
		assert.strictEqual((await result(emitter)).outcome, 'found');
		observer.write(ask(TOPIC, 3, 'list'));
		assert.deepStrictEqual(await error(observer),
			['forbidden', false, 3]);
		await quiet(...all);
	});

scenario('several topics: each who has one of them is asked once',
	async (start) => {
		const { daemon, asker, members } = await company(start, 3);
		const topics = ['a', 'b', 'c', 'd', 'nobody has it'];
		members[0].write(subscribe(['a', 'b', 'c']));
		members[1].write(subscribe(['d', 'x']));
		members[2].write(subscribe(['b'], AS_MEMBER));
		asker.write(subscribe(['a']));
		await quiet(asker, ...members);
		const message = ask(topics, 1, 'list', 'q');
		asker.write(message);
		const asked = await questions(members);
		for (const { topic, flags } of asked) {
			assert.strictEqual(flags, TO_SUBSCRIBERS | SEVERAL);
			assert.deepStrictEqual(decode(topic), topics);
		}
		for (const [i, member] of members.entries())
			member.write(answer(asked[i].id, NO));
		assert.deepStrictEqual(await result(asker), complete(1, 3));
		await quiet(...members);
		assert.strictEqual(daemon.rows('overview').questions.sent, 3);
		asker.write(ask(['x', 'x'], 2, 'list', 'q'));
		members[1].write(answer((await question(members[1])).id, NO));
		assert.deepStrictEqual(await result(asker), complete(2, 1));
	});

scenario('PUBLISH, ASK and ANSWER keep their order between two',
	async (start) => {
		const { asker, members: [member] } = await company(start, 1);
		await asker.subscribe(['to asker']);
		const n = 200;
		for (let i = 0; i < n; i++) {
			asker.write(Buffer.concat([publish(TOPIC, `before ${i}`),
				ask(TOPIC, i, i % 2 ? 'list' : 'stream', `${i}`)]));
		}
		for (let i = 0; i < n; i++) {
			const { body } = await expect(member, TYPE.PUBLISH);
			assert.strictEqual(body.toString(), `before ${i}`);
			const { id, payload } = await question(member);
			assert.strictEqual(payload, `${i}`);
			member.write(Buffer.concat([publish('to asker', `${i}`),
				...(i % 2 ? [] : [answer(id, MORE, 'part'),
					publish('to asker', 'behind the part')]),
				answer(id, YES, 'last'), publish('to asker', 'behind it')]));
		}
		const message = async (text) => assert.strictEqual(
			(await expect(asker, TYPE.PUBLISH)).body.toString(), text);
		for (let i = 0; i < n; i++) {
			await message(`${i}`);
			if (i % 2 === 0) {
				assert.strictEqual((await part(asker))[2], 'part');
				await message('behind the part');
				assert.strictEqual((await part(asker))[2], 'last');
			}
			assert.strictEqual((await result(asker)).id, i);
			await message('behind it');
		}
	});

scenario('payloads may be bin or str, of any size, and come as bin',
	async (start) => {
		const { asker, members: [member] } = await company(start, 1);
		const sizes = [0, 1, 31, 32, 255, 256, 65535, 65536, 3 << 20];
		for (const [i, size] of sizes.entries()) {
			const bytes = Buffer.alloc(size, 'x');
			const payload = i % 2 ? bytes : bytes.toString();
			asker.write(ask(TOPIC, i, 'list', payload));
			const asked = await question(member);
			assert.strictEqual(asked.payload.length, size);
			member.write(frame(TYPE.ANSWER,
				{ body: encode([asked.id, YES, payload]) }));
			const { answers: [[, , text]] } = await result(asker);
			assert.ok(text === bytes.toString(), `${size} bytes`);
		}
	});

scenario('too many questions: the asker is told, and others are not touched',
	async (start) => {
		const { daemon, asker, members: [member] } = await company(start, 1,
			{ args: ['--max-questions', '3', '--max-questions-all', '5'] });
		const other = await daemon.member({ name: 'other' });
		asker.write(Buffer.concat([1, 2, 3, 4].map((id) =>
			ask(TOPIC, id, 'list', `${id}`, { timeout: LONG_MS }))));
		assert.deepStrictEqual(await error(asker),
			['too-many-questions', false, 4]);
		other.write(Buffer.concat([1, 2, 3].map((id) =>
			ask(TOPIC, id, 'list', `${id}`, { timeout: LONG_MS }))));
		assert.deepStrictEqual(await error(other),
			['too-many-questions', false, 3]);
		const asked = [];
		for (let n = 0; n < 5; n++)
			asked.push(await question(member));
		await quiet(member);
		// An end makes room for one.
		member.write(answer(asked[0].id, YES, 'x'));
		assert.strictEqual((await result(asker)).id, 1);
		other.write(ask(TOPIC, 4, 'list', '4', { timeout: LONG_MS }));
		asked.push(await question(member));
		for (const { id } of asked.slice(1))
			member.write(answer(id, NO));
		for (const id of [2, 3])
			assert.strictEqual((await result(asker)).id, id);
		for (const id of [1, 2, 4])
			assert.strictEqual((await result(other)).id, id);
		assert.strictEqual(
			daemon.rows('overview').errors['too-many-questions'], 2);
		// Nobody to ask is answered at once, and takes no room for long.
		asker.write(Buffer.concat(Array.from({ length: 20 }, (_, id) =>
			ask('nobody', id, 'list'))));
		for (let id = 0; id < 20; id++)
			assert.deepStrictEqual(await result(asker), complete(id, 0));
	});

scenario('an answer above max-answer: both are told', async (start) => {
	const { asker, members } = await company(start, 2,
		{ args: ['--max-answer', '1k'] });
	for (const [id, gather] of ['list', 'stream', 'first'].entries()) {
		asker.write(ask(TOPIC, id, gather, 'q', { timeout: LONG_MS }));
		const [{ id: number }] = await questions(members);
		members[0].write(answer(number, YES, Buffer.alloc(1025)));
		const refused = await error(members[0]);
		assert.deepStrictEqual(refused.slice(0, 2),
			['answer-too-big', false]);
		await quiet(members[0], asker);
		members[1].write(answer(number, YES, Buffer.alloc(1024, 'x')));
		if (gather === 'stream')
			await part(asker);
		const got = await result(asker);
		assert.deepStrictEqual([got.expected, got.answered, got.missing],
			[2, 1, [[members[0].id, 'm0', 'too-big']]]);
		assert.deepStrictEqual(got.outcome,
			gather === 'first' ? 'found' : 'complete');
		assert.strictEqual(got.answers.length, gather === 'stream' ? 0 : 1);
	}
	// Alone, its answer that is too big ends the question.
	members[1].destroy();
	await members[1].closed;
	asker.write(ask(TOPIC, 9, 'list', 'q', { timeout: LONG_MS }));
	members[0].write(answer((await question(members[0])).id, YES,
		Buffer.alloc(5000)));
	assert.deepStrictEqual((await result(asker)).missing,
		[[members[0].id, 'm0', 'too-big']]);
});

scenario('answers above max-gather end the question with an error',
	async (start) => {
		const { daemon, asker, members } = await company(start, 3,
			{ args: ['--max-gather', '64k'] });
		const big = Buffer.alloc(30 << 10, 'x');
		const strings = (letter) => encode(Array.from({ length: 3000 },
			(_, i) => `${letter} ${'x'.repeat(10)} ${i}`));
		const [a, b, c] = ['a', 'b', 'c'].map(strings);
		for (const [gather, said] of
			[['list', [big, big, big]], ['union', [a, b, c]]]) {
			asker.write(ask(TOPIC, 1, gather, 'q', { timeout: LONG_MS }));
			asker.write(ask(TOPIC, 2, 'list', 'q', { timeout: LONG_MS }));
			const [{ id }] = await questions(members);
			const [{ id: second }] = await questions(members);
			for (const [i, member] of members.entries())
				member.write(answer(id, YES, said[i]));
			assert.deepStrictEqual(await error(asker),
				['gather-too-big', false, 1]);
			for (const member of members)
				member.write(answer(second, YES, 'small'));
			assert.strictEqual((await result(asker)).answers.length, 3);
			await quiet(asker, ...members);
		}
		// A stream gathers nothing, and the same strings are gathered once.
		asker.write(ask(TOPIC, 3, 'stream', 'q', { timeout: LONG_MS }));
		const [{ id }] = await questions(members);
		for (const member of members)
			member.write(answer(id, YES, big));
		for (let n = 0; n < 3; n++)
			await part(asker);
		assert.deepStrictEqual(await result(asker), complete(3, 3));
		const { open, gathered_bytes: held } =
			daemon.rows('overview').questions;
		assert.deepStrictEqual({ open, held }, { open: 0, held: 0 });
	});

scenario('a daemon that ends still takes answers and questions',
	async (start) => {
		const { daemon, asker, members } = await company(start, 2,
			{ args: ['--drain-timeout', '1h'] });
		asker.write(ask(TOPIC, 1, 'list', 'q', { timeout: LONG_MS }));
		const [{ id }] = await questions(members);
		members[0].write(answer(id, YES, 'before'));
		await quiet(members[0]);
		daemon.kill('SIGTERM');
		for (const peer of [asker, ...members])
			await expect(peer, TYPE.GOODBYE);
		members[1].write(answer(id, YES, 'after'));
		assert.deepStrictEqual(
			(await result(asker)).answers.map(([, , text]) => text),
			['before', 'after']);
		asker.write(ask(TOPIC, 2, 'list', 'q', { timeout: LONG_MS }));
		const [{ id: second }] = await questions(members);
		members[0].write(answer(second, YES, 'x'));
		await quiet(members[0]);
		members[1].end();
		const got = await result(asker);
		assert.deepStrictEqual([got.answered, got.missing],
			[1, [[members[1].id, 'm1', 'left']]]);
		asker.end();
		members[0].end();
		await daemon.exited();
	});

scenario('a daemon that ends does not wait for an answer beyond its time',
	async (start) => {
		const { daemon, asker, members } = await company(start, 1,
			{ args: ['--drain-timeout', '50ms'] });
		asker.write(ask(TOPIC, 1, 'list', 'q', { timeout: LONG_MS }));
		await questions(members);
		daemon.kill('SIGTERM');
		await expect(asker, TYPE.GOODBYE);
		assert.deepStrictEqual(await daemon.exited(),
			{ code: 0, signal: null });
	});

scenario('what is counted adds up', async (start) => {
	const { daemon, asker, members } = await company(start, 3);
	asker.write(Buffer.concat([ask(TOPIC, 1, 'list', 'q', { timeout: LONG_MS }),
		ask(TOPIC, 2, 'list', 'q', { timeout: LONG_MS }),
		ask(TOPIC, 3, 'list', 'q', { timeout: 1 })]));
	const asked = [];
	for (let n = 0; n < 3; n++)
		asked.push(await questions(members));
	assert.strictEqual((await result(asker)).outcome, 'timeout');
	members[0].write(answer(asked[0][0].id, YES, Buffer.alloc(1000)));
	await quiet(members[0]);
	const middle = daemon.stats();
	const row = (stats, peer) =>
		stats.clients.find(({ id }) => id === peer.id);
	const counts = ({ asked, asked_open: open, questions,
		questions_owed: owed }) => [asked, open, questions, owed];
	assert.deepStrictEqual(counts(row(middle, asker)), [3, 2, 0, 0]);
	assert.deepStrictEqual(counts(row(middle, members[0])), [0, 0, 3, 1]);
	assert.deepStrictEqual(counts(row(middle, members[1])), [0, 0, 3, 2]);
	const { questions: now } = middle.overview;
	assert.ok(now.gathered_bytes >= 1000);
	assert.deepStrictEqual({ ...now, gathered_bytes: 0 }, {
		asked: 3, open: 2, gathered_bytes: 0, sent: 9, answers: 1,
		timeout: 1, abandoned: 0, late: 0, doubled: 0, foreign: 0,
	});
	for (const member of members) {
		for (const [{ id }] of asked.slice(0, 2))
			member.write(answer(id, NO));
	}
	await result(asker);
	await result(asker);
	await quiet(...members);
	const after = daemon.stats();
	assert.deepStrictEqual(after.overview.questions, {
		asked: 3, open: 0, gathered_bytes: 0, sent: 9, answers: 6,
		timeout: 1, abandoned: 0, late: 0, doubled: 1, foreign: 0,
	});
	assert.deepStrictEqual(counts(row(after, members[1])), [0, 0, 3, 0]);
});

scenario('a thousand questions in flight among eight, in any order',
	async (start) => {
		const { daemon, members } = await company(start, 8);
		const n = 125;
		for (const member of members) {
			member.write(Buffer.concat(Array.from({ length: n }, (_, id) =>
				ask(TOPIC, id, 'list', `${member.name} ${id}`,
					{ timeout: LONG_MS }))));
		}
		const asked = await Promise.all(members.map(async (member) => {
			const mine = [];
			for (let i = 0; i < 7 * n; i++)
				mine.push(await question(member));
			return mine;
		}));
		assert.strictEqual(daemon.rows('overview').questions.open, 8 * n);
		for (const [i, member] of members.entries()) {
			// Each in an order of its own.
			const order = asked[i].map((each, k) =>
				[(k * 389 + i * 31) % (7 * n), each]).sort((x, y) => x[0] - y[0]);
			member.write(Buffer.concat(order.map(([, { id, payload }]) =>
				answer(id, YES, `${member.name} to ${payload}`))));
		}
		for (const member of members) {
			const others = members.filter((other) => other !== member);
			const ended = new Set();
			for (let i = 0; i < n; i++) {
				const { id, outcome, answers } = await result(member);
				assert.strictEqual(outcome, 'complete');
				ended.add(id);
				assert.deepStrictEqual(
					answers.map(([, , text]) => text).sort(),
					others.map(({ name }) =>
						`${name} to ${member.name} ${id}`).sort());
			}
			assert.strictEqual(ended.size, n);
			await quiet(member);
		}
		assert.strictEqual(daemon.rows('overview').questions.open, 0);
	});

scenario('what is said of a question has the form of the golden frames',
	async (start) => {
		const golden = vectors();
		const { asker, members: [member] } = await company(start, 1);
		const { json: [askId, gather, timeout], body } =
			golden.get('ask-list');
		asker.write(golden.get('ask-list').frame);
		const { raw } = await expect(member, TYPE.QUESTION);
		const [id, payload, mode] = decode(raw.subarray(8 + TOPIC.length));
		assert.deepStrictEqual([mode, raw.subarray(8, 8 + TOPIC.length)],
			[gather, golden.get('question').topic]);
		assert.deepStrictEqual(payload, decode(body)[3]);
		assert.ok(timeout > 0);
		member.write(answer(id, YES, 'hello john'));
		const { body: told } = await expect(asker, TYPE.RESULT);
		assert.deepStrictEqual(told, encode([askId, 'complete', 1, 1, [],
			[[member.id, 'm0', Buffer.from('hello john')]]]));
	});
