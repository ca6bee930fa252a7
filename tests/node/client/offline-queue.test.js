'use strict';

const assert = require('assert/strict');
const { test } = require('node:test');

const { OfflineQueue } = require('../../../src/node/lib/client/offline-queue');

const frame = (text) => Buffer.from(text);
const drain = (queue) => Array.from({ length: queue.length }, () => String(queue.shift()));

test('what was pushed comes out oldest first', () => {
	const queue = new OfflineQueue(100);
	for (const text of ['a', 'bb', 'ccc'])
		assert.deepEqual(queue.push(frame(text)), { messages: 0, bytes: 0 });
	assert.equal(queue.length, 3);
	assert.equal(queue.bytes, 6);
	assert.deepEqual(drain(queue), ['a', 'bb', 'ccc']);
	assert.equal(queue.bytes, 0);
});

test('the bound is kept to the byte, and the oldest go', () => {
	const queue = new OfflineQueue(6);
	queue.push(frame('aa'));
	queue.push(frame('bb'));
	assert.deepEqual(queue.push(frame('cc')), { messages: 0, bytes: 0 });
	assert.deepEqual(queue.push(frame('d')), { messages: 1, bytes: 2 });
	assert.equal(queue.bytes, 5);
	assert.deepEqual(drain(queue), ['bb', 'cc', 'd']);
});

test('a frame above the bound goes itself, after all others', () => {
	const queue = new OfflineQueue(4);
	queue.push(frame('aa'));
	assert.deepEqual(queue.push(frame('bbbbb')), { messages: 2, bytes: 7 });
	assert.equal(queue.length, 0);
	assert.equal(queue.bytes, 0);
});

test('what has waited since before a time goes, wherever it stands', () => {
	const queue = new OfflineQueue(100);
	['a', 'bb', 'ccc'].forEach((text, i) => queue.push(frame(text), 10 * (i + 1)));
	assert.equal(queue.oldest, 10);
	assert.deepEqual(queue.dropBefore(10), { messages: 0, bytes: 0 });
	assert.deepEqual(queue.dropBefore(21), { messages: 2, bytes: 3 });
	assert.equal(queue.oldest, 30);
	queue.unshift([frame('d')], 50);
	assert.equal(queue.oldest, 30); // it goes before what waits since 30
	assert.deepEqual(queue.dropBefore(40), { messages: 2, bytes: 4 });
	assert.deepEqual(queue.dropBefore(40), { messages: 0, bytes: 0 });
	assert.equal(queue.bytes, 0);
});

test('a bound of zero keeps nothing', () => {
	const queue = new OfflineQueue(0);
	assert.deepEqual(queue.push(frame('a')), { messages: 1, bytes: 1 });
	assert.equal(queue.length, 0);
});

test('what is put back is older than the rest, and the bound holds for it too', () => {
	const queue = new OfflineQueue(4);
	queue.push(frame('x'));
	queue.shift();
	queue.push(frame('c'));
	assert.deepEqual(queue.unshift([frame('aa'), frame('b')]), { messages: 0, bytes: 0 });
	assert.deepEqual(drain(queue), ['aa', 'b', 'c']);

	queue.push(frame('cc'));
	assert.deepEqual(queue.unshift([frame('aa'), frame('b')]), { messages: 1, bytes: 2 });
	assert.deepEqual(drain(queue), ['b', 'cc']);
});

test('clear() tells what was in it', () => {
	const queue = new OfflineQueue(100);
	queue.push(frame('x'));
	queue.push(frame('aa'));
	queue.shift();
	assert.deepEqual(queue.clear(), { messages: 1, bytes: 2 });
	assert.deepEqual(queue.clear(), { messages: 0, bytes: 0 });
	assert.deepEqual(queue.push(frame('b')), { messages: 0, bytes: 0 });
	assert.deepEqual(drain(queue), ['b']);
});

test('a full queue of many keeps its order while each new one pushes the oldest out', () => {
	const size = 5000;
	const queue = new OfflineQueue(size * 4);
	const number = (n) => {
		const bytes = Buffer.alloc(4);
		bytes.writeUInt32BE(n);
		return bytes;
	};
	let gone = 0;
	for (let n = 0; n < 6 * size; n++)
		gone += queue.push(number(n)).messages;
	assert.equal(gone, 5 * size);
	assert.equal(queue.length, size);
	for (let n = 5 * size; n < 6 * size; n++)
		assert.equal(queue.shift().readUInt32BE(), n);
	assert.equal(queue.bytes, 0);
});

test('who waits has its turn when the frames before it have left', () => {
	const queue = new OfflineQueue(100);
	queue.push(frame('a'));
	queue.push(frame('b'));
	queue.wait(() => 'first');
	queue.wait(() => 'second');
	queue.push(frame('c'));
	queue.wait(() => 'third');
	const seen = [];
	while (!queue.isEmpty)
		seen.push(queue.nextTurn()?.() ?? String(queue.shift()));
	assert.deepEqual(seen, ['a', 'b', 'first', 'second', 'c', 'third']);
	assert.equal(queue.nextTurn(), null);
});

test('a turn comes too where frames were dropped, came back or were cleared', () => {
	const queue = new OfflineQueue(3);
	queue.push(frame('a'));
	queue.push(frame('b'));
	queue.wait(() => 'turn');
	queue.push(frame('cc'));
	assert.deepEqual(drain(queue).slice(0, 1), ['b']);
	assert.equal(queue.nextTurn()(), 'turn');
	queue.push(frame('a'));
	const a = queue.shift();
	queue.wait(() => 'later');
	queue.unshift([a]);
	assert.equal(queue.nextTurn(), null, 'what came back is before it');
	queue.clear();
	assert.equal(queue.nextTurn()(), 'later');
});

test('turns are not among the messages, and can be called off', () => {
	const queue = new OfflineQueue(0);
	queue.wait(() => {});
	queue.wait(() => {});
	assert.deepEqual([queue.length, queue.bytes, queue.turns], [0, 0, 2]);
	assert.equal(queue.isEmpty, false);
	queue.clearTurns();
	assert.deepEqual([queue.turns, queue.isEmpty], [0, true]);
});
