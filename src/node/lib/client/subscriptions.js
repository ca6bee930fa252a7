'use strict';

/* The topics that a client subscribes to, and whether as a member. */

class Subscriptions {
	#topics = new Map();

	add(topic, isMember) {
		this.#topics.set(topic, isMember);
	}

	/* Returns whether it was subscribed as a member; undefined if not subscribed. */
	remove(topic) {
		const isMember = this.#topics.get(topic);
		this.#topics.delete(topic);
		return isMember;
	}

	/* Yields [topic, isMember], members first, so that each kind shares frames. */
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

module.exports = { Subscriptions };
