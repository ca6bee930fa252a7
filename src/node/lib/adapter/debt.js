'use strict';

/* The answer that this worker owes to one question. answer() or decline() settles
 * it, once; later calls have no effect. */

const { encode } = require('../wire/msgpack-writer');

class Debt {
	#question;
	#onSettled;
	#report;
	#isSettled = false;

	/* question: of the client. onSettled(debt). report(error): of what cannot be
	 * encoded. */
	constructor(question, { onSettled, report }) {
		this.#question = question;
		this.#onSettled = onSettled;
		this.#report = report;
		this.at = performance.now();
	}

	/* repair(value): the part of it that can be encoded, if the whole cannot. */
	answer(value, repair) {
		this.#send('answer', value, { isLast: true, repair });
	}

	/* Sends a part of the answer; others follow. */
	more(value) {
		this.#send('more', value, { isLast: false });
	}

	decline() {
		if (!this.#isSettled) {
			this.#settle();
			this.#question.decline();
		}
	}

	#send(verb, value, { isLast, repair }) {
		if (this.#isSettled) {
			return;
		}
		let body;
		try {
			body = encode(value);
		} catch (error) {
			this.#report(error);
			if (repair === undefined) {
				this.decline();
			} else {
				this.#send(verb, repair(value), { isLast });
			}
			return;
		}
		if (isLast) {
			this.#settle();
		}
		this.#question[verb](body);
	}

	#settle() {
		this.#isSettled = true;
		this.#onSettled(this);
	}
}

module.exports = { Debt };
