'use strict';

/* JSON of other processes, read as by JSON.parse(), within the limits of msgpack. */

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { UNCOUNTED, parse } = require('../../../src/node/lib/wire/json-reader');
const { decode } = require('../../../src/node/lib/wire/msgpack-reader');
const { encode } = require('../../../src/node/lib/wire/msgpack-writer');
const { EncodedEvent } = require('../../../src/node/lib/socketio/packets');

const SIZE = 15e6;
const keys = (length, n = SIZE / (length + 6)) => Array.from({ length: n },
	(_, i) => `"${i.toString(36).padEnd(length, '-')}":1`).join(',');

const TOO_MUCH = {
	'empty lists': `[${'[],'.repeat(SIZE / 3)}[]]`,
	'empty maps': `[${'{},'.repeat(SIZE / 3)}{}]`,
	'numbers': `[${'1,'.repeat(SIZE / 2)}1]`,
	'short keys': `{${keys(5)}}`,
	'long keys': `{${keys(60)}}`,
	'lists behind a string with quotes': `["\\"\\\\",${'[],'.repeat(SIZE / 3)}[]]`,
};

const FINE = {
	'a text full of brackets': JSON.stringify(['[{,:'.repeat(SIZE / 4)]),
	'a text full of quotes and backslashes': JSON.stringify(['"\\["'.repeat(SIZE / 8)]),
	'half a million rows with the same keys': `[${'{"a":1},'.repeat(200_000)}{"a":1}]`,
	'many numbers': `[${'123456789,'.repeat(900_000)}1]`,
};

describe('JSON of other processes', () => {
	for (const [name, text] of Object.entries(TOO_MUCH))
		test(`too much: ${name}`, () => {
			assert.throws(() => parse(text), /over the limits of \d+ characters/);
			const event = EncodedEvent.read([`2["a",${text}]`]);
			assert.throws(() => event.data, RangeError);
		});

	for (const [name, text] of Object.entries(FINE))
		test(`fine: ${name}`, () => {
			assert(text.length > UNCOUNTED);
			assert.deepEqual(parse(text), JSON.parse(text));
		});

	test('a short text cannot exceed the limits', () => {
		for (const unit of ['[],', '1,'])
			assert.doesNotThrow(() => parse(`[${unit.repeat((UNCOUNTED - 8) / unit.length)}1]`));
	});

	test('malformed text is a SyntaxError', () => {
		for (const text of ['', '[', '"', `["${'x'.repeat(UNCOUNTED)}`, `${'['.repeat(200_000)}`])
			assert.throws(() => parse(text), (error) => error instanceof SyntaxError || error instanceof RangeError);
		assert.throws(() => parse(`${' '.repeat(UNCOUNTED)}[`), SyntaxError);
	});

	test('__proto__ is an own key', () => {
		const value = parse('{"__proto__":{"admin":true}}');
		assert.deepEqual(Object.keys(value), ['__proto__']);
		assert.equal({}.admin, undefined);
	});
});

describe('keys in msgpack', () => {
	const map = (length) => Object.fromEntries(Array.from({ length: 140_000 },
		(_, i) => [i.toString(36).padEnd(length, '-'), 1]));

	test('long ones count more, at both ends', () => {
		assert.equal(Object.keys(decode(encode(map(20)))).length, 140_000);
		assert.throws(() => encode(map(100)), /over the limits/);
	});
});
