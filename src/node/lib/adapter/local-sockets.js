'use strict';

/*
 * The sockets and rooms of a namespace that are in this process, for the
 * questions and commands of other workers. A view hides the differences between
 * versions of Socket.IO; v4.js and v2.js make one each:
 *
 *	ids()              of all sockets
 *	members(room)      ids of the sockets in a room, or undefined
 *	rooms()            names of all rooms
 *	roomsOf(id)        names of the rooms of a socket, or undefined
 *	has(id)            whether a socket is in any room
 *	watch()            called when a socket joins its first room
 *	socket(id)         or undefined
 *	join(socket, list), leave(socket, list) return a promise, or undefined if it
 *	                   is done
 *	hasAny(opts)       whether sockets are in the rooms of opts
 *	encode(packet, flags, fn): calls fn(parts) with what the server's parser
 *	                   writes, a list
 *	deliver(parts, packet, opts): sends parts to the sockets in opts, and shows
 *	                   packet to listeners for outgoing packets
 *	broadcastWithAck(packet, opts, onCount, onAck)
 *	forget(id)         drops the callbacks for acknowledgements of a packet
 *
 * The first argument of all of them is the adapter.
 */

const { EventEmitter } = require('node:events');
const { listOf } = require('../socketio/topics');

const COMMANDS = {
	socketsJoin(local, { rooms }, opts) {
		local.sockets(opts).forEach((socket) => local.join(socket, rooms));
	},
	socketsLeave(local, { rooms }, opts) {
		local.sockets(opts).forEach((socket) => local.leave(socket, rooms));
	},
	disconnectSockets(local, { close }, opts) {
		local.sockets(opts).forEach((socket) => socket.disconnect(close));
	},
	serverSideEmit(local, { args }) {
		local.emit(args);
	},
};

/* Copies the handshake without the store of sessions, which is nobody else's business,
 * and without keys whose getters throw. */
function handshakeOf({ handshake }) {
	try {
		return { ...handshake, sessionStore: undefined };
	} catch {
		const copy = {};
		for (const key of Object.keys(handshake)) {
			try {
				copy[key] = key === 'sessionStore' ? undefined : handshake[key];
			} catch {
				// Left out.
			}
		}
		return copy;
	}
}

class LocalSockets {
	#adapter;
	#view;

	constructor(adapter, view) {
		this.#adapter = adapter;
		this.#view = view;
	}

	/* Lists the sockets in one of `rooms` (none: all) and in no room of `except`,
	 * which are iterables and optional. A copy, since callers change rooms. */
	sockets({ rooms, except } = {}) {
		const ids = this.#idsIn(listOf(rooms));
		for (const room of listOf(except)) {
			for (const id of this.#membersOf(room)) {
				ids.delete(id);
			}
		}
		return Array.from(ids, (id) => this.socket(id))
			.filter((socket) => socket !== undefined);
	}

	rooms() {
		return Array.from(this.#view.rooms(this.#adapter), String);
	}

	/* As rooms(), but as the adapter has them. */
	roomKeys() {
		return this.#view.rooms(this.#adapter);
	}

	hasRoom(room) {
		return this.hasAny({ rooms: new Set([room]) });
	}

	roomsOf(id) {
		const rooms = this.#view.roomsOf(this.#adapter, id);
		return rooms && [...rooms];
	}

	socket(id) {
		return this.#view.socket(this.#adapter, id);
	}

	join(socket, rooms) {
		return this.#view.join(socket, rooms);
	}

	leave(socket, rooms) {
		return this.#view.leave(socket, rooms);
	}

	/* Describes a socket for another process. */
	details(socket) {
		return {
			id: socket.id, handshake: handshakeOf(socket), rooms: this.roomsOf(socket.id) ?? [], data: socket.data,
		};
	}

	/* Whether any socket is in the rooms of `opts`; ignores `except`. */
	hasAny(opts) {
		return this.#view.hasAny(this.#adapter, opts);
	}

	/* Calls fn(parts), mostly at once. Encodes a copy, since an encoder may put
	 * placeholders into the packet that it gets. */
	encode(packet, flags, fn) {
		this.#view.encode(this.#adapter, { ...packet }, flags, fn);
	}

	deliver(parts, packet, opts) {
		if (this.hasAny(opts)) {
			this.#view.deliver(this.#adapter, parts, packet, opts);
		}
	}

	broadcast(packet, opts) {
		if (this.hasAny(opts)) {
			this.encode(packet, opts.flags, (parts) => this.deliver(parts, packet, opts));
		}
	}

	/* Returns a function that drops callbacks which were not called. */
	broadcastWithAck(packet, opts, onCount, onAck) {
		this.#view.broadcastWithAck(this.#adapter, packet, opts, onCount, onAck);
		return () => this.#view.forget(this.#adapter, packet.id);
	}

	/* Emits to the listeners of the namespace; its own emit() goes to clients. */
	emit(args) {
		EventEmitter.prototype.emit.apply(this.#adapter.nsp, args);
	}

	hasListeners(name) {
		return this.#adapter.nsp.listenerCount(name) > 0;
	}

	/* command: as a packet with cmd; see docs/PROTOCOL.md. */
	obey(command, opts) {
		if (Object.hasOwn(COMMANDS, command.cmd)) {
			COMMANDS[command.cmd](this, command, opts);
		}
	}

	#idsIn(rooms) {
		return new Set(rooms.length === 0 ? this.#view.ids(this.#adapter) :
			rooms.flatMap((room) => [...this.#membersOf(room)]));
	}

	#membersOf(room) {
		return this.#view.members(this.#adapter, room) ?? [];
	}
}

module.exports = { LocalSockets };
