'use strict';

/*
 * Bytes to frames. Fed with chunks as they come; knows no socket, and throws
 * nothing that comes from the bytes.
 *
 * Frames that lie whole in a chunk are views of it. An unfinished one is kept
 * as the list of its pieces, which are joined once, when the last has come, so
 * a large frame is copied once however many chunks it comes in.
 */

const { HEADER_SIZE, LENGTH_SIZE } = require('./sender');

class Receiver {
	#pieces = [];
	#size = 0; // bytes in pieces
	#needed = LENGTH_SIZE; // bytes that pieces must have to be looked at again
	#max;

	/* max: the largest length field that is taken, bytes. */
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
	 * Calls onFrame({ type, flags, topic, body }) for each frame that chunk
	 * completes; topic and body are views. Returns null, or what is wrong
	 * with the bytes: nothing can be fed after that.
	 */
	push(chunk, onFrame) {
		if (this.#size > 0) {
			this.#keep(chunk);
			if (this.#size < this.#needed) {
				return null;
			}
			chunk = this.#pieces.length === 1 ?
				this.#pieces[0] : Buffer.concat(this.#pieces, this.#size);
			this.#pieces = [];
			this.#size = 0;
		}
		return this.#parse(chunk, onFrame);
	}

	#keep(bytes) {
		if (bytes.length > 0) {
			this.#pieces.push(bytes);
			this.#size += bytes.length;
		}
	}

	#parse(chunk, onFrame) {
		let at = 0;
		while (chunk.length - at >= LENGTH_SIZE) {
			const length = chunk.readUInt32BE(at);
			if (length < HEADER_SIZE - LENGTH_SIZE) {
				return `a frame of length ${length}`;
			}
			if (length > this.#max) {
				return `a frame of length ${length}; the limit is ${this.#max}`;
			}
			const end = at + LENGTH_SIZE + length;
			if (end > chunk.length) {
				break;
			}
			const topicEnd = at + HEADER_SIZE + chunk.readUInt16BE(at + 6);
			if (topicEnd > end) {
				return 'a topic that is longer than its frame';
			}
			onFrame({
				type: chunk[at + 4],
				flags: chunk[at + 5],
				topic: chunk.subarray(at + HEADER_SIZE, topicEnd),
				body: chunk.subarray(topicEnd, end),
			});
			at = end;
		}
		const rest = chunk.subarray(at);
		this.#needed = rest.length < LENGTH_SIZE ?
			LENGTH_SIZE : rest.readUInt32BE(0) + LENGTH_SIZE;
		this.#keep(rest);
		return null;
	}
}

module.exports = { Receiver };
