'use strict';

/*
 * Writes frames, as docs/PROTOCOL.md specifies, and has the protocol's constants.
 * Pure: knows no socket.
 */

const { encode } = require('notepack.io');

const TYPE = Object.freeze({
	HELLO: 0x01,
	WELCOME: 0x02,
	SUBSCRIBE: 0x03,
	UNSUBSCRIBE: 0x04,
	PUBLISH: 0x10,
	ASK: 0x20,
	QUESTION: 0x21,
	ANSWER: 0x22,
	RESULT: 0x23,
	PART: 0x24,
	PRESENCE: 0x30,
	PING: 0x40,
	PONG: 0x41,
	STATS: 0x50,
	STATS_REPLY: 0x51,
	ERROR: 0x60,
	GOODBYE: 0x61,
});

const FLAG = Object.freeze({
	PREFIX: 0x01,
	MEMBER: 0x02,
	VOLATILE: 0x01,
	SEVERAL: 0x02,
	SUBSCRIBERS: 0x01,
});

/* The verdict of an ANSWER. */
const VERDICT = Object.freeze({ NO: 0, YES: 1, MORE: 2, FAILED: 3 });
/* How the daemon gathers the answers to an ASK. */
const GATHERS = Object.freeze(['list', 'union', 'first', 'stream']);

const PROTOCOL = 1;
const LENGTH_SIZE = 4;
const HEADER_SIZE = 8;
const TOPIC_FIELD_MAX = 0xffff;
const SEVERAL_MAX = 4096; // topics of one PUBLISH or ASK
const FRAME_MAX = 2 ** 30; // bytes: the largest max-frame of any daemon
const NOTHING = Buffer.alloc(0);
const ARRAY_HEAD = 5; // bytes of msgpack before its elements, at most
const STR_HEAD = 5;
const ASCII_MAX = 100; // characters

/* Writes everything of a frame but its length and its body, into a buffer that is
 * large enough; returns where the body goes. topic: a string or bytes. */
function writeHead(bytes, type, flags, topic) {
	let size = topic.length;
	if (typeof topic === 'string') {
		size = bytes.utf8Write(topic, HEADER_SIZE);
	} else {
		bytes.set(topic, HEADER_SIZE);
	}
	bytes[4] = type;
	bytes[5] = flags;
	bytes.writeUInt16BE(size, 6);
	return HEADER_SIZE + size;
}

/* Writes the length of a frame whose body ends at `end`; returns a view of it. */
function endFrame(bytes, end) {
	bytes.writeUInt32BE(end - LENGTH_SIZE, 0);
	return bytes.subarray(0, end);
}

/* Returns one frame. topic: a string or bytes. body: bytes. */
function frame(type, flags, topic, body) {
	const size = HEADER_SIZE + Buffer.byteLength(topic) + body.length;
	const out = Buffer.allocUnsafe(size);
	out.set(body, writeHead(out, type, flags, topic));
	return endFrame(out, size);
}

function typeOf(bytes) {
	return bytes[4];
}

function flagsOf(bytes) {
	return bytes[5];
}

/* fields: those of HELLO except `protocol`. Leaves undefined ones out. */
function hello(fields) {
	const body = { protocol: PROTOCOL };
	for (const [key, value] of Object.entries(fields)) {
		if (value !== undefined) {
			body[key] = value;
		}
	}
	return frame(TYPE.HELLO, 0, NOTHING, encode(body));
}

/* Writes the head of a str of n bytes in the shortest form; returns where its bytes
 * begin. */
function writeStrHead(out, at, n) {
	if (n < 0x20) {
		out[at] = 0xa0 | n;
		return at + 1;
	}
	if (n < 0x100) {
		out[at] = 0xd9;
		out[at + 1] = n;
		return at + 2;
	}
	out[at] = n < 0x10000 ? 0xda : 0xdb;
	return n < 0x10000 ? out.writeUInt16BE(n, at + 1) : out.writeUInt32BE(n, at + 1);
}

/* Writes a short text of ASCII; returns its end, or -1 if it is another one. A loop is
 * faster than calls into Node. */
function writeAscii(out, at, text) {
	const n = text.length;
	if (n > ASCII_MAX) {
		return -1;
	}
	const start = writeStrHead(out, at, n);
	for (let i = 0; i < n; i++) {
		const code = text.charCodeAt(i);
		if (code >= 0x80) {
			return -1;
		}
		out[start + i] = code;
	}
	return start + n;
}

function writeTopic(out, at, topic) {
	const end = writeAscii(out, at, topic);
	if (end >= 0) {
		return end;
	}
	const n = Buffer.byteLength(topic);
	const start = writeStrHead(out, at, n);
	return start + out.utf8Write(topic, start, n);
}

function writeArrayHead(out, at, n) {
	if (n < 0x10) {
		out[at] = 0x90 | n;
		return at + 1;
	}
	out[at] = n < 0x10000 ? 0xdc : 0xdd;
	return n < 0x10000 ? out.writeUInt16BE(n, at + 1) : out.writeUInt32BE(n, at + 1);
}

