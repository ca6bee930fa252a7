'use strict';

/* Which headers a forwarding worker passes on, in raw form: [name, value, …]. */

const { targetOf } = require('./client-address');

/* Of a connection, not of a message (RFC 9110, 7.6.1). `expect` is answered by the
 * worker that has the client's connection. */
const HOP_BY_HOP = new Set([
	'connection', 'keep-alive', 'proxy-connection', 'te', 'trailer',
	'transfer-encoding', 'upgrade', 'expect',
]);

/* Most names need no look at their letters. */
const LENGTHS = new Set([...HOP_BY_HOP].map(({ length }) => length));

const PLAIN_CONNECTION = new Set(['', 'keep-alive', 'close', 'upgrade']);

/* Returns the set of headers to leave out, which a Connection header can extend. */
function hopByHop(raw) {
	let all = HOP_BY_HOP;
	for (let i = 0; i < raw.length; i += 2) {
		if (raw[i].length === 10 && raw[i].toLowerCase() === 'connection' &&
			!PLAIN_CONNECTION.has(raw[i + 1].toLowerCase())) {
			const named = raw[i + 1].toLowerCase().split(',').map((name) => name.trim());
			all = new Set([...all, ...named]);
			all.delete('content-length'); // delimits the body
		}
	}
	return all;
}

/* Returns the headers that are not of the connection; of HTTP/2, in the form of HTTP/1. */
function endToEnd(raw) {
	const omitted = hopByHop(raw);
	const kept = [];
	for (let i = 0; i < raw.length; i += 2) {
		const name = raw[i];
		if (name[0] === ':') {
			if (name === ':authority') {
				kept.push('Host', raw[i + 1]);
			}
		} else if ((omitted === HOP_BY_HOP && !LENGTHS.has(name.length)) ||
			!omitted.has(name.toLowerCase())) {
			kept.push(name, raw[i + 1]);
		}
	}
	return kept;
}

function lines(raw) {
	let text = '';
	for (let i = 0; i < raw.length; i += 2) {
		text += `${raw[i]}: ${raw[i + 1]}\r\n`;
	}
	return text;
}

/*
 * Returns the head of a request for the owner, latin1.
 *
 * version: '1.0' for one answer after another on a connection, '1.1' for an upgrade
 */
function requestHead(req, version, raw) {
	return `${req.method} ${targetOf(req)} HTTP/${version}\r\n${lines(raw)}\r\n`;
}

/* Returns the head of an upgrade for the owner; keeps all headers. */
function tunnelHead(req) {
	return requestHead(req, '1.1', req.rawHeaders);
}

/* Returns the head of an upgrade as the client has sent it. */
function upgradeHead(req) {
	return `${req.method} ${req.url} HTTP/${req.httpVersion}\r\n${lines(req.rawHeaders)}\r\n`;
}

/* Returns the head of a request for the owner. */
function keepAliveHead(req) {
	const raw = endToEnd(req.rawHeaders);
	raw.push('Connection', 'keep-alive');
	return requestHead(req, '1.0', raw);
}

module.exports = { endToEnd, keepAliveHead, tunnelHead, upgradeHead };
