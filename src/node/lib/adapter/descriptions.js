'use strict';

/*
 * Descriptions of sockets on their way to the asker of fetchSockets().
 *
 * An answer travels in parts of about PART_BYTES, which are written and read in
 * slices of time. A part is JSON text, which V8 reads several times faster than any
 * decoder in JavaScript reads msgpack; sockets whose values JSON would change
 * (binary, dates, NaN) are in parts of msgpack. The first byte tells them apart.
 *
 * A key of `handshake` or `data` whose value cannot be encoded is left out: a
 * session with a circular reference must not hide a socket, nor its other keys.
 */

const { isMap } = require('../socketio/payload');
const json = require('../wire/json-reader');
const { decode, setOwn } = require('../wire/msgpack-reader');
const { encode } = require('../wire/msgpack-writer');
const { inTurns } = require('./turns');

const PART_BYTES = 128 * 1024;
const LIST = 0x5b; // the first byte of JSON text
const DEPTH_MAX = 64; // deeper values go as msgpack
const ARRAY_32 = 0xdd;

function isScalar(value) {
	return typeof value !== 'object' || value === null;
}

/* Whether JSON conveys a value as msgpack does. */
function isJson(value, depth = 0) {
	switch (typeof value) {
	case 'number':
		return Number.isFinite(value);
	case 'bigint':
		return false;
	case 'object':
		return value === null || (depth < DEPTH_MAX && isJsonObject(value, depth));
	default:
		return true;
	}
}

function isJsonObject(object, depth) {
	if (Array.isArray(object)) {
		return object.every((value) => isJson(value, depth + 1));
	}
	if (typeof object.toJSON === 'function' || ArrayBuffer.isView(object) ||
		object instanceof ArrayBuffer) {
		return false;
	}
	for (const key in object) {
		if (!isJson(object[key], depth + 1)) {
			return false;
		}
	}
	return true;
}

/* Returns JSON text, or undefined. */
function textOf(details) {
	try {
		return isJson(details) ? JSON.stringify(details) : undefined;
	} catch { // a getter or a proxy throws
		return undefined;
	}
}

function tryEncode(value) {
	try {
		return encode(value);
	} catch {
		return null;
	}
}

/* Copies the keys that can be encoded. */
function encodablePart(object) {
	const part = {};
	for (const key of isMap(object) ? Object.keys(object) : []) {
		try {
			const value = object[key];
			encode(value);
			setOwn(part, key, value);
		} catch {
			// Left out.
		}
	}
	return part;
}

function reduced(details) {
	const { id, handshake, rooms, data } = details;
	return { id, handshake: encodablePart(handshake), rooms, data: encodablePart(data) };
}

/* Returns the descriptions, reduced as far as they have to be. */
function encodable(list) {
	return list.map((details) => (tryEncode(details) === null ? reduced(details) : details));
}

/* Collects descriptions until they are enough for a part. */
class Batch {
	#send;
	#join;
	#pieces = [];
	#size = 0;

	constructor(send, join) {
		this.#send = send;
		this.#join = join;
	}

	add(piece) {
		this.#pieces.push(piece);
		this.#size += piece.length;
		if (this.#size >= PART_BYTES) {
			this.flush();
		}
	}

	flush() {
		this.#send(this.take());
	}

	/* Returns what has been collected since the last part, or null. */
	take() {
		const body = this.#pieces.length > 0 ? this.#join(this.#pieces) : null;
		this.#pieces = [];
		this.#size = 0;
		return body;
	}
}

function joinTexts(texts) {
	return Buffer.from(`[${texts.join(',')}]`);
}

function joinEncoded(pieces) {
	const head = Buffer.alloc(5);
	head[0] = ARRAY_32;
	head.writeUInt32BE(pieces.length, 1);
	return Buffer.concat([head, ...pieces]);
}

/*
 * Sends descriptions of `sockets` as the parts of an answer, in turns. local: of the
 * worker. canJson: whether the asker reads JSON text. debt: of its question.
 */
function sendDescriptions(local, sockets, canJson, debt) {
	const send = (body) => debt.part(body, false);
	const texts = new Batch(send, joinTexts);
	const encoded = new Batch(send, joinEncoded);
	let at = 0;

	function add(socket) {
		const details = local.details(socket);
		const text = canJson ? textOf(details) : undefined;
		if (text !== undefined) {
			texts.add(text);
			return;
		}
		const bytes = tryEncode(details);
		if (bytes !== null) {
			encoded.add(bytes);
			return;
		}
		const rest = reduced(details);
		const restText = canJson ? textOf(rest) : undefined;
		(restText === undefined ? encoded : texts).add(restText ?? encode(rest));
	}

	inTurns((until) => {
		try {
			while (at < sockets.length && !debt.isSettled) {
				const socket = sockets[at++];
				if (local.socket(socket.id) !== undefined) { // it may have left
					add(socket);
				}
				if (performance.now() >= until) {
					return true;
				}
			}
			const last = [texts.take(), encoded.take()].filter((body) => body !== null);
			if (last.length === 0) {
				last.push(encode([]));
			}
			last.forEach((body, i) => debt.part(body, i === last.length - 1));
		} catch (error) {
			debt.fail(error);
		}
		return false;
	});
}

function isRooms(rooms) {
	return Array.isArray(rooms) && rooms.every(isScalar);
}

/* Whether fetchSockets() of Socket.IO can read it. */
function isDescription(value) {
	return isMap(value) && typeof value.id === 'string' && isMap(value.handshake) &&
		isRooms(value.rooms);
}

/* Returns the descriptions in a part, or null if it is malformed. */
function readPart(body) {
	try {
		const list = body[0] === LIST ? json.parse(body.utf8Slice()) : decode(body);
		return Array.isArray(list) && list.every(isDescription) ? list : null;
	} catch {
		return null;
	}
}

/* The descriptions that come for one request. */
class Descriptions {
	#lists = new Map(); // connection → list
	#malformed = new Set(); // connections
	#left = []; // parts that are not read yet
	#isReading = false;
	#onDone = null;

	/* Takes a part of the answer of a connection. */
	part(from, body) {
		this.#left.push([from, body]);
		if (!this.#isReading) {
			this.#isReading = true;
			inTurns((until) => this.#read(until));
		}
	}

	#read(until) {
		do {
			const [from, body] = this.#left.shift();
			const list = readPart(body);
			if (list === null) {
				this.#malformed.add(from);
			} else {
				this.#add(from, list);
			}
		} while (this.#left.length > 0 && performance.now() < until);
		this.#isReading = this.#left.length > 0;
		if (!this.#isReading) {
			this.#onDone?.();
		}
		return this.#isReading;
	}

	#add(from, list) {
		const known = this.#lists.get(from);
		if (known === undefined) {
			this.#lists.set(from, list);
		} else {
			for (const each of list) {
				known.push(each);
			}
		}
	}

	/* Promises the result with the descriptions as its answers. A worker that has
	 * left has no sockets any more. */
	async end(result) {
		if (this.#isReading) {
			await new Promise((resolve) => { this.#onDone = resolve; });
		}
		for (const { id, reason } of result.missing) {
			if (reason === 'left') {
				this.#lists.delete(id);
			}
		}
		return {
			...result,
			answers: [...this.#lists.values()],
			missing: [...result.missing, ...Array.from(this.#malformed,
				(id) => ({ id, name: '', reason: 'malformed' }))],
		};
	}
}

module.exports = { Descriptions, encodable, sendDescriptions };
