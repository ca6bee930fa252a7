'use strict';

/* The encoded form of a broadcast: written, read, and refused. */

const assert = require('assert/strict');
const { createRequire } = require('module');
const { describe, test } = require('node:test');

const { decode, encode } = require('notepack.io');

const { EncodedPacket, encodedFrame, senderOf } = require('../../../src/node/lib/socketio/encoded-packet');
const { EncodedEvent } = require('../../../src/node/lib/socketio/packets');
const { decodePayload } = require('../../../src/node/lib/socketio/payload');
const { FrameReader, copyOf } = require('../../../src/node/lib/wire/frame-reader');
const { fieldOf, publishFlags } = require('../../../src/node/lib/wire/frame-writer');
const { vector } = require('../support/vectors');

const TEXT = '2["event",1]';
const ME = senderOf('me');
const set = (...items) => new Set(items);

function frameOf(parts, opts = {}, { topics = ['t'], sender = ME } = {}) {
	return encodedFrame({
		field: fieldOf(topics), flags: publishFlags(topics, false), sender, opts, parts,
	});
}

/* The body of the frame, with bytes of its own. */
function bodyOf(frame) {
	let body;
	const receiver = new FrameReader(0xffffffff);
	assert.equal(receiver.push(frame, (...parts) => { ({ body } = copyOf(...parts)); }), null);
	assert.equal(receiver.pending, 0);
	return body;
}

function read(body) {
	return EncodedPacket.read(body, 0, body.length);
}

/* As it is read where other bytes are around it. */
function readInside(body) {
	const bytes = Buffer.concat([Buffer.alloc(7, 0xc0), body, Buffer.alloc(9, 0x61)]);
	return EncodedPacket.read(bytes, 7, 7 + body.length);
}

const PLAIN = { rooms: set(), except: set(), flags: {} };

describe('encoded: there and back', () => {
	const OPTIONS = {
		'everybody': [{}, PLAIN],
		'everybody, with empty sets': [PLAIN, PLAIN],
		'a room': [{ rooms: set('a') }, { ...PLAIN, rooms: set('a') }],
		'rooms of all kinds': [{ rooms: ['ä', '', 'x'.repeat(300), 7] },
			{ ...PLAIN, rooms: set('ä', '', 'x'.repeat(300), 7) }],
		'exceptions': [{ except: set('a', 'b') }, { ...PLAIN, except: set('a', 'b') }],
		'both': [{ rooms: set('a'), except: set('b') },
			{ ...PLAIN, rooms: set('a'), except: set('b') }],
		'volatile': [{ flags: { volatile: true } }, { ...PLAIN, flags: { volatile: true } }],
		'compress': [{ rooms: set('a'), flags: { compress: false } },
			{ ...PLAIN, rooms: set('a'), flags: { compress: false } }],
		'flags that have been obeyed': [{ flags: { local: false, timeout: 5, binary: true } }, PLAIN],
	};
	for (const [name, [opts, expected]] of Object.entries(OPTIONS))
		test(`options: ${name}`, () => {
			const encoded = readInside(bodyOf(frameOf([TEXT], opts)));
			assert.deepEqual(encoded.opts, expected);
			assert.deepEqual(encoded.parts, [TEXT]);
		});

	const PARTS = {
		'a short text': [TEXT],
		'a text beyond ASCII': ['2["ä日🎉 "]'],
		'a long text': [`2["${'x'.repeat(20_000)}"]`],
		'a long text of three bytes each': [`2["${'日'.repeat(16_000)}"]`],
		'a text of a megabyte': [`2["${'ä'.repeat(600_000)}"]`],
		'an attachment': ['51-["b"]', Buffer.from([1, 2, 3])],
		'no bytes attached': ['51-["b"]', Buffer.alloc(0)],
		'a large attachment': ['51-["b"]', Buffer.alloc(300_000, 7)],
		'twelve attachments': ['512-["b"]', ...Array.from({ length: 12 }, (_, n) => Buffer.alloc(n, n))],
		'seventy thousand': ['570000-["b"]', ...Array(70_000).fill(Buffer.from('x'))],
	};
	for (const [name, parts] of Object.entries(PARTS))
		test(`parts: ${name}`, () => {
			const body = bodyOf(frameOf(parts, { rooms: set('room') }));
			assert.deepEqual(readInside(body).parts, parts);
			assert.deepEqual(decode(body), ['me', null, [['room']], ...parts]);
		});

	test('attachments may be views or an ArrayBuffer', () => {
		const bytes = Uint8Array.from([1, 2, 3, 4, 5, 6]);
		const body = bodyOf(frameOf(['54-["b"]', bytes.subarray(1, 3), new Uint16Array([0x0201]),
			new DataView(bytes.buffer, 4), bytes.buffer]));
		assert.deepEqual(read(body).parts.slice(1).map((part) => part.toString('hex')),
			['0203', '0102', '0506', '010203040506']);
	});

	test('several topics share a frame', () => {
		const frame = frameOf([TEXT], {}, { topics: ['a', 'b'] });
		new FrameReader(0xffff).push(frame, (...parts) => {
			const { flags, topic, body } = copyOf(...parts);
			assert.equal(flags, 2);
			assert.deepEqual(decode(topic), ['a', 'b']);
			assert.deepEqual(read(body).parts, [TEXT]);
		});
	});

	test('who has sent it is known', () => {
		const encoded = readInside(bodyOf(frameOf([TEXT])));
		assert.ok(encoded.isOf(ME));
		for (const other of ['m', 'mf', 'ne', 'mee'])
			assert.ok(!encoded.isOf(senderOf(other)), other);
	});

	test('large frames have bytes of their own, that the next one does not change', () => {
		const frames = ['a', 'b'].map((c) => frameOf([`2["${c.repeat(30_000)}"]`]));
		assert.deepEqual(frames.map((frame) => read(bodyOf(frame)).parts[0][3]), ['a', 'b']);
	});
});

