'use strict';

/*
 * Sockets of a Socket.IO server that have no connection: they join, leave and
 * receive as others do, and count their packets.
 */

const { Socket } = require('socket.io');

class StandIns {
	received = 0; // packets
	sockets = [];

	/* nsp: a namespace. count: of sockets, which are in no room yet. */
	constructor(nsp, count) {
		const client = this.#client();
		for (let i = 0; i < count; i++) {
			const socket = new Socket(nsp, client, {});
			socket.connected = true;
			nsp.sockets.set(socket.id, socket);
			this.sockets.push(socket);
		}
	}

	#client() {
		const take = () => { this.received++; };
		return {
			conn: { protocol: 4, remoteAddress: '127.0.0.1', transport: { name: 'none' } },
			_packet: take,
			writeToEngine: take,
			_remove() {},
			_disconnect() {},
		};
	}
}

module.exports = { StandIns };
