'use strict';

/*
 * The delays between attempts to connect: exponential, with full jitter, so that
 * the workers of a host do not reconnect in step.
 */

const RETRY_AFTER_MAX = 60_000;
const LONG_AGO = 30; // attempts after which the delay no longer grows

class Backoff {
	#first;
	#longest;
	#attempts = 0;
	#after = 0;

	/* first, longest: the least and the greatest ceiling of a delay, in ms. */
	constructor(first, longest) {
		this.#first = first;
		this.#longest = longest;
	}

	/* An attempt has succeeded, or none was made yet. */
	reset() {
		this.#attempts = 0;
	}

	/* The next delay is the longest. */
	slowDown() {
		this.#attempts = LONG_AGO;
	}

	/* Adds ms to the next delay. */
	postpone(ms) {
		this.#after = ms > 0 ? Math.min(ms, RETRY_AFTER_MAX) : 0;
	}

	/* Returns the delay before the next attempt, in ms. */
	next() {
		const ceiling = Math.min(this.#longest,
			this.#first * 2 ** Math.min(this.#attempts++, LONG_AGO));
		const delay = this.#after + Math.random() * ceiling;
		this.#after = 0;
		return delay;
	}
}

module.exports = { Backoff };
