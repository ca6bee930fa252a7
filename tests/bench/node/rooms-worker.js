'use strict';

/*
 * A Socket.IO server whose stand-ins join and leave rooms, and whose namespaces
 * are opened and closed. argv: the settings as JSON (see troupe.js), with
 * `sockets`, `rooms` and `each`: how many there are and how many each socket has.
 */

const { EventEmitter } = require('node:events');

const { Server } = require('socket.io');

const { PEERS, seeOthers } = require('./adapters');
const { obey } = require('./control');
const { StandIns } = require('./stand-ins');

const BURST = 20;

const turn = () => new Promise((resolve) => setImmediate(resolve));

/* The same numbers in each process with the same seed. */
function randoms(seed) {
	let state = seed;
	return (n) => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return Math.floor(state / 2 ** 32 * n);
	};
}

class Rooms {
	#io;
	#standIns;
	#lists; // of each socket, its own id first
	#namespaces = [];

	constructor(io, { index, sockets, rooms, each }) {
		const random = randoms(index + 1);
		this.#io = io;
		this.#standIns = new StandIns(io.of('/'), sockets);
		this.#lists = this.#standIns.sockets.map(({ id }) =>
			[id, ...Array.from({ length: each }, () => `room-${random(rooms)}`)]);
	}

	join() {
		for (const [i, socket] of this.#standIns.sockets.entries()) {
			for (const room of this.#lists[i])
				socket.join(room);
		}
	}

	/* Each call waits for the one before it. */
	async joinAwaited() {
		for (const [i, socket] of this.#standIns.sockets.entries()) {
			for (const room of this.#lists[i])
				await socket.join(room);
		}
	}

	leave() {
		for (const [i, socket] of this.#standIns.sockets.entries()) {
			for (const room of this.#lists[i])
				socket.leave(room);
		}
	}

	async emit({ room, emits }) {
		for (let n = 0; n < emits; n += BURST) {
			for (let i = 0; i < BURST; i++)
				this.#io.to(room).emit('event', n);
			await turn();
		}
	}

	/* One socket joins alone. */
	joinOne({ room }) {
		return this.#standIns.sockets[0].join(room);
	}

	leaveOne({ room }) {
		this.#standIns.sockets[0].leave(room);
	}

	get received() {
		return this.#standIns.received;
	}

	open({ count }) {
		for (let i = 0; i < count; i++)
			this.#namespaces.push(this.#io.of(`/namespace-${i}`));
	}

	close() {
		for (const nsp of this.#namespaces.splice(0)) {
			nsp.adapter.close();
			this.#io._nsps.delete(nsp.name);
		}
	}
}

/* The peers' adapters add listeners for each namespace. */
EventEmitter.defaultMaxListeners = 0;

async function main() {
	const settings = JSON.parse(process.argv[2]);
	const { peer, index, workers, broker, control } = settings;
	const io = new Server();
	io.adapter(await PEERS[peer].create(broker));
	const rooms = new Rooms(io, settings);
	const settled = (act) => async (fields) => {
		await act(fields);
		await PEERS[peer].settle?.(io);
	};
	obey(control, `${peer}-${index}`, {
		see: () => seeOthers(io, workers),
		join: settled(() => rooms.join()),
		joinAwaited: settled(() => rooms.joinAwaited()),
		leave: settled(() => rooms.leave()),
		joinOne: settled((fields) => rooms.joinOne(fields)),
		leaveOne: settled((fields) => rooms.leaveOne(fields)),
		open: settled((fields) => rooms.open(fields)),
		close: settled(() => rooms.close()),
		emit: (fields) => rooms.emit(fields),
		received: () => rooms.received,
	});
}

main();
