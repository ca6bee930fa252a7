'use strict';

/*
 * The methods that concern the sockets of all workers. Each adds what this
 * process has itself to what the others answer, and judges the result: without
 * the option `partial`, a missing answer is an error.
 */

const { Pm2aError } = require('../client/errors');
const { described } = require('../client/options');
const { isRoom, plainOptions } = require('../socketio/payload');
const { elsewhere, listOf } = require('../socketio/topics');
const { clampTimeout } = require('./asker');
const { HookCall } = require('./custom-hook');
const { Descriptions } = require('./descriptions');
const { judge } = require('./results');

const PARTS_MAX_BYTES = 2 ** 32; // the daemon applies its own limit, max-gather

function unknownId(id) {
	return new Pm2aError('PM2A_ERR_UNKNOWN', `unknown id "${described(id)}"`);
}

/* Throws if no process can have a socket with that id. */
function mustBeId(id) {
	if (!isRoom(id)) {
		throw unknownId(id);
	}
}

class ClusterMethods {
	#adapter;
	#namespace;
	#local;
	#workerName;
	#isPartial;
	#lastId = 0; // of a request

	/* `name`: of this worker. `partial`: the option. */
	constructor(adapter, namespace, { name, partial }) {
		this.#adapter = adapter;
		this.#namespace = namespace;
		this.#local = namespace.local;
		this.#workerName = name;
		this.#isPartial = partial;
	}

	/* Promises the ids of the sockets in one of `rooms`; of all if it is empty. */
	clients(rooms) {
		const own = this.#local.sockets({ rooms }).map(({ id }) => id);
		return this.#gather('clients', [rooms.filter(isRoom)],
			({ answers }) => [...new Set([...own, ...answers])], { rooms });
	}

	/* Promises the names of all rooms. */
	allRooms() {
		const own = this.#local.rooms();
		return this.#gather('allRooms', [],
			({ answers }) => [...new Set([...own, ...answers])]);
	}

	/* Promises the names of a socket's rooms. */
	async clientRooms(id) {
		mustBeId(id);
		return this.#local.roomsOf(id) ?? await this.#requestOfSocket('clientRooms', id, []);
	}

	remoteJoin(id, room) {
		return this.#onSocket('remoteJoin', id, room,
			(socket) => this.#local.join(socket, [room]));
	}

	remoteLeave(id, room) {
		return this.#onSocket('remoteLeave', id, room,
			(socket) => this.#local.leave(socket, [room]));
	}

	remoteDisconnect(id, close) {
		return this.#onSocket('remoteDisconnect', id, close,
			(socket) => { socket.disconnect(close); });
	}

	/* Promises what the listeners of the other servers answer. */
	serverSideEmit(args) {
		return this.#gather('serverSideEmit', [args], ({ answers }) => answers);
	}

	/* Promises the sockets in `opts`: own ones, and descriptions of the others'. */
	fetchSockets(opts) {
		const own = this.#local.sockets(opts);
		if (opts.flags?.local) {
			return Promise.resolve(own);
		}
		return this.#track('fetchSockets', () => this.#fetchSockets(opts, own));
	}

	async #fetchSockets({ flags, ...opts }, own) {
		const { rooms, except } = plainOptions(elsewhere(opts) ?? {});
		const descriptions = new Descriptions();
		const requested = await this.#namespace.request('fetchSockets',
			[{ rooms, except, json: true }], {
				rooms: listOf(opts.rooms),
				timeout: this.#timeoutOf(flags),
				onPart: (from, body) => descriptions.part(from, body),
				maxBytes: PARTS_MAX_BYTES,
			});
		const result = this.#namespace.count('fetchSockets',
			await this.#namespace.untilClosed(descriptions.end(requested)));
		return judge(result, own.concat(...result.answers), flags?.partial ?? this.#isPartial);
	}

	/* Promises the values of all workers' hooks for `data`. */
	customRequest(data) {
		return this.#track('customRequest', async () => {
			const timeout = this.#timeoutOf();
			const requested = this.#namespace.request('customRequest', [data], { timeout });
			const call = new HookCall(this.#adapter, this.#namespace);
			const own = call.start(data, { timeout, workerName: this.#workerName });
			try {
				const result = await requested;
				const { answers, missing } = await this.#namespace.untilClosed(own);
				const all = { ...result, missing: [...missing, ...result.missing] };
				return judge(all, [...answers, ...result.answers], this.#isPartial);
			} finally {
				call.end();
			}
		});
	}

	/* Keeps an entry in the adapter's `requests` until `act` has ended. */
	async #track(kind, act) {
		const { requests } = this.#adapter;
		const id = ++this.#lastId;
		requests.set(id, { kind });
		try {
			return await act();
		} finally {
			requests.delete(id);
		}
	}

	#request(kind, args, { rooms = [], flags, timeout } = {}) {
		return this.#track(kind, () => this.#namespace.request(kind, args,
			{ rooms, timeout: timeout ?? this.#timeoutOf(flags) }));
	}

	#timeoutOf(flags) {
		return clampTimeout(flags?.timeout, this.#adapter.requestsTimeout);
	}

	/* Promises merge(result), if the result is good enough. */
	async #gather(kind, args, merge, { rooms, flags } = {}) {
		const result = await this.#request(kind, args, { rooms, flags });
		return judge(result, merge(result), flags?.partial ?? this.#isPartial);
	}

	async #onSocket(kind, id, arg, act) {
		mustBeId(id);
		const own = this.#local.socket(id);
		await (own === undefined ? this.#requestOfSocket(kind, id, [arg]) : act(own));
	}

	/*
	 * Promises the answer of the worker that has the socket. Asks the workers that
	 * have the room of its id first; a socket may have left that room, so then asks
	 * all workers.
	 */
	async #requestOfSocket(kind, id, args) {
		const deadline = performance.now() + this.#timeoutOf();
		for (const rooms of this.#namespace.isRoomOfAll(id) ? [[]] : [[id], []]) {
			const timeout = clampTimeout(deadline - performance.now());
			const result = await this.#request(kind, [id, ...args], { rooms, timeout });
			if (result.answers.length > 0) {
				return result.answers[0];
			}
			judge(result, []);
		}
		throw unknownId(id);
	}
}

module.exports = { ClusterMethods };
