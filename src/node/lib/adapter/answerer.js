'use strict';

/*
 * Answers the questions of other workers: one Answerer for each adapter. The
 * asker waits for each worker, so each question is answered, also if it is not
 * understood, if a hook of the application throws, or if the adapter is closed.
 * Only a hook that never calls back leaves a debt; the asker gets the name of
 * this worker at the timeout.
 */

const {
	isOptions, isRoom, isServerEvent, readBroadcast,
} = require('../socketio/payload');
const { TIMEOUT_MAX, clampTimeout } = require('./asker');
const { Debt } = require('./debt');
const { encodable, sendDescriptions } = require('./descriptions');

/* Calls `act` with a local socket, and answers when that is done; declines if there
 * is no such socket, or if `act` fails. */
async function withSocket(local, id, debt, act) {
	const socket = typeof id === 'string' ? local.socket(id) : undefined;
	if (socket === undefined) {
		debt.decline();
		return;
	}
	try {
		await act(socket);
		debt.answer(null);
	} catch (error) {
		debt.decline(error);
	}
}

function changeRoom(verb) {
	return (local, [id, room], debt) => (isRoom(room) ?
		withSocket(local, id, debt, (socket) => local[verb](socket, [room])) :
		debt.decline());
}

/* Answers that are known at once: (local, args) → value; undefined declines. */
const VALUES = {
	clients: (local, [rooms]) => (isOptions({ rooms }) ?
		local.sockets({ rooms }).map(({ id }) => id) : undefined),
	allRooms: (local) => local.rooms(),
	clientRooms: (local, [id]) =>
		(typeof id === 'string' ? local.roomsOf(id) : undefined),
};

/* Answers that take time, or that the application or its clients give:
 * (local, args, debt, adapter). */
const LATER = {
	remoteJoin: changeRoom('join'),
	remoteLeave: changeRoom('leave'),
	remoteDisconnect: (local, [id, close], debt) =>
		withSocket(local, id, debt, (socket) => { socket.disconnect(close === true); }),

	fetchSockets(local, [opts], debt) {
		if (!isOptions(opts)) {
			debt.decline();
		} else if (debt.gather === 'stream') {
			sendDescriptions(local, local.sockets(opts), opts.json === true, debt);
		} else {
			debt.answer(local.sockets(opts).map((socket) => local.details(socket)), encodable);
		}
	},

	customRequest(local, [data], debt, adapter) {
		adapter.customHook(data, (value) => debt.answer(value));
	},

	/* Without a listener nobody would answer, so it declines. */
	serverSideEmit(local, [args], debt) {
		if (isServerEvent(args) && local.hasListeners(args[0])) {
			local.emit([...args, (value) => debt.answer(value)]);
		} else {
			debt.decline();
		}
	},

	broadcast(local, [packet, opts], debt) {
		const read = readBroadcast(packet, opts);
		if (read === null || read.packet.cmd !== undefined) {
			debt.decline();
			return;
		}
		let left;
		let timer = null;
		const onCount = (count) => {
			left = count;
			debt[count > 0 ? 'more' : 'answer'](count);
		};
		const forget = local.broadcastWithAck(read.packet, read.opts, onCount, (...args) => {
			left--;
			if (left === 0) {
				clearTimeout(timer);
			}
			debt[left > 0 ? 'more' : 'answer'](args);
		});
		if (left > 0) { // The asker waits no longer than that.
			timer = setTimeout(forget, clampTimeout(read.opts.flags.timeout)).unref();
		}
	},
};

class Answerer {
	#adapter;
	#local;
	#report;
	#debts = new Set(); // oldest first

	/* report(error): of what the application throws, or what cannot be encoded. */
	constructor(adapter, local, report) {
		this.#adapter = adapter;
		this.#local = local;
		this.#report = report;
	}

	/* Answers a question; `kind` and `args` are in its body. */
	take(question, kind, args) {
		this.#forgetOld();
		const debt = new Debt(question, {
			onSettled: (settled) => this.#debts.delete(settled),
			report: this.#report,
		});
		this.#debts.add(debt);
		try {
			this.#answer(kind, args, debt);
		} catch (error) {
			debt.decline();
			this.#report(error);
		}
	}

	/* Declines all questions that are not answered. */
	close() {
		for (const debt of this.#debts) {
			debt.decline();
		}
	}

	#answer(kind, args, debt) {
		if (Object.hasOwn(LATER, kind)) {
			LATER[kind](this.#local, args, debt, this.#adapter);
			return;
		}
		const value = Object.hasOwn(VALUES, kind) ?
			VALUES[kind](this.#local, args) : undefined;
		if (value === undefined) {
			debt.decline();
		} else {
			debt.answer(value);
		}
	}

	/* Their askers wait no longer, and a hook may have lost its callback. */
	#forgetOld() {
		const oldest = performance.now() - TIMEOUT_MAX;
		for (const debt of this.#debts) {
			if (debt.at > oldest) {
				return;
			}
			this.#debts.delete(debt);
		}
	}
}

module.exports = { Answerer };
