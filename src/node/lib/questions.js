'use strict';

/*
 * Questions: those that a client has asked and waits for, and one that it has
 * been asked. Knows no connection; the client sends, and tells what has come.
 *
 * Each question that is opened ends once: with its result, with an error, or,
 * where a daemon hangs, some time after the deadline that the daemon was told.
 * One timer minds that for all of them. It looks every so often and goes through
 * all, which costs less than a timer for each where thousands come and go.
 */

const { Pm2aError } = require('./errors');

const GRACE = 1000; // ms after its deadline that the daemon may be silent
const GRAIN = 250; // ms between two looks at the deadlines, at least

const VERDICT = Object.freeze({ NO: 0, YES: 1, MORE: 2 });
const GATHERS = ['list', 'union', 'first', 'stream'];
const OUTCOMES = ['complete', 'found', 'unknown', 'timeout'];

function isRow(row) {
	return Array.isArray(row) && row.length >= 3 && typeof row[1] === 'string';
}

function isCount(value) {
	return Number.isSafeInteger(value) && value >= 0;
}

/* The result that RESULT's body tells of a question, or null. */
function readResult([, outcome, expected, answered, missing, answers], gather) {
	const isAnswer = gather === 'union' ?
		(each) => typeof each === 'string' :
		(each) => isRow(each) && Buffer.isBuffer(each[2]);
	if (!OUTCOMES.includes(outcome) || !isCount(expected) || !isCount(answered) ||
		!Array.isArray(missing) || !missing.every(isRow) ||
		!Array.isArray(answers) || !answers.every(isAnswer)) {
		return null;
	}
	return {
		outcome,
		expected,
		answered,
		missing: missing.map(([id, name, reason]) => ({ id, name, reason: String(reason) })),
		answers: gather === 'union' ? answers :
			answers.map(([id, name, body]) => ({ id, name, body })),
	};
}

class Questions {
	#open = new Map(); // ask id → { gather, onPart, resolve, reject, due }
	#lastId = 0;
	#timer = null;

	get size() {
		return this.#open.size;
	}

	/* Opens one: { id, promise }. */
	open({ gather, timeout, onPart }) {
		const id = ++this.#lastId;
		const promise = new Promise((resolve, reject) => {
			const due = Date.now() + timeout + GRACE;
			this.#open.set(id, { gather, onPart, resolve, reject, due });
		});
		this.#watch();
		return { id, promise };
	}

	has(id) {
		return this.#open.has(id);
	}

	/* A RESULT has come. False where it is malformed, or of no open question. */
	end(body) {
		const question = this.#take(body[0]);
		if (question === null) {
			return false;
		}
		const result = readResult(body, question.gather);
		if (result === null) {
			question.reject(new Pm2aError('PM2A_ERR_PROTOCOL', 'a malformed RESULT'));
			return false;
		}
		question.resolve(result);
		return true;
	}

	/* A PART has come. False as above. */
	part([id, from, body]) {
		const question = this.#open.get(id);
		if (question?.gather !== 'stream' || !isCount(from) || !Buffer.isBuffer(body)) {
			return false;
		}
		question.onPart?.(from, body);
		return true;
	}

	/* Ends one with an error, if it is open. */
	fail(id, error) {
		this.#take(id)?.reject(error);
	}

	/* Ends all of them: with an error that is made for each. */
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
		const question = this.#open.get(id) ?? null;
		this.#open.delete(id);
		if (this.#open.size === 0) {
			clearTimeout(this.#timer);
			this.#timer = null;
		}
		return question;
	}

	#watch() {
		if (this.#timer !== null) {
			return;
		}
		let first = Infinity;
		for (const { due } of this.#open.values()) {
			first = Math.min(first, due);
		}
		const delay = Math.max(GRAIN, first - Date.now());
		// A question that is due sooner may be opened meanwhile.
		this.#timer = setTimeout(() => this.#look(), Math.min(delay, GRACE));
		this.#timer.unref();
	}

	#look() {
		const now = Date.now();
		this.#timer = null;
		for (const [id, { due }] of this.#open) {
			if (due <= now) {
				this.fail(id, new Pm2aError('PM2A_ERR_TIMEOUT',
					'the daemon did not end the question at its deadline'));
			}
		}
		if (this.#open.size > 0) {
			this.#watch();
		}
	}
}

/* A question that we are asked. It is answered once; later calls do nothing. */
class Question {
	#send; // (verdict, body), or null once it has been answered

	constructor({ topics, body, gather, subscribers }, send) {
		this.topics = topics;
		this.body = body;
		this.gather = gather;
		this.subscribers = subscribers;
		this.#send = send;
	}

	/** Yes, and body is the answer. */
	answer(body) {
		this.#end(VERDICT.YES, body);
	}

	/** A part of the answer, where it is gathered as a stream. */
	more(body) {
		if (this.gather === 'stream') {
			this.#send?.(VERDICT.MORE, body);
		}
	}

	/** No. */
	decline() {
		this.#end(VERDICT.NO);
	}

	#end(verdict, body) {
		const send = this.#send;
		this.#send = null;
		send?.(verdict, body);
	}
}

module.exports = { GATHERS, Question, Questions, VERDICT };
