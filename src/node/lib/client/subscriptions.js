'use strict';

/* The topics that a client wants, and whether as a member. */

class Wanted {
	#topics = new Map();

	add(topic, isMember) {
		this.#topics.set(topic, isMember);
	}

	/* Returns whether it was wanted as a member; undefined where it was not. */
	remove(topic) {
		const isMember = this.#topics.get(topic);
		this.#topics.delete(topic);
		return isMember;
	}

	/* [topic, isMember], members first, so that each kind shares its frames. */
	*[Symbol.iterator]() {
		for (const member of [true, false]) {
			for (const entry of this.#topics) {
				if (entry[1] === member) {
					yield entry;
				}
			}
		}
	}
}

module.exports = { Wanted };
