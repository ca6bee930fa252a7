'use strict';

/*
 * Answering what others ask: one Answerer for each adapter. Who asks waits for
 * each worker, so each question that is taken is answered, also where it is not
 * understood, where a hook of the application throws, and where the adapter is
 * closed meanwhile. Only a hook that never calls back answers nothing; then the
 * asker is told the name of this worker when its time is over.
 */

const { isOptions, isRoom, isServerEvent, readBroadcast } = require('../socketio/payload');
const { TIMEOUT_MAX, clampTimeout } = require('./asker');
const { encode } = require('../wire/msgpack-writer');

/* The answer to one question. The first yes or no is the end of it. */
class Reply {
	#question;
	#onEnd;
	#tell;
	#isOver = false;

	constructor(question, { onEnd, tell }) {
		this.#question = question;
		this.#onEnd = onEnd;
		this.#tell = tell;
		this.at = performance.now();
	}

	/* repair(value): what can be encoded of it, where it can't be as a whole. */
	yes(value, repair) {
		this.#say('answer', value, { isLast: true, repair });
	}

	/* A part of the answer; more follows. */
	more(value) {
		this.#say('more', value, { isLast: false });
	}

	no() {
		if (!this.#isOver) {
			this.#end();
			this.#question.decline();
		}
	}

	#say(verb, value, { isLast, repair }) {
		if (this.#isOver) {
			return;
		}
		let body;
		try {
			body = encode(value);
		} catch (error) {
			this.#tell(error);
			if (repair === undefined) {
				this.no();
			} else {
				this.#say(verb, repair(value), { isLast });
			}
			return;
		}
		if (isLast) {
			this.#end();
		}
		this.#question[verb](body);
	}

	#end() {
		this.#isOver = true;
		this.#onEnd(this);
	}
}

/* Does something with a local socket; null is a yes. */
function withSocket(local, id, act) {
	const socket = typeof id === 'string' ? local.socket(id) : undefined;
	if (socket === undefined) {
		return undefined;
	}
	act(socket);
	return null;
}

/* What is known at once: (local, args) → the answer; undefined says no. */
const VALUES = {
	clients: (local, [rooms]) => (isOptions({ rooms }) ?
		local.sockets({ rooms }).map(({ id }) => id) : undefined),
	allRooms: (local) => local.rooms(),
	clientRooms: (local, [id]) =>
		(typeof id === 'string' ? local.roomsOf(id) : undefined),
	remoteJoin: (local, [id, room]) => (isRoom(room) ?
		withSocket(local, id, (socket) => local.join(socket, [room])) : undefined),
	remoteLeave: (local, [id, room]) => (isRoom(room) ?
		withSocket(local, id, (socket) => local.leave(socket, [room])) : undefined),
	remoteDisconnect: (local, [id, close]) =>
		withSocket(local, id, (socket) => socket.disconnect(close === true)),
	fetchSockets: (local, [opts]) => (isOptions(opts) ?
		local.sockets(opts).map((socket) => local.details(socket)) : undefined),
};

function isEncodable(value) {
	try {
		encode(value);
		return true;
	} catch {
		return false;
	}
}

/* One socket's data must not hide all the others. */
const REPAIRS = {
	fetchSockets: (sockets) => sockets.map((details) =>
		(isEncodable(details) ? details : { ...details, data: {} })),
};

/* What others have to be asked for: (local, args, reply, adapter). */
const INQUIRIES = {
	customRequest(local, [data], reply, adapter) {
		adapter.customHook(data, (value) => reply.yes(value));
	},

	/* Who doesn't listen won't answer, and nobody should wait for it. */
	serverSideEmit(local, [args], reply) {
		if (isServerEvent(args) && local.hasListeners(args[0])) {
			local.emit([...args, (value) => reply.yes(value)]);
		} else {
			reply.no();
		}
	},

	broadcast(local, [packet, opts], reply) {
		const read = readBroadcast(packet, opts);
		if (read === null || read.packet.cmd !== undefined) {
			reply.no();
			return;
		}
		let left;
		let timer = null;
		const onCount = (count) => {
			left = count;
			reply[count > 0 ? 'more' : 'yes'](count);
		};
		const forget = local.broadcastWithAck(read.packet, read.opts, onCount, (...args) => {
			left--;
			if (left === 0) {
				clearTimeout(timer);
			}
			reply[left > 0 ? 'more' : 'yes'](args);
		});
		if (left > 0) { // Who asks has waited no longer than that.
			timer = setTimeout(forget, clampTimeout(read.opts.flags.timeout)).unref();
		}
	},
};

class Answerer {
	#adapter;
	#local;
	#tell;
	#owed = new Set(); // replies, oldest first

	/* tell(error): of what went wrong in the application. */
	constructor(adapter, local, tell) {
		this.#adapter = adapter;
		this.#local = local;
		this.#tell = tell;
	}

	/* kind and args: of the question's body. */
	take(question, kind, args) {
		this.#forgetOld();
		const reply = new Reply(question, {
			onEnd: (done) => this.#owed.delete(done),
			tell: this.#tell,
		});
		this.#owed.add(reply);
		try {
			this.#answer(kind, args, reply);
		} catch (error) {
			reply.no();
			this.#tell(error);
		}
	}

	close() {
		for (const reply of this.#owed) {
			reply.no();
		}
	}

	#answer(kind, args, reply) {
		if (Object.hasOwn(INQUIRIES, kind)) {
			INQUIRIES[kind](this.#local, args, reply, this.#adapter);
			return;
		}
		const value = Object.hasOwn(VALUES, kind) ?
			VALUES[kind](this.#local, args) : undefined;
		if (value === undefined) {
			reply.no();
		} else {
			reply.yes(value, REPAIRS[kind]);
		}
	}

	/* Nobody waits for those any more, and a hook may have dropped them. */
	#forgetOld() {
		const oldest = performance.now() - TIMEOUT_MAX;
		for (const reply of this.#owed) {
			if (reply.at > oldest) {
				return;
			}
			this.#owed.delete(reply);
		}
	}
}

module.exports = { Answerer };
