'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { applyTo, prepare, targetOf } = require('../../../src/node/lib/engine/client-address');
const { endToEnd, keepAliveHead, tunnelHead, upgradeHead } = require('../../../src/node/lib/engine/headers');

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

const URL = '/socket.io/?sid=x';

/* A request for this target, at the owner. */
function arrived(url) {
	const socket = {};
	prepare(socket);
	const req = { socket, url };
	const isTold = applyTo(req);
	const { remoteAddress, remotePort, remoteFamily, encrypted } = socket;
	return { isTold, url: req.url, from: [remoteAddress, remotePort, remoteFamily, encrypted, req.httpVersion] };
}

test('the owner sees the address, port, encryption and version of the client', () => {
	for (const [from, seen] of [
		[{ httpVersion: '1.1', socket: client }, ['::1', 4711, 'IPv6', true, '1.1']],
		[{ httpVersion: '1.0', socket: { remoteAddress: '10.0.0.1', remotePort: 1 } },
			['10.0.0.1', 1, 'IPv4', false, '1.0']],
		[{ httpVersion: '2.0', socket: {} }, [undefined, undefined, undefined, false, '1.1']],
		[{ httpVersion: '1.1', socket: { remoteAddress: 'fe80::1%eth0/?#', remotePort: 1 } },
			['fe80::1%eth0', 1, 'IPv6', false, '1.1']],
	])
		for (const url of [URL, `http://a.example${URL}`, '*', '/pm2a/from/6.6.6.6/1/1/1.1/x'])
			assert.deepEqual(arrived(targetOf({ ...from, url })), { isTold: true, url, from: seen });
});

test('a target that tells less is refused', () => {
	for (const url of ['/', '', URL, '/pm2a/noop?sid=x', '/pm2a/from', '/pm2a/from/', '/pm2a/from/a',
		'/pm2a/from/a/1/1', '/pm2a/from/a/1/1/', '/pm2a/from/a/1/1/x', '/pm2a/from//1/1/1.1/a', '/pm2a/from/a/x/1/1.1/',
		'/pm2a/from/a/1/2/1.1/', '/pm2a/from/a/1/1/2.0/', '/x/pm2a/from/a/1/1/1.1/'])
		assert.deepEqual([arrived(url).isTold, arrived(url).url], [false, url]);
});

test('heads of requests', () => {
	const req = {
		method: 'GET', url: URL, httpVersion: '1.1', socket: client,
		rawHeaders: ['Host', 'a', 'Connection', 'Upgrade', 'Upgrade', 'websocket', 'X-Own', '1'],
	};
	const target = '/pm2a/from/::1/4711/1/1.1/socket.io/?sid=x';
	assert.equal(keepAliveHead(req),
		`GET ${target} HTTP/1.0\r\nHost: a\r\nX-Own: 1\r\nConnection: keep-alive\r\n\r\n`);
	assert.equal(upgradeHead(req),
		`GET ${URL} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Own: 1\r\n\r\n`);
	assert.equal(tunnelHead(req),
		`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Own: 1\r\n\r\n`);
});

test('headers of HTTP/2 get the form of HTTP/1', () => {
	assert.deepEqual(endToEnd([':method', 'GET', ':path', '/', ':scheme', 'http', ':authority', 'a', 'cookie', 'b=1']),
		['Host', 'a', 'cookie', 'b=1']);
});
