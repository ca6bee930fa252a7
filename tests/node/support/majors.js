'use strict';

/*
 * Socket.IO 4 and 2 where a test needs the same of both: a server with our adapter, and clients
 * that have all their namespaces on one connection.
 */

const http = require('http');

const socketIo2 = require('socket.io-2');
const { Server } = require('socket.io');
const { Manager } = require('socket.io-client');
const socketIoClient2 = require('socket.io-client-2');

const pm2Adapter = require('../../../src/node');
const { next, within } = require('../../support/wait');

const MAJORS = [4, 2];
const WEB_SOCKET = { transports: ['websocket'] };

const SERVER = {
	4: (httpServer, options) => new Server(httpServer, options),
	2: (httpServer, options) => socketIo2(httpServer, options),
};

const MANAGER = {
	4: (url) => new Manager(url, { ...WEB_SOCKET, reconnection: false }),
	2: (url) => socketIoClient2.Manager(url, { ...WEB_SOCKET, reconnection: false }),
};

const JOIN = {
	4: async (socket, room) => { await socket.join(room); },
	2: (socket, room) => new Promise((resolve) => { socket.join(room, resolve); }),
};

/* A server on a port of its own; `adapter` are options of ours, `server` those of Socket.IO. */
class MajorServer {
	constructor(major, { adapter = {}, server = {} } = {}) {
		this.major = major;
		this.http = http.createServer();
		this.io = SERVER[major](this.http, {
			...WEB_SOCKET,
			serveClient: false,
			adapter: pm2Adapter({ reconnectDelay: 5, reconnectDelayMax: 50, ...adapter }),
			...server,
		});
	}

	/* A namespace whose clients can join rooms, leave them and ask for an echo. */
	serve(name) {
		const nsp = this.io.of(name);
		nsp.on('connection', (socket) => {
			socket.on('join', (room, done) => JOIN[this.major](socket, room).then(() => done()));
			socket.on('leave', (room, done) => {
				socket.leave(room);
				done();
			});
			socket.on('echo', (value, done) => done(value));
		});
		return nsp;
	}

	/* The connection to the daemon. */
	get client() {
		return this.io.of('/').adapter.client;
	}

	async listen() {
		this.http.listen(0, '127.0.0.1');
		await next(this.http, 'listening');
		this.port = this.http.address().port;
		return this;
	}

	async end() {
		if (this.http.listening)
			await within(new Promise((resolve) => { this.io.close(resolve); }), 'end of a server');
		this.client.destroy();
	}
}

/* One connection of a browser; `rooms` are those that it joins, by namespace. */
class Visitor {
	#manager;

	constructor(major, port) {
		this.#manager = MANAGER[major](`http://127.0.0.1:${port}`);
		this.sockets = new Map(); // namespace → { id, rooms, socket, got }
	}

	static async connect(major, port, rooms) {
		const visitor = new Visitor(major, port);
		// One after the other, since Socket.IO 2 has everyone in / first.
		for (const [nsp, names] of Object.entries({ '/': [], ...rooms }))
			await visitor.#enter(nsp, names);
		return visitor;
	}

	async #enter(nsp, rooms) {
		const socket = this.#manager.socket(nsp);
		const entry = { socket, rooms: new Set(), got: [], answers: true };
		this.sockets.set(nsp, entry);
		socket.on('event', (...args) => entry.got.push(args));
		socket.on('question', (value, answer) => {
			entry.got.push([value]);
			if (entry.answers)
				answer({ id: entry.id, value });
		});
		await next(socket, 'connect');
		entry.id = socket.id;
		entry.rooms.add(entry.id);
		for (const room of rooms)
			await this.join(room, nsp);
	}

	async join(room, nsp = '/') {
		await this.ask(nsp, 'join', room);
		this.sockets.get(nsp).rooms.add(room);
	}

	of(nsp = '/') {
		return this.sockets.get(nsp);
	}

	get id() {
		return this.of('/').id;
	}

	ask(nsp, event, value) {
		return within(new Promise((resolve) => {
			this.of(nsp).socket.emit(event, value, resolve);
		}), `answer to ${event}`);
	}

	end() {
		for (const { socket } of this.sockets.values())
			socket.disconnect();
	}
}

module.exports = { MAJORS, MajorServer, Visitor };
