'use strict';

/*
 * Finds frames in a stream of bytes, chunk by chunk. Knows no socket, and does not
 * throw because of the bytes.
 *
 * The callback gets the places of a frame's parts in the bytes that hold it, so a
 * frame that nobody needs costs no object and no view. Those bytes are the chunk
 * itself. Only a frame that is longer than its chunk is copied, once, to a buffer
 * that grows with the bytes that have come, not with the length that it declares.
 */

const { HEADER_SIZE, LENGTH_SIZE } = require('./frame-writer');

const PARTIAL_MIN = 4096; // bytes at the beginning
const PARTIAL_MAX = 64 * 1024; // kept from one unfinished frame to the next
const NOTHING = Buffer.alloc(0);

class FrameReader {
	#partial = NOTHING; // an unfinished frame, and room for more of it
	#size = 0; // bytes of it that have come
	#needed = LENGTH_SIZE; // bytes that it must have for the next step
	#max;

	/* max: the largest length field that is accepted, bytes. */
	constructor(max) {
		this.#max = max;
	}

	set max(max) {
		this.#max = max;
	}

	/* Bytes of an unfinished frame. */
	get pending() {
		return this.#size;
	}

	/*
	 * Calls take(type, flags, bytes, topicAt, bodyAt, end) for each frame that
	 * `chunk` completes: the topic is in `bytes` from `topicAt` to `bodyAt`, the body
	 * from there to `end`. `bytes` are valid during that call only. Returns null, or
	 * a message if the bytes are malformed; then nothing more can be pushed.
	 */
	push(chunk, take) {
		let at = 0;
		while (this.#size > 0 && at < chunk.length) {
			at += this.#keep(chunk, at, this.#needed - this.#size);
			if (this.#size === this.#needed) {
				const wrong = this.#complete(take);
				if (wrong !== null) {
					return wrong;
				}
			}
		}
		return this.#parse(chunk, at, take);
	}

	/* Copies at most n bytes of `chunk`, from `at`. Returns how many. */
	#keep(chunk, at, n) {
		const size = this.#size + Math.min(n, chunk.length - at);
		if (size > this.#partial.length) {
			const partial = Buffer.allocUnsafeSlow(
				Math.max(PARTIAL_MIN, Math.min(2 * size, this.#needed)));
			this.#partial.copy(partial, 0, 0, this.#size);
			this.#partial = partial;
		}
		const copied = chunk.copy(this.#partial, this.#size, at, at + size - this.#size);
		this.#size = size;
		return copied;
	}

	/* The bytes that were needed are there: the length field, or the frame. */
	#complete(take) {
		const size = this.#size;
		if (size === LENGTH_SIZE) {
			this.#needed = LENGTH_SIZE + this.#partial.readUInt32BE(0);
			return this.#judge(this.#needed - LENGTH_SIZE);
		}
		const bytes = this.#partial;
		this.#forget();
		return this.#take(bytes, 0, size, take);
	}

	#forget() {
		this.#size = 0;
		this.#needed = LENGTH_SIZE;
		if (this.#partial.length > PARTIAL_MAX) {
			this.#partial = NOTHING;
		}
	}

	#parse(chunk, from, take) {
		let at = from;
		while (chunk.length - at >= LENGTH_SIZE) {
			const length = chunk.readUInt32BE(at);
			const end = at + LENGTH_SIZE + length;
			let wrong = this.#judge(length);
			if (wrong === null && end > chunk.length) {
				this.#needed = LENGTH_SIZE + length;
				break;
			}
			wrong ??= this.#take(chunk, at, end, take);
			if (wrong !== null) {
				return wrong;
			}
			at = end;
		}
		if (at < chunk.length) {
			this.#keep(chunk, at, chunk.length - at);
		}
		return null;
	}

	#judge(length) {
		if (length < HEADER_SIZE - LENGTH_SIZE) {
			return `a frame of length ${length}`;
		}
		return length > this.#max ?
			`a frame of length ${length}; the limit is ${this.#max}` : null;
	}

	/* Reports the frame from `at` to `end`. */
	#take(bytes, at, end, take) {
		const topicAt = at + HEADER_SIZE;
		const bodyAt = topicAt + bytes.readUInt16BE(at + 6);
		if (bodyAt > end) {
			return 'a topic that is longer than its frame';
		}
		take(bytes[at + 4], bytes[at + 5], bytes, topicAt, bodyAt, end);
		return null;
	}
}

/* Returns a copy of a frame as an object. The arguments are those of take(). */
function copyOf(type, flags, bytes, topicAt, bodyAt, end) {
	return {
		type,
		flags,
		topic: Buffer.from(bytes.subarray(topicAt, bodyAt)),
		body: Buffer.from(bytes.subarray(bodyAt, end)),
	};
}

module.exports = { FrameReader, copyOf };
