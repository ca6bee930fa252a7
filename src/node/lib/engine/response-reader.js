'use strict';

/*
 * Reads one response of a worker's Unix socket. It has no socket and is fed chunks.
 * Requests there are of HTTP/1.0, so that no answer is chunked: a body has a
 * Content-Length or ends with the connection.
 */

const HEAD_MAX = 1024 * 1024; // bytes
const TEXT_MAX = 16 * 1024; // bytes; a chunk of this size is read as a string, which is faster
const STATUS = /^HTTP\/1\.[01] ([1-5]\d\d)(?: (.*))?$/;
const END_OF_HEAD = '\r\n\r\n';
const UNKNOWN = -1; // length of a body that ends with the connection

function readHead(text) {
	let end = text.indexOf('\r\n');
	const status = STATUS.exec(end < 0 ? text : text.slice(0, end));
	if (status === null) {
		throw new Error('the head of the answer is malformed');
	}
	const raw = [];
	let length = UNKNOWN;
	while (end >= 0) {
		const start = end + 2;
		end = text.indexOf('\r\n', start);
		const line = end < 0 ? text.length : end;
		const colon = text.indexOf(':', start);
		if (colon <= start || colon >= line) {
			throw new Error('a header of the answer is malformed');
		}
		const name = text.slice(start, colon);
		const value = text.slice(colon + 1, line).trim();
		raw.push(name, value);
		if (name.length === 14 && name.toLowerCase() === 'content-length') {
			length = Number(value);
			if (!Number.isSafeInteger(length) || length < 0) {
				throw new Error('the length of the answer is malformed');
			}
		}
	}
	return { status: Number(status[1]), message: status[2] ?? '', raw, length };
}

class ResponseReader {
	#handlers;
	#isBodiless;
	#rest = null; // of an incomplete head
	#missing = null; // bytes of the body; null before the head

	/*
	 * handlers: onHead({ status, message, raw }), then onBody(chunk, isLast) at least
	 * once, where a chunk may be empty, and is a string of latin1 or a Buffer. method: of
	 * the request.
	 */
	constructor(method, handlers) {
		this.#handlers = handlers;
		this.#isBodiless = method === 'HEAD';
	}

	/* Whether the head has come. */
	get hasHead() {
		return this.#missing !== null;
	}

	get isDone() {
		return this.#missing === 0;
	}

	/* Reads a chunk. Throws if it is malformed, also if anything follows the answer. */
	push(chunk) {
		if (this.#missing !== null) {
			this.#pushBody(chunk);
			return;
		}
		const all = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
		const text = all.length > TEXT_MAX ? all : all.latin1Slice();
		const end = text.indexOf(END_OF_HEAD);
		if (end < 0) {
			if (all.length > HEAD_MAX) {
				throw new Error(`the head of the answer is longer than ${HEAD_MAX} bytes`);
			}
			this.#rest = all;
			return;
		}
		this.#rest = null;
		const head = text === all ? all.latin1Slice(0, end) : text.slice(0, end);
		this.#pushHead(head, text.slice(end + END_OF_HEAD.length));
	}

	/* The connection has ended: returns whether the answer is complete. */
	end() {
		if (this.#missing === UNKNOWN) {
			this.#missing = 0;
			this.#handlers.onBody(Buffer.alloc(0), true);
		}
		return this.#missing === 0;
	}

	#pushHead(text, rest) {
		const head = readHead(text);
		if (head.status < 200) { // 100 Continue and the like
			if (rest.length > 0) {
				this.push(typeof rest === 'string' ? Buffer.from(rest, 'latin1') : rest);
			}
			return;
		}
		const isBodiless = this.#isBodiless || head.status === 204 || head.status === 304;
		this.#missing = isBodiless ? 0 : head.length;
		this.#handlers.onHead(head);
		if (this.#missing === 0 && rest.length === 0) {
			this.#handlers.onBody(rest, true);
		} else if (rest.length > 0) {
			this.#pushBody(rest);
		}
	}

	#pushBody(chunk) {
		if (this.#missing === UNKNOWN) {
			this.#handlers.onBody(chunk, false);
			return;
		}
		if (chunk.length > this.#missing) {
			throw new Error('bytes follow the answer');
		}
		this.#missing -= chunk.length;
		this.#handlers.onBody(chunk, this.#missing === 0);
	}
}

module.exports = { ResponseReader };
