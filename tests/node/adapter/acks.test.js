'use strict';

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { encode } = require('notepack.io');

const { AckBroadcast } = require('../../../src/node/lib/adapter/acks');

/* One that is told to n others, with what it tells. */
function setup(n) {
	const counts = [];
	const acks = [];
	const broadcast = new AckBroadcast(n,
		(count) => counts.push(count), (...args) => acks.push(args));
	const part = (from, value) => broadcast.part(from, encode(value));
	const missing = (...rows) => ({ missing: rows.map(([id, reason]) => ({ id, reason })) });
	return { acks, broadcast, counts, missing, part };
}

describe('acks', () => {
	test('acknowledgements are told as they come, numbers at the end', () => {
		const { acks, broadcast, counts, missing, part } = setup(3);
		part(7, 2);
		part(7, ['a']);
		part(8, 0);
		part(9, 1);
		part(7, ['b', Buffer.from('x')]);
		part(9, []);
		assert.deepEqual(acks, [['a'], ['b', Buffer.from('x')], []]);
		assert.deepEqual(counts, []);
		broadcast.end(missing());
		assert.deepEqual(counts, [3, 0, 0]);
	});

	test('who has left counts what has come of it', () => {
		const { broadcast, counts, missing, part } = setup(3);
		part(7, 5);
		part(7, [1]);
		part(8, 2);
		part(8, [1]);
		part(8, [1]);
		broadcast.end(missing([7, 'left'], [9, 'left']));
		assert.deepEqual(counts, [3, 0, 0]);
	});

	test('who is late counts all that it has said to wait for', () => {
		const { broadcast, counts, missing, part } = setup(2);
		part(7, 5);
		part(7, [1]);
		broadcast.end(missing([7, 'timeout']));
		assert.deepEqual(counts, [5, 0]);
	});

	test('who is late with its number leaves all open', () => {
		for (const reason of ['timeout', 'too-big']) {
			const { broadcast, counts, missing, part } = setup(2);
			part(7, 5);
			broadcast.end(missing([8, reason]));
			assert.deepEqual(counts, []);
		}
	});

	test('without a result what has come is all', () => {
		const { broadcast, counts, part } = setup(2);
		part(7, 5);
		part(7, [1]);
		broadcast.giveUp();
		assert.deepEqual(counts, [1, 0]);
	});

	test('nobody else is there: nothing to be told', () => {
		const { broadcast, counts } = setup(0);
		broadcast.giveUp();
		assert.deepEqual(counts, []);
	});

	test('a second number, and what is neither, is ignored', () => {
		const { acks, broadcast, counts, missing, part } = setup(1);
		part(7, 2);
		part(7, 9);
		for (const value of [null, 'x', { length: 1 }, 0.5, true])
			part(7, value);
		broadcast.part(7, Buffer.from([0xc1]));
		broadcast.part(7, Buffer.alloc(0));
		broadcast.end(missing());
		assert.deepEqual([counts, acks], [[2], []]);
	});

	test('what no member may say counts for nothing, and is told', () => {
		const { acks, broadcast, counts, missing, part } = setup(2);
		assert.equal(part(7, ['before its number']), false);
		assert.equal(part(7, -1), false);
		assert.equal(part(7, 2), true);
		assert.equal(part(7, new Array(1025).fill(0)), false);
		assert.equal(part(7, new Array(200_000).fill(0)), false);
		assert.equal(part(7, ['a']), true);
		assert.equal(part(7, ['b']), true);
		assert.equal(part(7, ['more than it has clients']), false);
		assert.equal(part(8, 0), true);
		broadcast.end(missing());
		assert.deepEqual([counts, acks], [[2, 0], [['a'], ['b']]]);
	});
});
