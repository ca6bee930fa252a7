'use strict';

/*
 * The requests of a client that are open. Knows no connection: requests.js sends
 * them and passes on what comes.
 *
 * Each request ends once: with its result, with an error, or, if the daemon hangs,
 * some time after the deadline that the daemon was told. One timer watches all
 * deadlines: it goes through all requests now and then, which is cheaper than a
 * timer for each if thousands come and go.
 */

const { Pm2aError } = require('./errors');

const GRACE = 1000; // ms that the daemon may be silent after a deadline
const GRAIN = 250; // least ms between two looks at the deadlines

const OUTCOMES = ['complete', 'found', 'unknown', 'timeout'];

function isCount(value) {
	return Number.isSafeInteger(value) && value >= 0;
}

function isRow(row) {
	return Array.isArray(row) && row.length >= 3 &&
		isCount(row[0]) && typeof row[1] === 'string';
}

function isMissing(row) {
	return isRow(row) && typeof row[2] === 'string';
}

/* Returns the result in the body of a RESULT, or null if it is malformed. */
function readResult([, outcome, expected, answered, missing, answers], gather) {
	const isAnswer = gather === 'union' ?
		(each) => typeof each === 'string' :
		(each) => isRow(each) && Buffer.isBuffer(each[2]);
	if (!OUTCOMES.includes(outcome) || !isCount(expected) || !isCount(answered) ||
		!Array.isArray(missing) || !missing.every(isMissing) ||
		!Array.isArray(answers) || !answers.every(isAnswer)) {
		return null;
	}
	return {
		outcome,
		expected,
		answered,
		missing: missing.map(([id, name, reason]) => ({ id, name, reason })),
		answers: gather === 'union' ? answers :
			answers.map(([id, name, body]) => ({ id, name, body })),
	};
}

class OpenRequests {
	#open = new Map(); // id → { gather, onPart, resolve, reject, due }
	#lastId = 0;
	#timer = null;

	get size() {
		return this.#open.size;
	}

	/* Adds a request; returns { id, promise }. */
	add({ gather, onPart, timeout }) {
		const id = ++this.#lastId;
		const promise = new Promise((resolve, reject) => {
			const due = performance.now() + timeout + GRACE;
			this.#open.set(id, { gather, onPart, resolve, reject, due });
		});
		this.#watch();
		return { id, promise };
	}

	/* The rest of a request's timeout, ms; 0 if it is over. */
	timeLeft(id) {
		const due = this.#open.get(id)?.due ?? 0;
		return Math.max(0, Math.ceil(due - GRACE - performance.now()));
	}

	has(id) {
		return this.#open.has(id);
	}

	/* Takes the body of a RESULT. False if it is malformed, or if its request is
	 * not open. */
	end(body) {
		const request = this.#take(body[0]);
		if (request === null) {
			return false;
		}
		const result = readResult(body, request.gather);
		if (result === null) {
			request.reject(new Pm2aError('PM2A_ERR_PROTOCOL', 'a malformed RESULT'));
			return false;
		}
		request.resolve(result);
		return true;
	}

	/* Takes the body of a PART. False as above. */
	part([id, from, body]) {
		const request = this.#open.get(id);
		if (request?.gather !== 'stream' || !isCount(from) || !Buffer.isBuffer(body)) {
			return false;
		}
		return request.onPart?.(from, body) !== false;
	}

	/* Ends a request, if it is open, with PM2A_ERR_REFUSED. */
	refuse(id, reason, message) {
		const error = new Pm2aError('PM2A_ERR_REFUSED', `${reason}: ${message}`);
		error.reason = reason;
		this.#take(id)?.reject(error);
	}

	/* Ends all of them, each with an error of its own. */
	failAll(code, message) {
		const all = [...this.#open.values()];
		this.#open.clear();
		clearTimeout(this.#timer);
		this.#timer = null;
		for (const { reject } of all) {
			reject(new Pm2aError(code, message));
		}
	}

	#take(id) {
		const request = this.#open.get(id) ?? null;
		this.#open.delete(id);
		if (this.#open.size === 0) {
			clearTimeout(this.#timer);
			this.#timer = null;
		}
		return request;
	}

	#watch() {
		if (this.#timer !== null) {
			return;
		}
		let first = Infinity;
		for (const { due } of this.#open.values()) {
			first = Math.min(first, due);
		}
		const delay = Math.max(GRAIN, first - performance.now());
		// At most GRACE, since a request that is due sooner may be opened meanwhile.
		// setImmediate() lets the sockets be read first: if the application blocked
		// the process, frames of the daemon are still unread.
		this.#timer = setTimeout(() => setImmediate(() => this.#look()),
			Math.min(delay, GRACE));
		this.#timer.unref();
	}

	#look() {
		const now = performance.now();
		this.#timer = null;
		for (const [id, { due }] of this.#open) {
			if (due <= now) {
				this.#take(id).reject(new Pm2aError('PM2A_ERR_TIMEOUT',
					'the daemon did not end the question at its deadline'));
			}
		}
		if (this.#open.size > 0) {
			this.#watch();
		}
	}
}

module.exports = { OpenRequests };
