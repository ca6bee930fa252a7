'use strict';

/*
 * Forwards a request whose body has no Content-Length, as a chunked one. It is
 * rare, so it takes a connection of its own and leaves the chunks to Node.
 */

/* Taken now: tracers and tests replace http.request later. */
const { request } = require('node:http');
const { writeAnswerHead } = require('./answer-head');
const { HEADER, addressOf } = require('./client-address');
const { endToEnd } = require('./headers');

function hasUnknownLength({ method, headers, httpVersionMajor }) {
	return headers['transfer-encoding'] !== undefined ||
		(httpVersionMajor > 1 && method !== 'GET' && headers['content-length'] === undefined);
}

/*
 * socket: connected to the owner. on: see ForwardedRequest.
 */
function forwardChunked(req, res, socket, on) {
	let hasAnswer = false;
	let isOver = false;
	const finish = () => {
		if (!isOver) {
			isOver = true;
			on.onEnd();
		}
	};
	const upstream = request({
		createConnection: () => socket,
		method: req.method,
		path: req.url,
		headers: [...endToEnd(req.rawHeaders), 'Transfer-Encoding', 'chunked',
			'Connection', 'close', HEADER, addressOf(req)],
	});
	upstream.on('response', (answer) => {
		hasAnswer = true;
		writeAnswerHead(res, {
			status: answer.statusCode, message: answer.statusMessage, raw: answer.rawHeaders,
		}, on.isLast());
		answer.on('error', () => res.destroy());
		answer.pipe(res);
	});
	upstream.on('error', () => {
		if (hasAnswer || isOver) {
			return;
		}
		finish();
		req.unpipe(upstream);
		req.resume();
		on.onGone();
	});
	res.once('close', () => {
		finish();
		upstream.destroy();
		req.resume();
	});
	req.pipe(upstream);
}

module.exports = { forwardChunked, hasUnknownLength };
