'use strict';

/* Changes of topics of rooms: the frames are those that topics one by one make. */

const assert = require('assert/strict');
const { test } = require('node:test');

const { Prefix, TopicBatch } = require('../../../src/node/lib/client/topic-batch');
const { WriteBuffer } = require('../../../src/node/lib/client/write-buffer');
const { FrameReader, copyOf } = require('../../../src/node/lib/wire/frame-reader');
const sender = require('../../../src/node/lib/wire/frame-writer');
const { decode } = require('notepack.io');

const { TYPE } = sender;
const LIMITS = { maxFrame: 1024 * 1024, maxTopic: 4096 };

/* A batch and a buffer, as a connection has them. */
function begin({ limits = LIMITS, plain = [] } = {}) {
	const batch = new TopicBatch({ hasPlain: plain.length > 0, isPlain: (topic) => plain.includes(topic) });
	const out = new WriteBuffer(batch);
	batch.open({ beginBatch: () => out.endBatch(), joining: () => 'joining' });
	batch.limits = limits;
	return { batch, out };
}

function framesOf(out) {
	const frames = [];
	const reader = new FrameReader(0xffffffff);
	for (const buffer of out.take()?.buffers ?? [])
		assert.equal(reader.push(buffer, (...parts) => frames.push(copyOf(...parts))), null);
	return frames.map(({ type, body }) => [type, decode(body), body.length]);
}

const told = (out) => framesOf(out).map(([type, list]) => [type, list]);

for (const { title, prefix, names } of [
	{ title: 'ASCII', prefix: 'key#/#', names: ['a', '', 'x'.repeat(24), 'x'.repeat(25), '#', '\0', 'y'.repeat(120)] },
	{ title: 'one name above ASCII', prefix: 'key#/#', names: ['a', 'größe', '\u{1f600}', 'b'.repeat(90)] },
	{ title: 'a character that is a head', prefix: 'key#/#', names: ['\u00a5', '\u00d9\u0005', '\u00a0'.repeat(110)] },
	{ title: 'half a surrogate pair', prefix: 'key#/#', names: ['\ud800', 'a'] },
	{ title: 'a namespace above ASCII', prefix: 'key#/größe#', names: ['a', 'b'] },
])
	test(`the bytes are those of topics by themselves: ${title}`, () => {
		const { batch, out } = begin();
		for (const name of names)
			assert.equal(batch.add(TYPE.SUBSCRIBE, new Prefix(prefix), name), true);
		const expected = sender.topics(TYPE.SUBSCRIBE, 0, names.map((name) => `${prefix}${name}#`));
		assert.deepEqual(Buffer.concat(out.take().buffers), expected);
	});

test('the order stays, whatever comes between', () => {
	const { batch, out } = begin();
	const [a, b] = [new Prefix('a#'), new Prefix('b#')];
	batch.add(TYPE.SUBSCRIBE, a, '1');
	batch.add(TYPE.SUBSCRIBE, b, '2');
	batch.add(TYPE.UNSUBSCRIBE, a, '1');
	batch.add(TYPE.SUBSCRIBE, a, '1');
	out.addTopic(TYPE.SUBSCRIBE, 0, 'by itself', LIMITS.maxFrame);
	batch.add(TYPE.SUBSCRIBE, a, '3');
	out.add(sender.publish(['x'], Buffer.from([0xc0]), false));
	assert.equal(out.hasSubscribe, true);
	batch.add(TYPE.UNSUBSCRIBE, a, '3');
	assert.deepEqual(told(out), [
		[TYPE.SUBSCRIBE, ['a#1#', 'b#2#']],
		[TYPE.UNSUBSCRIBE, ['a#1#']],
		[TYPE.SUBSCRIBE, ['a#1#']],
		[TYPE.SUBSCRIBE, ['by itself']],
		[TYPE.SUBSCRIBE, ['a#3#']],
		[TYPE.PUBLISH, null],
		[TYPE.UNSUBSCRIBE, ['a#3#']],
	]);
	assert.equal(out.hasSubscribe, false);
	assert.equal(out.take(), null);
});

test('it leaves to its caller what is long or no text, before and after WELCOME', () => {
	const prefix = new Prefix('key#');
	const { batch } = begin();
	assert.equal(batch.add(TYPE.SUBSCRIBE, prefix, 'x'.repeat(122)), true);
	assert.equal(batch.add(TYPE.SUBSCRIBE, prefix, 'x'.repeat(123)), false);
	assert.equal(batch.add(TYPE.SUBSCRIBE, prefix, 7), false);
	batch.limits = { maxFrame: 4096, maxTopic: 30 };
	assert.equal(batch.add(TYPE.SUBSCRIBE, prefix, 'ü'.repeat(5)), true);
	assert.equal(batch.add(TYPE.SUBSCRIBE, prefix, 'ü'.repeat(6)), false);
});

test('no frame is longer than the limit', () => {
	for (const maxFrame of [4096, 1024 * 1024])
		for (const letter of ['x', 'ü', '€']) {
			const { batch, out } = begin({ limits: { maxFrame, maxTopic: 4096 } });
			const names = Array.from({ length: 9000 }, (_, n) => `${n}`.padEnd(100, letter));
			for (const name of names)
				batch.add(TYPE.SUBSCRIBE, new Prefix('key#'), name);
			const frames = framesOf(out);
			for (const [, , size] of frames)
				assert.ok(size + sender.HEADER_SIZE - sender.LENGTH_SIZE <= Math.min(maxFrame, 512 * 1024), `${size}`);
			assert.deepEqual(frames.flatMap(([, list]) => list), names.map((name) => `key#${name}#`));
		}
});

test('a topic that the application has subscribed itself stays subscribed', () => {
	const { batch, out } = begin({ plain: ['key#a#'] });
	for (const name of ['a', 'b'])
		assert.equal(batch.add(TYPE.UNSUBSCRIBE, new Prefix('key#'), name), true);
	assert.deepEqual(told(out), [[TYPE.UNSUBSCRIBE, ['key#b#']]]);
});

test('it waits for nothing and keeps nothing without a connection', () => {
	const { batch, out } = begin();
	batch.add(TYPE.SUBSCRIBE, new Prefix('key#'), 'a');
	assert.equal(batch.joining, 'joining');
	out.takeMessages();
	assert.equal(batch.joining, undefined);
	assert.equal(batch.add(TYPE.SUBSCRIBE, new Prefix('key#'), 'a'), true);
	batch.expect();
	assert.equal(batch.joining, undefined);
	assert.ok(batch.isEmpty && !batch.hasSubscribe);
	assert.equal(out.take(), null);
});
