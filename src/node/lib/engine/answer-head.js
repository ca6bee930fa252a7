'use strict';

/* The head of a forwarded answer, for a client of HTTP/1 or HTTP/2. */

const { endToEnd } = require('./headers');

/* Returns raw headers as an object; those of one name become an array. */
function byName(raw) {
	const headers = Object.create(null);
	for (let i = 0; i < raw.length; i += 2) {
		const name = raw[i].toLowerCase();
		headers[name] = name in headers ? [headers[name], raw[i + 1]].flat() : raw[i + 1];
	}
	return headers;
}

/*
 * head: { status, message, raw } of the owner's answer. isLast: whether the
 * client's connection must end after it.
 */
function writeAnswerHead(res, { status, message, raw }, isLast) {
	const kept = endToEnd(raw);
	if (res.stream !== undefined) { // HTTP/2
		res.writeHead(status, byName(kept));
		if (isLast) {
			res.stream.session?.close(); // after its streams
		}
		return;
	}
	if (isLast) {
		kept.push('Connection', 'close');
	}
	res.writeHead(status, message, kept);
}

module.exports = { writeAnswerHead };
