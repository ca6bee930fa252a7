'use strict';

/*
 * Finds the owner of a session whose id does not name it: on Socket.IO 2 the ids
 * that an application makes itself stay as they are. Each worker subscribes to a
 * topic for each of its sessions; a worker that gets a request of an unknown session
 * asks on that topic for the tag of the owner.
 */

const debug = require('debug')('socket.io-pm2adapter:engine');
const { onQuestion } = require('../client/client');
const { isTag } = require('./session-id');

const CACHE_MAX = 10_000; // sessions
const TIMEOUT_MS = 2000;
const NOTHING = Buffer.alloc(0);

class OwnerLookup {
	#client;
	#prefix;
	#found = new Map(); // session id → tag

	/* client: of the adapter. tag(): this worker's. */
	constructor(client, tag) {
		this.#client = client;
		this.#prefix = `${client.key}-sid#`;
		client[onQuestion](this.#prefix, (question) => {
			if (tag() === null) {
				question.decline();
			} else {
				question.answer(Buffer.from(tag()));
			}
		});
	}

	/* A session of this worker begins; socket: Engine.IO's. */
	add(socket) {
		const topic = this.#topicOf(socket.id);
		if (topic !== null) {
			this.#client.subscribe(topic);
			socket.once('close', () => this.#client.unsubscribe(topic));
		}
	}

	/* Returns a promise of the owner's tag, or of null. */
	async find(sid) {
		const topic = this.#topicOf(sid);
		if (topic === null || this.#found.has(sid)) {
			return this.#found.get(sid) ?? null;
		}
		try {
			const { answers } = await this.#client.ask(topic, NOTHING,
				{ subscribers: true, gather: 'first', timeout: TIMEOUT_MS });
			return this.#remember(sid, String(answers[0]?.body ?? ''));
		} catch (error) {
			debug('no owner of a session was found: %s', error.message);
			return null;
		}
	}

	/* The owner is gone, or has the session no more. */
	forget(sid) {
		this.#found.delete(sid);
	}

	#remember(sid, tag) {
		if (!isTag(tag)) {
			return null;
		}
		if (this.#found.size === CACHE_MAX) {
			this.#found.delete(this.#found.keys().next().value); // the oldest
		}
		this.#found.set(sid, tag);
		return tag;
	}

	#topicOf(sid) {
		const topic = `${this.#prefix}${sid}`;
		return Buffer.byteLength(topic) <= this.#client.maxTopic ? topic : null;
	}
}

module.exports = { OwnerLookup };
