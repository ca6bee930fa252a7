'use strict';

/*
 * The polls that this worker forwards, which wait at their owners. When this worker
 * closes they have to end, but to a client a poll that breaks is a disconnect. So
 * the owner is asked to answer them with a noop packet; the client polls anew, on a
 * new connection, and reaches another worker.
 *
 * A poll may have been forwarded but not be at its transport yet, so the owner is
 * asked again until the poll ends. Polls that arrive meanwhile, on connections that
 * the client still has, are treated the same.
 */

/* Taken now, as in chunked-request.js. */
const { request } = require('node:http');
const { URLSearchParams } = require('node:url');
const debug = require('debug')('socket.io-pm2adapter:engine');

const AGAIN_MS = 50;
const DRAIN_MS = 10_000;

function askForNoop(socket, sid) {
	const asked = request({
		createConnection: () => socket, method: 'POST',
		path: `/pm2a/noop?${new URLSearchParams({ sid })}`,
		headers: ['Connection', 'close', 'Content-Length', '0'],
	});
	asked.on('response', (answer) => answer.resume());
	asked.on('error', (error) => debug('a noop was not asked for: %s', error.message));
	asked.end();
}

class OpenPolls {
	#polls = new Set(); // ForwardedRequest
	#timer = null;
	#connect; // (tag, fn): see OwnerPool.connect()

	constructor(connect) {
		this.#connect = connect;
	}

	/* Whether polls are to end. */
	get isDraining() {
		return this.#timer !== null;
	}

	add(poll) {
		this.#polls.add(poll);
	}

	delete(poll) {
		this.#polls.delete(poll);
	}

	/* Ends the polls, also those that arrive within DRAIN_MS. */
	drain() {
		if (this.#timer !== null) {
			return;
		}
		const end = Date.now() + DRAIN_MS;
		this.#timer = setInterval(() => {
			this.#endAll();
			if (Date.now() > end) {
				clearInterval(this.#timer);
				this.#timer = null;
			}
		}, AGAIN_MS);
		this.#timer.unref();
		this.#endAll();
	}

	#endAll() {
		for (const poll of this.#polls) {
			this.#connect(poll.owner.tag, () => poll.isWanted, (error, socket) => {
				if (error === null) {
					askForNoop(socket, poll.owner.sid);
				}
			});
		}
	}
}

module.exports = { OpenPolls };
