'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { ResponseReader } = require('../../../src/node/lib/engine/response-reader');

/* Returns the output of a reader for these chunks: { head, body, isDone, ended }. */
function read(chunks, { method = 'GET' } = {}) {
	const got = { head: null, body: '', isLast: false };
	const reader = new ResponseReader(method, {
		onHead(head) { got.head = head; },
		onBody(chunk, isLast) {
			assert.equal(got.isLast, false, 'bytes after the last');
			got.body += chunk;
			got.isLast = isLast;
		},
	});
	for (const chunk of chunks)
		reader.push(Buffer.from(chunk, 'latin1'));
	return { ...got, reader };
}

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n' +
	'Content-Length: 5\r\n\r\nhello';
const RAW = ['Content-Type', 'text/plain', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2',
	'Content-Length', '5'];

test('an answer, whole and cut anywhere', () => {
	const { head, body, isLast } = read([ANSWER]);
	assert.deepEqual([head.status, head.message, head.raw, body, isLast], [200, 'OK', RAW, 'hello', true]);
	for (let at = 1; at < ANSWER.length; at++) {
		const cut = read([ANSWER.slice(0, at), ANSWER.slice(at)]);
		assert.deepEqual([cut.head.raw, cut.body, cut.isLast], [RAW, 'hello', true], `cut at ${at}`);
	}
	assert.deepEqual(read([...ANSWER]).body, 'hello');
});

test('an answer is complete at its last byte and not before', () => {
	for (let length = 0; length < ANSWER.length; length++) {
		const { reader, isLast } = read([ANSWER.slice(0, length)]);
		assert.equal(isLast, false);
		assert.equal(reader.end(), false, `${length} bytes`);
	}
});

test('a body without a length ends with the connection', () => {
	const { reader } = read(['HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n', 'ab', 'c']);
	assert.equal(reader.isDone, false);
	assert.equal(reader.end(), true);
});

test('answers without a body', () => {
	for (const [method, head] of [['GET', 'HTTP/1.1 204 No Content\r\n'],
		['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n'],
		['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n'],
		['GET', 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n']]) {
		const { body, isLast } = read([`${head}\r\n`], { method });
		assert.deepEqual([body, isLast], ['', true], head);
	}
});

test('1xx answers are passed over', () => {
	const { head, body } = read([`HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n${ANSWER}`]);
	assert.deepEqual([head.status, body], [200, 'hello']);
});

for (const [what, bytes] of [
	['no HTTP', 'hello\r\n\r\n'],
	['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
	['a header without a colon', 'HTTP/1.1 200 OK\r\nhello\r\n\r\n'],
	['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
	['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n'],
	['bytes after the answer', `${ANSWER}x`],
	['bytes after an answer without a body', 'HTTP/1.1 204 No Content\r\n\r\nx'],
	['a head of two megabytes', `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(2 ** 21)}`],
])
	test(`${what} is refused`, () => {
		assert.throws(() => read([bytes]));
	});
