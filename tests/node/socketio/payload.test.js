'use strict';

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { encode } = require('notepack.io');

const { decodePayload, encodePayload } = require('../../../src/node/lib/socketio/payload');
const { vector } = require('../support/vectors');

const EVENT = { type: 2, data: ['hello'], nsp: '/' };
const OPTS = { rooms: [], except: [], flags: {} };
const set = (...items) => new Set(items);

/* Returns the event with this argument as other clients decode it. */
function carried(value) {
	const body = encodePayload('me', { type: 2, data: ['event', value], nsp: '/' },
		{ rooms: set(), except: set(), flags: {} });
	const payload = decodePayload(body);
	assert.notEqual(payload, null);
	return payload.packet.data[1];
}

function nested(depth, make) {
	let value = 'core';
	for (let i = 0; i < depth; i++)
		value = make(value);
	return value;
}

describe('payload: there and back', () => {
	const SAME = {
		null: null,
		true: true,
		'the empty text': '',
		unicode: 'räum 日本語 🎉 \u0000 \u2028',
		'a text of 100,000 characters': 'ä'.repeat(100_000),
		0: 0,
		'-1': -1,
		'2^53': 2 ** 53,
		'-(2^53)': -(2 ** 53),
		'all lengths of integers': [127, 128, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32,
			-32, -33, -128, -129, -32768, -32769, -(2 ** 31), -(2 ** 31) - 1],
		'floating point': [0.1, -1e-300, Number.MIN_VALUE, Math.PI],
		'whole numbers beyond 64 bits': [2 ** 63, 2 ** 64, -(2 ** 63) - 2 ** 12, 1e20, -1e20, 1.5e300,
			Number.MAX_VALUE, -Number.MAX_VALUE, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
		'a Date': new Date(1_700_000_000_123),
		'a Date before 1970': new Date(-1),
		'Dates far away': [new Date(8.64e15), new Date(-8.64e15), new Date(2 ** 34 * 1000),
			new Date(2 ** 34 * 1000 - 1), new Date(2 ** 32 * 1000), new Date(2 ** 32 * 1000 - 1000)],
		'an empty array': [],
		'an empty object': {},
		'an array of 70,000': Array.from({ length: 70_000 }, (_, i) => i),
		'an object of 70,000': Object.fromEntries(
			Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i])),
		'a Buffer': Buffer.from([0, 255, 128]),
		'an empty Buffer': Buffer.alloc(0),
		'Buffers in depth': { a: [{ b: Buffer.from('x') }, Buffer.from('y')], c: Buffer.alloc(70_000) },
		'500 levels': nested(250, (value) => [{ value }]),
	};
	for (const [what, value] of Object.entries(SAME))
		test(what, () => assert.deepEqual(carried(value), value));

	/* Not the same value, but the one that local clients get, by JSON and attachments. */
	const AS_LOCAL = {
		'undefined in an array': [[1, undefined], [1, null]],
		'a function in an array': [[() => {}, 1], [null, 1]],
		'a symbol in an array': [[Symbol('s')], [null]],
		'a function in an object': [{ a: () => {}, b: 1 }, { b: 1 }],
		'undefined in an object': [{ a: undefined, b: 1 }, { b: 1 }],
		'toJSON()': [{ toJSON: () => ({ a: [1] }) }, { a: [1] }],
		'toJSON() in depth': [{ x: [{ toJSON: () => 'j' }] }, { x: ['j'] }],
		'toJSON() that returns itself': [{ a: 1, toJSON() { return this; } }, { a: 1 }],
		'toJSON() of nothing': [{ a: { toJSON: () => {} }, b: [{ toJSON: () => {} }] }, { b: [null] }],
		'numbers, texts and booleans as objects':
			[[Object(5), Object('text'), Object(false)], [5, 'text', false]],
		'half a surrogate pair': ['a\ud800b\udc00', 'a\ufffdb\ufffd'],
		'a Map and a Set': [[new Map([[1, 2]]), new Set([1])], [{}, {}]],
		'what has no number': [[NaN, Infinity], [null, null]],
		'an invalid Date': [new Date(NaN), null],
		'a Uint8Array': [Uint8Array.of(1, 2), Buffer.of(1, 2)],
		'a view of floats': [Float64Array.of(1), Buffer.from(Float64Array.of(1).buffer)],
		'a part of an ArrayBuffer': [new Uint8Array(Uint8Array.of(1, 2, 3).buffer, 1, 1), Buffer.of(2)],
		'a DataView': [new DataView(Uint8Array.of(7).buffer), Buffer.of(7)],
		'an ArrayBuffer': [Uint8Array.of(1, 2).buffer, Buffer.of(1, 2)],
		'an object without prototype': [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
	};
	for (const [what, [value, wanted]] of Object.entries(AS_LOCAL))
		test(what, () => {
			const plain = (got) => (Buffer.isBuffer(got) ? got :
				ArrayBuffer.isView(got) || got instanceof ArrayBuffer ? Buffer.from(got) :
					JSON.parse(JSON.stringify(got)));
			assert.deepEqual(plain(carried(value)), wanted);
		});

	test('what can\'t be told throws', () => {
		assert.throws(() => carried(10n), TypeError);
		assert.throws(() => carried([{ toJSON() { throw new Error('mine'); } }]), /mine/);
	});

	// Beyond 53 bits, where the Redis emitters write integers.
	const FLOATS_HERE = ['2^53', '-(2^53)', 'whole numbers beyond 64 bits'];

	test('as the Redis emitters write it, byte for byte', () => {
		for (const [what, value] of Object.entries(
			{ ...SAME, nothing: [1, undefined], 'a key of nothing': { a: undefined, b: 1 } })) {
			if (FLOATS_HERE.includes(what))
				continue;
			const packet = { type: 2, data: ['e', value], nsp: '/' };
			assert.equal(
				encodePayload('u', packet, { rooms: set(), flags: {} }).toString('hex'),
				encode(['u', packet, { rooms: [], except: [], flags: {} }]).toString('hex'), what);
		}
	});

	test('the value itself is not changed', () => {
		const value = { list: [1, () => {}], view: Float32Array.of(1), in: { depth: undefined } };
		const copy = { ...value, list: [...value.list] };
		carried(value);
		assert.deepEqual(value, copy);
		assert.equal(value.view, copy.view);
	});

	test('who, the packet, rooms, except and flags', () => {
		const body = encodePayload('me', { type: 2, data: ['e'], nsp: '/chat', id: 7, more: 1 }, {
			rooms: set('a', 5), except: set('b'),
			flags: { volatile: true, compress: false, timeout: 100, local: false, cb: () => {} },
		});
		assert.deepEqual(decodePayload(body), {
			uid: 'me',
			packet: { type: 2, data: ['e'], nsp: '/chat', id: 7 },
			opts: {
				rooms: set('a', 5), except: set('b'),
				flags: { volatile: true, compress: false, timeout: 100 },
			},
		});
	});

	test('except and flags may be missing', () => {
		const body = encodePayload('me', EVENT, { rooms: set() });
		assert.deepEqual(decodePayload(body).opts, { rooms: set(), except: set(), flags: {} });
	});

	test('a circle is found before it fills the memory', () => {
		const circle = { text: 'x'.repeat(1e6) };
		circle.again = { circle };
		assert.throws(() => encodePayload('u', { ...EVENT, data: ['a', circle] }, {}), /circular/);
	});

	test('what nests too deep, or in a circle, throws and doesn\'t overflow', () => {
		const circle = {};
		circle.circle = circle;
		assert.throws(() => carried(circle), RangeError);
		assert.throws(() => carried(nested(100_000, (value) => [value])), RangeError);
	});

	test('the golden frames', () => {
		for (const [name, rooms, flags] of [['publish-all', [], {}], ['publish-room', ['room1'], {}],
			['publish-several', ['room1', 'room2'], {}], ['publish-volatile', [], { volatile: true }]]) {
			const { body } = vector(name);
			const payload = decodePayload(body);
			assert.deepEqual(payload, {
				uid: 'uid1',
				packet: { type: 2, data: ['hello', 'world'], nsp: '/' },
				opts: { rooms: set(...rooms), except: set(), flags },
			});
			assert.equal(encodePayload(payload.uid, payload.packet, payload.opts).toString('hex'),
				body.toString('hex'), name);
		}
	});
});

