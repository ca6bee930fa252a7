'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { FLAG, TYPE } = require('../../../src/node/lib/wire/frame-writer');
const { encode } = require('./msgpack');

// Their numbers are held against src/wire/frame.h and docs/PROTOCOL.md in tables.test.js.
const {
	PREFIX: BY_PREFIX, MEMBER: AS_MEMBER, VOLATILE, SEVERAL, SUBSCRIBERS: TO_SUBSCRIBERS,
} = FLAG;

const NO = 0;
const YES = 1;
const MORE = 2;

/* `length` and `topicLength` are for telling lies. */
function frame(type, { flags = 0, topic = '', body = '', length,
	topicLength } = {}) {
	const topicBytes = Buffer.from(topic);
	const bodyBytes = Buffer.from(body);
	const header = Buffer.alloc(8);
	header.writeUInt32BE(
		length ?? 4 + topicBytes.length + bodyBytes.length, 0);
	header[4] = type;
	header[5] = flags;
	header.writeUInt16BE(topicLength ?? topicBytes.length, 6);
	return Buffer.concat([header, topicBytes, bodyBytes]);
}

function hello(keys = {}) {
	return frame(TYPE.HELLO,
		{ body: encode({ protocol: 1, name: 'test', ...keys }) });
}

function subscribe(topics, flags = 0) {
	return frame(TYPE.SUBSCRIBE, { flags, body: encode(topics) });
}

function unsubscribe(topics, flags = 0) {
	return frame(TYPE.UNSUBSCRIBE, { flags, body: encode(topics) });
}

function publish(topic, body, flags = 0) {
	return Array.isArray(topic) ?
		frame(TYPE.PUBLISH,
			{ flags: flags | SEVERAL, topic: encode(topic), body }) :
		frame(TYPE.PUBLISH, { flags, topic, body });
}

/* An array of topics goes to their subscribers, one topic to its members. */
function ask(topic, id, gather, payload = 'q', { timeout = 0, flags } = {}) {
	const several = Array.isArray(topic);
	return frame(TYPE.ASK, {
		flags: flags ?? (several ? TO_SUBSCRIBERS | SEVERAL : 0),
		topic: several ? encode(topic) : topic,
		body: encode([id, gather, timeout, payload]),
	});
}

/* Without a payload, the array ends with the verdict. */
function answer(question, verdict, payload) {
	const tail = payload === undefined ? [] : [Buffer.from(payload)];
	return frame(TYPE.ANSWER,
		{ body: encode([question, verdict, ...tail]) });
}

function ping(body = '') {
	return frame(TYPE.PING, { body });
}

/*
 * Finds frames in what arrives, however it is cut. Chunks are joined once for
 * each frame that straddles them and never more, so that a hundred thousand
 * small frames cost one pass.
 */
class Splitter {
	constructor(onFrame) {
		this.onFrame = onFrame;
		this.chunks = [];
		this.held = 0;
		this.wanted = 8;
	}

	push(chunk) {
		this.chunks.push(chunk);
		this.held += chunk.length;
		if (this.held < this.wanted)
			return;
		const bytes = this.chunks.length === 1 ?
			chunk : Buffer.concat(this.chunks);
		let at = 0;
		let size = 0;
		for (; bytes.length - at >= 8; at += size) {
			size = 4 + bytes.readUInt32BE(at);
			if (bytes.length - at < size)
				break;
			this.onFrame(this.parse(bytes.subarray(at, at + size)));
		}
		const rest = bytes.subarray(at);
		this.chunks = [rest];
		this.held = rest.length;
		this.wanted = rest.length < 8 ? 8 : size;
	}

	parse(raw) {
		const topicEnd = 8 + raw.readUInt16BE(6);
		return {
			raw,
			type: raw[4],
			flags: raw[5],
			topic: raw.subarray(8, topicEnd),
			body: raw.subarray(topicEnd),
		};
	}
}

function vectors() {
	const file = path.join(__dirname, '../../vectors/frames.txt');
	const blocks = fs.readFileSync(file, 'utf8').split(/\n\n+/)
		.filter((block) => block.includes('name: '));
	return new Map(blocks.map((block) => {
		const fields = Object.fromEntries(block.split('\n')
			.filter((line) => line && !line.startsWith('#'))
			.map((line) => [line.slice(0, line.indexOf(':')),
				line.slice(line.indexOf(':') + 2)]));
		return [fields.name, {
			name: fields.name,
			way: fields.way,
			type: Number(fields.type),
			flags: Number(fields.flags),
			topic: Buffer.from(fields['topic-hex'], 'hex'),
			body: Buffer.from(fields.body, 'hex'),
			json: fields.json && JSON.parse(fields.json),
			frame: Buffer.from(fields.frame, 'hex'),
		}];
	}));
}

module.exports = {
	TYPE, BY_PREFIX, AS_MEMBER, VOLATILE, SEVERAL, TO_SUBSCRIBERS,
	NO, YES, MORE, Splitter,
	answer, ask, frame, hello, ping, publish, subscribe, unsubscribe, vectors,
};
