'use strict';

/*
 * The adapter of one namespace, as far as the majors of Socket.IO agree: who
 * subscribes to what, broadcasts and commands to the other workers, and all the
 * questions to them. v4.js and v2.js add what is of one major.
 *
 * A worker is subscribed to the topic of the namespace as a member, and to those
 * of the rooms that somebody of it is in, the rooms of socket ids among them.
 * So what goes to a room reaches only the workers that have it. The subscription
 * is made in the call that creates the room: whoever hears afterwards that a
 * socket has joined can emit to the room.
 *
 * Commands are published like messages, so that they keep their order with them
 * and wait like them while there is no daemon. Questions never wait for one.
 */

const { randomBytes } = require('node:crypto');
const debug = require('debug')('socket.io-pm2adapter');
const { Answerer } = require('./answerer');
const { Broadcasts } = require('./broadcasts');
const { dropUnsent } = require('../client/client');
const { Pm2aError } = require('../client/errors');
const { Local } = require('./local-sockets');
const { described } = require('../client/options');
const { isRoom, plainOptions } = require('../socketio/payload');
const { Asker, clampTimeout, judge } = require('./asker');
const { Settling } = require('../socketio/pending-joins');
const { elsewhere, everyone, listOf, ofRoom, ofRooms, requests } = require('../socketio/topics');

/* Methods for the majors alone have these names. */
const ask = Symbol('ask');
const countServers = Symbol('countServers');
const fail = Symbol('fail');

/*
 * What a method of the seed gives: to fn, later and once, or without one as a
 * promise. That the promise is rejected is no fault of who didn't want it.
 */
function give(promise, fn) {
	if (typeof fn === 'function') {
		promise.then((value) => process.nextTick(fn, null, value),
			(error) => process.nextTick(fn, error, error.responses));
		return undefined;
	}
	promise.catch(() => {});
	return promise;
}

function unknownId(id) {
	return new Pm2aError('PM2A_ERR_UNKNOWN', `unknown id "${described(id)}"`);
}

/* No process has a socket with another id. */
function mustBeId(id) {
	if (!isRoom(id)) {
		throw unknownId(id);
	}
}

const answersOf = ({ answers }) => answers;

/*
 * Base: the in-memory adapter of a major, which emits create-room and
 * delete-room. view: as local-sockets.js has it.
 */
