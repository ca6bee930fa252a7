'use strict';

/*
 * The topics of all namespaces of a server over one connection: who wants
 * which, and who gets what comes.
 *
 * Two namespaces can share a topic (`/a#b` and the room `b` of `/a`), since the
 * topics are those of the Redis adapters; the namespace in the packet tells
 * them apart.
 */

const debug = require('debug')('socket.io-pm2adapter');
const { Client, onDelivery } = require('../client/client');
const { Encoded } = require('../socketio/encoded-packet');
const { faultOf } = require('../wire/msgpack');
const { decodePayload, decodeQuestion } = require('../socketio/payload');
const { obeyRedisRequest } = require('../socketio/redis-requests');
const { isSharded, readSharded } = require('../socketio/redis-sharded');

class Hub {
	#wanted = new Map(); // topic → Map of adapter → how many of its rooms
	#adapters = new Set();
	#present = new Map(); // topic → the adapter for which we are a member
	#members = new Map(); // topic → members, as long as it is known
	#hasWarned = false; // of something malformed
	#requestPrefix; // of topics that the Redis emitters' requests come on

	constructor(opts) {
		const client = new Client(opts);
		this.client = client;
		this.#requestPrefix = `${client.key}-request#`;
		client.stats.unasked = 0; // broadcasts that others weren't asked about
		client[onDelivery]((...message) => this.#receive(...message));
		client.on('question', (question) => this.#question(question));
		client.on('presence', ({ topic, count }) => {
			if (this.#wanted.has(topic)) {
				this.#members.set(topic, count);
			}
		});
		client.on('disconnect', () => this.#members.clear());
	}

	open(adapter) {
		this.#adapters.add(adapter);
		this.client.connect();
	}

	close(adapter) {
		if (!this.#adapters.delete(adapter)) {
			return undefined;
		}
		for (const [topic, adapters] of this.#wanted) {
			if (adapters.delete(adapter) && adapters.size === 0) {
				this.#forget(topic);
			} else if (this.#present.get(topic) === adapter) {
				this.#present.delete(topic);
				this.client.unsubscribe(topic);
				this.client.subscribe(topic);
			}
		}
		return this.#adapters.size === 0 ? this.client.close() : undefined;
	}

	/* A topic may be wanted for a room of one namespace before it is that of
	 * another, which is to be a member. */
	subscribe(topic, adapter, { member = false } = {}) {
		let adapters = this.#wanted.get(topic);
		if (adapters === undefined) {
			adapters = new Map();
			this.#wanted.set(topic, adapters);
			this.client.subscribe(topic, { member });
		} else if (member && !this.#present.has(topic)) {
			this.client.unsubscribe(topic);
			this.client.subscribe(topic, { member });
		}
		if (member) {
			this.#present.set(topic, adapter);
		}
		adapters.set(adapter, (adapters.get(adapter) ?? 0) + 1);
	}

	unsubscribe(topic, adapter) {
		const adapters = this.#wanted.get(topic);
		const n = adapters?.get(adapter);
		if (n > 1) {
			adapters.set(adapter, n - 1);
		} else if (adapters?.delete(adapter) && adapters.size === 0) {
			this.#forget(topic);
		}
	}

	/* How many members a topic of ours has; who is not connected knows itself. */
	membersOf(topic) {
		return this.client.connected ? this.#members.get(topic) ?? 1 : 1;
	}

	#forget(topic) {
		this.#present.delete(topic);
		this.#wanted.delete(topic);
		this.#members.delete(topic);
		this.client.unsubscribe(topic);
	}

	/* The adapters that want one of the topics. There are none where what comes
	 * was on its way when the room was left. */
	#takers(topics) {
		if (topics.length === 1) {
			return [...this.#wanted.get(topics[0])?.keys() ?? []];
		}
		return [...new Set(topics.flatMap((topic) => this.#takers([topic])))];
	}

	/* The body is in bytes from `at` to `end`, as long as this lasts. */
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
		for (const adapter of this.#takers(topics)) {
			if (!obeyRedisRequest(adapter, body)) {
				this.#onMalformed('request', topics, body);
			}
		}
	}

	#receivePayload(topics, bytes, at, end) {
		const adapters = this.#takers(topics);
		if (adapters.length === 0) {
			return;
		}
		const encoded = Encoded.read(bytes, at, end);
		const payload = encoded === undefined ?
			this.#decode(Buffer.from(bytes.subarray(at, end))) : encoded;
		const isTaken = payload !== null &&
			adapters.every((adapter) => adapter.receive(payload));
		if (!isTaken) {
			this.#onMalformed('payload', topics, bytes.subarray(at, end));
		}
	}

	#decode(body) {
		return isSharded(body[0]) ? readSharded(body) : decodePayload(body);
	}

	/* Questions on topics of the application are for those who listen to the
	 * client, if there is anybody but us. */
	#question(question) {
		const isOurs = this.#takers(question.topics).length > 0;
		if (!isOurs && this.client.listenerCount('question') > 1) {
			return;
		}
		const asked = decodeQuestion(question.body);
		const adapter = asked && [...this.#adapters].find(({ nsp }) => nsp.name === asked.nsp);
		if (adapter) {
			adapter.answer(question, asked.kind, asked.args);
			return;
		}
		if (asked === null) {
			this.#onMalformed('question', question.topics, question.body);
		}
		question.decline();
	}

	/* Whoever runs the worker is told of the first, with what is wrong. */
	#onMalformed(what, topics, bytes) {
		this.client.stats.malformed++;
		debug('a malformed %s on %s is ignored', what, topics[0]);
		if (!this.#hasWarned) {
			this.#hasWarned = true;
			const why = faultOf(bytes) ?? 'it is not of the form of docs/PROTOCOL.md';
			process.emitWarning(`socket.io-pm2adapter: dropped a malformed ${what} of ` +
				`${bytes.length} bytes on ${JSON.stringify(topics[0].slice(0, 100))}: ` +
				`${why}; from now on they are only counted, in stats.malformed`);
		}
	}
}

module.exports = { Hub };
