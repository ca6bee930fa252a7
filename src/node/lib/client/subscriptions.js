'use strict';

/*
 * The topics that a client subscribes to, which each new connection gets again: those
 * that are kept here, and those that their owner lists (rooms).
 */

const { FLAG, TYPE } = require('../wire/frame-writer');
const { LIMITS_UNTOLD, canSubscribe } = require('./limits');

const TOPICS_FRAME_MAX = 512 * 1024; // bytes of one SUBSCRIBE

class Subscriptions {
	#topics = new Map(); // topic → whether as a member
	#plain = 0; // of them, those not as a member
	#outgoing;
	#refuse;

	/* outgoing: the client's. refuse(topic): called for one that is too long. */
	constructor(outgoing, refuse) {
		this.#outgoing = outgoing;
		this.#refuse = refuse;
		this.hasPlain = false; // whether isPlain() can be true
		this.rooms = () => []; // lists the topics that come with change()
	}

	/* Whether the topic is kept here, and not as a member. */
	isPlain(topic) {
		return this.#topics.get(topic) === false;
	}

	/* Sends a change of a topic that `rooms` lists. */
	change(type, topic) {
		if (type === TYPE.SUBSCRIBE || !this.isPlain(topic)) {
			this.#send(type, topic, false);
		}
	}

	add(topic, isMember) {
		this.#count(!isMember - this.isPlain(topic));
		this.#topics.set(topic, isMember);
		this.#send(TYPE.SUBSCRIBE, topic, isMember);
	}

	/* No effect if the topic is not subscribed. */
	remove(topic) {
		const isMember = this.#topics.get(topic);
		this.#count(-this.isPlain(topic));
		if (this.#topics.delete(topic)) {
			this.#send(TYPE.UNSUBSCRIBE, topic, isMember);
		}
	}

	#count(n) {
		this.#plain += n;
		this.hasPlain = this.#plain > 0;
	}

	/* Sends all of them after HELLO, members first, so that each kind shares frames. */
	sendAll() {
		for (const member of [true, false]) {
			for (const [topic, isMember] of this.#topics) {
				if (isMember === member) {
					this.#send(TYPE.SUBSCRIBE, topic, isMember);
				}
			}
		}
		for (const topic of this.rooms()) {
			this.#send(TYPE.SUBSCRIBE, topic, false);
		}
	}

	/* Sends those that had to wait for the limits in WELCOME. */
	sendLong() {
		const isLong = (topic) => !canSubscribe(topic, LIMITS_UNTOLD);
		for (const [topic, isMember] of this.#topics) {
			if (isLong(topic)) {
				this.#send(TYPE.SUBSCRIBE, topic, isMember);
			}
		}
		for (const topic of this.rooms()) {
			if (isLong(topic)) {
				this.#send(TYPE.SUBSCRIBE, topic, false);
			}
		}
	}

	/* A topic that an application chooses must not end the connection of all. */
	#send(type, topic, isMember) {
		const { connection, limits } = this.#outgoing;
		if (!connection?.canSend) {
			return;
		}
		if (canSubscribe(topic, connection.isOpen ? limits : LIMITS_UNTOLD)) {
			connection.changeTopic(type, isMember ? FLAG.MEMBER : 0, topic,
				Math.min(TOPICS_FRAME_MAX, limits.maxFrame));
		} else if (connection.isOpen && type === TYPE.SUBSCRIBE) {
			this.#refuse(topic);
		}
	}
}

module.exports = { Subscriptions };
