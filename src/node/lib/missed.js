'use strict';

/*
 * What a process has missed. The daemon keeps nothing for who is away, so from
 * the end of one connection until the next is in force, messages may go to
 * others and not to this process; and what had been queued for it when it was
 * cut is lost. Nobody can give that back, but who knows of it can ask afresh for
 * whatever it had learned from messages.
 *
 * This process sees no more than that its connection is over: who is cut for
 * being slow has no room left for a reason. So the next HELLO says which
 * connection was the one before, and WELCOME how that ended. The reason is that
 * of the first connection that ended, if others fail before one is in force.
 */

const UNTOLD = 'unknown';
const RESTART = 'restart'; // of the daemon: the connection was to another one

function countOf(value) {
	return Number.isSafeInteger(value) && value > 0 ? value : 0;
}

class Missed {
	#previous; // { epoch, id } of the last connection that was welcomed
	#loss = null; // since one that was in force has ended
	#since = 0;

	/* For HELLO; undefined where there was none. */
	get previous() {
		return this.#previous;
	}

	/* A connection that was in force is over. disconnect: what we saw of it. */
	onEnd(disconnect) {
		this.#since = performance.now();
		this.#loss = { reason: UNTOLD, disconnect, unwritten: 0 };
	}

	onWelcome({ epoch, id, previous }) {
		const loss = this.#loss;
		if (loss !== null) {
			if (loss.reason === UNTOLD) {
				loss.reason = this.#reasonOf(epoch, previous);
			}
			loss.unwritten += countOf(previous?.unwritten);
		}
		this.#previous = { epoch, id };
	}

	/*
	 * All is in force. Returns null at first, later { reason, disconnect,
	 * unwritten, awayMs }: unwritten is bytes that the daemon threw away, awayMs
	 * how long we were away.
	 */
	onReady() {
		const loss = this.#loss;
		this.#loss = null;
		return loss && { ...loss, awayMs: Math.round(performance.now() - this.#since) };
	}

	/* What is missed from now on is meant to be. */
	forget() {
		this.#previous = undefined;
		this.#loss = null;
	}

	#reasonOf(epoch, previous) {
		if (epoch !== this.#previous.epoch) {
			return RESTART;
		}
		return typeof previous?.reason === 'string' ? previous.reason : UNTOLD;
	}
}

module.exports = { Missed };
