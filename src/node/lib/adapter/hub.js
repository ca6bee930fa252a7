'use strict';

/*
 * The topics of all namespaces of a server, over one connection: which namespace
 * subscribes to which topic, and which namespaces get a message.
 *
 * Two namespaces can share a topic (`/a#b` and the room `b` of `/a`), since the
 * topics are those of the Redis adapters; the namespace in the packet tells
 * them apart.
 */

const debug = require('debug')('socket.io-pm2adapter');
const { Client, onDelivery } = require('../client/client');
const { warn } = require('../client/warnings');
const { EncodedPacket } = require('../socketio/encoded-packet');
const { faultOf } = require('../wire/msgpack');
const { decodePayload, decodeQuestion, parsePayload } = require('../socketio/payload');
const { obeyRedisRequest } = require('../socketio/redis-requests');
const { isSharded, readSharded } = require('../socketio/redis-sharded');

class Hub {
	#topics = new Map(); // topic → Map of Namespace → number of its rooms
	#namespaces = new Set();
	#memberFor = new Map(); // topic → the Namespace that is a member of it
	#counts = new Map(); // topic → number of members, if known
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
		client.on('question', (question) => this.#onQuestion(question));
		client.on('presence', ({ topic, count }) => {
			if (this.#topics.has(topic)) {
				this.#counts.set(topic, count);
			}
		});
		client.on('disconnect', () => this.#counts.clear());
	}

	/* Adds a namespace; the first one connects. */
	open(namespace) {
		this.#namespaces.add(namespace);
		this.client.connect();
	}

	/* Removes a namespace and its subscriptions. The last one ends the connection;
	 * returns a promise of that, or undefined. */
	close(namespace) {
		if (!this.#namespaces.delete(namespace)) {
			return undefined;
		}
		for (const [topic, subscribers] of this.#topics) {
			if (subscribers.delete(namespace) && subscribers.size === 0) {
				this.#forget(topic);
			} else if (this.#memberFor.get(topic) === namespace) {
				this.#memberFor.delete(topic);
				this.client.unsubscribe(topic);
				this.client.subscribe(topic);
			}
		}
		return this.#namespaces.size === 0 ? this.client.close() : undefined;
	}

	/* `member`: subscribes as a member. The topic may already be subscribed, for a
	 * room of another namespace. */
	subscribe(topic, namespace, { member = false } = {}) {
		let subscribers = this.#topics.get(topic);
		if (subscribers === undefined) {
			subscribers = new Map();
			this.#topics.set(topic, subscribers);
			this.client.subscribe(topic, { member });
		} else if (member && !this.#memberFor.has(topic)) {
			this.client.unsubscribe(topic);
			this.client.subscribe(topic, { member });
		}
		if (member) {
			this.#memberFor.set(topic, namespace);
		}
		subscribers.set(namespace, (subscribers.get(namespace) ?? 0) + 1);
	}

	unsubscribe(topic, namespace) {
		const subscribers = this.#topics.get(topic);
		const n = subscribers?.get(namespace);
		if (n > 1) {
			subscribers.set(namespace, n - 1);
		} else if (subscribers?.delete(namespace) && subscribers.size === 0) {
			this.#forget(topic);
		}
	}

	/* The number of a topic's members; 1, this worker, if it is unknown. */
	membersOf(topic) {
		return this.client.connected ? this.#counts.get(topic) ?? 1 : 1;
	}

	#forget(topic) {
		this.#memberFor.delete(topic);
		this.#topics.delete(topic);
		this.#counts.delete(topic);
		this.client.unsubscribe(topic);
	}

	/* Lists the namespaces that subscribe to one of the topics. None if a message
	 * was under way when the last socket left the room. */
	#subscribersOf(topics) {
		if (topics.length === 1) {
			return [...this.#topics.get(topics[0])?.keys() ?? []];
		}
		return [...new Set(topics.flatMap((topic) => this.#subscribersOf([topic])))];
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
		const namespace = read && [...this.#namespaces].find(({ name }) => name === read.nsp);
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