describe('encoded: golden frames', () => {
	test('byte for byte', () => {
		const sender = senderOf('uid1');
		const plain = frameOf(['2["hello","world"]'], {}, { sender, topics: ['socket.io#/#'] });
		assert.equal(plain.toString('hex'), vector('publish-encoded').frame.toString('hex'));
		const topics = ['socket.io#/chat#room1#'];
		const binary = encodedFrame({
			field: fieldOf(topics),
			flags: publishFlags(topics, true),
			sender,
			opts: { rooms: ['room1'], except: ['room2'], flags: { volatile: true } },
			parts: ['51-/chat,["file",{"_placeholder":true,"num":0}]', Buffer.from([1, 2, 3])],
		});
		assert.equal(binary.toString('hex'), vector('publish-encoded-binary').frame.toString('hex'));
	});

	test('with shorter lengths, as other writers have them', () => {
		const body = encode(['me', null, null, '51-["b"]', Buffer.from([1])]);
		assert.deepEqual(readInside(body).parts, ['51-["b"]', Buffer.from([1])]);
		for (const length of [10, 200, 300, 70_000]) {
			const text = `2["${'x'.repeat(length)}"]`;
			assert.deepEqual(readInside(encode(['me', null, [], text])).parts, [text]);
		}
	});
});

describe('encoded: told apart from the other form', () => {
	for (const name of ['publish-all', 'publish-room', 'publish-several', 'publish-volatile'])
		test(`${name} is a packet`, () => {
			assert.equal(read(vector(name).body), undefined);
			assert.notEqual(decodePayload(vector(name).body), null);
		});

	test('an encoded one has no packet', () => {
		assert.equal(decodePayload(vector('publish-encoded').body), null);
	});
});

