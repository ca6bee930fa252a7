'use strict';

/*
 * Published frames that wait, oldest first, within a limit in bytes, each with the
 * time since when. The caller removes those that have waited too long. Taking the
 * oldest takes constant time: while the daemon is away for long, each new message
 * pushes one out.
 *
 * Requests and answers are not in the queue but must not overtake messages. Each
 * waits for its turn, which comes when the frames before it were sent or dropped.
 */

const COMPACT_ABOVE = 1024; // taken frames that are still in the array

class OfflineQueue {
	#frames = [];
	#times = []; // in ms, of the frames at the same places
	#head = 0; // of the oldest
	#bytes = 0;
	#taken = 0; // frames that have left, minus those that came back
	#turns = []; // [{ after, run }]: run is due when #taken has reached after
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

	/* How many functions wait for their turn. */
	get turns() {
		return this.#turns.length;
	}

	/* Since when the oldest waits. There must be one. */
	get oldest() {
		return this.#times[this.#head];
	}

	get isEmpty() {
		return this.length === 0 && this.#turns.length === 0;
	}

	/* nextTurn() returns `run` when all frames that are here now have left. */
	wait(run) {
		this.#turns.push({ after: this.#taken + this.length, run });
	}

	/* Removes and returns the function whose turn it is, or null. */
	nextTurn() {
		const isDue = this.#turns.length > 0 && this.#turns[0].after <= this.#taken;
		return isDue ? this.#turns.shift().run : null;
	}

	clearTurns() {
		this.#turns = [];
	}

	/* now: in ms. Returns what it pushed out: { messages, bytes }. */
	push(frame, now) {
		this.#frames.push(frame);
		this.#times.push(now);
		this.#bytes += frame.length;
		return this.#trim();
	}

	/* Removes and returns the oldest. There must be one. */
	shift() {
		const frame = this.#frames[this.#head];
		this.#frames[this.#head++] = undefined;
		this.#taken++;
		this.#bytes -= frame.length;
		if (this.#head > COMPACT_ABOVE && this.#head * 2 > this.#frames.length) {
			this.#frames = this.#frames.slice(this.#head);
			this.#times = this.#times.slice(this.#head);
			this.#head = 0;
		}
		return frame;
	}

	/* Puts frames back that go before all others; returns as push(). */
	unshift(frames, now) {
		const since = Math.min(now, this.#times[this.#head] ?? now);
		this.#frames = [...frames, ...this.#frames.slice(this.#head)];
		this.#times = [...frames.map(() => since), ...this.#times.slice(this.#head)];
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
		this.#times = [];
		this.#head = 0;
		this.#bytes = 0;
		return gone;
	}

	/* Removes the frames that have waited since before `time`; returns as push(). */
	dropBefore(time) {
		return this.#dropWhile(() => this.length > 0 && this.oldest < time);
	}

	#trim() {
		return this.#dropWhile(() => this.#bytes > this.#maxBytes);
	}

	#dropWhile(isDue) {
		const gone = { messages: 0, bytes: 0 };
		while (isDue()) {
			gone.messages++;
			gone.bytes += this.shift().length;
		}
		return gone;
	}
}

module.exports = { OfflineQueue };
