'use strict';

/*
 * Published frames that wait, oldest first, within a bound in bytes. Taking the
 * oldest costs the same however many wait: when the daemon is away for long,
 * each new message pushes one out.
 *
 * What is no message but must not overtake one waits for its turn, which comes
 * when the frames that were before it have left, one way or the other.
 */

const COMPACT_ABOVE = 1024; // taken frames that are still in the array

class Queue {
	#frames = [];
	#head = 0; // of the oldest
	#bytes = 0;
	#taken = 0; // frames that have left, less those that came back
	#turns = []; // [{ after, run }]: how many must have been taken before it
	#maxBytes;

	constructor(maxBytes) {
		this.#maxBytes = maxBytes;
	}

	get length() {
		return this.#frames.length - this.#head;
	}

	get bytes() {
		return this.#bytes;
	}

	/* How many wait for their turn. */
	get turns() {
		return this.#turns.length;
	}

	get isEmpty() {
		return this.length === 0 && this.#turns.length === 0;
	}

	/* run is what nextTurn() gives when all frames that are here have left. */
	wait(run) {
		this.#turns.push({ after: this.#taken + this.length, run });
	}

	/* The function whose turn it is, which leaves the queue; or null. */
	nextTurn() {
		const isDue = this.#turns.length > 0 && this.#turns[0].after <= this.#taken;
		return isDue ? this.#turns.shift().run : null;
	}

	clearTurns() {
		this.#turns = [];
	}

	/* Returns what had to go for it: { messages, bytes }. */
	push(frame) {
		this.#frames.push(frame);
		this.#bytes += frame.length;
		return this.#trim();
	}

	/* The oldest, which leaves the queue. There must be one. */
	shift() {
		const frame = this.#frames[this.#head];
		this.#frames[this.#head++] = undefined;
		this.#taken++;
		this.#bytes -= frame.length;
		if (this.#head > COMPACT_ABOVE && this.#head * 2 > this.#frames.length) {
			this.#frames = this.#frames.slice(this.#head);
			this.#head = 0;
		}
		return frame;
	}

	/* Puts frames that are older than all others back; returns as push(). */
	unshift(frames) {
		this.#frames = [...frames, ...this.#frames.slice(this.#head)];
		this.#head = 0;
		this.#taken -= frames.length;
		this.#bytes = this.#frames.reduce((n, frame) => n + frame.length, 0);
		return this.#trim();
	}

	/* Returns as push(). */
	clear() {
		const gone = { messages: this.length, bytes: this.#bytes };
		this.#taken += gone.messages;
		this.#frames = [];
		this.#head = 0;
		this.#bytes = 0;
		return gone;
	}

	#trim() {
		const gone = { messages: 0, bytes: 0 };
		while (this.#bytes > this.#maxBytes) {
			gone.messages++;
			gone.bytes += this.shift().length;
		}
		return gone;
	}
}

module.exports = { Queue };
