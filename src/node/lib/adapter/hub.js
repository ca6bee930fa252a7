'use strict';

/*
 * The namespaces of a server, over one connection: their subscriptions, and
 * the ones that get a message.
 *
 * Workers join many rooms a second, so nothing is kept of a room: that the topic is
 * subscribed follows from the rooms of the adapters, and the namespace of a message
 * is found in its topic. Two namespaces can share a topic (`/a#b` and the room `b` of
 * `/a`), since the topics are those of the Redis adapters. Both get its messages
 * then, and the namespace in the packet tells them apart.
 */

const debug = require('debug')('socket.io-pm2adapter');
const {
	Client, changeRoom, flushTopics, onDelivery, subscribeRooms,
} = require('../client/client');
const { warn } = require('../client/warnings');
const { EncodedPacket } = require('../socketio/encoded-packet');
const { faultOf } = require('../wire/msgpack');
const { decodePayload, decodeQuestion, parsePayload } = require('../socketio/payload');
const { obeyRedisRequest } = require('../socketio/redis-requests');
const { isSharded, readSharded } = require('../socketio/redis-sharded');
const { TYPE } = require('../wire/frame-writer');

const NINE = 0x39; // digits and signs are not above it
const CAPITAL_I = 0x49;
const CAPITAL_N = 0x4e;
const WORDS = new Set(['NaN', 'Infinity']);

/* Whether there may be another room with the same topic, a number or a string. */
function looksLikeNumber(room) {
	if (typeof room !== 'string') {
		return typeof room === 'number';
	}
	const first = room.charCodeAt(0);
	if (first > NINE) {
		return (first === CAPITAL_I || first === CAPITAL_N) && WORDS.has(room);
	}
	return !Number.isNaN(Number(room));
}

class Hub {
	#namespaces = new Map(); // topic of everyone in it, or of requests → Namespace
	#hasHash = false; // whether the name of a namespace has had a #
	#found = { topics: null, namespaces: [] }; // by the last subscribersOf()
	#counts = new Map(); // topic → number of members, if known
	#engines = new WeakSet(); // that are watched; a server may have several
	#hasWarned = false; // of something malformed
	#requestPrefix; // of the topics on which the Redis emitters send requests

	#parser;

