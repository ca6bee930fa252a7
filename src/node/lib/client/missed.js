'use strict';

/*
 * What a process has missed. The daemon keeps nothing for who is away, so from
 * the end of one connection until the next is in force, messages may go to
 * others and not to this process; and what had been queued for it when it was
 * cut is lost. Nobody can give that back, but who knows of it can ask afresh for
 * whatever it had learned from messages.
 *
 * This process sees no more than that its connection is over: who is cut for
 * being slow has no room left for a reason. So HELLO names the last connection
 * that was in force, and WELCOME says how that ended.
 */

const UNTOLD = 'unknown';
const RESTART = 'restart'; // of the daemon: the connection was to another one

function isCount(value) {
	return Number.isSafeInteger(value) && value >= 0;
}

class Missed {
	#previous; // { epoch, id } of the last connection that was in force
	#current; // the same, of the one that was welcomed last
	#loss = null; // since one that was in force has ended
	#since = 0;

	/* For HELLO; undefined where there is none to be named. */
	get previous() {
		return this.#previous;
	}

	/* A connection that was in force is over. disconnect: what we saw of it. */
	onEnd(disconnect) {
		this.#since = performance.now();
		this.#loss = { reason: UNTOLD, disconnect, unwritten: 0 };
	}

	onWelcome({ epoch, id, previous }) {
		this.#current = isCount(epoch) && isCount(id) ? { epoch, id } : undefined;
		// Of the attempts until one is in force, an early one may know more.
		if (this.#loss?.reason === UNTOLD) {
			this.#learn(epoch, previous);
		}
	}

	/*
	 * All is in force. Returns null at first, later { reason, disconnect,
	 * unwritten, awayMs }: unwritten is bytes that the daemon threw away, awayMs
	 * how long we were away.
	 */
	onReady() {
		const loss = this.#loss;
		this.#loss = null;
		this.#previous = this.#current;
		return loss && { ...loss, awayMs: Math.round(performance.now() - this.#since) };
	}

	/* What is missed from now on is meant to be. */
	forget() {
		this.#previous = undefined;
		this.#loss = null;
	}

	#learn(epoch, told) {
		if (this.#previous && this.#previous.epoch !== epoch) {
			this.#loss.reason = RESTART;
		} else if (typeof told?.reason === 'string') {
			this.#loss.reason = told.reason;
			this.#loss.unwritten = isCount(told.unwritten) ? told.unwritten : 0;
		}
	}
}

module.exports = { Missed };
