'use strict';

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { PendingJoins } = require('../../../src/node/lib/socketio/pending-joins');

/* A PendingJoins whose requests end when the test ends them. */
function setup() {
	const asked = []; // { rooms, end, fail }
	const waiting = []; // { resolve, reject } of ready()
	const settling = new PendingJoins(
		(rooms) => new Promise((resolve, reject) => {
			asked.push({
				rooms, end: resolve, fail: (code) => reject(Object.assign(new Error(code), { code })),
			});
		}),
		() => new Promise((resolve, reject) => { waiting.push({ resolve, reject }); }));
	return { asked, waiting, settling };
}

const turn = () => new Promise((resolve) => { setImmediate(resolve); });

describe('settling', () => {
	test('asks in the call, and a room is settled by the end of the question', async () => {
		const { asked, settling } = setup();
		assert.equal(settling.hasAny(['r']), false);
		settling.add(['r', 7], ['at']);
		assert.deepEqual(asked.map(({ rooms }) => rooms), [['at']]);
		assert.equal(settling.hasAny(['x', 'r']), true);
		assert.equal(settling.hasAny(['7']), true, 'a number and its text share a topic');
		assert.equal(settling.hasAny(['x']), false);
		assert.equal(settling.hasAny([]), false);
		asked[0].end();
		await turn();
		assert.equal(settling.hasAny(['r', '7']), false);
		assert.equal(asked.length, 1);
	});

	test('what is joined while one question is open is asked about in one more', async () => {
		const { asked, settling } = setup();
		settling.add(['a'], ['x']);
		settling.add(['a'], ['y']);
		settling.add(['b'], ['z', 'y']);
		assert.equal(asked.length, 1);
		asked[0].end();
		await turn();
		assert.deepEqual(asked[1].rooms.sort(), ['y', 'z']);
		assert.equal(settling.hasAny(['a']), true, 'joined again after the question was asked');
		assert.equal(settling.hasAny(['b']), true);
		asked[1].end();
		await turn();
		assert.equal(settling.hasAny(['a', 'b']), false);
		settling.add(['c'], ['x']);
		assert.equal(asked.length, 3);
	});

	test('a great many rooms are no longer told apart, until they are settled', async () => {
		const { asked, settling } = setup();
		settling.add(['r'], ['x']);
		for (let n = 0; n < 30; n++)
			settling.add(Array.from({ length: 1000 }, (_, i) => `${n}-${i}`), [`at-${n}`]);
		assert.equal(settling.hasAny(['29-999']), true);
		assert.equal(settling.hasAny(['never named']), true);
		asked[0].end();
		await turn();
		assert.equal(asked.length, 2);
		asked[1].end();
		await turn();
		assert.equal(settling.hasAny(['29-999', 'never named', 'r']), false);
	});

	test('all are asked where one of the commands was for all', async () => {
		const { asked, settling } = setup();
		settling.add(['a'], []);
		settling.add(['b'], ['x']);
		settling.add(['c'], []);
		asked[0].end();
		await turn();
		assert.deepEqual(asked.map(({ rooms }) => rooms), [[], []]);
	});

	for (const code of ['PM2A_ERR_AWAY', 'PM2A_ERR_LOST']) {
		test(`${code}: asked again with the next connection`, async () => {
			const { asked, waiting, settling } = setup();
			settling.add(['a'], ['x']);
			asked[0].fail(code);
			await turn();
			assert.equal(settling.hasAny(['a']), true);
			assert.equal(asked.length, 1);
			waiting[0].resolve();
			await turn();
			assert.deepEqual(asked[1].rooms, ['x']);
			asked[1].end();
			await turn();
			assert.equal(settling.hasAny(['a']), false);
		});
	}

	test('where there will be no connection, or no question, nothing is kept', async () => {
		const { asked, waiting, settling } = setup();
		settling.add(['a'], []);
		asked[0].fail('PM2A_ERR_AWAY');
		await turn();
		waiting[0].reject(new Error('closed'));
		await turn();
		assert.equal(settling.hasAny(['a']), false);
		settling.add(['b'], []);
		asked[1].fail('PM2A_ERR_REFUSED');
		await turn();
		assert.equal(settling.hasAny(['b']), false);
		assert.equal(asked.length, 2);
	});
});
