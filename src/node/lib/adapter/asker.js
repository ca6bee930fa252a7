'use strict';

/*
 * Asking the others: one Asker for each adapter. Each question ends once, with
 * a result, with the error of the client, or with the end of the adapter; then
 * nothing of it is left in `open`. How a result is judged is said here as well.
 */

const debug = require('debug')('socket.io-pm2adapter');
const { Pm2aError } = require('../client/errors');
const { readAnswers } = require('./results');
const { encodeQuestion } = require('../socketio/payload');
const { elsewhere, isWithin, listOf } = require('../socketio/topics');

const TIMEOUT_DEFAULT = 5000; // ms
const TIMEOUT_MAX = 300_000;

/* What docs/PROTOCOL.md says of each kind of question. `sync` is none of them:
 * so all say no to it, when they have taken what was sent before. */
const GATHER = {
	clients: 'union',
	allRooms: 'union',
	clientRooms: 'first',
	remoteJoin: 'first',
	remoteLeave: 'first',
	remoteDisconnect: 'first',
	customRequest: 'list',
	fetchSockets: 'list',
	serverSideEmit: 'list',
	broadcast: 'stream',
	sync: 'list',
};

/* Reasons for which an answer that was given is missing. */
const UNFIT = [
	{ reason: 'too-big', what: 'over the daemon\'s limit' },
	{ reason: 'malformed', what: 'malformed' },
];

/* NaN for what is none: a Symbol, or an object whose conversion throws. */
function toNumber(value) {
	try {
		return Number(value);
	} catch {
		return NaN;
	}
}

/* ms in the range that the daemon takes. */
function clampTimeout(ms, fallback = TIMEOUT_DEFAULT) {
	const n = toNumber(ms ?? fallback);
	return Number.isNaN(n) ? clampTimeout(fallback, TIMEOUT_DEFAULT) :
		Math.min(TIMEOUT_MAX, Math.max(1, Math.ceil(n)));
}

/* The result of a question that there is nobody to ask. */
const NOBODY = Object.freeze({
	outcome: 'complete', expected: 0, answered: 0, missing: [], answers: [],
});

class Asker {
	#client;
	#uid;
	#nsp;
	#topicsOf;
	#all;
	#open = new Set(); // functions that end a question with an error
	#isClosed = false;

	/* topicsOf(rooms): an array; without rooms it has the topic of all. */
	constructor({ client, uid, nsp, topicsOf }) {
		this.#client = client;
		this.#uid = uid;
		this.#nsp = nsp;
		this.#topicsOf = topicsOf;
		[this.#all] = topicsOf([]);
	}

	/**
	 * Asks the workers that have one of the rooms, or all.
	 *
	 * @param kind one of GATHER
	 * @param args what follows it in the question
	 * @param options rooms: array; timeout: ms; onPart: as in Client.ask()
	 * @returns a promise of the client's result with decoded answers;
	 *	PM2A_ERR_ENCODE or any error of Client.ask()
	 */
	async ask(kind, args, { rooms = [], timeout, onPart } = {}) {
		if (this.#isClosed) {
			throw new Pm2aError('PM2A_ERR_CLOSED');
		}
		const body = this.#encode(kind, args);
		const topics = this.#reached(rooms);
		if (topics === null) {
			this.#client.stats.unasked++;
			return NOBODY;
		}
		const isOfAll = topics[0] === this.#all;
		const asked = this.#client.ask(isOfAll ? topics[0] : topics, body, {
			gather: GATHER[kind],
			timeout: clampTimeout(timeout),
			subscribers: !isOfAll,
			onPart,
		});
		return this.#read(kind, await this.untilClosed(asked));
	}

	#read(kind, result) {
		const read = readAnswers(kind, GATHER[kind], result);
		const malformed = debtors(read.missing, 'malformed');
		if (malformed.length > 0) {
			this.#client.stats.malformed += malformed.length;
			debug('%s: malformed is the answer of %s', kind, names(malformed));
		}
		return read;
	}

	/* The topics, or null if no other worker can be asked: a namespace with too
	 * long a name is this worker's alone, and so is a room that is a Symbol. */
	#reached(rooms) {
		const to = elsewhere({ rooms });
		const topics = to && this.#topicsOf(listOf(to.rooms));
		return topics === null || !isWithin(topics[0], this.#client.maxTopic) ?
			null : topics;
	}

	/* Whether a question about one room alone goes to all. */
	isOfAll(room) {
		return this.#topicsOf([room])[0] === this.#all;
	}

	/* What the promise gives, or PM2A_ERR_CLOSED if close() comes first. */
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

/* Those who have not answered for that reason. */
function debtors(missing, reason) {
	return missing.filter((each) => each.reason === reason);
}

function names(missing) {
	return missing.map(({ name, id }) => `${name} (${id})`).join(', ');
}

/*
 * The error of a question that has not been answered by all, or null: who has
 * gone owes nothing. `responses` are the answers that came.
 */
function errorOf({ missing, outcome }, responses) {
	const late = debtors(missing, 'timeout');
	const unfit = UNFIT.find(({ reason }) => debtors(missing, reason).length > 0);
	let error = null;
	if (late.length > 0 || outcome === 'timeout') {
		error = new Pm2aError('PM2A_ERR_TIMEOUT',
			`timeout reached: missing ${late.length} responses`);
	} else if (unfit !== undefined) {
		const { reason, what } = unfit;
		error = new Pm2aError('PM2A_ERR_REFUSED',
			`${what} is the answer of ${names(debtors(missing, reason))}`);
		error.reason = reason;
	}
	return error && Object.assign(error, { missing, responses });
}

/* The answers, or throws errorOf() unless a part of them will do. */
function judge(result, responses, isPartial) {
	const error = isPartial ? null : errorOf(result, responses);
	if (error !== null) {
		throw error;
	}
	return responses;
}

module.exports = { Asker, TIMEOUT_MAX, clampTimeout, errorOf, judge };
