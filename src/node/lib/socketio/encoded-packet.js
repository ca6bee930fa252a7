'use strict';

/*
 * The encoded form of a broadcast: `[uid, nil, opts, text, attachment…]`, with
 * the packet as the sender's parser has written it, so that receivers pass it to
 * their clients without decoding and encoding it again. In the other form,
 * `[uid, packet, opts]` as the Redis emitters write it, the packet is never nil;
 * and the Redis adapters ignore a payload without a packet.
 *
 * opts is nil (everybody, no flags) or `[rooms, except, flags]`, shorter if the
 * last ones are empty. Only flags that concern the delivery are sent.
 *
 * Received bytes are borrowed from the connection; everything that outlives the
 * call is a copy.
 */

const { skip, tryDecode } = require('../wire/msgpack');
const { COPY_MAX } = require('../client/write-buffer');
const { isMap, isRoom } = require('./payload');
const { FRAME_MAX, HEADER_SIZE, TYPE, asBuffer, endFrame, writeHead } = require('../wire/frame-writer');
const { encode } = require('../wire/msgpack-writer');

const NIL = 0xc0;
const BIN_8 = 0xc4; // then those with longer lengths, in a row; as for str
const BIN_32 = 0xc6;
const STR_8 = 0xd9;
const STR_32 = 0xdb;
const ARRAY = 0x90; // of fewer than 16 elements
const ARRAY_16 = 0xdc;
const ARRAY_32 = 0xdd;
const ARRAY_HEAD = 5; // at most
const WIDTHS = { [ARRAY_16]: 2, [ARRAY_32]: 4 }; // of their length fields
const CONTENT_HEAD = 5; // of a str or bin with a length of four bytes

const TEXT = 3; // elements before the text
const SCRATCH_SIZE = 4 * COPY_MAX; // fits a short text of any characters
const NONE = Object.freeze([]);
const NO_FLAGS = Object.freeze({});
const NOBODY = new Set();
const EVERYBODY = Object.freeze({ rooms: NOBODY, except: NOBODY, flags: NO_FLAGS });
const NIL_OPTIONS = Buffer.of(NIL);

const scratch = Buffer.allocUnsafeSlow(SCRATCH_SIZE);

/* Returns the bytes before opts in the encoded payloads of a sender. */
function senderOf(uid) {
	return Buffer.concat([encode(uid), Buffer.of(NIL)]);
}

/* Selects the flags that concern the workers which have the clients. */
function deliveryFlags({ volatile: isVolatile, compress }) {
	return isVolatile || typeof compress === 'boolean' ? {
		...(isVolatile && { volatile: true }),
		...(typeof compress === 'boolean' && { compress }),
	} : NO_FLAGS;
}

/* rooms, except: Sets, arrays, or missing. */
function encodeOptions(opts) {
	const rooms = [...(opts.rooms ?? NONE)];
	const except = [...(opts.except ?? NONE)];
	const flags = deliveryFlags(opts.flags ?? NO_FLAGS);
	if (flags !== NO_FLAGS) {
		return encode([rooms, except, flags]);
	}
	if (except.length > 0) {
		return encode([rooms, except]);
	}
	return rooms.length > 0 ? encode([rooms]) : NIL_OPTIONS;
}

/* Returns at least the bytes of a text in UTF-8; does not count short texts. */
function roomFor(text) {
	return text.length <= COPY_MAX ? 3 * text.length : Buffer.byteLength(text);
}

/* Writes msgpack into a buffer that is large enough. */
class Pen {
	constructor(bytes, at) {
		this.bytes = bytes;
		this.at = at;
	}

	head(code, n, width) {
		this.bytes[this.at] = code;
		this.at = this.bytes.writeUIntBE(n, this.at + 1, width);
	}

	array(n) {
		if (n < 16) {
			this.bytes[this.at++] = ARRAY | n;
		} else {
			this.head(ARRAY_32, n, 4);
		}
	}

	raw(bytes) {
		this.bytes.set(bytes, this.at);
		this.at += bytes.length;
	}

	text(text) {
		const size = this.bytes.utf8Write(text, this.at + CONTENT_HEAD);
		this.head(STR_32, size, 4);
		this.at += size;
	}

	bin(bytes) {
		this.head(BIN_32, bytes.length, 4);
		this.raw(bytes);
	}
}

/*
 * Returns the frame of a broadcast, or null if it could be over the limit of any
 * daemon. field: its topic field. sender: of senderOf(). parts: the text of an
 * event and its attachments. A frame of up to COPY_MAX bytes is valid until the
 * next call.
 */
