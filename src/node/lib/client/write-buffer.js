'use strict';

/*
 * What is to leave in one write: the frames of a tick, in the order of the
 * calls. Topics that are subscribed one after the other share a frame.
 *
 * Frames are copied, one behind the other, into a buffer that is used again
 * when the kernel has taken what was in it: mostly at once, so that a process
 * that publishes all day does it in the same few pages. What the kernel has not
 * taken yet stays where it is, and new frames go behind it. Large frames are
 * not copied.
 */

const sender = require('../wire/frame-writer');

const BUFFER_SIZE = 64 * 1024;
const COPY_MAX = 16 * 1024; // bytes of a frame: larger ones are not copied
const FULL = 48 * 1024; // bytes that are worth a write
const TOPIC_HEAD = 5; // bytes of msgpack before a topic, at most
const TOPICS_HEAD = 9; // before a frame's topics, less the length field
const NOTHING = Buffer.alloc(0);

class Outbox {
	#buffers = []; // in front of what is in the shared one
	#shared = NOTHING;
	#start = 0; // of what is in it and not yet taken
	#end = 0;
	#bytes = 0;
	#messages = 0; // published ones
	#messageBytes = 0;
	#batch = null; // a (UN)SUBSCRIBE that still takes topics

	/* Of finished frames. */
	get bytes() {
		return this.#bytes;
	}

	/* Whether it is worth a write before the end of the tick. */
	get isFull() {
		return this.#bytes >= FULL;
	}

	/* A frame of more than COPY_MAX must not change any more. */
	add(frame) {
		this.#endBatch();
		if (frame.length > COPY_MAX) {
			this.#cut();
			this.#buffers.push(frame);
		} else {
			this.#copy(frame);
		}
		this.#bytes += frame.length;
		if (sender.typeOf(frame) === sender.TYPE.PUBLISH) {
			this.#messages++;
			this.#messageBytes += frame.length;
		}
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
	 * published ones and bytes is theirs. Null when there is nothing. The
	 * buffers are as they are until rewind().
	 */
	take() {
		this.#endBatch();
		if (this.#bytes === 0) {
			return null;
		}
		this.#cut();
		const taken = {
			buffers: this.#buffers,
			messages: this.#messages,
			bytes: this.#messageBytes,
		};
		this.#reset();
		return taken;
	}

	/* Nobody needs what was taken any more. */
	rewind() {
		if (this.#bytes === 0) {
			this.#start = 0;
			this.#end = 0;
		}
	}

	/* Empties it, and returns the published frames alone. */
	takeMessages() {
		this.#batch = null;
		this.#cut();
		const frames = this.#buffers.flatMap(framesOf);
		this.#reset();
		return frames.filter((frame) => sender.typeOf(frame) === sender.TYPE.PUBLISH);
	}

	#copy(frame) {
		if (frame.length > this.#shared.length - this.#end) {
			this.#cut();
			this.#shared = Buffer.allocUnsafeSlow(BUFFER_SIZE);
			this.#start = 0;
			this.#end = 0;
		}
		this.#shared.set(frame, this.#end);
		this.#end += frame.length;
	}

	/* What comes next is no longer behind what is in the shared buffer. */
	#cut() {
		if (this.#end > this.#start) {
			this.#buffers.push(this.#shared.subarray(this.#start, this.#end));
			this.#start = this.#end;
		}
	}

	#reset() {
		this.#buffers = [];
		this.#bytes = 0;
		this.#messages = 0;
		this.#messageBytes = 0;
	}

	#endBatch() {
		if (this.#batch !== null) {
			const { type, flags, topics } = this.#batch;
			this.#batch = null;
			this.add(sender.topics(type, flags, topics));
		}
	}
}

/* The frames in a buffer, each with bytes of its own. */
function framesOf(buffer) {
	const frames = [];
	for (let at = 0, end; at < buffer.length; at = end) {
		end = at + sender.LENGTH_SIZE + buffer.readUInt32BE(at);
		frames.push(Buffer.from(buffer.subarray(at, end)));
	}
	return frames;
}

module.exports = { COPY_MAX, Outbox };
