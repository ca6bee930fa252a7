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
const { boolean, integer, mustBeBytes, oneOf, refuse, topicList } = require('./options');

const GRACE = 1000; // ms after its deadline that the daemon may be silent
const TIMEOUT_MAX = 300_000; // ms
const GRAIN = 250; // ms between two looks at the deadlines, at least

const VERDICT = Object.freeze({ NO: 0, YES: 1, MORE: 2 });
const GATHERS = ['list', 'union', 'first', 'stream'];
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

/* The result that RESULT's body tells of a question, or null. */
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

class Questions {
	#open = new Map(); // ask id → { gather, onPart, resolve, reject, due }
	#lastId = 0;
	#timer = null;

	get size() {
		return this.#open.size;
	}

	/* Opens one: { id, promise }. */
	open({ gather, onPart, timeout }) {
		const id = ++this.#lastId;
		const promise = new Promise((resolve, reject) => {
			const due = performance.now() + timeout + GRACE;
			this.#open.set(id, { gather, onPart, resolve, reject, due });
		});
		this.#watch();
		return { id, promise };
	}

	/* Of its timeout, ms; 0 where it is over. */
	timeLeft(id) {
		const due = this.#open.get(id)?.due ?? 0;
		return Math.max(0, Math.ceil(due - GRACE - performance.now()));
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
		return question.onPart?.(from, body) !== false;
	}

	/* Ends one, if it is open: it was not asked, or not gathered. */
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
		const delay = Math.max(GRAIN, first - performance.now());
		// At most GRACE, as a question that is due sooner may be opened meanwhile.
		// Once the sockets have been read: when it was the application that
		// blocked, what the daemon said meanwhile is still unread.
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

/* A question that we are asked. It is answered once; later calls do nothing. */
class Question {
	#send; // (verdict, body): false where no more can be said; null after the end

	constructor({ topics, body, gather, subscribers }, send) {
		this.topics = topics;
		this.body = body;
		this.gather = gather;
		this.subscribers = subscribers;
		this.#send = send;
	}

	/** Yes, and body is the answer. */
	answer(body) {
		mustBeBytes('body', body);
		this.#end(VERDICT.YES, body);
	}

	/** A part of the answer, where it is gathered as a stream. */
	more(body) {
		mustBeBytes('body', body);
		if (this.gather === 'stream' && this.#send?.(VERDICT.MORE, body) === false) {
			this.#send = null;
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

/* What ask() is given, judged: { topics, body, gather, timeout, subscribers,
 * onPart }. */
function askOptions(topics, body, options) {
	const { gather = 'list', timeout = 5000, subscribers = false, onPart } = options ?? {};
	const list = topicList(topics);
	mustBeBytes('body', body);
	oneOf('gather', gather, GATHERS);
	integer('timeout', timeout, 1, TIMEOUT_MAX);
	boolean('subscribers', subscribers);
	if (list.length > 1 && !subscribers) {
		refuse('subscribers', subscribers, 'true, as it must be for several topics');
	}
	if (onPart !== undefined && typeof onPart !== 'function') {
		refuse('onPart', onPart, 'a function');
	}
	return { topics: list, body, gather, timeout, subscribers, onPart };
}

module.exports = { askOptions, GATHERS, Question, Questions, VERDICT };
