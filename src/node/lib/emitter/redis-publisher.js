'use strict';

/*
 * What the Redis emitters take for a client of Redis: publish() to a channel,
 * and no more. Channels are topics, so what they write arrives.
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

	/* target: has publish() as a Client. */
	constructor(target, joins) {
		this.#target = target;
		this.#joins = joins;
	}

	/**
	 * Publishes a message, a string or bytes, to a channel.
	 *
	 * @param callback optional: callback(null, 0), later
	 * @returns a promise of 0: how many have got it isn't known
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

	/** By this socket.io-emitter knows a client of Redis from options. */
	hset() {
		refuse('hset', 'a command', 'publish, the only one that there is');
	}

	/* That of everyone where the room is still being joined. */
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
 * An object with publish(channel, message) on top of a Client or an emitter.
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
