'use strict';

/*
 * Holds back what is to be published to a daemon that has just started. All who
 * were connected to the one before it come within some ms of each other, and
 * what the first of them sends would pass by those who are still on their way.
 * So it waits until the topics of which we are a member have as many members as
 * they had before, or until the daemon has been there for HOLD_MS: some may be
 * gone for good, and who is no member doesn't hear how many there are.
 *
 * That is a courtesy and no promise: who comes later than that has missed what
 * was sent, and is told so as ever (missed.js).
 */

const HOLD_MS = 250;

class Hold {
	#present = new Map(); // topic → members, as the daemon said last
	#awaited = new Map(); // the same, when the last connection in force ended
	#release;
	#timer = null;

	/* release() is called when it is over, if that is not by end(). */
	constructor(release) {
		this.#release = release;
	}

	get isOn() {
		return this.#timer !== null;
	}

	/* epoch: when the daemon started, ms since 1970, or anything if untold. */
	begin(epoch) {
		const age = typeof epoch === 'number' ? Date.now() - epoch : NaN;
		// A clock that was set in between tells nothing.
		if (age >= 0 && age < HOLD_MS && !this.#isComplete()) {
			this.#timer = setTimeout(() => this.#over(), HOLD_MS - age).unref();
		}
	}

	end() {
		clearTimeout(this.#timer);
		this.#timer = null;
	}

	onPresence({ topic, count }) {
		this.#present.set(topic, count);
		if (this.isOn && this.#isComplete()) {
			this.#over();
		}
	}

	onUnsubscribe(topic) {
		this.#present.delete(topic);
		this.#awaited.delete(topic);
	}

	/* The connection is over; wasInForce: it was one that knew who is there. */
	onEnd(wasInForce) {
		this.end();
		if (wasInForce) {
			this.#awaited = this.#present;
		}
		this.#present = new Map();
	}

	#isComplete() {
		const isBack = ([topic, count]) => this.#present.get(topic) >= count;
		return this.#awaited.size > 0 && [...this.#awaited].every(isBack);
	}

	#over() {
		this.end();
		this.#release();
	}
}

module.exports = { Hold };
