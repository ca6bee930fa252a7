'use strict';

/*
 * The HTTP server on a worker's Unix socket. It gives the requests and upgrades
 * that other workers forward to Engine.IO, as if the clients had sent them here.
 *
 * It has no timeouts: the forwarding workers have the clients' connections, with
 * those that the application has set, and close idle connections themselves.
 *
 * Its connections do not keep the process alive, as the sessions' own would.
 */

const fs = require('node:fs');
const { createServer } = require('node:http');
const { URLSearchParams } = require('node:url');
const debug = require('debug')('socket.io-pm2adapter:engine');
const { applyTo, prepare } = require('./client-address');
const { claim, removeStale, socketIn } = require('./folder');
const greeting = require('./greeting');
const { newTag } = require('./session-id');

const ATTEMPTS = 3; // a tag may be in use
const BACKLOG = 4096;
const HEAD_MAX = 1024 * 1024; // bytes; the forwarding worker has the limit
const PATH = '/pm2a/noop?'; // see open-polls.js

const OPTIONS = {
	headersTimeout: 0, requestTimeout: 0, keepAliveTimeout: 0,
	maxHeaderSize: HEAD_MAX, requireHostHeader: false,
};

const CONNECTION = 'connection'; // an event of http.Server
const isHandedOver = Symbol('isHandedOver'); // on a socket: see take()

const files = new Set(); // sockets of this process
process.once('exit', () => {
	for (const file of files) {
		fs.rmSync(file, { force: true });
	}
});

class InnerServer {
	#folders;
	#on; // { request(req, res), upgrade(req, socket, head), noop(sid) }
	#server = null;
	#file = null;
	#tag = null;

	constructor(folders, on) {
		this.#folders = folders;
		this.#on = on;
	}

	/* The tag of the worker, or null if it does not listen. */
	get tag() {
		return this.#tag;
	}

	/* The Unix socket, or null. */
	get file() {
		return this.#file;
	}

	/* Listens, if it does not yet or its socket was removed. Throws if it cannot. */
	open() {
		if (this.#file !== null && fs.existsSync(this.#file)) {
			return;
		}
		const tag = this.#tag;
		this.close();
		this.#listen(tag);
	}

	/*
	 * Takes a client's connection that another worker has handed over. bytes: read
	 * from it so far. Its address is the client's, and no request on it may claim
	 * another.
	 */
	take(socket, bytes) {
		if (this.#server === null) {
			socket.destroy();
			return;
		}
		socket[isHandedOver] = true;
		socket.allowHalfOpen = true; // as of those that a server accepts
		socket.unshift(bytes);
		this.#server.emit(CONNECTION, socket);
	}

	/* Ends; open requests go on. */
	close() {
		this.#server?.close();
		files.delete(this.#file);
		this.#server = null;
		this.#file = null;
		this.#tag = null;
	}

	/* wanted: the tag of sessions that there are, or null. */
	#listen(wanted) {
		const reasons = [];
		for (const folder of this.#folders) {
			try {
				claim(folder);
				removeStale(folder);
				this.#listenIn(folder, wanted);
				return;
			} catch (error) {
				debug('%s is not used: %s', folder, error.message);
				reasons.push(error.message);
			}
		}
		throw new Error(reasons.join('; '));
	}

	#listenIn(folder, wanted) {
		for (let n = 1; ; n++) {
			const tag = n === 1 && wanted !== null ? wanted : newTag();
			const file = socketIn(folder, tag);
			if (!fs.existsSync(file) || n === ATTEMPTS) {
				this.#server = this.#listenAt(file);
				files.add(file);
				this.#file = file;
				this.#tag = tag;
				return;
			}
		}
	}

	#listenAt(file) {
		const server = createServer(OPTIONS);
		server.timeout = 0;
		server.on('connection', (socket) => {
			if (!socket[isHandedOver]) {
				socket.unref();
				prepare(socket);
			}
		});
		server.on('request', (req, res) => this.#onRequest(req, res));
		server.on('upgrade', (req, socket, head) => this.#onUpgrade(req, socket, head));
		/* `exclusive`: otherwise the primary of node:cluster listens and spreads the
		 * connections over all workers. */
		server.on('error', (error) => debug('%s: %s', file, error.message));
		server.listen({ path: file, exclusive: true, backlog: BACKLOG });
		server.unref();
		if (!server.listening) {
			throw new Error(`cannot listen at ${file}`);
		}
		fs.chmodSync(file, 0o600);
		return server;
	}

	#onRequest(req, res) {
		if (req.socket[isHandedOver]) { // only upgrades are
			req.socket.destroy();
			return;
		}
		if (applyTo(req)) {
			this.#on.request(req, res);
		} else if (req.method === 'POST' && req.url.startsWith(PATH)) {
			this.#on.noop(new URLSearchParams(req.url.slice(PATH.length)).get('sid'));
			res.writeHead(200, { 'Content-Length': 0 }).end();
		} else if (req.url === greeting.TARGET) {
			greeting.answer(res, this.#tag);
		} else {
			res.writeHead(400).end();
		}
	}

	#onUpgrade(req, socket, head) {
		if (socket[isHandedOver] || applyTo(req)) {
			this.#on.upgrade(req, socket, head);
		} else {
			socket.destroy();
		}
	}
}

module.exports = { InnerServer };
