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

	/* Whether no more is owed. */
	get isSettled() {
		return this.#isSettled;
	}

	/* repair(value): the part of it that can be encoded, if the whole cannot; without
	 * it, the asker gets the reason. */
	answer(value, repair) {
		this.#send('answer', value, { isLast: true, repair });
	}

	/* Sends a part of the answer; others follow. */
	more(value) {
		this.#send('more', value, { isLast: false });
	}

	/* Sends bytes as a part of the answer; `isLast`: as its end. */
	part(body, isLast) {
		if (!this.#isSettled) {
			if (isLast) {
				this.#settle();
			}
			this.#question[isLast ? 'answer' : 'more'](body);
		}
	}

	/* There is no answer, because of an error that is reported. */
	fail(error) {
		if (!this.#isSettled) {
			this.#report(error);
			this.#settle();
			this.#question.fail('unencodable');
		}
	}

	/* error: reported, if there is one. */
	decline(error) {
		if (!this.#isSettled) {
			if (error !== undefined) {
				this.#report(error);
			}
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
			if (repair === undefined) {
				this.fail(error);
			} else {
				this.#report(error);
				this.#send(verb, repair(value), { isLast });
			}
			return;
		}
		if (isLast) {
			this.#settle();
		}
		this.#question[verb](body);
	}

	/* How the answer is gathered. */
	get gather() {
		return this.#question.gather;
	}

	#settle() {
		this.#isSettled = true;
		this.#onSettled(this);
	}
}

module.exports = { Debt };
