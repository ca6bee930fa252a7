'use strict';

/*
 * The adapter of one namespace as Socket.IO calls it, as far as versions 2 and 4
 * agree; v4.js and v2.js extend it. It only translates. A Namespace sends and
 * receives, and ClusterMethods merge the answers of all workers.
 */

const { listOf } = require('../socketio/topics');
const { ClusterMethods } = require('./cluster-methods');
const { Namespace, namespaceOf } = require('./namespace');
const { warnOfUnsupported } = require('./unsupported');

const methods = new WeakMap(); // adapter → its ClusterMethods

/*
 * Passes the outcome of `promise` to `fn`, later and once. Returns the promise if
 * there is no `fn`, and avoids an unhandled rejection if the caller ignores it.
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

/* Methods of all our adapters; `this` is the adapter. */
class Methods {
	/** The connection that the namespaces of this server share. */
	get client() {
		return namespaceOf(this).client;
	}

	/** Leaves the namespace; the last one of a server ends the connection. */
	close() {
		return namespaceOf(this).close();
	}

	/** Promises the number of servers that have this namespace. */
	serverCount() {
		return Promise.resolve(namespaceOf(this).serverCount);
	}

	/** Makes the sockets in `opts` join rooms, on all workers. */
	addSockets(opts, rooms) {
		namespaceOf(this).joinRooms(listOf(rooms), opts);
	}

	/** Makes them leave rooms. */
	delSockets(opts, rooms) {
		namespaceOf(this).command({ cmd: 'socketsLeave', rooms: listOf(rooms) }, opts);
	}

	/** Disconnects them; `close`: with their connections. */
	disconnectSockets(opts, close = false) {
		namespaceOf(this).command({ cmd: 'disconnectSockets', close }, opts);
	}

	/** Promises the sockets in `opts`; those of other workers as descriptions. */
	fetchSockets(opts) {
		return give(methods.get(this).fetchSockets(opts));
	}

	/**
	 * Emits an event to the listeners of the namespace on the other servers.
	 *
	 * @param packet its name and arguments; a function at the end gets
	 *	(err, answers)
	 */
	serverSideEmit(packet) {
		const args = [...packet];
		if (typeof args.at(-1) !== 'function') {
			namespaceOf(this).emitToServers(args);
			return;
		}
		const fn = args.pop();
		give(methods.get(this).serverSideEmit(args),
			(error, responses = []) => fn(error, responses));
	}

	/**
	 * Lists the ids of the sockets in one of the rooms, or of all sockets.
	 *
	 * @param rooms a list; optional
	 * @param fn fn(err, ids); returns a promise without it
	 */
	clients(rooms, fn) {
		return typeof rooms === 'function' ? give(methods.get(this).clients([]), rooms) :
			give(methods.get(this).clients(listOf(rooms)), fn);
	}

	/** As clients(); promises a Set. */
	async sockets(rooms) {
		return new Set(await methods.get(this).clients(listOf(rooms)));
	}

	/** Lists all rooms: fn(err, array), or a promise of a Set. */
	allRooms(fn) {
		const rooms = methods.get(this).allRooms();
		return typeof fn === 'function' ? give(rooms, fn) :
			give(rooms.then((names) => new Set(names)));
	}

	/** Lists the rooms of one socket: fn(err, array), or a promise. */
	clientRooms(id, fn) {
		return give(methods.get(this).clientRooms(id), fn);
	}

	/** Makes one socket join a room: fn(err), or a promise. */
	remoteJoin(id, room, fn) {
		return give(methods.get(this).remoteJoin(id, room), fn);
	}

	/** Makes it leave the room: fn(err), or a promise. */
	remoteLeave(id, room, fn) {
		return give(methods.get(this).remoteLeave(id, room), fn);
	}

	/** Disconnects it, with its connection if `close`: fn(err), or a promise. */
	remoteDisconnect(id, close, fn) {
		return give(methods.get(this).remoteDisconnect(id, close === true), fn);
	}

	/**
	 * Collects what customHook() of each worker returns for `data`, this worker's
	 * value first: fn(err, array), or a promise.
	 */
	customRequest(data, fn) {
		return give(methods.get(this).customRequest(data), fn);
	}

	/** Answers customRequest(); the application replaces it. */
	customHook(data, cb) {
		cb(null);
	}
}

/*
 * Returns the class that the adapters of both versions extend. `Base`: the
 * in-memory adapter, which emits create-room and delete-room. `view`: see
 * local-sockets.js.
 */
function clusterAdapter(Base, view) {
	class ClusterAdapter extends Base {
		#namespace;

		constructor(nsp, hub, opts) {
			super(nsp);
			const namespace = new Namespace(this, { view, hub, ...opts });
			this.#namespace = namespace;
			this.uid = namespace.uid;
			this.prefix = opts.key;
			this.requestsTimeout = opts.requestsTimeout;
			this.requests = new Map(); // open requests
			this.ackRequests = new Map(); // open broadcasts that clients acknowledge
			methods.set(this, new ClusterMethods(this, namespace, opts));
			this.on('create-room', namespace.onRoomCreated);
			this.on('delete-room', namespace.onRoomDeleted);
			namespace.open();
			warnOfUnsupported(this, () => namespace.serverCount);
		}

		/** Returns a promise while not all subscriptions are in force. */
		addAll(id, rooms) {
			if (!view.has(this, id)) {
				view.watch(this);
				this.#namespace.watch(id);
			}
			super.addAll(id, rooms);
			return this.#namespace.joining;
		}

		broadcast(packet, opts) {
			this.#namespace.broadcast(packet, opts);
		}
	}

	const methodsOfAll = Object.getOwnPropertyDescriptors(Methods.prototype);
	delete methodsOfAll.constructor;
	Object.defineProperties(ClusterAdapter.prototype, methodsOfAll);
	return ClusterAdapter;
}

module.exports = { clusterAdapter };
