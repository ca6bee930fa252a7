'use strict';

/*
 * Decodes msgpack from bytes that may be malformed, in one pass that checks before
 * it allocates: a length against the bytes that are left, and the number of values
 * against a limit. Objects take many times their bytes, and each new key costs V8
 * microseconds: without limits, 15 MB of empty maps become a gigabyte of heap, and
 * as many bytes of keys block the process for seconds.
 *
 * Maps become objects as with JSON.parse(): a key `__proto__` is an own property and
 * never the prototype. Extension types are those of the Redis emitters: dates,
 * ArrayBuffer and undefined; others become `[type, Buffer]`.
 */

const DEPTH_MAX = 512;
const TEXT_SHORT = 32; // bytes of the longest text that is looked up in `texts`
const TEXTS = 4096; // a power of two
const KEYS_FREE = 128 * 1024; // allowed for any number of bytes
const TIMESTAMP = -1;
const TWO_32 = 2 ** 32;

/* Short texts by a hash of their bytes. Most texts are keys, names and rooms that
 * repeat, and a call that decodes UTF-8 costs more than the comparison. */
const texts = new Array(TEXTS).fill('');

/* The number of values that `size` bytes may decode to; a key is a value. */
function valuesMax(size) {
	return 1024 * 1024 + Math.floor(size / 16);
}

/* How many of them may be maps, arrays, binaries and extensions. */
function objectsMax(size) {
	return 256 * 1024 + Math.floor(size / 64);
}

/* How many different keys there may be; a key counts once for each 32 characters that it
 * begins, since V8 copies and hashes them. */
function keysMax(size) {
	return KEYS_FREE + Math.floor(size / 128);
}

/* Returns the count of a key against keysMax(). */
function keyCost(key) {
	return 1 + (key.length >> 5);
}

class Reader {
	#bytes;
	#size;
	#at = 0;
	#view = null; // of #bytes
	#values; // still allowed
	#objects;
	#keys = null; // a Set of those that were not in `texts`
	#keysCost = 0; // of them

	/* Returns the value in `bytes`; throws RangeError if they are malformed. */
	static decode(bytes) {
		const reader = new Reader();
		const size = bytes.length;
		reader.#bytes = bytes;
		reader.#size = size;
		reader.#values = valuesMax(size);
		reader.#objects = objectsMax(size);
		const value = reader.#any(1);
		if (reader.#at !== size) {
			throw new RangeError(`${size - reader.#at} bytes follow the value`);
		}
		return value;
	}

