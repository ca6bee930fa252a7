'use strict';

/*
 * Encodes as msgpack what applications emit. Local clients get a value as JSON with
 * binary attachments, and the clients of other workers must get the same. So this
 * follows JSON where general encoders do not: toJSON(), keys without a value,
 * numbers beyond 64 bits, and all kinds of views of bytes. Only dates stay dates,
 * as the Redis emitters write them, and half a surrogate pair becomes U+FFFD, since
 * UTF-8 cannot encode it.
 */

const { asBuffer } = require('./frame-writer');
const { DEPTH_MAX, KEYS_FREE, decode, keyCost } = require('./msgpack-reader');

const SIZE_FIRST = 1024;
const DEPTH_WATCHED = 32; // where a circular reference is looked for
const SHORT = 24; // characters: below, a loop is faster than a call into Node
const TYPE_ARRAY_BUFFER = 0; // of an extension
const TWO_32 = 2 ** 32;
const TWO_34 = 2 ** 34;

class Writer {
	#bytes = Buffer.allocUnsafe(SIZE_FIRST);
	#at = 0;
	#n = 0; // values, and the counts of keys
	#keepsBuffers; // see encodeEvent()
	#above = []; // the objects around this one, from DEPTH_WATCHED

	/* Returns the bytes of one value; throws RangeError or TypeError. Refuses what
	 * the readers of others would refuse, since only here an error can be reported. */
	static encode(value) {
		return Writer.#encode(value, false);
	}

	/* As encode(); but ArrayBuffers and their views, other than Buffers, are written as
	 * the ArrayBuffers of the Redis emitters. */
	static encodeEvent(value) {
		return Writer.#encode(value, true);
	}

