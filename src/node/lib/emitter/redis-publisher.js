'use strict';

/*
 * An object that the Redis emitters accept as a Redis client; it has only
 * publish(). Channels are topics, so the workers get what the emitters write.
 */

const { Client } = require('../client/client');
const { Joins } = require('./joins');
const { tryDecode } = require('../wire/msgpack');
const { refuse } = require('../client/options');
const { readRequest } = require('../socketio/redis-requests');
const { everyone } = require('../socketio/topics');

const REQUESTS = /^([^#]+)-request#([^]*)#$/; // key and namespace
const KEY = /^[^#]+/;

function bytesOf(name, value) {
	if (typeof value === 'string') {
		return Buffer.from(value);
	}
	return value instanceof Uint8Array ? value :
		refuse(name, value, 'a string or bytes');
}

class RedisPublisher {
	#target;
	#joins;

	/* target: has publish() like a Client. */
	constructor(target, joins) {
		this.#target = target;
		this.#joins = joins;
	}

	/**
	 * Publishes a message, a string or bytes, to a channel.
	 *
	 * @param callback optional: callback(null, 0), later
	 * @returns a promise of 0: the number of receivers is unknown
	 */
	publish(channel, message, callback) {
		const topic = String(bytesOf('channel', channel));
		const body = bytesOf('message', message);
		this.#target.publish(this.#topicFor(topic, body), body);
		this.#noteJoins(topic, body);
		if (typeof callback === 'function') {
			process.nextTick(callback, null, 0);
		}
		return Promise.resolve(0);
	}

	/** socket.io-emitter recognizes a Redis client by this method. */
	hset() {
		refuse('hset', 'a command', 'publish, the only one that there is');
	}

	/* Returns the topic of everyone while workers may be joining the room. */
	#topicFor(topic, body) {
		if (!this.#joins.hasAny([topic])) {
			return topic;
		}
		const payload = tryDecode(body);
		const nsp = Array.isArray(payload) ? payload[1]?.nsp : undefined;
		return everyone(topic.match(KEY)[0], typeof nsp === 'string' ? nsp : '/');
	}

	#noteJoins(topic, body) {
		const [, key, nsp] = topic.match(REQUESTS) ?? [];
		const command = key === undefined ? null : readRequest(body)?.command;
		if (command?.cmd === 'socketsJoin') {
			this.#joins.add(key, nsp, command.rooms);
		}
	}
}

/**
 * Returns an object with publish(channel, message) for a Client or an emitter.
 *
 * @throws PM2A_ERR_OPTION
 */
function redisPublisher(target) {
	if (target instanceof Client) {
		return new RedisPublisher(target, new Joins(target));
	}
	return target?.redisClient ?? refuse('target', target, 'a Client or an emitter');
}

module.exports = { RedisPublisher, redisPublisher };
