'use strict';

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { FrameReader, copyOf } = require('../../../src/node/lib/wire/frame-reader');
const { frame, publish } = require('../../../src/node/lib/wire/frame-writer');
const { vectors } = require('../support/vectors');

const MAX = 16 * 1024 * 1024;
const SEED = 0x2545f491;

const STREAM = Buffer.concat(vectors.map((vector) => vector.frame));
const EXPECTED = vectors.map(({ type, flags, topic, body }) => ({
	type, flags, topic: topic.toString('hex'), body: body.toString('hex'),
}));

/* Feeds the chunks; { frames, fault } with the frames' bytes as hex, that they compare well. */
function feed(chunks, { max = MAX, receiver = new FrameReader(max) } = {}) {
	const frames = [];
	for (const chunk of chunks) {
		const fault = receiver.push(chunk, (...parts) => {
			const { type, flags, topic, body } = copyOf(...parts);
			frames.push({ type, flags, topic: topic.toString('hex'), body: body.toString('hex') });
		});
		if (fault !== null)
			return { frames, fault };
	}
	return { frames, fault: null };
}

function header(length, type = 0x10, flags = 0, topicLength = 0) {
	const out = Buffer.alloc(8);
	out.writeUInt32BE(length, 0);
	out[4] = type;
	out[5] = flags;
	out.writeUInt16BE(topicLength, 6);
	return out;
}

/* A small generator of numbers, so that a run that fails can be had again. */
function numbers(seed) {
	let state = seed;
	return (below) => {
		state ^= state << 13;
		state ^= state >>> 17;
		state ^= state << 5;
		return (state >>> 0) % below;
	};
}

describe('receiver: golden frames', () => {
	for (const vector of vectors)
		test(`${vector.name} comes out as its parts`, () => {
			assert.deepEqual(feed([vector.frame]), {
				frames: [{
					type: vector.type,
					flags: vector.flags,
					topic: vector.topic.toString('hex'),
					body: vector.body.toString('hex'),
				}],
				fault: null,
			});
		});

	test('a prefix of a frame gives no frame and no fault, and its rest completes it', () => {
		vectors.forEach(({ name, frame: whole }, index) => {
			for (let cut = 0; cut < whole.length; cut++) {
				const receiver = new FrameReader(MAX);
				const start = feed([whole.subarray(0, cut)], { receiver });
				assert.deepEqual(start, { frames: [], fault: null }, `${name} cut at ${cut}`);
				assert.equal(receiver.pending, cut, `${name} cut at ${cut}`);
				const rest = feed([whole.subarray(cut)], { receiver });
				assert.deepEqual(rest, { frames: [EXPECTED[index]], fault: null },
					`${name} cut at ${cut}`);
				assert.equal(receiver.pending, 0);
			}
		});
	});
});

describe('receiver: however a stream is cut', () => {
	test('in one chunk', () => {
		assert.deepEqual(feed([STREAM]), { frames: EXPECTED, fault: null });
	});

	test('in two, at every place', () => {
		for (let cut = 0; cut <= STREAM.length; cut++)
			assert.deepEqual(feed([STREAM.subarray(0, cut), STREAM.subarray(cut)]),
				{ frames: EXPECTED, fault: null }, `cut at ${cut}`);
	});

	test('byte by byte, with empty chunks between', () => {
		const chunks = [];
		for (const byte of STREAM)
			chunks.push(Buffer.of(byte), Buffer.alloc(0));
		assert.deepEqual(feed(chunks), { frames: EXPECTED, fault: null });
	});

	test('at random, 300 times', () => {
		const random = numbers(SEED);
		for (let run = 0; run < 300; run++) {
			const chunks = [];
			const most = 1 + random(200);
			for (let at = 0; at < STREAM.length;) {
				const end = at + 1 + random(most);
				chunks.push(STREAM.subarray(at, end));
				at = end;
			}
			assert.deepEqual(feed(chunks), { frames: EXPECTED, fault: null },
				`run ${run}, chunks of ${chunks.map(({ length }) => length)}`);
		}
	});

	test('a frame of 5 MB in chunks of 64 KiB, with neighbours', () => {
		const body = Buffer.alloc(5_000_000, 'pm2adapterd');
		const stream = Buffer.concat([
			vectors[0].frame, publish(['big'], body, false), vectors[0].frame,
		]);
		const receiver = new FrameReader(MAX);
		const seen = [];
		let most = 0;
		for (let at = 0; at < stream.length; at += 65536) {
			const fault = receiver.push(stream.subarray(at, at + 65536),
				(...parts) => seen.push(copyOf(...parts)));
			assert.equal(fault, null);
			most = Math.max(most, receiver.pending);
		}
		assert.deepEqual(seen.map(({ type }) => type), [0x01, 0x10, 0x01]);
		assert.ok(seen[1].body.equals(body));
		assert.equal(seen[1].topic.toString(), 'big');
		assert.ok(most <= body.length + 65536, 'no more is kept than has come');
		assert.equal(receiver.pending, 0);
	});
});