/* type: SUBSCRIBE or UNSUBSCRIBE. */
function topics(type, flags, list) {
	let size = HEADER_SIZE + ARRAY_HEAD;
	for (const topic of list) {
		size += STR_HEAD + 3 * topic.length;
	}
	const out = Buffer.allocUnsafe(size);
	let at = writeArrayHead(out, writeHead(out, type, flags, NOTHING), list.length);
	for (const topic of list) {
		at = writeTopic(out, at, topic);
	}
	return endFrame(out, at);
}

/* The head of a str of `size` characters as text, one character for each byte, of which
 * one is above ASCII. size: up to 127. */
function strHeadText(size) {
	return size < 0x20 ? String.fromCharCode(0xa0 | size) : String.fromCharCode(0xd9, size);
}

/* Returns where the str after a strHeadText() at `at` begins, and its size. */
function readStrHeadText(text, at) {
	const head = text.charCodeAt(at);
	return head === 0xd9 ? [at + 2, text.charCodeAt(at + 1)] : [at + 1, head & 0x1f];
}

/* As topics(). text: `count` strings of ASCII, each after its strHeadText(). */
function topicsOfText(type, text, count) {
	const head = count < 0x10 ? 1 : count < 0x10000 ? 3 : ARRAY_HEAD;
	const size = HEADER_SIZE + head + text.length;
	const out = Buffer.allocUnsafe(size);
	out.writeUInt32BE(size - LENGTH_SIZE, 0);
	out.writeUInt32BE(type * 2 ** 24, LENGTH_SIZE); // no flags, no topic
	writeArrayHead(out, HEADER_SIZE, count);
	out.latin1Write(text, HEADER_SIZE + head);
	return out;
}

/* Returns the topic field for several topics, or null if they are too many for it. */
function several(list) {
	if (list.length > SEVERAL_MAX) {
		return null;
	}
	const field = encode(list);
	return field.length > TOPIC_FIELD_MAX ? null : field;
}

/* The flags of a PUBLISH. list: its topics. */
function publishFlags(list, isVolatile) {
	return (isVolatile ? FLAG.VOLATILE : 0) | (list.length === 1 ? 0 : FLAG.SEVERAL);
}

/* Returns the topic field for one topic or several, or null as several(). */
function fieldOf(list) {
	return list.length === 1 ? list[0] : several(list);
}

/* Returns a PUBLISH to a list of topics, or null if they do not fit its topic
 * field. */
function publish(list, body, isVolatile) {
	const field = fieldOf(list);
	if (field === null || Buffer.byteLength(field) > TOPIC_FIELD_MAX) {
		return null;
	}
	return frame(TYPE.PUBLISH, publishFlags(list, isVolatile), field, body);
}

/*
 * Returns an ASK about one topic, or about several if `subscribers`; null if they
 * do not fit its topic field. timeout: ms. body: bytes. maxBytes: of all parts of a
 * stream; optional.
 */
function ask(list, subscribers, { id, gather, timeout, maxBytes }, body) {
	const field = fieldOf(list);
	if (field === null || Buffer.byteLength(field) > TOPIC_FIELD_MAX) {
		return null;
	}
	return frame(TYPE.ASK, (subscribers ? FLAG.SUBSCRIBERS : 0) |
		(list.length === 1 ? 0 : FLAG.SEVERAL), field, encode(maxBytes === undefined ?
		[id, gather, timeout, asBuffer(body)] : [id, gather, timeout, asBuffer(body), maxBytes]));
}

/* body: bytes; undefined if the verdict is NO, the reason if it is FAILED. */
function answer(id, verdict, body) {
	return frame(TYPE.ANSWER, 0, NOTHING, encode(body === undefined ?
		[id, verdict] : [id, verdict, asBuffer(body)]));
}

/* Returns the same bytes as a Buffer, which the encoder writes as binary. bytes: a
 * view or an ArrayBuffer. */
function asBuffer(bytes) {
	if (Buffer.isBuffer(bytes)) {
		return bytes;
	}
	return ArrayBuffer.isView(bytes) ?
		Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) : Buffer.from(bytes);
}

function ping(body = NOTHING) {
	return frame(TYPE.PING, 0, NOTHING, body);
}

function pong(body) {
	return frame(TYPE.PONG, 0, NOTHING, body);
}

module.exports = {
	FLAG, FRAME_MAX, GATHERS, HEADER_SIZE, LENGTH_SIZE, PROTOCOL, TOPIC_FIELD_MAX, TYPE,
	VERDICT, answer, asBuffer, ask, endFrame, fieldOf, flagsOf, frame, hello, ping, pong,
	publish, publishFlags, readStrHeadText, several, strHeadText, topics, topicsOfText, typeOf,
	writeHead,
};
