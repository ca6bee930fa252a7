'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { addressOf, applyTo, prepare } = require('../../../src/node/lib/engine/client-address');
const { endToEnd, keepAliveHead, upgradeHead } = require('../../../src/node/lib/engine/headers');

const client = { remoteAddress: '::1', remotePort: 4711, encrypted: true };

test('headers of the connection stay, all others pass in their order and form', () => {
	assert.deepEqual(endToEnd(['Host', 'a', 'Connection', 'keep-alive', 'Keep-Alive', 'x', 'Cookie', 'a=1',
		'TE', 'x', 'Trailer', 'x', 'cookie', 'b=2', 'Expect', '100-continue', 'Transfer-Encoding', 'chunked']),
	['Host', 'a', 'Cookie', 'a=1', 'cookie', 'b=2']);
});

test('the Connection header names more of them, but never the length of the body', () => {
	assert.deepEqual(endToEnd(['connection', 'X-One, x-two,content-length', 'x-one', '1', 'X-Two', '2',
		'Content-Length', '3']), ['Content-Length', '3']);
});

test('a client cannot claim an address', () => {
	const req = {
		method: 'GET', url: '/a', httpVersion: '1.1', socket: client,
		rawHeaders: ['X-PM2A-FROM', '6.6.6.6 1 1 1.1', 'Upgrade', 'websocket', 'x-pm2a-from', 'x'],
	};
	for (const head of [keepAliveHead(req), upgradeHead(req)]) {
		assert.deepEqual(head.match(/x-pm2a-from: .*/gi), ['X-Pm2a-From: ::1 4711 1 1.1']);
		assert.ok(head.endsWith('1.1\r\n\r\n'));
	}
});

test('the owner sees the address, port, encryption and version of the client', () => {
	const socket = {};
	prepare(socket);
	for (const [from, seen] of [
		[{ httpVersion: '1.1', socket: client }, ['::1', 4711, 'IPv6', true, '1.1']],
		[{ httpVersion: '1.0', socket: { remoteAddress: '10.0.0.1', remotePort: 1 } },
			['10.0.0.1', 1, 'IPv4', false, '1.0']],
		[{ httpVersion: '1.1', socket: {} }, [undefined, undefined, undefined, false, '1.1']],
	]) {
		const value = addressOf(from);
		const req = { socket, headers: { a: '1', 'x-pm2a-from': value }, rawHeaders: ['a', '1', 'X-Pm2a-From', value] };
		assert.equal(applyTo(req), true);
		assert.deepEqual([socket.remoteAddress, socket.remotePort, socket.remoteFamily, socket.encrypted,
			req.httpVersion], seen);
		assert.deepEqual([req.headers, req.rawHeaders], [{ a: '1' }, ['a', '1']]);
	}
	assert.equal(applyTo({ socket, headers: {}, rawHeaders: [] }), false);
});