describe('payload: what other writers leave out', () => {
	const decoded = (packet, opts) => decodePayload(encode(['emitter', packet, opts]));

	test('no except, no flags, no rooms', () => {
		assert.deepEqual(decoded(EVENT, {}).opts, { rooms: set(), except: set(), flags: {} });
		assert.deepEqual(decoded(EVENT, { rooms: null, except: null, flags: null }).opts,
			{ rooms: set(), except: set(), flags: {} });
	});

	test('no namespace is the first one', () => {
		assert.equal(decoded({ type: 2, data: ['e'] }, OPTS).packet.nsp, '/');
	});

	test('a binary event is taken as an event', () => {
		assert.equal(decoded({ type: 5, data: ['e', Buffer.of(1)], nsp: '/' }, OPTS).packet.type, 2);
	});

	test('elements beyond the third, and keys that are unknown', () => {
		assert.deepEqual(
			decodePayload(encode(['u', { ...EVENT, later: 1 }, { ...OPTS, later: 1 }, 'later'])),
			{ uid: 'u', packet: EVENT, opts: { rooms: set(), except: set(), flags: {} } });
	});

	test('any uid', () => {
		for (const uid of [null, 7, '', 'emitter'])
			assert.equal(decodePayload(encode([uid, EVENT, OPTS])).uid, uid);
	});
});

