'use strict';

/*
 * The request for a broadcast that clients of other workers acknowledge. The
 * clients of this worker are not its concern.
 */

const debug = require('debug')('socket.io-pm2adapter');
const { plainOptions, plainPacket } = require('../socketio/payload');
const { elsewhere, listOf } = require('../socketio/topics');
const { AckBroadcast } = require('./acks');
const { clampTimeout } = require('./asker');
const { namespaceOf } = require('./namespace');

/*
 * Calls a callback of the application, and makes what it throws an uncaught
 * exception: the connection on which its occasion came is not at fault.
 */
function safely(act) {
	try {
		return act();
	} catch (error) {
		process.nextTick(() => { throw error; });
		return undefined;
	}
}

class AckRequest {
	static #lastId = 0;

	#adapter;
	#namespace;
	#args; // of the question
	#to; // opts as far as they concern others, or null
	#flags;
	#nOthers;
	#broadcast;

	/*
	 * Copies what travels, since the base class changes the packet. onCount and
	 * onAck: of broadcastWithAck().
	 */
	constructor(adapter, packet, opts, { onCount, onAck }) {
		this.#adapter = adapter;
		this.#namespace = namespaceOf(adapter);
		this.#to = elsewhere(opts);
		this.#flags = opts.flags;
		this.#args = [
			plainPacket({ ...packet, nsp: adapter.nsp.name }), plainOptions(this.#to ?? {}),
		];
		this.#nOthers = this.#namespace.serverCount - 1;
		this.#broadcast = new AckBroadcast(this.#nOthers, onCount, onAck);
	}

	/* Sends it, if there are other workers whose clients are meant. */
	start() {
		const isLocal = Boolean(this.#flags?.local);
		if (this.#nOthers > 0 && this.#to !== null && !isLocal) {
			this.#request();
			return;
		}
		this.#broadcast.giveUp();
		if (!this.#namespace.client.connected && !isLocal) {
			this.#countUnasked('there is no connection');
		}
	}

	async #request() {
		const { ackRequests } = this.#adapter;
		const id = ++AckRequest.#lastId;
		ackRequests.set(id, this.#broadcast);
		let end;
		try {
			const result = await this.#namespace.request('broadcast', this.#args, {
				rooms: listOf(this.#to.rooms),
				timeout: clampTimeout(this.#flags?.timeout, 1), // as Socket.IO's own clock
				onPart: (from, body) => safely(() => this.#broadcast.part(from, body)),
			});
			end = () => this.#broadcast.end(result);
		} catch (error) {
			end = () => this.#broadcast.giveUp();
			this.#countUnasked(error.message);
			if (error.code === 'PM2A_ERR_ENCODE') {
				this.#namespace.reportUnencodable(error);
			}
		}
		ackRequests.delete(id);
		safely(end);
	}

	/* Counts that the clients of other workers are not waited for. */
	#countUnasked(why) {
		this.#namespace.client.stats.unasked++;
		debug('a broadcast is acknowledged by this worker alone: %s', why);
	}
}

module.exports = { AckRequest };