describe('encoded: what is not believed', () => {
	const good = bodyOf(frameOf(['52-["b"]', Buffer.from('one'), Buffer.from('two')], {
		rooms: set('room'), except: set('other'), flags: { volatile: true },
	}));
	const look = (body) => {
		const encoded = readInside(body);
		return encoded && [encoded.opts, encoded.parts, EncodedEvent.read(encoded.parts)];
	};

	test('what is cut off anywhere', () => {
		for (let n = 0; n < good.length; n++)
			assert.ok(!look(good.subarray(0, n)), `${n} bytes`);
	});

	test('what has something behind it', () => {
		assert.equal(look(Buffer.concat([good, Buffer.of(0xc0)])), null);
	});

	test('lengths that lie, in whatever byte', () => {
		for (let at = 0; at < good.length; at++)
			for (const byte of [0, 0x7f, 0xc6, 0xdb, 0xdd, 0xff]) {
				const body = Buffer.from(good);
				body[at] = byte;
				assert.doesNotThrow(() => look(body), `${byte} at ${at}`);
			}
	});

	const SHAPES = {
		'no text': ['me', null, null],
		'a number for a text': ['me', null, null, 7],
		'bytes for a text': ['me', null, null, Buffer.from(TEXT)],
		'a text for an attachment': ['me', null, null, '51-["b"]', 'text'],
	};
	for (const [name, value] of Object.entries(SHAPES))
		test(name, () => assert.equal(readInside(encode(value)), null));

	for (const opts of [7, 'a', {}, ['a'], [[{}]], [[['a']]], [[], 'a'], [[], [], 7], [[], [], []]])
		test(`options ${JSON.stringify(opts)}`, () => {
			assert.equal(readInside(encode(['me', null, opts, TEXT])).opts, null);
		});

	test('bytes that are no UTF-8 become a text', () => {
		const [text] = readInside(Buffer.concat([
			encode(['me', null, null]).fill(0x94, 0, 1), Buffer.from('a7325b2261ff225d', 'hex'),
		])).parts;
		assert.equal(text, '2["a\ufffd"]');
	});
});

/* The parsers of these versions. */
const ENCODERS = {
	'Socket.IO 4.8': 'socket.io',
	'Socket.IO 4.5': 'socket.io-4.5',
	'Socket.IO 2': 'socket.io-2',
};

function partsBy(name, packet) {
	const { Encoder } = createRequire(require.resolve(name))('socket.io-parser');
	let parts;
	const returned = new Encoder().encode({ ...packet }, (encoded) => { parts = encoded; });
	return parts ?? returned;
}

const DATA = {
	'no arguments': ['event'],
	'a name that looks like JSON': ['["a","b"]', 1],
	'a name with quotes': ['say "hi" \\', 1],
	'a number for a name': [7, 'x'],
	'values of all kinds': ['event', null, true, 1.5e300, 'ü🎉', [1, [2]], { a: { b: 'c' } }],
	'binary': ['event', Buffer.from([1, 2]), { a: [Buffer.from([3])] }],
};

describe('packets: the parsers of all versions write the same', () => {
	for (const [name, data] of Object.entries(DATA))
		for (const nsp of ['/', '/chat', '/1'])
			for (const id of [undefined, 0, 42])
				test(`${name}, of ${nsp} with the number ${id}`, () => {
					const type = name === 'binary' ? 5 : 2; // as Socket.IO 2 has it by itself
					const packet = { type, nsp, data, ...(id !== undefined && { id }) };
					const [first, ...others] = Object.values(ENCODERS).map((parser) =>
						partsBy(parser, { ...packet, type: parser === 'socket.io-2' ? type : 2 }));
					for (const parts of others)
						assert.deepEqual(parts, first);
					const event = EncodedEvent.read(first);
					assert.equal(event.type, 2);
					assert.equal(event.nsp, nsp);
					assert.equal(event.id, id);
					assert.deepEqual(event.data, data);
				});
});