	static #encode(value, keepsBuffers) {
		const writer = new Writer();
		writer.#keepsBuffers = keepsBuffers;
		writer.#any(plain(value), 1);
		const bytes = writer.#bytes.subarray(0, writer.#at);
		if (writer.#n > KEYS_FREE) {
			decode(bytes); // the lowest limit may have been reached
		}
		return bytes;
	}

	/* Makes room for n more bytes; returns where they begin. */
	#take(n) {
		const at = this.#at;
		this.#at += n;
		if (this.#at > this.#bytes.length) {
			const bytes = Buffer.allocUnsafe(Math.max(this.#at, 2 * this.#bytes.length));
			this.#bytes.copy(bytes, 0, 0, at);
			this.#bytes = bytes;
		}
		return at;
	}

	/* Writes a head, and n in `width` bytes after it. */
	#head(code, n, width) {
		const at = this.#take(1 + width);
		this.#bytes[at] = code;
		for (let i = width, rest = n; i > 0; i--, rest >>>= 8) {
			this.#bytes[at + i] = rest;
		}
	}

	/* Writes a head with a length, in the shortest form. */
	#length(n, { fix = 0, below = 0, code8, code16 }) {
		if (n < below) {
			this.#head(fix | n, 0, 0);
		} else if (code8 !== undefined && n < 0x100) {
			this.#head(code8, n, 1);
		} else if (n < 0x10000) {
			this.#head(code16, n, 2);
		} else {
			this.#head(code16 + 1, n, 4);
		}
	}

	#raw(bytes) {
		const at = this.#take(bytes.length);
		this.#bytes.set(bytes, at);
	}

	#any(value, depth) {
		this.#n++;
		switch (typeof value) {
		case 'string':
			this.#text(value);
			break;
		case 'number':
			this.#number(value);
			break;
		case 'boolean':
			this.#head(value ? 0xc3 : 0xc2, 0, 0);
			break;
		case 'undefined':
			this.#head(0xc0, 0, 0);
			break;
		case 'object':
			this.#object(value, depth);
			break;
		default:
			throw new TypeError(`a ${typeof value} cannot be encoded`);
		}
	}

	#text(text) {
		if (text.length < SHORT && this.#ascii(text)) {
			return;
		}
		const n = Buffer.byteLength(text);
		this.#length(n, { fix: 0xa0, below: 0x20, code8: 0xd9, code16: 0xda });
		const at = this.#take(n);
		this.#bytes.utf8Write(text, at, n);
	}

	/* Writes a short text if each character has one byte; returns whether it has. */
	#ascii(text) {
		const n = text.length;
		const at = this.#take(1 + n);
		const bytes = this.#bytes;
		bytes[at] = 0xa0 | n;
		for (let i = 0; i < n; i++) {
			const code = text.charCodeAt(i);
			if (code >= 0x80) {
				this.#at = at;
				return false;
			}
			bytes[at + 1 + i] = code;
		}
		return true;
	}

	#number(n) {
		if (!Number.isSafeInteger(n)) {
			const at = this.#take(9);
			this.#bytes[at] = 0xcb;
			this.#bytes.writeDoubleBE(n, at + 1);
		} else if (n >= 0) {
			this.#natural(n);
		} else {
			this.#negative(n);
		}
	}

	#natural(n) {
		if (n < 0x80) {
			this.#head(n, 0, 0);
		} else if (n < 0x100) {
			this.#head(0xcc, n, 1);
		} else if (n < 0x10000) {
			this.#head(0xcd, n, 2);
		} else if (n < TWO_32) {
			this.#head(0xce, n, 4);
		} else {
			this.#head(0xcf, Math.floor(n / TWO_32), 4);
			this.#word(n);
		}
	}

	#negative(n) {
		if (n >= -0x20) {
			this.#head(0x100 + n, 0, 0);
		} else if (n >= -0x80) {
			this.#head(0xd0, 0x100 + n, 1);
		} else if (n >= -0x8000) {
			this.#head(0xd1, 0x10000 + n, 2);
		} else if (n >= -0x80000000) {
			this.#head(0xd2, TWO_32 + n, 4);
		} else {
			this.#head(0xd3, Math.floor(n / TWO_32), 4);
			this.#word(n);
		}
	}

	/* Writes the low 32 bits of an integer. */
	#word(n) {
		const at = this.#take(4);
		this.#bytes.writeUInt32BE(n >>> 0, at);
	}

	#object(value, depth) {
		if (value === null) {
			this.#head(0xc0, 0, 0);
		} else if (Buffer.isBuffer(value)) {
			this.#length(value.length, { code8: 0xc4, code16: 0xc5 });
			this.#raw(value);
		} else if (isBytes(value)) {
			this.#view(asBuffer(value));
		} else if (value instanceof Date) {
			this.#date(value.getTime());
		} else if (depth >= DEPTH_WATCHED) {
			this.#deep(value, depth);
		} else {
			this.#inside(value, depth);
		}
	}

	#view(bytes) {
		if (this.#keepsBuffers) {
			this.#length(bytes.length, { code8: 0xc7, code16: 0xc8 });
			this.#head(TYPE_ARRAY_BUFFER, 0, 0);
		} else {
			this.#length(bytes.length, { code8: 0xc4, code16: 0xc5 });
		}
		this.#raw(bytes);
	}

	#inside(object, depth) {
		if (Array.isArray(object)) {
			this.#length(object.length, { fix: 0x90, below: 0x10, code16: 0xdc });
			for (let i = 0; i < object.length; i++) {
				this.#any(plain(object[i]), depth + 1);
			}
		} else {
			this.#map(object, depth);
		}
	}

	/* A circular reference would write its text and binary DEPTH_MAX times before it is
	 * too deep. */
	#deep(object, depth) {
		if (this.#above.includes(object)) {
			throw new RangeError('a circular reference');
		}
		if (depth >= DEPTH_MAX) {
			throw new RangeError(`nested deeper than ${DEPTH_MAX}`);
		}
		this.#above.push(object);
		this.#inside(object, depth);
		this.#above.pop();
	}

	#map(object, depth) {
		const keys = [];
		const values = [];
		for (const key of Object.keys(object)) {
			const value = plain(object[key]);
			if (value !== undefined) {
				keys.push(key);
				values.push(value);
			}
		}
		this.#length(keys.length, { fix: 0x80, below: 0x10, code16: 0xde });
		for (let i = 0; i < keys.length; i++) {
			this.#text(keys[i]);
			this.#n += keyCost(keys[i]);
			this.#any(values[i], depth + 1);
		}
	}

	/* Writes the timestamp extension, in the shortest of its three forms. */
	#date(ms) {
		const s = Math.floor(ms / 1000);
		const ns = (ms - s * 1000) * 1e6;
		if (ns === 0 && s >= 0 && s < TWO_32) {
			this.#head(0xd6, 0xff, 1);
		} else if (s >= 0 && s < TWO_34) {
			this.#head(0xd7, 0xff, 1);
			this.#word(ns * 4 + Math.floor(s / TWO_32));
		} else {
			this.#head(0xc7, 0x0cff, 2);
			this.#word(ns);
			this.#word(Math.floor(s / TWO_32));
		}
		this.#word(s);
	}
}

function isBytes(value) {
	return ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
}

/*
 * Returns what JSON and the attachments make of a value; undefined if they leave it
 * out. Calls toJSON() once: it may return an object that has one too.
 */
function plain(value, isFromJSON = false) {
	if (typeof value !== 'object' || value === null) {
		return typeof value === 'function' || typeof value === 'symbol' ?
			undefined : value;
	}
	if (isBytes(value)) {
		return value;
	}
	if (value instanceof Date) {
		return Number.isNaN(value.getTime()) ? null : value;
	}
	if (value instanceof Number || value instanceof String ||
		value instanceof Boolean) {
		return value.valueOf();
	}
	return typeof value.toJSON === 'function' && !isFromJSON ?
		plain(value.toJSON(), true) : value;
}

module.exports = { encode: Writer.encode, encodeEvent: Writer.encodeEvent };
