'use strict';

/* The adapter for Socket.IO 4, on socket.io-adapter 2. */

const debug = require('debug')('socket.io-pm2adapter');
const { AckBroadcast } = require('./acks');
const { plainOptions, plainPacket } = require('../socketio/payload');
const { clampTimeout } = require('./asker');
const { ask, countServers, fail, share } = require('./namespace');
const { elsewhere, listOf } = require('../socketio/topics');
const { frameOf, joinWrites } = require('./websocket-frames');

/* As local-sockets.js has it. */
function viewOf(Base) {
	return {
		ids: ({ sids }) => sids.keys(),
		members: ({ rooms }, room) => rooms.get(room),
		rooms: ({ rooms }) => rooms.keys(),
		roomsOf: ({ sids }, id) => sids.get(id),
		socket: ({ nsp }, id) => nsp.sockets.get(id),
		join: (socket, rooms) => socket.join(rooms),
		hasAny({ rooms, sids }, opts) {
			return opts.rooms?.size > 0 ?
				[...opts.rooms].some((room) => rooms.has(room)) : sids.size > 0;
		},
		encode: ({ encoder }, packet, flags, fn) => fn(encoder.encode(packet)),

		/* As broadcast() of the base, but for the encoding. */
		deliver(adapter, parts, packet, opts) {
			const options = {
				preEncoded: true,
				volatile: opts.flags?.volatile,
				compress: opts.flags?.compress,
			};
			if (parts.length === 1 && typeof parts[0] === 'string') {
				options.wsPreEncodedFrame = frameOf(parts[0]);
			}
			adapter.apply(opts, (socket) => {
				socket.notifyOutgoingListeners?.(packet);
				socket.client.writeToEngine(parts, options);
			});
		},

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

/* What the application's callbacks throw is its own affair, and no fault of
 * the connection on which their occasion came. */
function safely(act) {
	try {
		return act();
	} catch (error) {
		process.nextTick(() => { throw error; });
		return undefined;
	}
}

/* Base: class Adapter of socket.io-adapter. */
function adapter4(Base) {
	return class PM2Adapter4 extends share(Base, viewOf(Base)) {
		#ids = 0; // of broadcasts

		/* The first socket of the server is when its Engine.IO is there for sure. */
		addAll(id, rooms) {
			joinWrites(this.nsp.server.engine);
			return super.addAll(id, rooms);
		}

		/**
		 * Broadcasts a packet that clients acknowledge.
		 *
		 * @param clientCountCallback gets numbers of clients, which are all of them
		 *	when it has been called as often as serverCount() says now
		 * @param ack gets what one client gives
		 */
		broadcastWithAck(packet, opts, clientCountCallback, ack) {
			const others = this[countServers]() - 1;
			const to = elsewhere(opts);
			const args = [plainPacket({ ...packet, nsp: this.nsp.name }), plainOptions(to ?? {})];
			super.broadcastWithAck(packet, opts, clientCountCallback, ack);
			const broadcast = new AckBroadcast(others, clientCountCallback, ack);
			if (others > 0 && to !== null && !opts.flags?.local) {
				this.#askOthers(args, to, broadcast);
				return;
			}
			broadcast.giveUp();
			if (!this.client.connected && !opts.flags?.local) {
				this.#onUnasked('there is no connection');
			}
		}

		async #askOthers(args, { rooms, flags }, broadcast) {
			const id = ++this.#ids;
			this.ackRequests.set(id, broadcast);
			let end;
			try {
				const result = await this[ask]('broadcast', args, {
					rooms: listOf(rooms),
					timeout: clampTimeout(flags?.timeout, 1), // as Socket.IO's own clock
					onPart: (from, body) => safely(() => broadcast.part(from, body)),
				});
				end = () => broadcast.end(result);
			} catch (error) {
				end = () => broadcast.giveUp();
				this.#onUnasked(error.message);
				if (error.code === 'PM2A_ERR_ENCODE') {
					this[fail](error);
				}
			}
			this.ackRequests.delete(id);
			safely(end);
		}

		/* The clients of other workers are not waited for. */
		#onUnasked(why) {
			this.client.stats.unasked++;
			debug('a broadcast is acknowledged by this worker alone: %s', why);
		}
	};
}

module.exports = { adapter4 };
