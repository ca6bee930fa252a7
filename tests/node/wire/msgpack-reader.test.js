'use strict';

/* msgpack that may be anything: it is decoded or refused. */

const assert = require('assert/strict');
const { execFile } = require('child_process');
const path = require('path');
const { describe, test } = require('node:test');
const { promisify } = require('util');

const { decode: reference, encode } = require('notepack.io');

const { faultOf, skip, tryDecode } = require('../../../src/node/lib/wire/msgpack');
const { decodePayload } = require('../../../src/node/lib/socketio/payload');
const { decode, keysMax, objectsMax, valuesMax } = require('../../../src/node/lib/wire/msgpack-reader');
const { encode: write } = require('../../../src/node/lib/wire/msgpack-writer');
const { Random, tree } = require('../support/hostile');

const MIB = 1024 * 1024;
const hex = (text) => Buffer.from(text, 'hex');
const u32 = (n) => {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32BE(n);
	return bytes;
};
/* An array of n times `value`, which is bytes. */
const array = (n, value) => Buffer.concat([hex('dd'), u32(n), Buffer.alloc(n * value.length, value)]);
/* A map with n keys, all different. */
const map = (n) => Buffer.concat([hex('df'), u32(n), ...Array.from({ length: n }, (_, i) =>
	Buffer.concat([hex('ce'), u32(i), hex('c0')]))]);

describe('reader: the same as the Redis adapters read', () => {
	test('random trees', () => {
		const random = new Random(1);
		for (let i = 0; i < 2000; i++) {
			const bytes = Buffer.from(tree(random, { isTame: true }));
			assert.deepEqual(decode(bytes), reference(bytes), bytes.toString('hex'));
			assert.equal(skip(bytes, 0, bytes.length), bytes.length);
		}
	});

	test('all heads, with bytes of every kind behind them', () => {
		for (let head = 0; head < 0x100; head++)
			for (const fill of ['00', '01', '7f', 'c0', 'ff']) {
				const bytes = Buffer.concat([Buffer.of(head), Buffer.alloc(70_000, hex(fill))]);
				const end = skip(bytes, 0, bytes.length);
				if (end < 0) {
					assert.throws(() => decode(bytes), RangeError);
					continue;
				}
				// The reference reads a timestamp of 96 bits whatever its length.
				const isOther = head >= 0xc7 && head <= 0xc9 && fill === 'ff';
				const value = bytes.subarray(0, end);
				if (!isOther && head !== 0xde)
					assert.deepEqual(decode(value), reference(value), `${head} ${fill}`);
			}
	});

	test('texts that share a place in the cache, or are no ASCII', () => {
		const list = [];
		for (let i = 0; i < 20_000; i++)
			list.push(`k${i % 7000}`, 'ä', '\u00e3\u00a4', '', '\ufffd', 'ä'.repeat(i % 20));
		assert.deepEqual(decode(encode(list)), list);
		const isUtf8 = (bytes) => bytes.toString();
		for (const text of ['a3ff61c3', 'a2c3a4', 'a2c2c2', 'a180', 'a3efbfbd'])
			for (let twice = 0; twice < 2; twice++)
				assert.equal(decode(hex(text)), isUtf8(hex(text).subarray(1)));
	});
});

describe('reader: a key __proto__', () => {
	const KEYS = ['__proto__', 'constructor', 'prototype', 'toJSON', 'then', 'length', 'hasOwnProperty'];

	/* As JSON has it: bytes, since literals and encoders see a prototype. */
	const mapOf = (key, value) =>
		Buffer.concat([hex('81'), encode(key), encode(value)]);

	test('is a property of its own, as JSON has it', () => {
		for (const key of KEYS) {
			const value = decode(mapOf(key, { isAdmin: true }));
			assert.deepEqual(value, JSON.parse(`{"${key}":{"isAdmin":true}}`));
			assert.deepEqual(Object.keys(value), [key]);
			assert.equal(Object.getPrototypeOf(value), Object.prototype);
			assert.equal(value.isAdmin, undefined);
		}
		for (const bytes of [hex('81d9095f5f70726f746f5f5f80'), hex('81c4095f5f70726f746f5f5f80'),
			hex('81db000000095f5f70726f746f5f5f80')])
			assert.deepEqual(Object.keys(decode(bytes)), ['__proto__']);
	});

	test('arrives in all that workers say as it was sent', () => {
		const data = JSON.parse('{"__proto__":{"isAdmin":true},"a":[{"__proto__":null}]}');
		const packet = { nsp: '/', cmd: 'serverSideEmit', args: ['e', data] };
		const { packet: { args } } = decodePayload(write(['u', packet, {}]));
		assert.deepEqual(args, ['e', data]);
		assert.equal(args[1].isAdmin, undefined);
		assert.deepEqual(Object.keys(args[1].a[0]), ['__proto__']);
	});

	test('a key that is no scalar is refused', () => {
		for (const key of ['80', '90', '91c0', '81c0c0'])
			assert.equal(tryDecode(hex(`81${key}c0`)), undefined);
		assert.deepEqual(decode(hex('83' + '05c0' + 'c0c0' + 'c3c0')), { 5: null, null: null, true: null });
	});
});

