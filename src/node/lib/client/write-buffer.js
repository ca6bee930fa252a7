'use strict';

/*
 * The frames of a tick, which leave in one write, in the order of the calls.
 * Topics that are subscribed one after another share a frame, also those of the client's
 * TopicBatch, which writes itself here before anything that comes after it.
 *
 * Frames are copied one behind another into a buffer that is used again when the
 * kernel has taken its bytes. It mostly does at once, so a process that publishes
 * all day does it in the same few pages. Bytes that the kernel has not taken stay
 * in place, and new frames go behind them. Large frames are not copied.
 */

const sender = require('../wire/frame-writer');

const BUFFER_SIZE = 64 * 1024;
const COPY_MAX = 16 * 1024; // bytes of a frame: larger ones are not copied
const FULL = 48 * 1024; // bytes that are worth a write
const TOPIC_HEAD = 5; // bytes of msgpack before a topic, at most
const TOPICS_HEAD = 9; // before a frame's topics, less the length field
const NOTHING = Buffer.alloc(0);

class WriteBuffer {
	#buffers = []; // that leave before the bytes in the shared one
	#shared = NOTHING;
	#start = 0; // of the bytes in it that are not taken
	#end = 0;
	#bytes = 0;
	#messages = 0; // published ones
	#messageBytes = 0;
	#hasSubscribe = false;
	#batch = null; // a SUBSCRIBE or UNSUBSCRIBE that still takes topics
	#topics; // the TopicBatch, or null

	constructor(topics = null) {
		this.#topics = topics;
	}

	/* Bytes of finished frames. */
	get bytes() {
		return this.#bytes;
	}

	/* Whether a SUBSCRIBE is in it. */
	get hasSubscribe() {
		return this.#hasSubscribe || this.#topics?.hasSubscribe === true;
	}

	/* Whether to write before the end of the tick. */
	get isFull() {
		return this.#bytes >= FULL;
	}

	/* Adds a frame. The caller must not change it if it has more than COPY_MAX
	 * bytes. */
	add(frame) {
		this.endBatch();
		this.#add(frame);
	}

	#add(frame) {
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
	 * Adds a topic to a SUBSCRIBE or UNSUBSCRIBE. The length field of a frame with
	 * several topics is at most frameMax; a single topic may be longer.
	 */
	addTopic(type, flags, topic, frameMax) {
		const size = 3 * topic.length + TOPIC_HEAD; // or less
		if (this.#batch?.type !== type || this.#batch.flags !== flags ||
			this.#batch.bytes + size > frameMax) {
			this.endBatch();
			this.#batch = { type, flags, topics: [], bytes: TOPICS_HEAD };
		}
		this.#batch.topics.push(topic);
		this.#hasSubscribe ||= type === sender.TYPE.SUBSCRIBE;
		this.#batch.bytes += size;
	}

	/*
	 * Empties it. Returns { buffers, messages, bytes }, which counts published
	 * messages and their bytes, or null if there is nothing. The buffers are valid
	 * until rewind().
	 */
	take() {
		this.endBatch();
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

	/* As take(), if the TopicBatch has all that waits: returns its frame, or null. An awaited
	 * join needs no more. */
	takeBatch() {
		return this.#bytes === 0 && this.#batch === null && this.#topics?.isEmpty === false ?
			this.#topics.take() : null;
	}

	/* The buffers of take() are no longer needed. */
	rewind() {
		if (this.#bytes === 0) {
			this.#start = 0;
			this.#end = 0;
		}
	}

	/* Empties it, and returns only the published frames. */
	takeMessages() {
		this.#batch = null;
		this.#topics?.close();
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

	/* Moves the bytes in the shared buffer to the list of buffers. */
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
		this.#hasSubscribe = false;
	}

	/* Ends the frame that still takes topics; there is at most one. */
	endBatch() {
		if (this.#batch !== null) {
			const { type, flags, topics } = this.#batch;
			this.#batch = null;
			this.#add(sender.topics(type, flags, topics));
		} else if (this.#topics?.isEmpty === false) {
			this.#hasSubscribe ||= this.#topics.hasSubscribe;
			this.#add(this.#topics.take());
		}
	}
}

/* Splits a buffer into frames; each is a copy. */
function framesOf(buffer) {
	const frames = [];
	for (let at = 0, end; at < buffer.length; at = end) {
		end = at + sender.LENGTH_SIZE + buffer.readUInt32BE(at);
		frames.push(Buffer.from(buffer.subarray(at, end)));
	}
	return frames;
}

module.exports = { COPY_MAX, WriteBuffer };