	/* opts: of the connection. parser: the option, or undefined. */
	constructor(opts, parser) {
		this.#parser = parser;
		const client = new Client(opts);
		this.client = client;
		this.#requestPrefix = `${client.key}-request#`;
		client.stats.unasked = 0; // requests that no other worker was asked
		client[onDelivery]((...message) => this.#receive(...message));
		client[subscribeRooms](() => this.#roomTopics());
		client.on('question', (question) => this.#onQuestion(question));
		client.on('presence', ({ topic, count }) => {
			if (this.#namespaces.has(topic)) {
				this.#counts.set(topic, count);
			}
		});
		client.on('disconnect', () => this.#counts.clear());
	}

	/* Has subscriptions written before a server of Engine.IO writes to a client. */
	watch(engine) {
		if (!this.#engines.has(engine)) {
			this.#engines.add(engine);
			engine.on('flush', () => this.client[flushTopics]());
		}
	}

	/* Adds a namespace, which becomes a member of its topic; the first one connects. */
	open(namespace, { topic, requests }) {
		this.#namespaces.set(topic, namespace).set(requests, namespace);
		this.#hasHash ||= namespace.name.includes('#');
		this.#found.topics = null;
		this.client.subscribe(topic, { member: true });
		this.client[changeRoom](TYPE.SUBSCRIBE, requests);
		this.client.connect();
	}

	/* Removes a namespace; its rooms are unsubscribed already. The last one ends the
	 * connection; returns a promise of that, or undefined. */
	close({ topic, requests }) {
		if (!this.#namespaces.delete(topic)) {
			return undefined;
		}
		this.#namespaces.delete(requests);
		this.#counts.delete(topic);
		this.#found.topics = null;
		this.client.unsubscribe(topic);
		this.client[changeRoom](TYPE.UNSUBSCRIBE, requests);
		return this.#namespaces.size === 0 ? this.client.close() : undefined;
	}

	/* Whether a room that is gone has shared its topic with another one. */
	isShared(room, topicOf) {
		if (!this.#hasHash && !looksLikeNumber(room)) {
			return false;
		}
		const topic = topicOf(room);
		return topic !== null && this.#hasRoomOf(topic);
	}

	#hasRoomOf(topic) {
		return this.#subscribersOf([topic]).some((namespace) => namespace.hasRoomOf(topic));
	}

	* #roomTopics() {
		for (const [topic, namespace] of this.#namespaces) {
			if (topic.startsWith(this.#requestPrefix)) {
				yield topic;
			} else {
				yield* namespace.roomTopics();
			}
		}
	}

	/* The number of a topic's members; 1, this worker, if it is unknown. */
	membersOf(topic) {
		return this.client.connected ? this.#counts.get(topic) ?? 1 : 1;
	}

	/* Lists the namespaces that may have subscribed to one of the topics. */
	#subscribersOf(topics) {
		if (topics !== this.#found.topics) {
			const found = new Set(topics.flatMap((topic) => this.#namespacesOf(topic)));
			this.#found = { topics, namespaces: [...found] };
		}
		return this.#found.namespaces;
	}

	#namespacesOf(topic) {
		const found = [];
		for (let at = topic.indexOf('#'); at >= 0; at = topic.indexOf('#', at + 1)) {
			const namespace = this.#namespaces.get(topic.slice(0, at + 1));
			if (namespace !== undefined) {
				found.push(namespace);
			}
		}
		return found;
	}

	/* The body is in `bytes` from `at` to `end`, during this call. */
	#receive(topics, bytes, at, end) {
		const isRequest = (topic) => topic.startsWith(this.#requestPrefix);
		const requests = topics.filter(isRequest);
		if (requests.length > 0) {
			this.#receiveRequest(requests, Buffer.from(bytes.subarray(at, end)));
		}
		if (requests.length < topics.length) {
			const others = requests.length === 0 ? topics :
				topics.filter((topic) => !isRequest(topic));
			this.#receivePayload(others, bytes, at, end);
		}
	}

	#receiveRequest(topics, body) {
		for (const namespace of this.#subscribersOf(topics)) {
			if (!obeyRedisRequest(namespace, body)) {
				this.#onMalformed('request', topics, body);
			}
		}
	}

	#receivePayload(topics, bytes, at, end) {
		const namespaces = this.#subscribersOf(topics);
		if (namespaces.length === 0) {
			return;
		}
		const encoded = EncodedPacket.read(bytes, at, end);
		const payload = encoded === undefined ?
			this.#decode(Buffer.from(bytes.subarray(at, end))) : encoded;
		const isTaken = payload !== null &&
			namespaces.every((namespace) => namespace.receive(payload));
		if (!isTaken) {
			this.#onMalformed('payload', topics, bytes.subarray(at, end));
		}
	}

	#decode(body) {
		const read = this.#parser === undefined ? null : parsePayload(this.#parser, body);
		return read ?? (isSharded(body[0]) ? readSharded(body) : decodePayload(body));
	}

	/* Leaves a question on a topic of the application to the other listeners of
	 * the client, if there are any. */
	#onQuestion(question) {
		const isOurs = this.#subscribersOf(question.topics).length > 0;
		if (!isOurs && this.client.listenerCount('question') > 1) {
			return;
		}
		const read = decodeQuestion(question.body);
		const namespace = read && [...this.#namespaces.values()].find(({ name }) => name === read.nsp);
		if (namespace) {
			namespace.answer(question, read.kind, read.args);
			return;
		}
		if (read === null) {
			this.#onMalformed('question', question.topics, question.body);
		}
		question.decline();
	}

	/* Counts it, and warns of the first one, with what is wrong. */
	#onMalformed(what, topics, bytes) {
		this.client.stats.malformed++;
		debug('a malformed %s on %s is ignored', what, topics[0]);
		if (!this.#hasWarned) {
			this.#hasWarned = true;
			const why = faultOf(bytes) ?? 'it is not of the form of docs/PROTOCOL.md';
			warn('PM2A_WARN_MALFORMED', `dropped a malformed ${what} of ` +
				`${bytes.length} bytes on ${JSON.stringify(topics[0].slice(0, 100))}: ` +
				`${why}; from now on they are only counted, in stats.malformed`);
		}
	}
}

module.exports = { Hub };