describe('packets: what clients would take for a broken stream', () => {
	const reserved = ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener',
		'removeListener'];
	const BAD = [
		'', '2', '[', '2[', '2[]', '2["', '2["]', '2{}', '2"a"', '2["a"', '2["a"]x', '2 ["a"]',
		'2[null]', '2[{}]', '2[[]]', '2["\\"]', '2["\\u00"]', '0', '0{"sid":"x"}', '1', '3["a"]',
		'31["a"]', '4"x"', '51-["a"]', '50-["a"]', '61-["a"]', '5-["a"]', '2/a["a"]', '2/a,', '2/',
		'2a,["a"]', '2-1["a"]', '21.5["a"]', 'x["a"]', '\ufeff2["a"]',
		...reserved.map((name) => `2["${name}"]`), ...reserved.map((name) => `2/a,7["${name}",1]`),
		'2["\\u0063onnect"]', '2["dis\\u0063onnect",1]',
	];
	for (const text of BAD)
		test(JSON.stringify(text), () => assert.equal(EncodedEvent.read([text]), null));

	test('another number of attachments than it says', () => {
		const bytes = Buffer.from('x');
		const text = (n) => `5${n}-["a"]`;
		for (const [said, parts] of [[0, 0], [1, 0], [0, 1], [2, 1], [1, 2], [10, 1], ['01', 1]])
			assert.equal(EncodedEvent.read([text(said), ...Array(parts).fill(bytes)]), null,
				`${said}, ${parts}`);
		assert.equal(EncodedEvent.read([TEXT, bytes]), null);
	});

	test('a name that only begins like a reserved one is a name', () => {
		for (const name of ['connected', 'connect ', 'Connect', 'dis"connect'])
			assert.deepEqual(EncodedEvent.read([`2${JSON.stringify([name])}`]).data, [name]);
	});

	test('JSON that is none is told when somebody wants it', () => {
		const event = EncodedEvent.read(['2["a",}]']);
		assert.throws(() => event.data, SyntaxError);
	});

	/* Applications pass on what browsers send, and that may look like a placeholder. */
	const LOOK_ALIKES = ['{"_placeholder":true,"num":0}', '{"_placeholder":true,"num":"__proto__"}',
		'{"_placeholder":true,"num":"length"}', '{"_placeholder":true,"num":-1}',
		'{"_placeholder":true,"num":0.5}', '{"_placeholder":true}', '{"_placeholder":1,"num":0}',
		'{"_placeholder":true,"num":9007199254740993}', '{"_placeholder":true,"num":{"num":0}}',
		'{"__proto__":{"_placeholder":true,"num":1}}'];
	const IN_RANGE = LOOK_ALIKES[0];
	test('without attachments nothing is a placeholder', () => {
		for (const text of LOOK_ALIKES) {
			const json = `["a",${text},{"b":[${text}]}]`;
			assert.deepEqual(EncodedEvent.read([`2${json}`]).data, JSON.parse(json));
		}
	});

	test('beside attachments what has no index of one is data as sent', () => {
		for (const text of LOOK_ALIKES.filter((one) => one !== IN_RANGE)) {
			const json = `["a",${text},{"b":[${text}]}`;
			const { data } = EncodedEvent.read([`51-${json},${IN_RANGE}]`, Buffer.from('x')]);
			assert.deepEqual(data, [...JSON.parse(`${json}]`), Buffer.from('x')], text);
		}
	});

	test('an attachment under the key __proto__ is a property and no prototype', () => {
		const { data } = EncodedEvent.read([`51-["a",{"__proto__":${IN_RANGE}}]`, Buffer.from('x')]);
		assert.equal(Object.getPrototypeOf(data[1]), Object.prototype);
		assert.deepEqual(Object.entries(data[1]), [['__proto__', Buffer.from('x')]]);
	});

	test('depth is no matter', () => {
		const deep = EncodedEvent.read(
			[`51-["a",${'['.repeat(50_000)}${IN_RANGE}${']'.repeat(50_000)}]`, Buffer.from('x')]);
		assert.equal(deep.data.length, 2);
	});
});
