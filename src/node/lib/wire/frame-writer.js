'use strict';

/*
 * Frames to bytes, as docs/PROTOCOL.md lays down. Pure: knows no socket.
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

const PROTOCOL = 1;
const LENGTH_SIZE = 4;
const HEADER_SIZE = 8;
const TOPIC_FIELD_MAX = 0xffff;
const FRAME_MAX = 2 ** 30; // bytes: no daemon's max-frame is larger
const NOTHING = Buffer.alloc(0);

/* Begins a frame in bytes that have room for it; returns where its body goes.
 * topic is a string or bytes. */
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

/* The frame that was begun in bytes, a view; its body ends at `end`. */
function endFrame(bytes, end) {
	bytes.writeUInt32BE(end - LENGTH_SIZE, 0);
	return bytes.subarray(0, end);
}

/* One frame; topic is a string or bytes, body is bytes. */
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

/* fields: the keys of HELLO but for `protocol`; undefined ones are left out. */
function hello(fields) {
	const body = { protocol: PROTOCOL };
	for (const [key, value] of Object.entries(fields)) {
		if (value !== undefined) {
			body[key] = value;
		}
	}
	return frame(TYPE.HELLO, 0, NOTHING, encode(body));
}

/* type is SUBSCRIBE or UNSUBSCRIBE. */
function topics(type, flags, list) {
	return frame(type, flags, NOTHING, encode(list));
}

/* The topic field for several topics, or null where it would be too long. */
function several(list) {
	const field = encode(list);
	return field.length > TOPIC_FIELD_MAX ? null : field;
}

/* That of a published frame. list: of topics. */
function publishFlags(list, isVolatile) {
	return (isVolatile ? FLAG.VOLATILE : 0) | (list.length === 1 ? 0 : FLAG.SEVERAL);
}

/* The topic field for a list of one topic or several, or null. */
function fieldOf(list) {
	return list.length === 1 ? list[0] : several(list);
}

/* list: one topic or several; null where they don't fit a topic field. */
function publish(list, body, isVolatile) {
	const field = fieldOf(list);
	if (field === null || Buffer.byteLength(field) > TOPIC_FIELD_MAX) {
		return null;
	}
	return frame(TYPE.PUBLISH, publishFlags(list, isVolatile), field, body);
}

/*
 * list: one topic, or several where subscribers are asked; null where they
 * don't fit a topic field. timeout in ms. body: bytes.
 */
function ask(list, subscribers, { id, gather, timeout }, body) {
	const field = fieldOf(list);
	if (field === null || Buffer.byteLength(field) > TOPIC_FIELD_MAX) {
		return null;
	}
	return frame(TYPE.ASK, (subscribers ? FLAG.SUBSCRIBERS : 0) |
		(list.length === 1 ? 0 : FLAG.SEVERAL), field, encode([id, gather, timeout, asBuffer(body)]));
}

/* body: bytes, or undefined where the verdict is 0. */
function answer(id, verdict, body) {
	return frame(TYPE.ANSWER, 0, NOTHING, encode(body === undefined ?
		[id, verdict] : [id, verdict, asBuffer(body)]));
}

/* The same bytes as what the encoder takes for binary; bytes: a view, or an
 * ArrayBuffer. */
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
	FLAG, FRAME_MAX, HEADER_SIZE, LENGTH_SIZE, PROTOCOL, TOPIC_FIELD_MAX, TYPE,
	answer, asBuffer, ask, endFrame, fieldOf, flagsOf, frame, hello, ping, pong, publish,
	publishFlags, several, topics, typeOf, writeHead,
};