	#any(depth) {
		const head = this.#byte();
		if (head < 0x80) {
			return head;
		}
		if (head >= 0xe0) {
			return head - 0x100;
		}
		if (head < 0x90) {
			return this.#map(head & 0x0f, depth);
		}
		if (head < 0xa0) {
			return this.#array(head & 0x0f, depth);
		}
		return head < 0xc0 ? this.#text(head & 0x1f) : this.#typed(head, depth);
	}

	#typed(head, depth) {
		switch (head) {
		case 0xc0:
			return null;
		case 0xc2:
			return false;
		case 0xc3:
			return true;
		case 0xc4: case 0xc5: case 0xc6:
			return this.#binary(this.#natural(1 << (head - 0xc4)));
		case 0xc7: case 0xc8: case 0xc9:
			return this.#extension(this.#natural(1 << (head - 0xc7)), false);
		case 0xca:
			return this.#floats().getFloat32(this.#take(4));
		case 0xcb:
			return this.#floats().getFloat64(this.#take(8));
		case 0xcc: case 0xcd: case 0xce:
			return this.#natural(1 << (head - 0xcc));
		case 0xcf:
			return this.#natural(4) * TWO_32 + this.#natural(4);
		case 0xd0:
			return this.#bytes.readInt8(this.#take(1));
		case 0xd1:
			return this.#bytes.readInt16BE(this.#take(2));
		case 0xd2:
			return this.#bytes.readInt32BE(this.#take(4));
		case 0xd3:
			return this.#bytes.readInt32BE(this.#take(4)) * TWO_32 + this.#natural(4);
		case 0xd4: case 0xd5: case 0xd6: case 0xd7: case 0xd8:
			return this.#extension(1 << (head - 0xd4), true);
		case 0xd9: case 0xda: case 0xdb:
			return this.#text(this.#natural(1 << (head - 0xd9)));
		case 0xdc: case 0xdd:
			return this.#array(this.#natural(2 << (head - 0xdc)), depth);
		case 0xde: case 0xdf:
			return this.#map(this.#natural(2 << (head - 0xde)), depth);
		default:
			throw new RangeError('a byte 0xc1, which no value begins with');
		}
	}

	/* A view that reads floats faster than a Buffer does. */
	#floats() {
		if (this.#view === null) {
			const { buffer, byteOffset, byteLength } = this.#bytes;
			this.#view = new DataView(buffer, byteOffset, byteLength);
		}
		return this.#view;
	}

	#byte() {
		if (this.#at >= this.#size) {
			throw new RangeError('the value is longer than its bytes');
		}
		return this.#bytes[this.#at++];
	}

	/* Skips n bytes; returns where they begin. */
	#take(n) {
		const at = this.#at;
		if (n > this.#size - at) {
			throw new RangeError('the value is longer than its bytes');
		}
		this.#at = at + n;
		return at;
	}

	/* An unsigned integer of 1, 2 or 4 bytes. */
	#natural(width) {
		const bytes = this.#bytes;
		const at = this.#take(width);
		if (width === 1) {
			return bytes[at];
		}
		const n = (bytes[at] << 8) | bytes[at + 1];
		return width === 2 ? n : n * 0x10000 + ((bytes[at + 2] << 8) | bytes[at + 3]);
	}

	/* Counts an object with n values, before it is allocated. */
	#count(n, depth) {
		if (n > this.#size - this.#at) {
			throw new RangeError('the value is longer than its bytes');
		}
		this.#values -= n;
		this.#objects--;
		if (this.#values < 0 || this.#objects < 0) {
			this.#refuse();
		}
		if (depth >= DEPTH_MAX) {
			throw new RangeError(`the value is nested deeper than ${DEPTH_MAX}`);
		}
	}

	#refuse() {
		throw new RangeError(`over the limits of ${this.#size} bytes, which are ` +
			`${valuesMax(this.#size)} values, ${objectsMax(this.#size)} maps, arrays, ` +
			`binaries and extensions, ${keysMax(this.#size)} different keys`);
	}

	#array(n, depth) {
		this.#count(n, depth);
		const array = n === 0 ? [] : new Array(n);
		for (let i = 0; i < n; i++) {
			array[i] = this.#any(depth + 1);
		}
		return array;
	}

	#map(n, depth) {
		this.#count(2 * n, depth);
		const object = {};
		for (let i = 0; i < n; i++) {
			const key = this.#key();
			const value = this.#any(depth + 1);
			if (key === '__proto__') {
				setOwn(object, key, value);
			} else {
				object[key] = value;
			}
		}
		return object;
	}

	#key() {
		const head = this.#byte();
		if (head >= 0xa0 && head < 0xc0) {
			return this.#text(head & 0x1f, true);
		}
		this.#at--;
		// Other writers may use keys that are no text.
		const key = String(this.#any(DEPTH_MAX));
		this.#noteKey(key);
		return key;
	}

	#noteKey(key) {
		this.#keys ??= new Set();
		const { size } = this.#keys;
		if (this.#keys.add(key).size > size) {
			this.#keysCost += keyCost(key);
			if (this.#keysCost > keysMax(this.#size)) {
				this.#refuse();
			}
		}
	}

	#text(n, isKey = false) {
		const at = this.#take(n);
		if (n > TEXT_SHORT) {
			return this.#bytes.utf8Slice(at, at + n);
		}
		const bytes = this.#bytes;
		let hash = n;
		for (let i = at; i < at + n; i++) {
			hash = (hash * 31 + bytes[i]) | 0;
		}
		const place = hash & (TEXTS - 1);
		const known = texts[place];
		if (this.#is(known, at, n)) {
			return known;
		}
		const text = bytes.utf8Slice(at, at + n);
		texts[place] = text;
		if (isKey) {
			this.#noteKey(text);
		}
		return text;
	}

	/* Whether n bytes from `at` are that text; false if it has other characters than
	 * those of one byte. */
	#is(text, at, n) {
		if (text.length !== n) {
			return false;
		}
		for (let i = 0; i < n; i++) {
			if (text.charCodeAt(i) !== this.#bytes[at + i]) {
				return false;
			}
		}
		return true;
	}

	#binary(n) {
		const at = this.#take(n);
		this.#count(0, 0);
		return this.#bytes.subarray(at, at + n);
	}

	/* isFixed: whether its head implies its length. */
	#extension(n, isFixed) {
		const type = this.#bytes.readInt8(this.#take(1));
		if (type === TIMESTAMP && (n === 4 || n === 8 || n === 12)) {
			this.#count(0, 0);
			return this.#date(n);
		}
		if (type !== 0 || (isFixed && n !== 1 && n !== 8)) {
			this.#count(0, 0);
			return [type, this.#binary(n)];
		}
		return isFixed ? this.#old(n) : new Uint8Array(this.#binary(n)).buffer;
	}

	/* The form of earlier versions of the Redis emitters. */
	#old(n) {
		if (n === 1) {
			this.#take(1);
			return undefined;
		}
		this.#count(0, 0);
		const high = this.#bytes.readInt32BE(this.#take(4));
		return new Date(high * TWO_32 + this.#natural(4));
	}

	/* A timestamp of n bytes. */
	#date(n) {
		if (n === 4) {
			return new Date(this.#natural(4) * 1e3);
		}
		const first = this.#natural(4);
		if (n === 8) {
			const s = (first & 3) * TWO_32 + this.#natural(4);
			return new Date(s * 1e3 + (first >>> 2) / 1e6);
		}
		const high = this.#bytes.readInt32BE(this.#take(4));
		return new Date((high * TWO_32 + this.#natural(4)) * 1e3 + first / 1e6);
	}
}

/* object[key] = value, also if the key is `__proto__`. */
function setOwn(object, key, value) {
	Object.defineProperty(object, key,
		{ value, writable: true, enumerable: true, configurable: true });
}

module.exports = {
	DEPTH_MAX, KEYS_FREE, decode: Reader.decode, keyCost, keysMax, objectsMax, setOwn, valuesMax,
};
