'use strict';

/*
 * Decides when to connect again: after a delay that grows with each attempt, or at
 * once when the daemon's socket appears.
 */

const { Backoff } = require('./backoff');
const { SocketWatch } = require('./socket-watch');

// ms over which the clients that see the same socket appear are spread.
const SPREAD = 20;

class Reconnect {
	#backoff;
	#watch;
	#attempt;
	#isRef;
	#timer = null;
	#isHurried = false; // the next attempt is due because the socket appeared

	/* options: the client's. attempt(): connects. */
	constructor({ socket, ref, reconnectDelay, reconnectDelayMax }, attempt) {
		this.#backoff = new Backoff(reconnectDelay, reconnectDelayMax);
		this.#watch = new SocketWatch(socket, () => this.#hurry());
		this.#attempt = attempt;
		this.#isRef = ref;
	}

	/* Schedules an attempt. */
	later() {
		this.#watch.watch();
		this.#isHurried = false;
		this.#set(this.#backoff.next());
	}

	/* An attempt has succeeded, or none was made yet. */
	reset() {
		this.#backoff.reset();
		this.#watch.close();
	}

	/* Cancels the next attempt. */
	stop() {
		clearTimeout(this.#timer);
		this.#timer = null;
		this.#watch.close();
	}

	/* The next delay is the longest: the daemon will refuse the client again. */
	slowDown() {
		this.#backoff.slowDown();
	}

	/* Adds ms to the next delay, as the daemon requests. */
	postpone(ms) {
		this.#backoff.postpone(ms);
	}

	/* The socket is that of another daemon, so earlier failures do not count. */
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

module.exports = { Reconnect };
