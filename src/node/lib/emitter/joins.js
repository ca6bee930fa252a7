'use strict';

/*
 * Selects the topics of messages to rooms that workers may be about to join by our
 * command: see pending-joins.js. A room is identified by its topic here, so that
 * all namespaces share the requests.
 */

const { encodeQuestion } = require('../socketio/payload');
const { PendingJoins } = require('../socketio/pending-joins');
const { everyone, ofRooms } = require('../socketio/topics');

const TIMEOUT = 5000; // ms: a worker that takes longer to join has missed messages
const SYNC = encodeQuestion('emitter', '/', 'sync', []); // every worker declines it

class Joins {
	#client;
	#pending;

	constructor(client) {
		this.#client = client;
		this.#pending = new PendingJoins(
			(topics) => client.ask(topics, SYNC, { timeout: TIMEOUT, subscribers: true }),
			() => client.ready());
	}

	/* The workers of the namespace were told to let sockets join rooms. */
	add(key, nsp, rooms) {
		const all = everyone(key, nsp);
		this.#pending.add(rooms.map((room) => `${all}${room}#`), [all]);
	}

	/* Returns the topics of a message to rooms, an array. */
	topicsOf(key, nsp, rooms) {
		const all = everyone(key, nsp);
		const isPending = this.hasAny(rooms.map((room) => `${all}${room}#`));
		return ofRooms(all, isPending ? [] : rooms, this.#client.maxTopic);
	}

	/* Whether one of the topics is that of a room that workers may be joining. */
	hasAny(topics) {
		return this.#pending.hasAny(topics);
	}
}

module.exports = { Joins };
