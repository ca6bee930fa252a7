'use strict';

/*
 * One namespace of this worker, as the other workers know it: its topics, the
 * broadcasts and commands that it sends and receives, its requests and the
 * questions that it answers. cluster-adapter.js, v4.js and v2.js call its
 * methods for Socket.IO; the hub calls them for the connection.
 *
 * A worker subscribes to the topic of the namespace as a member, and to the
 * topics of the rooms that its sockets are in, including the rooms of socket
 * ids. So a message to a room reaches only the workers that have the room. The
 * subscription is made in the call that creates the room: code that runs after a
 * socket has joined can emit to the room.
 *
 * Commands are published like messages, so they keep their order among messages
 * and wait with them while there is no daemon. Requests never wait for one.
 */

const { randomBytes } = require('node:crypto');
const debug = require('debug')('socket.io-pm2adapter');
const { dropUnsent } = require('../client/client');
const { Pm2aError } = require('../client/errors');
const { warn } = require('../client/warnings');
const { isRoom } = require('../socketio/payload');
const { PendingJoins } = require('../socketio/pending-joins');
const {
	elsewhere, everyone, listOf, ofRoom, ofRooms, requests,
} = require('../socketio/topics');
const { Answerer } = require('./answerer');
const { Asker } = require('./asker');
const { Broadcasts } = require('./broadcasts');
const { LocalSockets } = require('./local-sockets');

const namespaces = new WeakMap(); // adapter → its Namespace

/** Returns the Namespace of an adapter of this package. */
function namespaceOf(adapter) {
	return namespaces.get(adapter);
}

class Namespace {
	#hub;
	#topic; // of every worker that has the namespace
	#requestsTopic; // of what the Redis emitters send to the workers
	#asker;
	#answerer;
	#broadcasts;
	#pendingJoins;
	#isOpen = false;
	#hasNewTopic = false; // a room was created during this call of join()
	#joining = undefined; // fulfilled when the newest subscription is in force
	#hasWarned = false;

