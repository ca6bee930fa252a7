'use strict';

/*
 * What is to leave in one write: the frames of a tick, in the order of the
 * calls. Topics that are subscribed one after the other share a frame.
 */

const sender = require('./sender');

const JOIN_BELOW = 16 * 1024; // smaller frames are joined to one buffer
const TOPIC_HEAD = 5; // bytes of msgpack before a topic, at most
const TOPICS_HEAD = 9; // before a frame's topics, less the length field

class Outbox {
	#frames = [];
	#bytes = 0;
	#batch = null; // a (UN)SUBSCRIBE that still takes topics

	/* Of finished frames. */
	get bytes() {
		return this.#bytes;
	}

	add(frame) {
		this.#endBatch();
		this.#frames.push(frame);
		this.#bytes += frame.length;
	}

	/*
	 * type: SUBSCRIBE or UNSUBSCRIBE. A frame of several topics has a length
	 * field of frameMax at most; one of a single topic is as long as it must be.
	 */
	addTopic(type, flags, topic, frameMax) {
		const size = Buffer.byteLength(topic) + TOPIC_HEAD;
		if (this.#batch?.type !== type || this.#batch.flags !== flags ||
			this.#batch.bytes + size > frameMax) {
			this.#endBatch();
			this.#batch = { type, flags, topics: [], bytes: TOPICS_HEAD };
		}
		this.#batch.topics.push(topic);
		this.#batch.bytes += size;
	}

	/*
	 * Empties it: { buffers, messages, bytes } where messages counts the
	 * published ones and bytes is theirs. Null when there is nothing.
	 */
	take() {
		this.#endBatch();
		if (this.#frames.length === 0) {
			return null;
		}
		const buffers = joinSmall(this.#frames);
		const messages = this.takeMessages();
		const bytes = messages.reduce((n, frame) => n + frame.length, 0);
		return { buffers, messages: messages.length, bytes };
	}

	/* Empties it, and returns the published frames alone. */
	takeMessages() {
		const isMessage = (frame) => sender.typeOf(frame) === sender.TYPE.PUBLISH;
		const messages = this.#frames.filter(isMessage);
		this.#batch = null;
		this.#frames = [];
		this.#bytes = 0;
		return messages;
	}

	#endBatch() {
		if (this.#batch !== null) {
			const { type, flags, topics } = this.#batch;
			this.#batch = null;
			this.add(sender.topics(type, flags, topics));
		}
	}
}

/* Frames as few buffers: small ones in a row become one. */
function joinSmall(frames) {
	const buffers = [];
	let run = [];
	const endRun = () => {
		if (run.length > 0) {
			buffers.push(run.length === 1 ? run[0] : Buffer.concat(run));
			run = [];
		}
	};
	for (const frame of frames) {
		if (frame.length < JOIN_BELOW) {
			run.push(frame);
		} else {
			endRun();
			buffers.push(frame);
		}
	}
	endRun();
	return buffers;
}

module.exports = { Outbox };
