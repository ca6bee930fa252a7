'use strict';

/*
 * Connections to the Unix sockets of other workers. Each serves one request at a
 * time. Only this side closes an idle one: if the owner did too, a request could
 * be on its way to a connection that is about to end.
 *
 * A client can send any tag, and anything may be in the folder. So the first
 * connection for a tag asks whether a worker of that name listens there; otherwise
 * a request could wait for ever for a server of another kind.
 *
 * Connections do not keep the process alive; those of the clients do.
 */

const net = require('node:net');
const debug = require('debug')('socket.io-pm2adapter:engine');
const { socketIn } = require('./folder');
const { askWhether } = require('./greeting');

const IDLE_MS = 30_000;
const GREETING_MS = 10_000; // a busy worker takes long
const KNOWN_MAX = 1000;
const RETRY_MS = 10;
const RETRIES = 500;
/* The owner's backlog is full, or this process has no descriptor left. */
const PASSING = new Set(['EAGAIN', 'EMFILE', 'ENFILE']);

class Connection {
	#pool;
	#user = null; // { onData(chunk), onDrain(), onClose() }
	#hasEnded = false;

	constructor(pool, tag, socket) {
		this.#pool = pool;
		this.tag = tag;
		this.socket = socket;
		this.age = 0; // since it is idle, in turns of the pool's timer
		socket.on('data', (chunk) => {
			if (this.#user === null) {
				socket.destroy();
			} else {
				this.#user.onData(chunk);
			}
		});
		socket.on('drain', () => this.#user?.onDrain());
		socket.on('error', (error) => debug('owner %s: %s', tag, error.message));
		socket.on('end', () => { this.#hasEnded = true; });
		socket.on('close', () => {
			pool.forget(this);
			this.#user?.onClose(this.#hasEnded);
		});
	}

	use(user) {
		this.#user = user;
	}

	/* The connection is free for another request. */
	release() {
		this.#user = null;
		this.age = 0;
		this.#pool.add(this);
	}

	destroy() {
		this.#user = null;
		this.socket.destroy();
	}
}

class OwnerPool {
	#folders;
	#idle = new Map(); // tag → array of Connection, the latest last
	#timer = null; // while one is idle
	#known = new Set(); // tags of workers
	#greetingMs;

	/* folders: of the workers, see folder.js. greetingMs: see askWhether(). */
	constructor(folders, { greetingMs = GREETING_MS } = {}) {
		this.#folders = folders;
		this.#greetingMs = greetingMs;
	}

	/*
	 * Starts a request, { isWanted, start(error, Connection) }, with a connection or
	 * with the error that nobody listens. The request uses the connection during the
	 * call, or destroys it.
	 */
	open(tag, request) {
		const connection = this.#idle.get(tag)?.pop();
		if (connection !== undefined) {
			request.start(null, connection);
			return;
		}
		this.connect(tag, () => request.isWanted, (error, socket) => {
			request.start(error, error === null ? new Connection(this, tag, socket) : null);
		});
	}

	/*
	 * Calls back with a socket of its own, (null, net.Socket), or with the error.
	 * isWanted(): false ends the attempts.
	 */
	connect(tag, isWanted, fn) {
		const paths = this.#folders.map((folder) => socketIn(folder, tag));
		connect(paths, isWanted, (error, socket) => {
			if (error !== null) {
				this.#known.delete(tag);
				fn(error, null);
			} else if (this.#known.has(tag)) {
				fn(null, socket);
			} else {
				this.#greet(tag, socket, fn);
			}
		});
	}

	#greet(tag, socket, fn) {
		askWhether(socket, tag, this.#greetingMs, (error) => {
			if (error !== null) {
				debug('owner %s: %s', tag, error.message);
				fn(error, null);
				return;
			}
			if (this.#known.size === KNOWN_MAX) {
				this.#known.clear();
			}
			this.#known.add(tag);
			fn(null, socket);
		});
	}

	add(connection) {
		const idle = this.#idle.get(connection.tag);
		if (idle === undefined) {
			this.#idle.set(connection.tag, [connection]);
		} else {
			idle.push(connection);
		}
		if (this.#timer === null) {
			this.#timer = setInterval(() => this.#endIdle(), IDLE_MS);
			this.#timer.unref();
		}
	}

	forget(connection) {
		const idle = this.#idle.get(connection.tag);
		const at = idle?.indexOf(connection) ?? -1;
		if (at >= 0) {
			idle.splice(at, 1);
		}
		if (idle?.length === 0) {
			this.#idle.delete(connection.tag);
		}
	}

	/* Ends those that have been idle for a whole turn. */
	#endIdle() {
		let n = 0;
		for (const connection of [...this.#idle.values()].flat()) {
			n++;
			if (connection.age++ > 0) {
				this.forget(connection);
				connection.destroy();
			}
		}
		if (n === 0) {
			clearInterval(this.#timer);
			this.#timer = null;
		}
	}
}

/* Connects to the first path that exists. */
function connect([path, ...others], isWanted, fn, retries = RETRIES) {
	const socket = net.connect(path);
	socket.unref();
	const onError = (error) => {
		socket.removeListener('connect', onConnect);
		if (PASSING.has(error.code) && retries > 0 && isWanted()) {
			setTimeout(connect, RETRY_MS, [path, ...others], isWanted, fn, retries - 1);
		} else if (others.length > 0) {
			connect(others, isWanted, fn);
		} else {
			debug('%s: %s', path, error.message);
			fn(error, null);
		}
	};
	const onConnect = () => {
		socket.removeListener('error', onError);
		fn(null, socket);
	};
	socket.once('error', onError);
	socket.once('connect', onConnect);
}

module.exports = { OwnerPool };
