'use strict';

const assert = require('assert/strict');
const { test } = require('node:test');

const { WriteBuffer } = require('../../../src/node/lib/client/write-buffer');
const { FrameReader, copyOf } = require('../../../src/node/lib/wire/frame-reader');
const sender = require('../../../src/node/lib/wire/frame-writer');
const { decode } = require('notepack.io');

const { FLAG, TYPE } = sender;
const ROOMY = 1024 * 1024;

function framesOf({ buffers }) {
	const frames = [];
	const receiver = new FrameReader(0xffffffff);
	for (const buffer of buffers)
		assert.equal(receiver.push(buffer, (...parts) => frames.push(copyOf(...parts))), null);
	assert.equal(receiver.pending, 0);
	return frames;
}

const told = (frames) => frames.map(({ type, flags, body }) => [type, flags, decode(body)]);

test('topics one after the other share a frame, and what lies between them ends it', () => {
	const out = new WriteBuffer();
	out.addTopic(TYPE.SUBSCRIBE, FLAG.MEMBER, 'all', ROOMY);
	out.addTopic(TYPE.SUBSCRIBE, 0, 'a', ROOMY);
	out.addTopic(TYPE.SUBSCRIBE, 0, 'b', ROOMY);
	out.addTopic(TYPE.UNSUBSCRIBE, 0, 'a', ROOMY);
	out.add(sender.publish(['x'], Buffer.from([0xc0]), false));
	out.addTopic(TYPE.UNSUBSCRIBE, 0, 'b', ROOMY);
	assert.deepEqual(told(framesOf(out.take())), [
		[TYPE.SUBSCRIBE, FLAG.MEMBER, ['all']],
		[TYPE.SUBSCRIBE, 0, ['a', 'b']],
		[TYPE.UNSUBSCRIBE, 0, ['a']],
		[TYPE.PUBLISH, 0, null],
		[TYPE.UNSUBSCRIBE, 0, ['b']],
	]);
	assert.equal(out.take(), null);
});

test('no frame of several topics is longer than the limit, whatever their lengths', () => {
	for (const length of [1, 31, 32, 255, 256, 700]) {
		const out = new WriteBuffer();
		const topics = Array.from({ length: 300 }, (_, n) => `${n}`.padEnd(length, 'ü'));
		for (const topic of topics)
			out.addTopic(TYPE.SUBSCRIBE, 0, topic, 4096);
		const frames = framesOf(out.take());
		for (const { body } of frames)
			assert.ok(body.length + sender.HEADER_SIZE - sender.LENGTH_SIZE <= 4096);
		assert.deepEqual(frames.flatMap(({ body }) => decode(body)), topics);
	}
});

test('a topic above the limit has a frame of its own', () => {
	const out = new WriteBuffer();
	const long = 'x'.repeat(5000);
	for (const topic of ['a', long, 'b'])
		out.addTopic(TYPE.SUBSCRIBE, 0, topic, 4096);
	assert.deepEqual(framesOf(out.take()).map(({ body }) => decode(body)), [['a'], [long], ['b']]);
});

test('small frames become one buffer, large ones are not copied, and the order stays', () => {
	const out = new WriteBuffer();
	const publish = (n, size) => sender.publish([`t${n}`], Buffer.alloc(size, n), false);
	const frames = [10, 20, 100000, 30, 200000, 300000, 40].map((size, n) => publish(n, size));
	frames.forEach((frame) => out.add(frame));
	assert.equal(out.bytes, frames.reduce((n, { length }) => n + length, 0));
	const taken = out.take();
	assert.equal(taken.buffers.length, 6);
	assert.equal(taken.buffers[1], frames[2]);
	assert.deepEqual(Buffer.concat(taken.buffers), Buffer.concat(frames));
	assert.equal(out.bytes, 0);
});

test('published messages are told apart from the rest, in count, in bytes and when taken back', () => {
	const out = new WriteBuffer();
	const messages = [sender.publish(['a'], Buffer.from('1'), false),
		sender.publish(['a', 'b'], Buffer.from('2'), true)];
	const fill = () => {
		out.add(sender.ping());
		out.add(messages[0]);
		out.addTopic(TYPE.SUBSCRIBE, 0, 'room', ROOMY);
		out.add(messages[1]);
		out.addTopic(TYPE.SUBSCRIBE, 0, 'other', ROOMY);
	};
	fill();
	const { messages: count, bytes } = out.take();
	assert.equal(count, 2);
	assert.equal(bytes, messages[0].length + messages[1].length);
	fill();
	assert.deepEqual(out.takeMessages(), messages);
	assert.equal(out.take(), null);
});
