'use strict';

/*
 * Descriptions of sockets on their way to the asker of fetchSockets().
 *
 * An answer travels in parts of about PART_BYTES, which are written and read in
 * slices of time. A part is a table in JSON text (socket-table.js), which V8 parses
 * several times faster than any decoder in JavaScript reads msgpack; sockets whose
 * values JSON would change (binary, dates, NaN) are in parts of msgpack. The first byte
 * tells them apart.
 *
 * A key of `handshake` or `data` whose value cannot be encoded is left out: a
 * session with a circular reference must not hide a socket, nor its other keys.
 */

const { isMap } = require('../socketio/payload');
const json = require('../wire/json-reader');
const { decode, setOwn } = require('../wire/msgpack-reader');
const { encode } = require('../wire/msgpack-writer');
const { TableWriter, readTable } = require('./socket-table');
const { inTurns } = require('./turns');

const PART_BYTES = 128 * 1024;
const LIST = 0x5b; // the first byte of JSON text
const TABLE = 0x7b; // likewise
const ARRAY_32 = 0xdd;
const MANY = 1000;

function isScalar(value) {
	return typeof value !== 'object' || value === null;
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

function joinEncoded(pieces) {
	const head = Buffer.alloc(5);
	head[0] = ARRAY_32;
	head.writeUInt32BE(pieces.length, 1);
	return Buffer.concat([head, ...pieces]);
}

/* The parts of an answer. */
class Parts {
	#table = new TableWriter();
	#encoded = [];
	#size = 0; // of #encoded
	#canJson;
	#send;

	/* canJson: whether the asker reads JSON. send(body). */
	constructor(canJson, send) {
		this.#canJson = canJson;
		this.#send = send;
	}

	add(details) {
		if (this.#addToTable(details)) {
			return;
		}
		const bytes = tryEncode(details);
		if (bytes !== null) {
			this.#addEncoded(bytes);
			return;
		}
		const rest = reduced(details);
		if (!this.#addToTable(rest)) {
			this.#addEncoded(encode(rest));
		}
	}

	/* Returns what is not sent yet, at least one part. */
	rest() {
		const bodies = [this.#takeTable(), this.#takeEncoded()].filter((body) => body !== null);
		return bodies.length > 0 ? bodies : [encode([])];
	}

	#addToTable(details) {
		const isAdded = this.#canJson && tryAdd(this.#table, details);
		if (isAdded && this.#table.size >= PART_BYTES) {
			this.#send(this.#takeTable());
		}
		return isAdded;
	}

	#addEncoded(bytes) {
		this.#encoded.push(bytes);
		this.#size += bytes.length;
		if (this.#size >= PART_BYTES) {
			this.#send(this.#takeEncoded());
		}
	}

	#takeTable() {
		const text = this.#table.take();
		return text && Buffer.from(text);
	}

	#takeEncoded() {
		const body = this.#encoded.length > 0 ? joinEncoded(this.#encoded) : null;
		this.#encoded = [];
		this.#size = 0;
		return body;
	}
}

/* Returns false if a getter or a proxy throws. */
function tryAdd(table, details) {
	try {
		return table.add(details);
	} catch {
		return false;
	}
}

/*
 * Sends descriptions of `sockets` as the parts of an answer, in turns. local: of the
 * worker. canJson: whether the asker reads JSON text. debt: of its question.
 */
function sendDescriptions(local, sockets, canJson, debt) {
	const parts = new Parts(canJson, (body) => debt.part(body, false));
	let at = 0;

	inTurns((until) => {
		try {
			while (at < sockets.length && !debt.isSettled) {
				const socket = sockets[at++];
				if (local.socket(socket.id) !== undefined) { // it may have left
					parts.add(local.details(socket));
				}
				if (performance.now() >= until) {
					return true;
				}
			}
			const rest = parts.rest();
			rest.forEach((body, i) => debt.part(body, i === rest.length - 1));
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

function listOf(body) {
	if (body[0] === TABLE) {
		return readTable(json.parse(body.utf8Slice()));
	}
	return body[0] === LIST ? json.parse(body.utf8Slice()) : decode(body);
}

/* Returns the descriptions in a part, or null if it is malformed. */
function readPart(body) {
	try {
		const list = listOf(body);
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
	#count = 0; // descriptions
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
		this.#count += list.length;
		const known = this.#lists.get(from);
		if (known === undefined) {
			this.#lists.set(from, list);
		} else {
			for (const each of list) {
				known.push(each);
			}
		}
	}

	/* Promises the result with the descriptions as its answers; if they are many, in a turn of
	 * its own, since Socket.IO makes an object of each at once. A worker that has left has no sockets any
	 * more. */
	async end(result) {
		if (this.#isReading) {
			await new Promise((resolve) => { this.#onDone = resolve; });
		}
		if (this.#count > MANY) {
			await new Promise((resolve) => { setImmediate(resolve); });
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
