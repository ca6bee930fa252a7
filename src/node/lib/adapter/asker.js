'use strict';

/*
 * Opens requests to the other workers: one Asker for each adapter. Each request
 * ends once: with a result, with an error of the client, or with the end of the
 * adapter.
 */

const debug = require('debug')('socket.io-pm2adapter');
const { Pm2aError } = require('../client/errors');
const { isWithin } = require('../client/limits');
const { encodeQuestion } = require('../socketio/payload');
const { elsewhere, listOf } = require('../socketio/topics');
const { missingFor, namesOf, readResult } = require('./results');

const TIMEOUT_DEFAULT = 5000; // ms
const TIMEOUT_MAX = 300_000;

/* How the daemon gathers the answers to each kind of question. No worker knows
 * `sync`: each declines it when it has handled what was sent before. */
const GATHER = {
	clients: 'union',
	allRooms: 'union',
	clientRooms: 'first',
	remoteJoin: 'first',
	remoteLeave: 'first',
	remoteDisconnect: 'first',
	customRequest: 'list',
	fetchSockets: 'stream',
	serverSideEmit: 'list',
	broadcast: 'stream',
	sync: 'list',
};

/* NaN if it is no number: a Symbol, or an object whose conversion throws. */
function toNumber(value) {
	try {
		return Number(value);
	} catch {
		return NaN;
	}
}

/* Returns ms within the range that the daemon takes. */
function clampTimeout(ms, fallback = TIMEOUT_DEFAULT) {
	const n = toNumber(ms ?? fallback);
	return Number.isNaN(n) ? clampTimeout(fallback, TIMEOUT_DEFAULT) :
		Math.min(TIMEOUT_MAX, Math.max(1, Math.ceil(n)));
}

/* The result of a request that no other worker can be asked. */
const NOBODY = Object.freeze({
	outcome: 'complete', expected: 0, answered: 0, missing: [], answers: [],
});

class Asker {
	#client;
	#uid;
	#nsp;
	#topicsOf;
	#all;
	#open = new Set(); // functions that end a request with an error
	#isClosed = false;

	/* topicsOf(rooms): an array; that of all workers if there are no rooms. */
	constructor({ client, uid, nsp, topicsOf }) {
		this.#client = client;
		this.#uid = uid;
		this.#nsp = nsp;
		this.#topicsOf = topicsOf;
		[this.#all] = topicsOf([]);
	}

	/**
	 * Opens a request to the workers that have one of the rooms, or to all.
	 *
	 * @param kind one of GATHER
	 * @param args elements of the question after the kind
	 * @param options rooms: array; timeout: ms; onPart, maxBytes: as in Client.ask()
	 * @returns a promise of the client's result with decoded answers; rejected with
	 *	PM2A_ERR_ENCODE or any error of Client.ask()
	 */
	async request(kind, args, { rooms = [], timeout, onPart, maxBytes } = {}) {
		if (this.#isClosed) {
			throw new Pm2aError('PM2A_ERR_CLOSED');
		}
		const body = this.#encode(kind, args);
		const topics = this.#topicsToAsk(rooms);
		if (topics === null) {
			this.#client.stats.unasked++;
			return NOBODY;
		}
		const isOfAll = topics[0] === this.#all;
		const result = await this.untilClosed(
			this.#client.ask(isOfAll ? topics[0] : topics, body, {
				gather: GATHER[kind],
				timeout: clampTimeout(timeout),
				subscribers: !isOfAll,
				onPart,
				maxBytes,
			}));
		return this.count(kind, readResult(kind, GATHER[kind], result));
	}

	/* Counts malformed answers in the result `read`, and returns it. */
	count(kind, read) {
		const malformed = missingFor(read.missing, 'malformed');
		if (malformed.length > 0) {
			this.#client.stats.malformed += malformed.length;
			debug('%s: malformed answer of %s', kind, namesOf(malformed));
		}
		return read;
	}

	/* Null if no other worker can be asked: only this one has a namespace whose
	 * name is too long for a topic, or a room that is a Symbol. */
	#topicsToAsk(rooms) {
		const to = elsewhere({ rooms });
		const topics = to && this.#topicsOf(listOf(to.rooms));
		return topics === null || !isWithin(topics[0], this.#client.maxTopic) ?
			null : topics;
	}

	/* Whether a request about one room alone goes to all workers. */
	isOfAll(room) {
		return this.#topicsOf([room])[0] === this.#all;
	}

	/* Returns `promise`, rejected with PM2A_ERR_CLOSED if close() comes first. */
	untilClosed(promise) {
		return new Promise((resolve, reject) => {
			this.#open.add(reject);
			promise.then(resolve, reject).finally(() => this.#open.delete(reject));
		});
	}

	close() {
		this.#isClosed = true;
		for (const end of this.#open) {
			end(new Pm2aError('PM2A_ERR_CLOSED'));
		}
	}

	#encode(kind, args) {
		try {
			return encodeQuestion(this.#uid, this.#nsp, kind, args);
		} catch (error) {
			throw new Pm2aError('PM2A_ERR_ENCODE',
				`${this.#nsp}: ${error.message}`, error);
		}
	}
}

module.exports = { Asker, TIMEOUT_MAX, clampTimeout };
