'use strict';

/*
 * When to try again: after a delay that grows with each attempt, or at once when
 * a socket appears where the daemon's should be.
 */

const { Arrival } = require('./socket-watch');
const { Backoff } = require('./backoff');

// ms over which those who have seen the same socket come are spread.
const SPREAD = 20;

class Retry {
	#backoff;
	#arrival;
	#attempt;
	#isRef;
	#timer = null;
	#isHurried = false; // the attempt that is due is due for an arrival

	/* The options are the client's; attempt() is what is to be done again. */
	constructor({ socket, ref, reconnectDelay, reconnectDelayMax }, attempt) {
		this.#backoff = new Backoff(reconnectDelay, reconnectDelayMax);
		this.#arrival = new Arrival(socket, () => this.#hurry());
		this.#attempt = attempt;
		this.#isRef = ref;
	}

	/* One attempt, later. */
	later() {
		this.#arrival.watch();
		this.#isHurried = false;
		this.#set(this.#backoff.next());
	}

	/* The last attempt has succeeded, or there was none yet. */
	reset() {
		this.#backoff.reset();
		this.#arrival.close();
	}

	/* There will be no other attempt. */
	stop() {
		clearTimeout(this.#timer);
		this.#timer = null;
		this.#arrival.close();
	}

	/* It won't help to hurry. */
	slowDown() {
		this.#backoff.slowDown();
	}

	/* The daemon wants the next attempt to wait for ms besides. */
	postpone(ms) {
		this.#backoff.postpone(ms);
	}

	/* Whatever made the attempts seldom was about another daemon. */
	#hurry() {
		this.#backoff.reset();
		if (this.#timer !== null && !this.#isHurried) {
			this.#isHurried = true;
			this.#set(Math.random() * SPREAD);
		}
	}

	#set(ms) {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => {
			this.#timer = null;
			this.#attempt();
		}, ms);
		if (!this.#isRef) {
			this.#timer.unref();
		}
	}
}

module.exports = { Retry };
