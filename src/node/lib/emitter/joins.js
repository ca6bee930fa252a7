'use strict';

/*
 * Where messages to rooms go while workers may still be about to join them, by
 * our command: to everyone in the namespace, see pending-joins.js. A room is known by
 * its topic here, so that all namespaces share the questions.
 */

const { encodeQuestion } = require('../socketio/payload');
const { Settling } = require('../socketio/pending-joins');
const { everyone, ofRooms } = require('../socketio/topics');

const TIMEOUT = 5000; // ms: who is longer about to join has missed something
const SYNC = encodeQuestion('emitter', '/', 'sync', []); // all say no to it

class Joins {
	#client;
	#settling;

	constructor(client) {
		this.#client = client;
		this.#settling = new Settling(
			(topics) => client.ask(topics, SYNC, { timeout: TIMEOUT, subscribers: true }),
			() => client.ready());
	}

	/* Workers of the namespace are told to let sockets join rooms. */
	add(key, nsp, rooms) {
		const all = everyone(key, nsp);
		this.#settling.add(rooms.map((room) => `${all}${room}#`), [all]);
	}

	/* The topics of what is for rooms, an array. */
	topicsOf(key, nsp, rooms) {
		const all = everyone(key, nsp);
		const isOpen = this.hasAny(rooms.map((room) => `${all}${room}#`));
		return ofRooms(all, isOpen ? [] : rooms, this.#client.maxTopic);
	}

	/* Whether one of the topics is of a room that is being joined. */
	hasAny(topics) {
		return this.#settling.hasAny(topics);
	}
}

module.exports = { Joins };