describe('payload: what is none gives null', () => {
	const VALUES = {
		nil: null,
		'a number': 7,
		text: 'text',
		'an object': { 0: 'u', 1: EVENT, 2: OPTS, length: 3 },
		'an empty array': [],
		'one element': ['u'],
		'two elements': ['u', EVENT],
	};
	for (const packet of [null, 7, 'text', [], {}, { ...EVENT, type: 1 }, { ...EVENT, type: '2' },
		{ ...EVENT, type: 99 }, { ...EVENT, type: null }, { ...EVENT, data: 'text' },
		{ ...EVENT, data: null }, { ...EVENT, data: {} }, { ...EVENT, data: [] },
		{ ...EVENT, data: [null] }, { ...EVENT, data: [{}] }, { ...EVENT, data: [['e']] },
		{ ...EVENT, data: ['connect'] }, { ...EVENT, data: ['connect_error'] },
		{ ...EVENT, data: ['disconnect'] }, { ...EVENT, data: ['disconnecting'] },
		{ ...EVENT, data: ['newListener'] }, { ...EVENT, data: ['removeListener'] },
		{ ...EVENT, id: 'x' }, { ...EVENT, id: -1 }, { ...EVENT, id: 1.5 }, { ...EVENT, nsp: 7 },
		{ ...EVENT, nsp: ['/'] }])
		VALUES[`the packet ${JSON.stringify(packet)}`] = ['u', packet, OPTS];
	for (const opts of [null, 7, 'text', [], { ...OPTS, rooms: 'r' }, { ...OPTS, rooms: {} },
		{ ...OPTS, rooms: 7 }, { ...OPTS, except: 'r' }, { ...OPTS, except: { a: 1 } },
		{ ...OPTS, flags: 'volatile' }, { ...OPTS, flags: 7 }, { ...OPTS, flags: true }])
		VALUES[`the options ${JSON.stringify(opts)}`] = ['u', EVENT, opts];
	for (const [what, value] of Object.entries(VALUES))
		test(what, () => assert.equal(decodePayload(encode(value)), null));

	const hex = (text) => Buffer.from(text, 'hex');
	const before = encode(['u', EVENT, OPTS]).subarray(1, 3); // the uid
	const BYTES = {
		nothing: Buffer.alloc(0),
		JSON: Buffer.from(JSON.stringify(['u', EVENT, OPTS])),
		'the byte that is never used': hex('c1'),
		'a value and one more': Buffer.concat([encode(['u', EVENT, OPTS]), hex('c0')]),
		'two values': Buffer.concat([encode(['u', EVENT, OPTS]), encode(['u', EVENT, OPTS])]),
		'an array of 2^32-1': hex('ddffffffff'),
		'an array of 2^32-1 with one element': hex('ddffffffffc0'),
		'an array of 65535': hex('dcffff'),
		'a map of 2^32-1': hex('dfffffffff'),
		'a map of 65535': hex('deffff'),
		'a str of 4 GiB': hex('dbffffffff'),
		'a bin of 4 GiB': hex('c6ffffffff'),
		'an ext of 4 GiB': hex('c9ffffffff00'),
		'bombs in the place of the packet': Buffer.concat([hex('93'), before, hex('ddffffffff')]),
		'an ext of 4 GiB in the place of the packet':
			Buffer.concat([hex('93'), before, hex('c9ffffffff00')]),
		'arrays of arrays of 65535': hex('dcffff'.repeat(1000)),
		'16 MiB of arrays in each other': Buffer.alloc(16 * 1024 * 1024, 0x91),
		'2 MiB of maps in each other': Buffer.alloc(2 * 1024 * 1024, hex('81c0')),
	};
	for (const [what, bytes] of Object.entries(BYTES))
		test(what, () => {
			const { arrayBuffers, heapUsed } = process.memoryUsage();
			assert.equal(decodePayload(bytes), null);
			const after = process.memoryUsage();
			assert.ok(after.arrayBuffers - arrayBuffers < 1024 * 1024);
			assert.ok(after.heapUsed - heapUsed < 16 * 1024 * 1024);
		});

	/* With every kind of head in it. */
	const RICH = encode(['u', {
		type: 2, nsp: '/',
		data: ['e', null, true, -5, 200, 70_000, 2 ** 40, -200, -70_000, -(2 ** 40), 0.5,
			'x'.repeat(40), 'y'.repeat(300), Buffer.alloc(3), Buffer.alloc(300), new Date(),
			new Date(1.5e12 + 0.5), new Date(-5), Array(20).fill(0), undefined,
			Object.fromEntries(Array.from({ length: 20 }, (_, i) => [i, i]))],
	}, { rooms: ['a'], except: ['b'], flags: { volatile: true } }]);

	test('a payload that is cut anywhere', () => {
		assert.notEqual(decodePayload(RICH), null);
		for (let end = 0; end < RICH.length; end++)
			assert.equal(decodePayload(RICH.subarray(0, end)), null, `cut at ${end}`);
	});

	test('a payload with any one byte changed gives a payload or null', () => {
		for (let at = 0; at < RICH.length; at++)
			for (const byte of [0x00, 0x81, 0x91, 0xc1, 0xc9, 0xdd, 0xdf, 0xff]) {
				const bytes = Buffer.from(RICH);
				bytes[at] = byte;
				const payload = decodePayload(bytes);
				if (payload !== null) {
					assert.ok(payload.opts.rooms instanceof Set && payload.opts.except instanceof Set);
					assert.ok(Array.isArray(payload.packet.data));
				}
			}
	});

	test('a key __proto__ pollutes nothing', () => {
		const evil = JSON.parse('{"__proto__":{"polluted":true}}');
		decodePayload(encode(['u', { ...EVENT, data: ['e', evil] }, { ...OPTS, flags: evil }]));
		assert.equal({}.polluted, undefined);
	});
});

describe('payload: a command', () => {
	const commands = { map: { toString: 1 }, list: [{ toString: 1 }], number: 1, inherited: 'toString', unknown: 'x' };
	for (const [what, cmd] of Object.entries(commands))
		test(`that is no name of one is no payload: ${what}`, () => {
			assert.equal(decodePayload(encode(['u', { cmd, nsp: '/' }, OPTS])), null);
		});
});