	/*
	 * `view`: see local-sockets.js. `key`, `parser`: the options. `hub`: the Hub of the
	 * adapter's server.
	 */
	constructor(adapter, { view, hub, key, parser }) {
		const { name } = adapter.nsp;
		this.name = name;
		this.uid = randomBytes(9).toString('base64url');
		this.local = new LocalSockets(adapter, view);
		this.#hub = hub;
		this.#topic = everyone(key, name);
		this.#requestsTopic = requests(key, name);
		const shared = {
			client: hub.client, uid: this.uid, nsp: name,
			topicsOf: (rooms) => this.#topicsOf(rooms),
		};
		this.#pendingJoins = new PendingJoins(
			(rooms) => this.request('sync', [], { rooms, timeout: adapter.requestsTimeout }),
			() => hub.client.ready());
		this.#asker = new Asker(shared);
		this.#answerer = new Answerer(adapter, this.local, (error) => this.reportThrown(error));
		this.#broadcasts = new Broadcasts({
			...shared, parser, local: this.local, fail: (error) => this.reportUnencodable(error),
		});
		namespaces.set(adapter, this);
	}

	/** The client that all namespaces of the server share. */
	get client() {
		return this.#hub.client;
	}

	/** Subscribes, and connects if this is the first namespace of the server. */
	open() {
		this.#isOpen = true;
		this.#hub.subscribe(this.#topic, this, { member: true });
		this.#hub.subscribe(this.#requestsTopic, this);
		this.#hub.open(this);
	}

	/**
	 * Unsubscribes. Returns a promise of the end of the connection if this is the
	 * last namespace of the server.
	 */
	close() {
		this.#isOpen = false;
		this.#asker.close();
		const closing = this.#hub.close(this);
		this.#answerer.close();
		return closing;
	}

	/** The number of workers that have the namespace, as far as this one knows. */
	get serverCount() {
		return this.#isOpen ? this.#hub.membersOf(this.#topic) : 1;
	}

	onRoomCreated(room) {
		this.#changeRoom('subscribe', room);
	}

	onRoomDeleted(room) {
		this.#changeRoom('unsubscribe', room);
	}

	#changeRoom(verb, room) {
		const topic = ofRoom(this.#topic, room);
		if (this.#isOpen && topic !== null) {
			this.#hub[verb](topic, this);
			this.#hasNewTopic = true;
		}
	}

	/**
	 * Calls `act`, which adds a socket to rooms. Returns a promise that is
	 * fulfilled when the daemon knows all rooms, or undefined if it does already.
	 *
	 * Subscriptions to new rooms are written before the end of the tick: a client
	 * may learn in the same tick that it has joined, over a WebSocket that is
	 * written at once, and another process may emit to the room because of it. The
	 * daemon then probably reads the subscription first. It certainly does if the
	 * application awaits the promise: `await socket.join(room)`.
	 */
	join(act) {
		this.#hasNewTopic = false;
		act();
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

	/** Sends a packet to the clients of this worker and of the others. */
	broadcast(packet, opts) {
		packet.nsp = this.name;
		this.local.encode(packet, opts.flags, (parts) => {
			this.local.deliver(parts, packet, opts);
			if (this.#isForOthers(opts)) {
				this.#broadcasts.publish(parts, packet, opts);
			}
		});
	}

	#isForOthers({ flags }) {
		return this.#isOpen && !flags?.local;
	}

	/* Returns the topics of a message to `rooms`, or to everyone if there are none. */
	#topicsOf(rooms) {
		return ofRooms(this.#topic, this.#pendingJoins.hasAny(rooms) ? [] : rooms,
			this.client.maxTopic);
	}

	/**
	 * Makes all workers obey a command about the sockets in `opts`. The others get
	 * it first: messages that local sockets send while they obey must come after it.
	 */
	command(command, opts) {
		if (this.#isForOthers(opts)) {
			this.#commandOthers(command, opts);
		}
		this.local.obey(command, opts);
	}

	#commandOthers(command, opts) {
		const { rooms } = command;
		const shared = rooms?.filter(isRoom);
		if (rooms?.length > 0 && shared.length === 0) {
			this.client[dropUnsent](0, 'bad-room');
			return;
		}
		this.#broadcasts.publishPacket(
			{ ...command, nsp: this.name, ...(rooms && { rooms: shared }) }, opts);
	}

	/** Makes the sockets in `opts` join rooms, on all workers. */
	joinRooms(rooms, opts) {
		this.command({ cmd: 'socketsJoin', rooms }, opts);
		const to = elsewhere(opts);
		if (to !== null && this.#isForOthers(opts)) {
			this.#pendingJoins.add(rooms.filter(isRoom), listOf(to.rooms));
		}
	}

	/** Emits an event to the listeners of the namespace on the other workers. */
	emitToServers(args) {
		if (this.#isOpen) {
			this.#broadcasts.publishPacket({ cmd: 'serverSideEmit', args, nsp: this.name }, {});
		}
	}

	/** Opens a request; see Asker.request(). */
	request(kind, args, options) {
		return this.#asker.request(kind, args, options);
	}

	/** Counts malformed answers in a result; see Asker.count(). */
	count(kind, result) {
		return this.#asker.count(kind, result);
	}

	/** Returns `promise`, rejected with PM2A_ERR_CLOSED if close() comes first. */
	untilClosed(promise) {
		return this.#asker.untilClosed(promise);
	}

	/** Whether a request about `room` alone goes to every worker. */
	isRoomOfAll(room) {
		return this.#asker.isOfAll(room);
	}

	/** Delivers a payload that came on one of the topics; see Broadcasts.receive(). */
	receive(payload) {
		let isGood = true;
		this.guard(() => { isGood = this.#broadcasts.receive(payload); });
		return isGood;
	}

	/** Answers a question of another worker; see Answerer.take(). */
	answer(question, kind, args) {
		this.#answerer.take(question, kind, args);
	}

	/**
	 * Obeys a command in this process alone.
	 *
	 * @param command { cmd, … } as in docs/PROTOCOL.md
	 * @param opts { rooms, except }: iterables, optional
	 */
	obey(command, opts) {
		this.local.obey(command, opts);
	}

	/**
	 * Calls `act`, which handles something that another process sent, and reports
	 * what it throws. Most likely a listener of the application threw, such as one
	 * of onAnyOutgoing(); another process must not end this one by that.
	 */
	guard(act) {
		try {
			act();
		} catch (error) {
			this.reportThrown(error);
		}
	}

	/** Emits `receive_error`. Without a listener, warns once: defects must show. */
	reportThrown(error) {
		this.client.stats.errors++;
		debug('handling input threw: %s', error?.stack ?? error);
		const hasListener = this.client.emit('receive_error',
			new Pm2aError('PM2A_ERR_RECEIVE', error?.message ?? String(error), error));
		if (!hasListener && !this.#hasWarned) {
			this.#hasWarned = true;
			warn('PM2A_WARN_RECEIVE', `a received message could not be delivered: ${
				error?.message ?? String(error)}`, error?.stack);
		}
	}

	/** Emits `encode_error`, for callers that return no error to the application. */
	reportUnencodable(error) {
		this.client.stats.errors++;
		this.client.emit('encode_error', error);
	}
}

module.exports = { Namespace, namespaceOf };
