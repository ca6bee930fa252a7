'use strict';

/*
 * The result of a join while its subscription is not certainly in force. It looks like a
 * promise, but begins to work when it is awaited: most joins
 * are not, and their subscriptions leave together at the end of the tick; a join that is
 * awaited by itself writes at once, and does not need the end of the tick for it.
 */

class Joining {
	#connection;

	constructor(connection) {
		this.#connection = connection;
	}

	then(onFulfilled, onRejected) {
		return this.#connection.inForce().then(onFulfilled, onRejected);
	}
}

/* Not `extends Promise`: `await` would not call then() of some of them, and each would
 * cost a promise. catch(), finally() and instanceof work by the prototype. */
Object.setPrototypeOf(Joining.prototype, Promise.prototype);

module.exports = { Joining };
