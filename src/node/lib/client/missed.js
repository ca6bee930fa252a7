'use strict';

/*
 * Tells an application that it may have missed messages. The daemon stores nothing
 * for a client that is away. From the end of one connection until the next is in
 * force, messages reach other clients only, and the messages that were queued for
 * this one at the end are lost. An application that knows it can load again what
 * it keeps from messages.
 *
 * The client itself sees only the end of its connection: a slow client that is
 * cut has no room left for a reason. So HELLO names the last connection that was
 * in force, and WELCOME tells how that ended.
 */

const UNTOLD = 'unknown';
const RESTART = 'restart'; // of the daemon: the connection was to another one

function isCount(value) {
	return Number.isSafeInteger(value) && value >= 0;
}

class Missed {
	#previous; // { epoch, id } of the last connection that was in force
	#current; // the same, of the one that was welcomed last
	#loss = null; // set while none is in force after one that was
	#since = 0; // on this process's clock: when the loss began

	/* A field of HELLO; undefined if there was no such connection. */
	get previous() {
		return this.#previous;
	}

	/* A connection that was in force is over. disconnect: the reason seen here. */
	onEnd(disconnect) {
		this.#since = performance.now();
		this.#loss = { reason: UNTOLD, disconnect, unwritten: 0, messages: 0 };
	}

	onWelcome({ epoch, id, previous }) {
		this.#current = isCount(epoch) && isCount(id) ? { epoch, id } : undefined;
		// Several may be made until one is in force; the first one knows most.
		if (this.#loss?.reason === UNTOLD) {
			this.#learn(epoch, previous);
		}
	}

	/*
	 * The connection is in force. Returns null for the first one, else { reason,
	 * disconnect, unwritten, messages, awayMs }: unwritten is the bytes that the
	 * daemon threw away, messages their number, awayMs the time since the oldest of
	 * them came to the daemon, or since the end of the last connection.
	 */
	onReady() {
		const loss = this.#loss;
		this.#loss = null;
		this.#previous = this.#current;
		return loss && { ...loss, awayMs: Math.round(performance.now() - this.#since) };
	}

	/* The client is closed: missing messages is intended. */
	forget() {
		this.#previous = undefined;
		this.#loss = null;
	}

	/* The daemon may have cut the connection long before this process noticed: it was
	 * blocked or stopped. */
	#moveSince(ms) {
		if (isCount(ms)) {
			this.#since = Math.min(this.#since, performance.now() - ms);
		}
	}

	#learn(epoch, previous) {
		if (this.#previous && this.#previous.epoch !== epoch) {
			this.#loss.reason = RESTART;
		} else if (typeof previous?.reason === 'string') {
			this.#loss.reason = previous.reason;
			this.#loss.unwritten = isCount(previous.unwritten) ? previous.unwritten : 0;
			this.#loss.messages = isCount(previous.messages) ? previous.messages : 0;
			this.#moveSince(previous.since_ms);
		}
	}
}

module.exports = { Missed };
