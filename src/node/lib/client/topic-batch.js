'use strict';

/*
 * Changes of topics that share a prefix, such as those of rooms, until the next write.
 *
 * Workers join and leave rooms thousands of times a second, most of all when they have
 * just started and nothing is compiled. So a change costs one concatenation: the text
 * has the topics as msgpack strings, one character for each byte. If all of them are
 * ASCII, the whole text is written at once; otherwise it is taken apart again. Topics
 * that are no short strings are left to the caller.
 */

const sender = require('../wire/frame-writer');
const { LIMITS_UNTOLD, longestTopic } = require('./limits');

const { TYPE } = sender;
/* Characters of a topic. A head has one character above ASCII up to here. */
const TOPIC_MAX = 127;
const END = '#'; // of a topic
const HEAD_SIZE = 2; // of a str, at most
const FRAME_MAX = 512 * 1024; // bytes
const BYTES_EACH = 3; // of a character, at most
const OVERHEAD = 16; // bytes of a frame that are no topics, at most

/* The text between two names: the end of a topic, and the head of a str and the prefix of
 * the next. */
class Prefix {
	#texts = []; // by the size of the topic

	constructor(text) {
		this.text = text;
	}

	get length() {
		return this.text.length;
	}

	/* size: of the topic, in characters up to TOPIC_MAX. */
	before(size) {
		return this.#texts[size] ?? (this.#texts[size] = END + sender.strHeadText(size) + this.text);
	}
}

class TopicBatch {
	#out = null; // the Connection that takes it; null if there is none
	#plain; // the Subscriptions of others to the same topics
	#text = '';
	#count = 0;
	#type = TYPE.SUBSCRIBE;
	#topicMax = 0; // characters
	#textMax = 0; // characters

	/* plain: has `hasPlain` and isPlain(topic), see Subscriptions. */
	constructor(plain) {
		this.#plain = plain;
		this.hasSubscribe = false; // whether subscriptions wait
		/* The Joining of the subscriptions that are not certainly in force; undefined
		 * if all are. */
		this.joining = undefined;
	}

	/* From now on, changes are kept for a connection. */
	open(connection) {
		this.#out = connection;
		this.limits = LIMITS_UNTOLD;
	}

	/* Drops what waits. */
	close() {
		this.#out = null;
		this.joining = undefined;
		this.#reset();
	}

	set limits({ maxFrame, maxTopic }) {
		const topic = Math.floor(Math.min(maxTopic, longestTopic(maxFrame)) / BYTES_EACH);
		const text = Math.floor((Math.min(FRAME_MAX, maxFrame) - OVERHEAD) / BYTES_EACH);
		this.#topicMax = Math.min(TOPIC_MAX, topic);
		this.#textMax = text - TOPIC_MAX - HEAD_SIZE;
	}

	get isEmpty() {
		return this.#count === 0;
	}

	/*
	 * Adds the topic `${prefix.text}${name}#` to a SUBSCRIBE or UNSUBSCRIBE. Returns
	 * false if it cannot be part of a batch. No effect without a connection: the next
	 * one begins with all subscriptions.
	 */
	add(type, prefix, name) {
		if (this.#out === null) {
			return true;
		}
		if (typeof name !== 'string') {
			return false;
		}
		const size = prefix.length + name.length + 1;
		if (size > this.#topicMax) {
			return false;
		}
		if (type === TYPE.UNSUBSCRIBE && this.#plain.hasPlain &&
			this.#plain.isPlain(`${prefix.text}${name}#`)) {
			return true;
		}
		if (type !== this.#type || this.#count === 0 || this.#text.length > this.#textMax) {
			this.#begin(type);
		}
		this.#text += prefix.before(size) + name;
		this.#count++;
		return true;
	}

	/* Returns the frame of what waits, and forgets it. */
	take() {
		const text = (this.#text + END).slice(END.length);
		const count = this.#count;
		const type = this.#type;
		this.#reset();
		return Buffer.byteLength(text) === text.length + count ?
			sender.topicsOfText(type, text, count) : sender.topics(type, 0, split(text));
	}

	/* A subscription was sent, by add() or by itself. */
	expect() {
		this.joining ??= this.#out?.joining();
	}

	#begin(type) {
		this.#out.beginBatch();
		this.#type = type;
		if (type === TYPE.SUBSCRIBE) {
			this.hasSubscribe = true;
			this.expect();
		}
	}

	#reset() {
		this.#text = '';
		this.#count = 0;
		this.hasSubscribe = false;
	}
}

/* Returns the topics of a text whose heads count characters. */
function split(text) {
	const list = [];
	for (let at = 0; at < text.length;) {
		const [start, size] = sender.readStrHeadText(text, at);
		list.push(text.slice(start, start + size));
		at = start + size;
	}
	return list;
}

module.exports = { Prefix, TopicBatch };
