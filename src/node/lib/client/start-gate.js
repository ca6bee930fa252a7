'use strict';

/*
 * Holds messages back from a daemon that has just started. The clients of the
 * daemon before it reconnect within some ms of each other, and would miss what the
 * first of them sends. So messages wait until the topics that this client is a
 * member of have as many members as before, or until the daemon is HOLD_MS old:
 * some clients may not come back, and a client that is no member does not learn
 * the numbers.
 *
 * This is best effort: a client that comes later has missed messages, and emits
 * `missed` as usual (missed.js).
 */

const HOLD_MS = 250;

class StartGate {
	#present = new Map(); // topic → number of members now
	#awaited = new Map(); // the same, at the end of the last connection in force
	#missing = 0; // awaited topics with fewer members now than then
	#release;
	#timer = null;

	/* release(): called when the gate opens by itself. */
	constructor(release) {
		this.#release = release;
	}

	get isShut() {
		return this.#timer !== null;
	}

	/* Shuts the gate if the daemon is young. epoch: when it started, ms since 1970;
	 * anything if it did not tell. */
	shut(epoch) {
		const age = typeof epoch === 'number' ? Date.now() - epoch : NaN;
		// A negative age: the clock was set in between.
		if (age >= 0 && age < HOLD_MS && !this.#isComplete()) {
			this.#timer = setTimeout(() => this.#over(), HOLD_MS - age).unref();
		}
	}

	open() {
		clearTimeout(this.#timer);
		this.#timer = null;
	}

	/* There may be thousands of topics, and each member announces itself for each. */
	onPresence({ topic, count }) {
		const awaited = this.#awaited.get(topic);
		if (awaited !== undefined) {
			const wasMissing = !(this.#present.get(topic) >= awaited);
			this.#missing += (count < awaited) - wasMissing;
		}
		this.#present.set(topic, count);
		if (this.isShut && this.#isComplete()) {
			this.#over();
		}
	}

	onUnsubscribe(topic) {
		this.#missing -= this.#isMissing(topic);
		this.#present.delete(topic);
		this.#awaited.delete(topic);
	}

	/* The connection is over. wasInForce: whether it had reached the PONG. */
	onEnd(wasInForce) {
		this.open();
		if (wasInForce) {
			this.#awaited = this.#present;
		}
		this.#present = new Map();
		this.#missing = this.#awaited.size;
	}

	/* Returns 1 or 0. */
	#isMissing(topic) {
		const awaited = this.#awaited.get(topic);
		return awaited !== undefined && !(this.#present.get(topic) >= awaited) ? 1 : 0;
	}

	#isComplete() {
		return this.#awaited.size > 0 && this.#missing === 0;
	}

	#over() {
		this.open();
		this.#release();
	}
}

module.exports = { StartGate };
