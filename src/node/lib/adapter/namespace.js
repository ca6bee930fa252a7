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
const { changeRoom, dropUnsent, topicBatch } = require('../client/client');
const { Pm2aError } = require('../client/errors');
const { Prefix } = require('../client/topic-batch');
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
const { TYPE } = require('../wire/frame-writer');

const namespaces = new WeakMap(); // adapter → its Namespace

/** Returns the Namespace of an adapter of this package. */
function namespaceOf(adapter) {
	return namespaces.get(adapter);
}

class Namespace {
	#hub;
	#batch; // the client's TopicBatch
	#prefix; // of the topics of rooms
	#topics; // of all workers that have it, and of requests of the Redis emitters
	#asker;
	#answerer;
	#broadcasts;
	#pendingJoins;
	#isOpen = false;
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
		this.#batch = hub.client[topicBatch];
		this.#topics = { topic: everyone(key, name), requests: requests(key, name) };
		this.#prefix = new Prefix(this.#topics.topic);
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
		this.#hub.open(this, this.#topics);
	}

	/**
	 * Unsubscribes. Returns a promise of the end of the connection if this is the
	 * last namespace of the server.
	 */
	close() {
		if (!this.#isOpen) {
			return undefined;
		}
		this.#isOpen = false;
		this.#asker.close();
		for (const room of this.local.roomKeys()) {
			this.#unsubscribe(room);
		}
		const closing = this.#hub.close(this.#topics);
		this.#answerer.close();
		return closing;
	}

	/** The number of workers that have the namespace, as far as this one knows. */
	get serverCount() {
		return this.#isOpen ? this.#hub.membersOf(this.#topics.topic) : 1;
	}

	onRoomCreated = (room) => {
		if (this.#isOpen && !this.#batch.add(TYPE.SUBSCRIBE, this.#prefix, room)) {
			this.#changeAlone(TYPE.SUBSCRIBE, room);
		}
	};

	onRoomDeleted = (room) => {
		if (this.#isOpen) {
			this.#unsubscribe(room);
		}
	};

	#unsubscribe(room) {
		if (!this.#hub.isShared(room, this.#topicOf) &&
			!this.#batch.add(TYPE.UNSUBSCRIBE, this.#prefix, room)) {
			this.#changeAlone(TYPE.UNSUBSCRIBE, room);
		}
	}

	#topicOf = (room) => ofRoom(this.#topics.topic, room);

	/* A room whose topic is no part of a batch. */
	#changeAlone(type, room) {
		const topic = this.#topicOf(room);
		if (topic !== null) {
			this.client[changeRoom](type, topic);
		}
	}

	/** The topics of the rooms that sockets are in now. */
	* roomTopics() {
		for (const room of this.local.roomKeys()) {
			const topic = ofRoom(this.#topics.topic, room);
			if (topic !== null) {
				yield topic;
			}
		}
	}

	/** Whether sockets are in a room with this topic. */
	hasRoomOf(topic) {
		const room = topic.slice(this.#topics.topic.length, -1);
		return this.#isOpen && (this.local.hasRoom(room) || this.local.hasRoom(Number(room)));
	}

	/**
	 * The result of a join: a promise that is fulfilled when all rooms are subscribed,
	 * or undefined if they are already.
	 *
	 * Subscriptions to new rooms are written when the promise is awaited, before
	 * Engine.IO writes to a client, or at the end of the tick: a client that learns in
	 * the same tick that it has joined may make another process emit to the room.
	 * Frames to the daemon keep their order anyway. Applications that tell it to others
	 * in another way, such as an HTTP response, await the promise.
	 */
	get joining() {
		return this.#batch.joining;
	}

	/** Makes Engine.IO write nothing to the socket `id` before its subscriptions. */
	watch(id) {
		const engine = this.local.socket(id)?.conn?.server;
		if (engine !== undefined) {
			this.#hub.watch(engine);
		}
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
		return ofRooms(this.#topics.topic, this.#pendingJoins.hasAny(rooms) ? [] : rooms,
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
