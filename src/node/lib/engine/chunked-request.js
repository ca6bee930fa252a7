'use strict';

/*
 * Forwards a request whose body has no Content-Length, as a chunked one. It is
 * rare, so it takes a connection of its own and leaves the chunks to Node.
 */

/* Taken now: tracers and tests replace http.request later. */
const { request } = require('node:http');
const { writeAnswerHead } = require('./answer-head');
const { targetOf } = require('./client-address');
const { endToEnd } = require('./headers');

function hasUnknownLength({ method, headers, httpVersionMajor }) {
	return headers['transfer-encoding'] !== undefined ||
		(httpVersionMajor > 1 && method !== 'GET' && headers['content-length'] === undefined);
}

/*
 * socket: connected to the owner. onGone(): the owner has ended before it answered.
 * isLast(): see ForwardedRequest.
 */
function forwardChunked(req, res, socket, { onGone, isLast }) {
	let isOver = false; // or answered
	const upstream = request({
		createConnection: () => socket,
		method: req.method,
		path: targetOf(req),
		headers: [...endToEnd(req.rawHeaders), 'Transfer-Encoding', 'chunked',
			'Connection', 'close'],
	});
	upstream.on('response', (answer) => {
		isOver = true;
		writeAnswerHead(res, {
			status: answer.statusCode, message: answer.statusMessage, raw: answer.rawHeaders,
		}, isLast());
		answer.on('error', () => res.destroy());
		answer.pipe(res);
	});
	upstream.on('error', () => {
		if (isOver) {
			return;
		}
		isOver = true;
		req.unpipe(upstream);
		req.resume();
		onGone();
	});
	res.once('close', () => {
		isOver = true;
		upstream.destroy();
		req.resume();
	});
	req.pipe(upstream);
}

module.exports = { forwardChunked, hasUnknownLength };
