'use strict';

/*
 * The adapter for Socket.IO 2, which extends that of socket.io-adapter 1: rooms
 * are keys of objects, methods call back, and binary packets have a type of their
 * own.
 */

const { BINARY_EVENT } = require('../socketio/packets');
const { clusterAdapter } = require('./cluster-adapter');

function hasBinary(value) {
	if (typeof value !== 'object' || value === null) {
		return false;
	}
	return Buffer.isBuffer(value) || value instanceof ArrayBuffer ||
		Object.values(value).some(hasBinary);
}

/* Returns the packet with the type that Socket.IO 2 would have given it. */
function typed(packet, flags) {
	return flags?.binary !== false && hasBinary(packet.data) ?
		{ ...packet, type: BINARY_EVENT } : packet;
}

/* The key under which the base has a room. */
function keyOf(room) {
	return typeof room === 'symbol' ? room : String(room);
}

/* An object that has no text is the name of no room. */
function canBeKey(room) {
	try {
		keyOf(room);
		return true;
	} catch {
		return false;
	}
}

function hasKeys(object) {
	for (const key in object) {
		return Object.hasOwn(object, key);
	}
	return false;
}

/* Empty if `room` is an object that cannot be converted to a key. */
function idsIn(rooms, room) {
	try {
		return Object.hasOwn(rooms, room) ? Object.keys(rooms[room].sockets) : [];
	} catch {
		return [];
	}
}

function mustBeKeys(names) {
	for (const name of names) {
		if (name in Object.prototype) {
			throw new RangeError(`on Socket.IO 2 no room can be called ${name}`);
		}
	}
}

/* The view that local-sockets.js describes. */
const VIEW = {
	ids: ({ sids }) => Object.keys(sids),
	members: ({ rooms }, room) => idsIn(rooms, room),
	rooms: ({ rooms }) => Object.keys(rooms),
	roomsOf: ({ sids }, id) => (Object.hasOwn(sids, id) ? Object.keys(sids[id]) : undefined),
	has: ({ sids }, id) => Object.hasOwn(sids, id),
	watch() {},
	socket: ({ nsp }, id) =>
		(Object.hasOwn(nsp.connected, id) ? nsp.connected[id] : undefined),
	/* Rooms are keys of plain objects: the names of inherited properties would
	 * break the base class, and they may come from another process. */
	join(socket, rooms) {
		mustBeKeys(rooms.map(keyOf));
		return new Promise((resolve) => { socket.join(rooms, resolve); });
	},
	leave: (socket, rooms) => Promise.all(rooms.filter(canBeKey).map((room) =>
		new Promise((resolve) => { socket.leave(room, resolve); }))),

	hasAny({ rooms, sids }, opts) {
		const names = [...(opts.rooms ?? [])];
		return names.length > 0 ?
			names.some((room) => Object.hasOwn(rooms, room)) : hasKeys(sids);
	},
	encode: ({ encoder }, packet, flags, fn) => encoder.encode(typed(packet, flags), fn),

	/* As broadcast() of the base class, but `except` may have rooms too. */
	deliver(adapter, parts, packet, opts) {
		const options = {
			preEncoded: true,
			volatile: opts.flags?.volatile,
			compress: opts.flags?.compress,
		};
		for (const socket of socketsFor(adapter, opts)) {
			socket.packet(parts, options);
		}
	},

	/* Sockets find the callback of an acknowledgement by a number that the
	 * namespace gives each packet. */
	broadcastWithAck(adapter, packet, opts, onCount, onAck) {
		const sockets = socketsFor(adapter, opts);
		packet.id = adapter.nsp.ids++;
		for (const socket of sockets) {
			socket.acks[packet.id] = onAck;
		}
		this.encode(adapter, { ...packet }, opts.flags,
			(parts) => this.deliver(adapter, parts, packet, opts));
		onCount(sockets.length);
	},

	forget({ nsp }, id) {
		for (const socket of Object.values(nsp.connected)) {
			delete socket.acks[id];
		}
	},
};

/* Lists the sockets in one of `rooms` (none: all) and in none of `except`. */
function socketsFor({ nsp, rooms, sids }, opts) {
	const names = [...(opts.rooms ?? [])];
	const ids = new Set(names.length === 0 ? Object.keys(sids) :
		names.flatMap((room) => idsIn(rooms, room)));
	for (const room of opts.except ?? []) {
		[room, ...idsIn(rooms, room)].forEach((id) => ids.delete(id));
	}
	return [...ids].filter((id) => Object.hasOwn(nsp.connected, id))
		.map((id) => nsp.connected[id]);
}

/* Emits create-room and delete-room, as socket.io-adapter 2 does. */
function emittingRooms(Base) {
	return class extends Base {
		addAll(id, rooms) {
			const names = new Set(Array.from(rooms, keyOf));
			mustBeKeys(names); // before the base class has added some of them
			const fresh = [...names].filter((room) => !Object.hasOwn(this.rooms, room));
			super.addAll(id, [...names]);
			fresh.forEach((room) => this.emit('create-room', room));
		}

		del(id, room, fn) {
			this.#emitDeleted([keyOf(room)], () => super.del(id, room, fn));
		}

		delAll(id, fn) {
			const rooms = Object.hasOwn(this.sids, id) ? Reflect.ownKeys(this.sids[id]) : [];
			this.#emitDeleted(rooms, () => {
				// The base class removes only rooms whose names are strings.
				rooms.filter((room) => typeof room === 'symbol')
					.forEach((room) => super.del(id, room));
				super.delAll(id, fn);
			});
		}

		#emitDeleted(rooms, act) {
			const present = rooms.filter((room) => Object.hasOwn(this.rooms, room));
			act();
			for (const room of present) {
				if (!Object.hasOwn(this.rooms, room)) {
					this.emit('delete-room', room);
				}
			}
		}
	};
}

/* Base: the class that socket.io-adapter exports. */
function adapter2(Base) {
	return class PM2Adapter2 extends clusterAdapter(emittingRooms(Base), VIEW) {
		#waiting = 0; // callbacks that wait for the daemon
		#last = undefined; // fulfilled when the newest of them is called

		/** Calls `fn` when the daemon knows the subscriptions to new rooms. */
		addAll(id, rooms, fn) {
			this.#call(fn, super.addAll(id, rooms));
		}

		del(id, room, fn) {
			super.del(id, room);
			this.#call(fn);
		}

		delAll(id, fn) {
			super.delAll(id);
			this.#call(fn);
		}

		/* Calls back in the order of the calls: a socket's callbacks keep its list of
		 * rooms. */
		#call(fn, joining) {
			if (typeof fn !== 'function') {
				return;
			}
			if (joining === undefined && this.#waiting === 0) {
				process.nextTick(fn, null);
				return;
			}
			this.#waiting++;
			this.#last = Promise.all([this.#last, joining]).then(() => {
				this.#waiting--;
				process.nextTick(fn, null);
			});
		}
	};
}

module.exports = { adapter2 };