function share(Base, view) {
	return class SharedAdapter extends Base {
		#hub;
		#topic; // of everyone in the namespace
		#local;
		#broadcasts;
		#asker;
		#answerer;
		#settling;
		#name; // of this worker
		#isPartial;
		#isOpen = false;
		#hasNewTopic = false; // subscribed to in this call
		#joining = undefined; // fulfilled when the last of them is in force
		#hasWarned = false;
		#ids = 0; // of requests

		constructor(nsp, hub, opts) {
			super(nsp);
			this.uid = randomBytes(9).toString('base64url');
			this.prefix = opts.key;
			this.requestsTimeout = opts.requestsTimeout;
			this.requests = new Map(); // open questions
			this.ackRequests = new Map(); // open broadcasts that are acknowledged
			this.#hub = hub;
			this.#name = opts.name;
			this.#isPartial = opts.partial;
			this.#topic = everyone(opts.key, nsp.name);
			this.#local = new Local(this, view);
			this.#broadcasts = new Broadcasts({
				client: hub.client, uid: this.uid, nsp: nsp.name, local: this.#local,
				topicsOf: (rooms) => this.#topicsOf(rooms),
				fail: (error) => this[fail](error),
			});
			this.#settling = new Settling(
				(rooms) => this.#asker.ask('sync', [],
					{ rooms, timeout: this.requestsTimeout }),
				() => this.client.ready());
			this.#asker = new Asker({
				client: hub.client, uid: this.uid, nsp: nsp.name,
				topicsOf: (rooms) => this.#topicsOf(rooms),
			});
			this.#answerer = new Answerer(this, this.#local, (error) => this.#tell(error));
			this.on('create-room', (room) => this.#roomTopic(room, 'subscribe'));
			this.on('delete-room', (room) => this.#roomTopic(room, 'unsubscribe'));
			this.#join();
		}

		/** The connection that the namespaces of this server share. */
		get client() {
			return this.#hub.client;
		}

		#join() {
			this.#isOpen = true;
			this.#hub.subscribe(this.#topic, this, { member: true });
			this.#hub.subscribe(requests(this.prefix, this.nsp.name), this);
			this.#hub.open(this);
		}

		/** Leaves the namespace's topics; the last one ends the connection. */
		close() {
			this.#isOpen = false;
			this.#asker.close();
			const closing = this.#hub.close(this);
			this.#answerer.close();
			return closing;
		}

		/** Servers that have this namespace, by what is known at this moment. */
		serverCount() {
			return Promise.resolve(this[countServers]());
		}

		[countServers]() {
			return this.#isOpen ? this.#hub.membersOf(this.#topic) : 1;
		}

		#roomTopic(room, verb) {
			const topic = ofRoom(this.#topic, room);
			if (this.#isOpen && topic !== null) {
				this.#hub[verb](topic, this);
				this.#hasNewTopic = true;
			}
		}

		/*
		 * Who joins may be told of it in the same tick over a WebSocket, which is
		 * written at once, and somebody else may then emit to the room before this
		 * tick is over: so the subscription doesn't wait for its end. That the
		 * daemon reads it before the other one's message is likely then, and certain
		 * for who waits for the promise: `await socket.join(room)`.
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

		broadcast(packet, opts) {
			packet.nsp = this.nsp.name;
			this.#local.encode(packet, opts.flags, (parts) => {
				this.#local.deliver(parts, packet, opts);
				if (this.#isForOthers(opts)) {
					this.#broadcasts.publish(parts, packet, opts);
				}
			});
		}

		#isForOthers({ flags }) {
			return this.#isOpen && !flags?.local;
		}

		/* The topics that something for these rooms goes to. */
		#topicsOf(rooms) {
			return ofRooms(this.#topic, this.#settling.hasAny(rooms) ? [] : rooms,
				this.client.maxTopic);
		}

		/* What cannot be encoded is told where nobody waits for an error. */
		[fail](error) {
			this.client.stats.errors++;
			this.client.emit('encode_error', error);
		}

		/** Makes the sockets in opts join rooms, on all workers. */
		addSockets(opts, rooms) {
			const names = listOf(rooms);
			this.#command({ cmd: 'socketsJoin', rooms: names }, opts);
			const to = elsewhere(opts);
			if (to !== null && this.#isForOthers(opts)) {
				this.#settling.add(names.filter(isRoom), listOf(to.rooms));
			}
		}

		/** Makes them leave rooms. */
		delSockets(opts, rooms) {
			this.#command({ cmd: 'socketsLeave', rooms: listOf(rooms) }, opts);
		}

		/** Disconnects them; close: with their connections. */
		disconnectSockets(opts, close = false) {
			this.#command({ cmd: 'disconnectSockets', close }, opts);
		}

		/* What its sockets say when they obey comes behind the command. */
		#command(command, opts) {
			if (this.#isForOthers(opts)) {
				this.#commandOthers(command, opts);
			}
			this.#local.obey(command, opts);
		}

		#commandOthers(command, opts) {
			const { rooms } = command;
			const shared = rooms?.filter(isRoom);
			if (rooms?.length > 0 && shared.length === 0) {
				this.client[dropUnsent](0, 'bad-room');
				return;
			}
			this.#broadcasts.publishPacket(
				{ ...command, nsp: this.nsp.name, ...(rooms && { rooms: shared }) }, opts);
		}

		/**
		 * Does what a command says, in this process.
		 *
		 * @param command { cmd, … } as in docs/PROTOCOL.md
		 * @param opts { rooms, except }: iterables, or missing
		 */
		obey(command, opts) {
			this.#local.obey(command, opts);
		}

		/* A payload for a topic of ours has come; see Broadcasts.receive(). */
		receive(payload) {
			let isGood = true;
			this.guard(() => { isGood = this.#broadcasts.receive(payload); });
			return isGood;
		}

		/* Somebody asks us; see Answerer. */
		answer(question, kind, args) {
			this.#answerer.take(question, kind, args);
		}

		/*
		 * What throws while something of others is carried out is most likely a
		 * listener of the application, as given to onAnyOutgoing(). What another
		 * process sends must not end this one, but a defect must not be hidden
		 * either: so it is said, once.
		 */
		guard(act) {
			try {
				act();
			} catch (error) {
				this.#tell(error);
			}
		}

		#tell(error) {
			this.client.stats.errors++;
			debug('carrying out failed: %s', error?.stack ?? error);
			const isHeard = this.client.emit('receive_error',
				new Pm2aError('PM2A_ERR_RECEIVE', error?.message ?? String(error), error));
			if (!isHeard && !this.#hasWarned) {
				this.#hasWarned = true;
				process.emitWarning(error instanceof Error ? error : String(error));
			}
		}

		/* What `act` gives, which is in `requests` while it is open. */
		async #open(kind, act) {
			const id = ++this.#ids;
			this.requests.set(id, { kind });
			try {
				return await act();
			} finally {
				this.requests.delete(id);
			}
		}

		/* A question to the others. */
		#request(kind, args, { rooms = [], flags, timeout } = {}) {
			return this.#open(kind, () => this[ask](kind, args,
				{ rooms, timeout: timeout ?? this.#timeoutOf(flags) }));
		}

		[ask](kind, args, options) {
			return this.#asker.ask(kind, args, options);
		}

		#timeoutOf(flags) {
			return clampTimeout(flags?.timeout, this.requestsTimeout);
		}

		#isPartialFor(flags) {
			return flags?.partial ?? this.#isPartial;
		}

		/* The answers of all, each put through `merge(result)`. */
		async #gather(kind, args, merge, { rooms, flags } = {}) {
			const result = await this.#request(kind, args, { rooms, flags });
			return judge(result, merge(result), this.#isPartialFor(flags));
		}

		/**
		 * The ids of the sockets in one of the rooms, or of all.
		 *
		 * @param rooms a list; may be left out
		 * @param fn fn(err, ids); without one the result is a promise
		 */
		clients(rooms, fn) {
			return typeof rooms === 'function' ? give(this.#clients([]), rooms) :
				give(this.#clients(listOf(rooms)), fn);
		}

		#clients(rooms) {
			const own = this.#local.sockets({ rooms }).map(({ id }) => id);
			return this.#gather('clients', [rooms.filter(isRoom)],
				({ answers }) => [...new Set([...own, ...answers])], { rooms });
		}

		/** As clients(), as a promise of a Set. */
		async sockets(rooms) {
			return new Set(await this.#clients(listOf(rooms)));
		}

		/** All rooms: fn(err, array), or a promise of a Set. */
		allRooms(fn) {
			const own = this.#local.rooms();
			const rooms = this.#gather('allRooms', [],
				({ answers }) => [...new Set([...own, ...answers])]);
			return typeof fn === 'function' ? give(rooms, fn) :
				give(rooms.then((names) => new Set(names)));
		}

		/** The rooms of one socket: fn(err, array), or a promise. */
		clientRooms(id, fn) {
			return give(this.#clientRooms(id), fn);
		}

		async #clientRooms(id) {
			mustBeId(id);
			const own = this.#local.roomsOf(id);
			return own ?? await this.#find('clientRooms', id, []);
		}

		/** Makes one socket join a room: fn(err), or a promise. */
		remoteJoin(id, room, fn) {
			return give(this.#onSocket('remoteJoin', id, room,
				(socket) => this.#local.join(socket, [room])), fn);
		}

		/** Makes it leave the room: fn(err), or a promise. */
		remoteLeave(id, room, fn) {
			return give(this.#onSocket('remoteLeave', id, room,
				(socket) => this.#local.leave(socket, [room])), fn);
		}

		/** Disconnects it, with its connection if close: fn(err), or a promise. */
		remoteDisconnect(id, close, fn) {
			const closes = close === true;
			return give(this.#onSocket('remoteDisconnect', id, closes,
				(socket) => { socket.disconnect(closes); }), fn);
		}

		async #onSocket(kind, id, arg, act) {
			mustBeId(id);
			const own = this.#local.socket(id);
			await (own === undefined ? this.#find(kind, id, [arg]) : act(own));
		}

		/*
		 * The answer of the one who has the socket. Those are asked first who have
		 * the room of its id; a socket may have left that, so then all are.
		 */
		async #find(kind, id, args) {
			const deadline = performance.now() + this.#timeoutOf();
			const isOfAll = this.#asker.isOfAll(id);
			for (const rooms of isOfAll ? [[]] : [[id], []]) {
				const timeout = clampTimeout(deadline - performance.now());
				const result = await this.#request(kind, [id, ...args], { rooms, timeout });
				if (result.answers.length > 0) {
					return result.answers[0];
				}
				judge(result, []);
			}
			throw unknownId(id);
		}

		/**
		 * What the hooks of all workers make of data, ours first: fn(err, array),
		 * or a promise.
		 */
		customRequest(data, fn) {
			return give(this.#customRequest(data), fn);
		}

		/** Answers customRequest(); to be replaced by the application. */
		customHook(data, cb) {
			cb(null);
		}

		#customRequest(data) {
			return this.#open('customRequest', async () => {
				const asked = this[ask]('customRequest', [data], { timeout: this.#timeoutOf() });
				const own = this.#ownAnswer(data, this.#timeoutOf());
				try {
					const result = await asked;
					const { answers, missing } = await this.#asker.untilClosed(own.promise);
					const all = { ...result, missing: [...missing, ...result.missing] };
					return judge(all, [...answers, ...result.answers], this.#isPartial);
				} finally {
					own.end();
				}
			});
		}

		/* What our own hook says, as { answers, missing } of none or one. */
		#ownAnswer(data, timeout) {
			let end;
			const promise = new Promise((resolve) => {
				const timer = setTimeout(() => resolve({ answers: [], missing: [
					{ id: this.client.welcome?.id ?? null, name: this.#name, reason: 'timeout' },
				] }), timeout);
				end = () => clearTimeout(timer);
				try {
					this.customHook(data, (value) =>
						resolve({ answers: [value ?? null], missing: [] }));
				} catch (error) {
					this.#tell(error);
					resolve({ answers: [], missing: [] });
				}
			});
			return { promise, end };
		}

		/**
		 * An event for the listeners of the namespace on the other servers.
		 *
		 * @param packet its name and arguments; a function at the end gets
		 *	(err, answers)
		 */
		serverSideEmit(packet) {
			const args = [...packet];
			if (typeof args.at(-1) === 'function') {
				const fn = args.pop();
				give(this.#gather('serverSideEmit', [args], answersOf),
					(error, responses = []) => fn(error, responses));
			} else if (this.#isOpen) {
				this.#broadcasts.publishPacket(
					{ cmd: 'serverSideEmit', args, nsp: this.nsp.name }, {});
			}
		}

		/** The sockets in opts: those of this process, and what others say of theirs. */
		fetchSockets(opts) {
			const own = this.#local.sockets(opts);
			if (opts.flags?.local) {
				return Promise.resolve(own);
			}
			const { rooms, except } = plainOptions(elsewhere(opts) ?? {});
			return give(this.#gather('fetchSockets', [{ rooms, except }],
				({ answers }) => [...own, ...answers.flat()],
				{ rooms: listOf(opts.rooms), flags: opts.flags }));
		}
	};
}

module.exports = { ask, countServers, fail, share };
