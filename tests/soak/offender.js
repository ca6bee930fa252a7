'use strict';

/*
 * The table of malformed input must also hold while all the others are at work:
 * each row, on a connection of its own, is refused with its code.
 */

const assert = require('node:assert');
const { TYPE, hello } = require('../system/support/frames');
const { TABLES } = require('../system/support/malformed');
const { decode } = require('../system/support/msgpack');
const { Peer } = require('../system/support/peer');

/* Codes that don't depend on the limits of the daemon, or on others. */
const CODES = ['bad-frame', 'bad-flags', 'bad-topic', 'bad-body', 'bad-hello',
	'bad-version', 'bad-state', 'bad-timeout', 'unknown-type', 'forbidden',
	'hello-expected'];
const ROWS = Object.values(TABLES).flat().filter(({ send, code }) =>
	typeof send !== 'function' && CODES.includes(code));

/* Codes that a busy daemon may send instead. It may also end the connection for
 * memory, without a code. */
const BUSY = ['too-many-connections', 'hello-timeout'];

class Offender {
	#path;
	#chance;
	#fail;
	#running = null;
	refused = 0; // rows that were, as the table says

	constructor({ socket }, chance, fail) {
		this.#path = socket;
		this.#chance = chance;
		this.#fail = fail;
	}

	step() {
		this.#running ??= this.#offend(this.#chance.one(ROWS))
			.catch(this.#fail)
			.finally(() => {
				this.#running = null;
			});
	}

	/* Resolves when the last one has been refused. */
	async settled() {
		await this.#running;
	}

	async #offend({ name, send, code, fatal, ...row }) {
		const peer = await Peer.connect(this.#path).catch(() => null);
		if (peer === null) // the backlog is full
			return;
		try {
			if (row.hello)
				peer.write(hello(row.hello));
			peer.write(send);
			const said = await this.#error(peer, name);
			if (said === null || BUSY.includes(said[0]))
				return;
			assert.deepStrictEqual([said[0], said[2]], [code, fatal],
				`${name}: ${said[1]}`);
			this.refused++;
		} finally {
			peer.destroy();
		}
	}

	/* The first ERROR, or null if the connection ends without one. */
	async #error(peer, name) {
		for (;;) {
			const frame = await peer.next(`ERROR for ${name}`);
			if (frame === null)
				return null;
			if (frame.type === TYPE.ERROR)
				return decode(frame.body);
		}
	}
}

module.exports = { Offender };
