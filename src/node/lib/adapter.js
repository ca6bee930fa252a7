'use strict';

/*
 * The Socket.IO side: one PM2Adapter for each namespace, one Hub for each call
 * of adapter(), which the namespaces of a server share.
 *
 * A worker is subscribed to `key#namespace#` as a member, and to
 * `key#namespace#room#` for each room that somebody of it is in, the rooms of
 * socket ids among them. So what goes to a room reaches only the workers that
 * have it. The subscription is made in the call that creates the room: whoever
 * hears afterwards that a socket has joined can emit to the room.
 *
 * Two namespaces can share a topic (`/a#b` and the room `b` of `/a`), since the
 * topics are those of the Redis adapters; the namespace in the packet tells
 * them apart.
 *
 * A message to rooms whose topics are too long for the daemon, or too many for
 * one frame, goes to everyone in the namespace, and the workers sort it out by
 * the rooms in its options. A room with such a name is therefore not subscribed.
 */

const { randomBytes } = require('node:crypto');
const { Adapter } = require('socket.io-adapter');
const debug = require('debug')('socket.io-pm2adapter');
const { Client } = require('./client');
const { Pm2aError } = require('./errors');
const { integer } = require('./options');
const { decodePayload, encodePayload } = require('./payload');
const { several } = require('./sender');

const MINUTE = 60_000;
const TOPIC_MAX = 4096; // the daemon's default: longer rooms have no topic

/* Topics of all namespaces over one client: who wants which. */
class Hub {
	#wanted = new Map(); // topic → Map of adapter → how many of its rooms
	#adapters = new Set();

	constructor(opts) {
		this.client = new Client(opts);
		this.client.on('message', (topics, body) => this.#receive(topics, body));
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
			}
		}
		return this.#adapters.size === 0 ? this.client.close() : undefined;
	}

	subscribe(topic, adapter, options) {
		let adapters = this.#wanted.get(topic);
		if (adapters === undefined) {
			adapters = new Map();
			this.#wanted.set(topic, adapters);
			this.client.subscribe(topic, options);
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

	#forget(topic) {
		this.#wanted.delete(topic);
		this.client.unsubscribe(topic);
	}

	#receive(topics, body) {
		const adapters = new Set();
		for (const topic of topics) {
			for (const adapter of this.#wanted.get(topic)?.keys() ?? []) {
				adapters.add(adapter);
			}
		}
		if (adapters.size === 0) {
			return; // it was on its way when the room was left
		}
		const payload = decodePayload(body);
		if (payload === null) {
			this.client.stats.malformed++;
			debug('a malformed payload on %s is ignored', topics[0]);
			return;
		}
		for (const adapter of adapters) {
			adapter.receive(payload);
		}
	}
}

class PM2Adapter extends Adapter {
	#hub;
	#topic; // of everyone in the namespace
	#isOpen = false;
	#hasNewTopic = false; // subscribed to in this call
	#joining = undefined; // fulfilled when the last of them is in force
	#hasWarned = false;

	constructor(nsp, hub, opts) {
		super(nsp);
		this.#hub = hub;
		this.uid = opts.uid;
		this.prefix = opts.key;
		this.requestsTimeout = opts.requestsTimeout;
		this.#topic = `${opts.key}#${nsp.name}#`;
		this.on('create-room', (room) => this.#roomTopic(room, 'subscribe'));
		this.on('delete-room', (room) => this.#roomTopic(room, 'unsubscribe'));
		this.#open();
	}

	/** The connection that the namespaces of this server share. */
	get client() {
		return this.#hub.client;
	}

	#open() {
		this.#isOpen = true;
		this.#hub.subscribe(this.#topic, this, { member: true });
		this.#hub.open(this);
	}

	/** Leaves the namespace's topics; the last one ends the connection. */
	close() {
		this.#isOpen = false;
		return this.#hub.close(this);
	}

	#roomTopic(room, verb) {
		const topic = this.#topicOf(room, TOPIC_MAX);
		if (this.#isOpen && topic !== null) {
			this.#hub[verb](topic, this);
			this.#hasNewTopic = true;
		}
	}

	/*
	 * Who joins may be told of it in the same tick over a WebSocket, which is
	 * written at once, and somebody else may then emit to the room before this
	 * tick is over: so the subscription doesn't wait for its end. That the daemon
	 * reads it before the other one's message is likely then, and certain for who
	 * waits for the promise: `await socket.join(room)`.
	 */
	addAll(id, rooms) {
		this.#hasNewTopic = false;
		super.addAll(id, rooms);
		if (this.#hasNewTopic) {
			this.client.flush();
			const joining = this.client.barrier().then(() => {
				if (this.#joining === joining) {
					this.#joining = undefined;
				}
			});
			this.#joining = joining;
		}
		return this.#joining;
	}

	/* null where it would have more than max bytes. All workers must agree on
	 * who is subscribed, whatever they know of the daemon at the time: so
	 * subscribers go by TOPIC_MAX, and publishers by less if the daemon takes
	 * less. */
	#topicOf(room, max) {
		const topic = `${this.#topic}${room}#`;
		return Buffer.byteLength(topic) > max ? null : topic;
	}

	#topicsOf(rooms) {
		if (rooms.size === 0) {
			return [this.#topic];
		}
		const max = Math.min(TOPIC_MAX, this.client.maxTopic);
		const topics = Array.from(rooms, (room) => this.#topicOf(room, max));
		if (topics.includes(null) ||
			(topics.length > 1 && several(topics) === null)) {
			return [this.#topic];
		}
		return topics;
	}

	broadcast(packet, opts) {
		super.broadcast(packet, opts);
		if (this.#isOpen && !opts.flags?.local) {
			this.#publish(packet, opts);
		}
	}

	#publish(packet, opts) {
		let body;
		try {
			body = encodePayload(this.uid, packet, opts);
		} catch (error) {
			this.client.stats.errors++;
			this.client.emit('encode_error', new Pm2aError('PM2A_ERR_ENCODE',
				`${this.nsp.name}: ${error.message}`, error));
			return;
		}
		this.client.publish(this.#topicsOf(opts.rooms), body,
			{ volatile: opts.flags?.volatile === true });
	}

	/*
	 * A payload for a topic of ours has come; it is of the right shape, so what
	 * throws here is most likely a listener of the application, as given to
	 * onAnyOutgoing(). What another process sends must not end this one, but a
	 * defect must not be hidden either: so it is said, once.
	 */
	receive({ uid, packet, opts }) {
		if (uid === this.uid || packet.nsp !== this.nsp.name) {
			return;
		}
		try {
			super.broadcast({ ...packet }, opts);
		} catch (error) {
			this.client.stats.errors++;
			debug('delivering failed: %s', error.stack);
			const isHeard = this.client.emit('receive_error',
				new Pm2aError('PM2A_ERR_RECEIVE', error.message, error));
			if (!isHeard && !this.#hasWarned) {
				this.#hasWarned = true;
				process.emitWarning(error);
			}
		}
	}
}

/**
 * What io.adapter() takes.
 *
 * @see index.d.ts for the options.
 */
function pm2Adapter(opts = {}) {
	const hub = new Hub(opts);
	const requestsTimeout = integer('requestsTimeout',
		opts.requestsTimeout ?? 5000, 1, 5 * MINUTE);
	const shared = {
		key: hub.client.key,
		requestsTimeout,
	};
	function create(nsp) {
		return new PM2Adapter(nsp, hub,
			{ ...shared, uid: randomBytes(9).toString('base64url') });
	}
	create.client = hub.client;
	return create;
}

module.exports = { PM2Adapter, pm2Adapter };
