'use strict';

/* Descriptions of sockets as a table: there and back, and malformed ones. */

const assert = require('assert/strict');
const fs = require('fs');
const path = require('path');
const { describe, test } = require('node:test');

const { TableWriter, readTable } = require('../../../src/node/lib/adapter/socket-table');

const HANDSHAKE = { headers: { host: 'a', agent: 'b' }, url: '/', secure: false, issued: 5 };

function socket(id, handshake = HANDSHAKE, data = {}) {
	return { id, handshake, rooms: [id], data };
}

function written(list) {
	const table = new TableWriter();
	for (const each of list)
		assert.equal(table.add(each), true);
	return table.take();
}

function carried(list) {
	return readTable(JSON.parse(written(list)));
}

describe('a table of sockets', () => {
	const KEPT = {
		'the same handshake': [socket('a'), socket('b')],
		'other values': [socket('a'), socket('b', { ...HANDSHAKE, url: '/b', secure: null }),
			socket('c', { ...HANDSHAKE, headers: { host: 'c', agent: 'b' } })],
		'other keys': [socket('a'), socket('b', { url: '/' }), socket('c', {}), socket('d'),
			socket('e', { headers: {}, url: '/', secure: false, issued: 5 })],
		'a key that is an object once': [socket('a', { x: 1 }), socket('b', { x: { y: 1 } }),
			socket('c', { x: ['y'] }), socket('d', { x: null })],
		'numbers as keys': [socket('a', { b: 1, 2: 2, 1: 3 }), socket('b', { 1: 4, b: 1, 2: 5 })],
		'__proto__': [socket('a', JSON.parse('{"__proto__":{"x":1},"a":{"__proto__":2}}')),
			socket('b', JSON.parse('{"__proto__":{"x":3},"a":{"__proto__":4}}'))],
		'deep': [socket('a', { a: { b: { c: { d: { e: { f: [{ g: 1 }] } } } } } }),
			socket('b', { a: { b: { c: { d: { e: { f: [{ g: 2 }] } } } } } })],
		'a string that looks like a number': [socket('a', { x: '1' }), socket('b', { x: 1 })],
	};
	for (const [name, list] of Object.entries(KEPT))
		test(name, () => {
			assert.deepEqual(carried(list), list);
			assert.deepEqual(carried([...list, ...list].reverse()), [...list, ...list].reverse());
			assert.equal({}.x, undefined);
		});

	test('what JSON leaves out is left out', () => {
		const odd = { ...HANDSHAKE, none: undefined, fn() {}, symbol: Symbol('s') };
		assert.deepEqual(carried([socket('a', odd), socket('b', odd)]), [socket('a'), socket('b')]);
	});

	test('sockets share nothing that can be changed', () => {
		const handshake = () => ({ headers: { list: ['x'], deep: { a: { b: { c: { d: {} } } } } } });
		const [a, b] = carried([socket('a', handshake()), socket('b', handshake())]);
		a.handshake.headers.list.push('y');
		a.handshake.headers.deep.a.b.c.d.e = 1;
		a.handshake.headers.host = 'z';
		assert.deepEqual(b.handshake, handshake());
	});

	test('what JSON would change is refused, and leaves nothing behind', () => {
		const circle = {};
		circle.circle = circle;
		const BAD = [Buffer.of(1), new Date(0), NaN, 10n, new Uint16Array(1), new ArrayBuffer(1), circle,
			Infinity, { toJSON: () => 1 }, [Buffer.of(1)], Object(1)];
		const table = new TableWriter();
		for (const value of BAD) {
			assert.equal(table.add(socket('a', { ...HANDSHAKE, value })), false);
			assert.equal(table.add(socket('a', { ...HANDSHAKE, headers: { value } })), false);
			assert.equal(table.add(socket('a', HANDSHAKE, { value })), false);
		}
		assert.equal(table.take(), null);
	});

	test('the size is near that of the text', () => {
		for (const list of [[socket('a'.repeat(1000))], [socket('a', HANDSHAKE, { x: 'y'.repeat(50_000) })],
			[socket('a', { ...HANDSHAKE, auth: { x: 'y'.repeat(50_000) } })],
			Array.from({ length: 500 }, (_, i) => socket(`socket ${i}`, { ...HANDSHAKE, issued: i }))]) {
			const table = new TableWriter();
			list.forEach((each) => table.add(each));
			const { size } = table;
			const { length } = table.take();
			assert(size > length / 2 && size < 2 * length + 1000, `${size} of ${length}`);
			assert.equal(table.size, 0);
		}
	});

	test('it ends before it has too many templates', () => {
		const table = new TableWriter();
		const results = Array.from({ length: 100 }, (_, i) => table.add(socket('a', { [`key ${i}`]: 1 })));
		assert(results.includes(true) && results.includes(false));
		assert.equal(table.add(socket('a', { 'key 0': 2 })), true);
	});

	test('the example of docs/PROTOCOL.md', () => {
		const text = fs.readFileSync(path.join(__dirname, '../../../docs/PROTOCOL.md'), 'utf8');
		const [, example] = text.match(/```json\n(\{"templates"[^]*?)```/);
		const read = readTable(JSON.parse(example));
		assert.equal(written(read), JSON.stringify(JSON.parse(example)));
		assert.deepEqual(read.map(({ handshake }) => handshake), [
			{ headers: { host: 'a' }, secure: true }, { headers: { host: 'b' }, secure: true }]);
	});

	const GOOD = {
		templates: [{ a: 1, b: { c: 2 } }], values: [7], ids: ['x'], rooms: [['x']], data: [{}], changes: [0, 1, 1, 0],
	};
	const MALFORMED = {
		'no templates': { ...GOOD, templates: undefined },
		'templates that are no list': { ...GOOD, templates: { 0: {} } },
		'a template that is no map': { ...GOOD, templates: [7] },
		'a template that is null': { ...GOOD, templates: [null] },
		'a template that is a list': { ...GOOD, templates: [[1]] },
		'a number of no template': { ...GOOD, changes: [1, 0] },
		'a template by name': { ...GOOD, changes: ['length', 0] },
		'a leaf that there is not': { ...GOOD, changes: [0, 1, 2, 0] },
		'a leaf by name': { ...GOOD, changes: [0, 1, 'push', 0] },
		'a value that there is not': { ...GOOD, changes: [0, 1, 1, 1] },
		'fewer changes': { ...GOOD, changes: [0, 2, 1, 0] },
		'a negative number of changes': { ...GOOD, changes: [0, -1] },
		'no number of changes': { ...GOOD, changes: [0, 'x'] },
		'more changes': { ...GOOD, changes: [0, 1, 1, 0, 0] },
		'no changes': { ...GOOD, changes: [] },
		'a bomb of copies': {
			...GOOD, templates: [Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`k${i}`, 1]))],
			ids: new Array(1000).fill('x'), changes: new Array(2000).fill(0),
		},
		'more ids': { ...GOOD, ids: ['x', 'y'] },
	};
	test('a good one is read', () => {
		assert.deepEqual(readTable(GOOD),
			[{ id: 'x', handshake: { a: 1, b: { c: 7 } }, rooms: ['x'], data: {} }]);
	});
	for (const [name, table] of Object.entries(MALFORMED))
		test(`malformed: ${name}`, () => assert.throws(() => readTable(table), RangeError));
});
