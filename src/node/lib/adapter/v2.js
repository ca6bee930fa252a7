'use strict';

/*
 * The adapter for Socket.IO 2, on socket.io-adapter 1: rooms are keys of
 * objects, methods call back, and binary packets say so in their type.
 */

const { BINARY_EVENT } = require('../socketio/packets');
const { share } = require('./namespace');

function hasBinary(value) {
	if (typeof value !== 'object' || value === null) {
		return false;
	}
	return Buffer.isBuffer(value) || value instanceof ArrayBuffer ||
		Object.values(value).some(hasBinary);
}

/* The packet as Socket.IO 2 would have made it itself. */
function typed(packet, flags) {
	return flags?.binary !== false && hasBinary(packet.data) ?
		{ ...packet, type: BINARY_EVENT } : packet;
}

/* The key under which the base has a room. */
function keyOf(room) {
	return typeof room === 'symbol' ? room : String(room);
}

function hasKeys(object) {
	for (const key in object) {
		return Object.hasOwn(object, key);
	}
	return false;
}

/* An object may be no key, and then is no room. */
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

/* As local-sockets.js has it. */
const VIEW = {
	ids: ({ sids }) => Object.keys(sids),
	members: ({ rooms }, room) => idsIn(rooms, room),
	rooms: ({ rooms }) => Object.keys(rooms),
	roomsOf: ({ sids }, id) => (Object.hasOwn(sids, id) ? Object.keys(sids[id]) : undefined),
	socket: ({ nsp }, id) =>
		(Object.hasOwn(nsp.connected, id) ? nsp.connected[id] : undefined),
	/* Rooms are keys of plain objects there: names of what those inherit
	 * would break them, and they may come from another process. */
	join(socket, rooms) {
		mustBeKeys(rooms.map(keyOf));
		return new Promise((resolve) => { socket.join(rooms, resolve); });
	},

	hasAny({ rooms, sids }, opts) {
		const wanted = [...(opts.rooms ?? [])];
		return wanted.length > 0 ?
			wanted.some((room) => Object.hasOwn(rooms, room)) : hasKeys(sids);
	},
	encode: ({ encoder }, packet, flags, fn) => encoder.encode(typed(packet, flags), fn),

	/* As broadcast() of the base, whose except has ids alone. */
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

	/* Sockets look their acknowledgements up by a number that the namespace
	 * gives each packet. */
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

/* Those in one of rooms (none: all), and in none of except. */
function socketsFor({ nsp, rooms, sids }, opts) {
	const wanted = [...(opts.rooms ?? [])];
	const ids = new Set(wanted.length === 0 ? Object.keys(sids) :
		wanted.flatMap((room) => idsIn(rooms, room)));
	for (const room of opts.except ?? []) {
		[room, ...idsIn(rooms, room)].forEach((id) => ids.delete(id));
	}
	return [...ids].filter((id) => Object.hasOwn(nsp.connected, id))
		.map((id) => nsp.connected[id]);
}

/* Says which rooms come and go, as version 2 of the base does. */
function tellingRooms(Base) {
	return class extends Base {
		addAll(id, rooms) {
			const names = new Set(Array.from(rooms, keyOf));
			mustBeKeys(names); // before the base is broken by half of them
			const fresh = [...names].filter((room) => !Object.hasOwn(this.rooms, room));
			super.addAll(id, [...names]);
			fresh.forEach((room) => this.emit('create-room', room));
		}

		del(id, room, fn) {
			this.#tellGone([keyOf(room)], () => super.del(id, room, fn));
		}

		delAll(id, fn) {
			const rooms = Object.hasOwn(this.sids, id) ? Reflect.ownKeys(this.sids[id]) : [];
			this.#tellGone(rooms, () => {
				// The base walks through strings alone.
				rooms.filter((room) => typeof room === 'symbol')
					.forEach((room) => super.del(id, room));
				super.delAll(id, fn);
			});
		}

		#tellGone(rooms, act) {
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
	return class PM2Adapter2 extends share(tellingRooms(Base), VIEW) {
		#waiting = 0; // callbacks that wait for the daemon
		#last = undefined; // fulfilled when the last of them is called

		/** fn is called when the subscriptions to new rooms are in force. */
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

		/* In the order of the calls: the callbacks of a socket note its rooms. */
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
