'use strict';

/*
 * Connections to the Unix sockets of other workers. Each serves one request at a
 * time. Only this side closes an idle one: if the owner did too, a request could
 * be on its way to a connection that is about to end.
 *
 * Connections do not keep the process alive; those of the clients do.
 */

const net = require('node:net');
const debug = require('debug')('socket.io-pm2adapter:engine');
const { socketIn } = require('./folder');

const IDLE_MS = 30_000;
const RETRY_MS = 10;
const RETRIES = 500;
/* The owner's backlog is full, or this process has no descriptor left. */
const PASSING = new Set(['EAGAIN', 'EMFILE', 'ENFILE']);

class Connection {
	#pool;
	#user = null; // { onData(chunk), onDrain(), onClose() }
	#hasEnded = false;

	constructor(pool, path, socket) {
		this.#pool = pool;
		this.path = path;
		this.socket = socket;
		socket.on('data', (chunk) => {
			if (this.#user === null) {
				socket.destroy();
			} else {
				this.#user.onData(chunk);
			}
		});
		socket.on('drain', () => this.#user?.onDrain());
		socket.on('timeout', () => socket.destroy());
		socket.on('error', (error) => debug('%s: %s', path, error.message));
		socket.on('end', () => { this.#hasEnded = true; });
		socket.on('close', () => {
			pool.forget(this);
			this.#user?.onClose(this.#hasEnded);
		});
	}

	use(user) {
		this.#user = user;
		this.socket.setTimeout(0);
	}

	/* The connection is free for another request. */
	release() {
		this.#user = null;
		this.socket.setTimeout(IDLE_MS);
		this.#pool.add(this);
	}

	destroy() {
		this.#user = null;
		this.socket.destroy();
	}
}

class OwnerPool {
	#idle = new Map(); // path → array of Connection, the latest last

	/*
	 * Calls back with (null, Connection), or with an error if nobody listens. The
	 * caller uses it during the call, or destroys it. isWanted(): false ends the
	 * attempts.
	 */
	open(folders, tag, isWanted, fn) {
		const paths = folders.map((folder) => socketIn(folder, tag));
		for (const path of paths) {
			const connection = this.#idle.get(path)?.pop();
			if (connection !== undefined) {
				fn(null, connection);
				return;
			}
		}
		connect(paths, isWanted, (error, socket, path) => {
			fn(error, error === null ? new Connection(this, path, socket) : null);
		});
	}

	/* As open(), but a socket of its own: calls back with (null, net.Socket). */
	connect(folders, tag, isWanted, fn) {
		connect(folders.map((folder) => socketIn(folder, tag)), isWanted, fn);
	}

	add(connection) {
		const idle = this.#idle.get(connection.path);
		if (idle === undefined) {
			this.#idle.set(connection.path, [connection]);
		} else {
			idle.push(connection);
		}
	}

	forget(connection) {
		const idle = this.#idle.get(connection.path);
		const at = idle?.indexOf(connection) ?? -1;
		if (at >= 0) {
			idle.splice(at, 1);
		}
		if (idle?.length === 0) {
			this.#idle.delete(connection.path);
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
			fn(error, null, path);
		}
	};
	const onConnect = () => {
		socket.removeListener('error', onError);
		fn(null, socket, path);
	};
	socket.once('error', onError);
	socket.once('connect', onConnect);
}

module.exports = { OwnerPool };