describe('receiver: what is no frame', () => {
	for (const length of [0, 1, 2, 3])
		test(`a length of ${length}`, () => {
			const { frames, fault } = feed([header(length)]);
			assert.deepEqual(frames, []);
			assert.match(fault, new RegExp(`length ${length}$`));
		});

	test('a length over the limit, told from its four bytes alone', () => {
		for (const length of [1025, 0x7fffffff, 0x80000000, 0xffffffff]) {
			const { frames, fault } = feed([header(length).subarray(0, 4)], { max: 1024 });
			assert.deepEqual(frames, []);
			assert.match(fault, new RegExp(`length ${length}; the limit is 1024$`));
		}
	});

	test('a length over the limit in a later chunk', () => {
		const [a, b] = [header(1025).subarray(0, 3), header(1025).subarray(3)];
		assert.match(feed([a, b], { max: 1024 }).fault, /length 1025/);
	});

	test('a length of exactly the limit is taken', () => {
		const whole = frame(0x10, 0, 't', Buffer.alloc(1024 - 5));
		assert.equal(whole.readUInt32BE(0), 1024);
		assert.equal(feed([whole], { max: 1024 }).frames.length, 1);
	});

	test('the limit can change between frames', () => {
		const receiver = new FrameReader(16);
		const whole = frame(0x10, 0, 't', Buffer.alloc(100));
		receiver.max = 1024;
		assert.equal(feed([whole], { receiver }).frames.length, 1);
		receiver.max = 16;
		assert.match(feed([whole], { receiver }).fault, /the limit is 16$/);
	});

	test('a topic that is longer than its frame', () => {
		for (const [length, topicLength] of [[4, 1], [5, 2], [100, 97], [4, 0xffff]]) {
			const bytes = Buffer.concat([
				header(length, 0x10, 0, topicLength), Buffer.alloc(length - 4),
			]);
			const { frames, fault } = feed([bytes]);
			assert.deepEqual(frames, []);
			assert.match(fault, /topic/);
		}
	});

	test('a topic that fills its frame leaves an empty body', () => {
		const { frames, fault } = feed([frame(0x10, 0, 'full', Buffer.alloc(0))]);
		assert.equal(fault, null);
		assert.equal(frames[0].body, '');
	});

	test('the frames before the fault come out', () => {
		const { frames, fault } = feed([Buffer.concat([STREAM, header(0)])]);
		assert.deepEqual(frames, EXPECTED);
		assert.match(fault, /length 0/);
	});

	test('random bytes never throw', () => {
		const random = numbers(SEED);
		for (let run = 0; run < 2000; run++) {
			const bytes = Buffer.from(Array.from({ length: random(64) }, () => random(256)));
			assert.doesNotThrow(() => feed([bytes], { max: 4096 }), bytes.toString('hex'));
		}
	});
});

describe('receiver: memory', () => {
	test('frames that lie whole in a chunk are told by their places in it', () => {
		const [one, two] = ['one', 'two'].map((topic) =>
			publish([topic], Buffer.from(topic), false));
		const chunk = Buffer.concat([one, two]);
		const seen = [];
		new FrameReader(MAX).push(chunk, (type, flags, bytes, ...places) => {
			assert.equal(bytes, chunk);
			seen.push(places);
		});
		assert.deepEqual(seen, [[8, 11, one.length], [one.length + 8, one.length + 11, chunk.length]]);
	});

	test('of frames in chunks only those are copied that a chunk does not end', () => {
		const whole = publish(['t'], Buffer.alloc(1000), false);
		const stream = Buffer.concat(Array(100).fill(whole));
		const receiver = new FrameReader(MAX);
		let views = 0;
		let copies = 0;
		for (let at = 0; at < stream.length; at += 10_000) {
			const chunk = stream.subarray(at, at + 10_000);
			assert.equal(receiver.push(chunk, (type, flags, bytes) => {
				views += Number(bytes === chunk);
				copies += Number(bytes !== chunk);
			}), null);
		}
		assert.deepEqual([views, copies], [90, 10]);
	});

	test('a large frame in a great many chunks is copied a few times at the most', (t) => {
		const stream = publish(['big'], Buffer.alloc(8_000_000), false);
		const receiver = new FrameReader(MAX);
		const allocated = t.mock.method(Buffer, 'allocUnsafeSlow');
		let frames = 0;
		for (let at = 0; at < stream.length; at += 1000)
			assert.equal(receiver.push(stream.subarray(at, at + 1000), () => frames++), null);
		assert.equal(frames, 1);
		const sizes = allocated.mock.calls.map((call) => call.arguments[0]);
		assert.ok(sizes.reduce((n, size) => n + size, 0) < 3 * stream.length, `allocated ${sizes}`);
	});

	test('a declared length asks for no memory', () => {
		const receiver = new FrameReader(0xffffffff);
		const before = process.memoryUsage().arrayBuffers;
		for (let i = 0; i < 100; i++)
			assert.equal(new FrameReader(0xffffffff).push(header(0xfffffff0), () => {}), null);
		assert.equal(receiver.push(header(0xfffffff0), () => {}), null);
		assert.equal(receiver.pending, 8);
		assert.ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024);
	});
});
