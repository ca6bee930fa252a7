'use strict';

/*
 * A broadcast that clients of other workers acknowledge, as its asker sees it.
 *
 * Socket.IO waits for a number of clients from each server that it counted at the
 * beginning, and for as many acknowledgements as the sum. Acknowledgements are
 * passed on as they come, the numbers when the result is there: the number of a
 * worker that has died by then is the number of its acknowledgements. So the
 * death of a worker completes the broadcast, which would otherwise wait for its
 * whole timeout.
 */

const { tryDecode } = require('../wire/msgpack');

const ARGS_MAX = 1024; // of one acknowledgement: each goes on the stack

class AckBroadcast {
	#n; // other servers
	#onCount;
	#onAck;
	#counts = new Map(); // connection → number of clients that it has written to
	#acks = new Map(); // connection → number of acknowledgements

	/* n: how often onCount(clients) is called in all. onAck(...args). */
	constructor(n, onCount, onAck) {
		this.#n = n;
		this.#onCount = onCount;
		this.#onAck = onAck;
	}

	/* Takes a part of a connection's answer: first its number of clients, then an
	 * array of arguments for each acknowledgement. Returns false if malformed. */
	part(from, body) {
		const value = tryDecode(body);
		if (!Array.isArray(value)) {
			const isNumber = Number.isSafeInteger(value) && value >= 0 &&
				!this.#counts.has(from);
			return isNumber && Boolean(this.#counts.set(from, value));
		}
		const n = this.#acks.get(from) ?? 0;
		const isDue = n < (this.#counts.get(from) ?? 0) && value.length <= ARGS_MAX;
		if (isDue) {
			this.#acks.set(from, n + 1);
			this.#onAck(...value);
		}
		return isDue;
	}

	/* Takes the client's result. If a worker has not told its number in time there
	 * is no sum, and Socket.IO ends the broadcast at its own timeout. */
	end({ missing }) {
		for (const { id, reason } of missing) {
			if (reason === 'left') {
				this.#counts.set(id, this.#acks.get(id) ?? 0);
			} else if (!this.#counts.has(id)) {
				return;
			}
		}
		this.#count(this.#counts);
	}

	/* There is no result: no acknowledgement can follow. */
	giveUp() {
		this.#count(this.#acks);
	}

	#count(numbers) {
		let sum = 0;
		for (const number of numbers.values()) {
			sum += number;
		}
		for (let i = 0; i < this.#n; i++) {
			this.#onCount(i === 0 ? sum : 0);
		}
	}
}

module.exports = { AckBroadcast };
