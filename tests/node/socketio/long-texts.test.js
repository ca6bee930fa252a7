'use strict';

/* Packets with long texts are encoded as Socket.IO's encoder does it. */

const assert = require('assert/strict');
const { test } = require('node:test');

const { Encoder } = require('socket.io-parser');

const { encodeLongTexts } = require('../../../src/node/lib/socketio/long-texts');

const LONG = 1024;
const encoder = new Encoder();
const long = (text) => `${text}${'x'.repeat(LONG)}${text}`;
const event = (...data) => ({ type: 2, nsp: '/', data: ['event', ...data] });

for (const [title, packet] of Object.entries({
	'one text': event(long('a')),
	'texts among other values': event(1, long('a'), { b: [long('c')] }, long('d'), long('a'), null),
	'characters that need no escape': event(long('<>&/\'\u007f\u0080ü€\u2028\u2029\ue000\uffff')),
	'a name that is long': { type: 2, nsp: '/', data: [long('name'), 1] },
	'a namespace and an id': { type: 2, nsp: '/a,b', id: 12, data: ['event', long('a')] },
	'attachments': event(long('a'), Buffer.from('b'), { c: new Uint8Array(2) }),
}))
	test(`the result is the encoder's: ${title}`, () => {
		const found = encodeLongTexts(encoder, { ...packet });
		assert.notEqual(found, null);
		assert.deepEqual(found, encoder.encode({ ...packet }));
	});

test('texts that may need an escape are left to the encoder', () => {
	for (let code = 0; code < 0x10000; code++) {
		const text = long(String.fromCharCode(code));
		const isEscaped = JSON.stringify(text).length !== text.length + 2;
		if (encodeLongTexts(encoder, event(text)) === null)
			assert.ok(isEscaped || (code >= 0xd800 && code <= 0xdfff), `U+${code.toString(16)}`);
		else
			assert.ok(!isEscaped, `U+${code.toString(16)}`);
	}
});

test('wherever it is, in a text of any length', () => {
	for (const length of [LONG, LONG + 1, LONG + 2, LONG + 3, 65_527, 65_528, 65_529, 65_532, 200_000])
		for (const place of [0, 1, 2, 3, LONG - 1, length - 1])
			for (const letter of ['\0', '\x1f', '"', '\\', '\ud800'])
				for (const rest of ['x', 'ü']) {
					const text = rest.repeat(place) + letter + rest.repeat(length - 1 - place);
					assert.equal(encodeLongTexts(encoder, event(text)), null, `${length} ${place}`);
				}
	for (const length of [65_527, 65_528, 65_529, 65_532, 200_000])
		assert.notEqual(encodeLongTexts(encoder, event('x'.repeat(length))), null);
});

test('and so are packets without a long text, or without a list', () => {
	for (const packet of [event('x'.repeat(LONG - 1)), event(), { type: 0, nsp: '/' },
		{ type: 2, nsp: '/', data: long('a') }, event({ a: long('b') })])
		assert.equal(encodeLongTexts(encoder, packet), null);
});

test('and all that an encoder writes otherwise', () => {
	const other = { encode: ({ data }) => [JSON.stringify(data).toUpperCase()] };
	assert.equal(encodeLongTexts(other, event(long('a'))), null);
});