describe('reader: limits', () => {
	/* [the limit, how many are in n of them, n of them]. */
	const BOUNDS = {
		values: [valuesMax, (n) => n, (n) => array(n, hex('c0'))],
		'maps in an array': [objectsMax, (n) => n + 1, (n) => array(n, hex('80'))],
		'arrays in an array': [objectsMax, (n) => n + 1, (n) => array(n, hex('90'))],
		'binaries in an array': [objectsMax, (n) => n + 1, (n) => array(n, hex('c400'))],
		'dates in an array': [objectsMax, (n) => n + 1, (n) => array(n, hex('d6ff00000000'))],
		'old dates in an array': [objectsMax, (n) => n + 1, (n) => array(n, hex('d7000000000000000000'))],
		'extensions in an array': [objectsMax, (n) => 2 * n + 1, (n) => array(n, hex('d40500'))],
		'different keys': [keysMax, (n) => n, map],
	};
	for (const [what, [max, count, make]] of Object.entries(BOUNDS))
		test(`${what}: at the limit, and one above`, () => {
			const size = make(2).length - make(1).length;
			let n = 0;
			for (let step = 2 ** 24; step >= 1; step /= 2)
				if (count(n + step) <= max(5 + (n + step) * size))
					n += step;
			assert.equal(faultOf(make(n)), null);
			assert.match(faultOf(make(n + 1)), /over the limits of/);
		});

	test('what honest applications send is below them', () => {
		const numbers = Array.from({ length: MIB - 10 }, (_, i) => i % 100);
		assert.equal(decode(write(numbers)).length, MIB - 10);
		const points = Array.from({ length: 250_000 }, (_, i) => ({ x: i / 7, y: i }));
		assert.equal(decode(write(points)).length, 250_000);
		const byId = Object.fromEntries(Array.from({ length: 130_000 }, (_, i) => [`id${i}`, i]));
		assert.equal(Object.keys(decode(write(byId))).length, 130_000);
	});

	test('keys that come again are counted once, whatever the cache does', () => {
		const keys = Array.from({ length: 10_000 }, (_, i) => `a key of ${i}`);
		const rows = Array.from({ length: 300_000 }, (_, i) => ({ [keys[i % 10_000]]: 'x'.repeat(60) }));
		assert.equal(faultOf(encode(rows.slice(0, 200_000))), null);
	});

	test('whoever encodes more than others read is told', () => {
		const more = Array.from({ length: 2 * MIB }, () => 0);
		assert.throws(() => write(more), /over the limits of/);
		assert.throws(() => write(Array.from({ length: 400_000 }, () => [])), /over the limits of/);
	});

	test('arrays that each declare all that is left', () => {
		const each = Buffer.concat([hex('dd'), u32(MIB - 5000)]);
		const bytes = Buffer.concat([...Array.from({ length: 500 }, () => each), Buffer.alloc(MIB)]);
		assert.match(faultOf(bytes), /over the limits of/);
		assert.equal(skip(bytes, 0, bytes.length), -1);
	});

	/* In a worker whose heap it would not fit. */
	for (const [what, value] of [['empty maps', '80'], ['empty arrays', '90'], ['nils', 'c0']])
		test(`15 MB of ${what} are refused by a process with 128 MB of heap`, async () => {
			const lib = path.resolve(__dirname, '../../../src/node/lib/socketio/payload');
			const script = `
				const n = 15_000_000;
				const bytes = Buffer.concat([Buffer.from('93a17582a3636d64ae', 'hex'), Buffer.from('serverSideEmit'),
					Buffer.from('a46172677392a165dd', 'hex'),
					Buffer.of(n >>> 24, n >>> 16, n >>> 8, n), Buffer.alloc(n, 0x${value}), Buffer.of(0x80)]);
				console.log(require(${JSON.stringify(lib)}).decodePayload(bytes));`;
			const { stdout } = await promisify(execFile)(process.execPath,
				['--max-old-space-size=128', '-e', script]);
			assert.equal(stdout, 'null\n');
		});
});

describe('reader: bytes of any kind', () => {
	test('throw nothing but RangeError, and change no prototype', () => {
		const random = new Random(2);
		for (let i = 0; i < 3000; i++) {
			const bytes = Buffer.from(tree(random, {}));
			for (let n = random.below(4); n > 0 && bytes.length > 0; n--)
				bytes[random.below(bytes.length)] = random.below(0x100);
			const cut = bytes.subarray(0, random.below(2) ? bytes.length : random.below(bytes.length + 1));
			try {
				decode(cut);
			} catch (error) {
				assert(error instanceof RangeError, error);
			}
			assert.equal({}.isAdmin, undefined);
		}
	});
});
