'use strict';

/* The adapter for Socket.IO 4, which extends that of socket.io-adapter 2. */

const { AckRequest } = require('./ack-request');
const { hasOwnEncoder } = require('./base-class');
const { clusterAdapter } = require('./cluster-adapter');
const { encodeLongTexts } = require('../socketio/long-texts');
const { frameOf, joinWrites } = require('./websocket-frames');

/* As broadcast() of the base class, but without encoding; the frame is made for the first
 * socket that gets it. */
function deliver(adapter, parts, packet, opts) {
	const options = {
		preEncoded: true,
		volatile: opts.flags?.volatile,
		compress: opts.flags?.compress,
	};
	let hasFrame = parts.length > 1 || typeof parts[0] !== 'string';
	adapter.apply(opts, (socket) => {
		if (!hasFrame) {
			hasFrame = true;
			options.wsPreEncodedFrame = frameOf(parts[0]);
		}
		socket.notifyOutgoingListeners?.(packet);
		socket.client.writeToEngine(parts, options);
	});
}

/* The view that local-sockets.js describes. */
function viewOf(Base) {
	return {
		ids: ({ sids }) => sids.keys(),
		members: ({ rooms }, room) => rooms.get(room),
		rooms: ({ rooms }) => rooms.keys(),
		roomsOf: ({ sids }, id) => sids.get(id),
		has: ({ sids }, id) => sids.has(id),
		/* The server certainly has its Engine.IO when its first socket joins. */
		watch: ({ nsp }) => joinWrites(nsp.server.engine),
		socket: ({ nsp }, id) => nsp.sockets.get(id),
		join: (socket, rooms) => socket.join(rooms),
		leave: (socket, rooms) => { rooms.forEach((room) => socket.leave(room)); },
		hasAny({ rooms, sids }, opts) {
			return opts.rooms?.size > 0 ?
				[...opts.rooms].some((room) => rooms.has(room)) : sids.size > 0;
		},
		encode: ({ encoder, nsp }, packet, flags, fn) => {
			const parts = hasOwnEncoder(nsp.server) ? encodeLongTexts(encoder, packet) : null;
			fn(parts ?? encoder.encode(packet));
		},
		deliver,
		broadcastWithAck(adapter, ...args) {
			Base.prototype.broadcastWithAck.apply(adapter, args);
		},
		forget({ nsp }, id) {
			for (const socket of nsp.sockets.values()) {
				socket.acks.delete(id);
			}
		},
	};
}

/* Base: the class `Adapter` of socket.io-adapter. */
function adapter4(Base) {
	return class PM2Adapter4 extends clusterAdapter(Base, viewOf(Base)) {
		/**
		 * Broadcasts a packet that clients acknowledge.
		 *
		 * @param onCount gets numbers of clients, which are all of them when it has
		 *	been called as often as serverCount() says now
		 * @param onAck gets what one client answers
		 */
		broadcastWithAck(packet, opts, onCount, onAck) {
			const request = new AckRequest(this, packet, opts, { onCount, onAck });
			super.broadcastWithAck(packet, opts, onCount, onAck);
			request.start();
		}
	};
}

module.exports = { adapter4 };
