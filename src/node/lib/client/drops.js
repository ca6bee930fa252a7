'use strict';

/*
 * Messages that were published and not sent: counted at once, reported once a
 * tick, since one cause mostly drops thousands.
 */

const debug = require('debug')('socket.io-pm2adapter:client');
const { countDrop } = require('./stats');

const NONE = { messages: 0, bytes: 0, reason: null };

class Drops {
	#stats;
	#tell;
	#untold = NONE;

	/* stats: the client's. tell({ messages, bytes, reason }): reason is that of the
	 * last message. */
	constructor(stats, tell) {
		this.#stats = stats;
		this.#tell = tell;
	}

	add({ messages, bytes }, reason) {
		if (messages === 0) {
			return;
		}
		countDrop(this.#stats, { messages, bytes }, reason);
		if (this.#untold === NONE) {
			process.nextTick(() => this.#tellAll());
		}
		this.#untold = {
			messages: this.#untold.messages + messages,
			bytes: this.#untold.bytes + bytes,
			reason,
		};
	}

	#tellAll() {
		const told = this.#untold;
		this.#untold = NONE;
		debug('dropped %o', told);
		this.#tell(told);
	}
}

module.exports = { Drops };