function encodedFrame({ field, flags, sender, opts, parts }) {
	const options = encodeOptions(opts);
	const attachments = parts.length > 1 ? parts.slice(1).map(asBuffer) : NONE;
	let size = HEADER_SIZE + 3 * field.length + ARRAY_HEAD + sender.length +
		options.length + CONTENT_HEAD + roomFor(parts[0]);
	for (const { length } of attachments) {
		size += CONTENT_HEAD + length;
	}
	if (size > FRAME_MAX) {
		return null;
	}
	const bytes = size <= SCRATCH_SIZE ? scratch : Buffer.allocUnsafeSlow(size);
	const pen = new Pen(bytes, writeHead(bytes, TYPE.PUBLISH, flags, field));
	pen.array(TEXT + parts.length);
	pen.raw(sender);
	pen.raw(options);
	pen.text(parts[0]);
	attachments.forEach((attachment) => pen.bin(attachment));
	const frame = endFrame(bytes, pen.at);
	return bytes === scratch && frame.length > COPY_MAX ? Buffer.from(frame) : frame;
}

/* Returns where the content of a str or a bin begins, or -1. at: of its head.
 * first: the code of its kind with a length of one byte. */
function contentAt(bytes, at, first) {
	const head = bytes[at];
	if (head >= 0xa0 && head < 0xc0) {
		return first === STR_8 ? at + 1 : -1;
	}
	return head >= first && head <= first + 2 ? at + 1 + (1 << (head - first)) : -1;
}

/* Returns where it ends. start: of contentAt(), inside `bytes`. */
function contentEnd(bytes, at, start) {
	const width = start - at - 1;
	const size = width === 0 ? bytes[at] & 0x1f : bytes.readUIntBE(at + 1, width);
	return start + size;
}

/* Returns [start, end, …] of a text and n - 1 attachments, which must fill the bytes
 * to `end`; otherwise null. */
function readContents(bytes, from, end, n) {
	const contents = [];
	let at = from;
	for (let first = STR_8; contents.length < 2 * n; first = BIN_8) {
		const start = at < end ? contentAt(bytes, at, first) : -1;
		if (start < 0 || start > end) {
			return null;
		}
		at = contentEnd(bytes, at, start);
		if (at > end) {
			return null;
		}
		contents.push(start, at);
	}
	return at === end ? contents : null;
}

/* A received payload; valid as long as its bytes are. */
class EncodedPacket {
	#bytes;
	#senderAt;
	#optionsAt;
	#optionsEnd;
	#contents;
	#parts;

	constructor(bytes, senderAt, optionsAt, optionsEnd, contents) {
		this.#bytes = bytes;
		this.#senderAt = senderAt;
		this.#optionsAt = optionsAt;
		this.#optionsEnd = optionsEnd;
		this.#contents = contents;
	}

	/* Returns null if it is malformed, undefined if it has the other form. */
	static read(bytes, at, end) {
		const width = WIDTHS[bytes[at]] ?? 0;
		if (at + width >= end || (width === 0 && (bytes[at] & 0xf0) !== ARRAY)) {
			return undefined;
		}
		const elements = width > 0 ? bytes.readUIntBE(at + 1, width) : bytes[at] & 0x0f;
		const senderAt = at + 1 + width;
		const nilAt = skip(bytes, senderAt, end);
		if (nilAt < 0 || nilAt >= end || bytes[nilAt] !== NIL) {
			return undefined;
		}
		const optionsEnd = skip(bytes, nilAt + 1, end);
		const contents = elements > TEXT && optionsEnd > 0 ?
			readContents(bytes, optionsEnd, end, elements - TEXT) : null;
		return contents && new EncodedPacket(bytes, senderAt, nilAt + 1, optionsEnd, contents);
	}

	/* Whether a worker sent it itself. sender: of senderOf(). */
	isOf(sender) {
		return this.#optionsAt - this.#senderAt === sender.length &&
			this.#bytes.compare(sender, 0, sender.length, this.#senderAt, this.#optionsAt) === 0;
	}

	/* { rooms: Set, except: Set, flags }, or null if malformed. */
	get opts() {
		if (this.#bytes[this.#optionsAt] === NIL) {
			return EVERYBODY;
		}
		const opts = tryDecode(this.#bytes.subarray(this.#optionsAt, this.#optionsEnd));
		if (!Array.isArray(opts)) {
			return null;
		}
		const [rooms = NONE, except = NONE, flags = NO_FLAGS] = opts;
		const isGood = [rooms, except].every((list) =>
			Array.isArray(list) && list.every(isRoom)) && isMap(flags);
		return isGood ? {
			rooms: new Set(rooms), except: new Set(except), flags: deliveryFlags(flags),
		} : null;
	}

	/* The output of the sender's parser: a text, and its attachments. */
	get parts() {
		this.#parts ??= this.#readParts();
		return this.#parts;
	}

	#readParts() {
		const contents = this.#contents;
		const parts = [this.#bytes.utf8Slice(contents[0], contents[1])];
		for (let i = 2; i < contents.length; i += 2) {
			parts.push(Buffer.from(this.#bytes.subarray(contents[i], contents[i + 1])));
		}
		return parts;
	}
}

module.exports = { EncodedPacket, encodedFrame, senderOf };
