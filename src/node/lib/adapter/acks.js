'use strict';

/*
 * A broadcast that the clients of other workers acknowledge, as its asker sees
 * it. Socket.IO waits for a number of clients from each server that it has
 * counted when it began, and for as many acknowledgements as they are in all.
 * The acknowledgements are passed on as they come, the numbers when all is
 * known: who has died by then counts as many as have acknowledged there, so
 * that its death completes the broadcast, which would wait for its whole time
 * otherwise.
 */

const { tryDecode } = require('../wire/msgpack');

const ARGS_MAX = 1024; // of one acknowledgement: each goes on the stack

class AckBroadcast {
	#n; // other servers
	#onCount;
	#onAck;
	#counts = new Map(); // connection → clients that it has written to
	#acks = new Map(); // connection → those of them that have acknowledged

	/* n: how often onCount(clients) is called in all; onAck(...args). */
	constructor(n, onCount, onAck) {
		this.#n = n;
		this.#onCount = onCount;
		this.#onAck = onAck;
	}

	/* A part of the answer of a connection: first its number, then as many arrays
	 * of what its clients gave. Returns false if it is none. */
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

	/* The client's result. Where somebody has not said its number in time there
	 * is none to be told, and Socket.IO ends it by its own clock. */
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

	/* There is no result: what has come is all that can come. */
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
