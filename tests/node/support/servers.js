'use strict';

/* Socket.IO servers of this process, and clients of theirs, all over WebSocket alone. */

const http = require('http');

const { Server } = require('socket.io');
const { Manager } = require('socket.io-client');

const pm2Adapter = require('../../../src/node');
const { next, within } = require('../../support/wait');

const FENCE = 'fence of the tests';

function ours(socket, options) {
	return pm2Adapter({ socket, reconnectDelay: 5, reconnectDelayMax: 50, ...options });
}

/* Several servers that share a daemon, as the workers of a host do. */
class Servers {
	#clients = [];
	#fences = 0;

	constructor() {
		this.all = [];
	}

	/* `count` servers at the socket; resolves when they are connected, or at once if `away`. */
	static async start(socket, count, { away = false, ...options } = {}) {
		const servers = new Servers();
		for (let i = 0; i < count; i++)
			await servers.add(socket, options);
		if (!away)
			await servers.ready();
		return servers;
	}

	/*
	 * `adapter` are options of the adapter, `server` those of Socket.IO. `create` is another adapter's
	 * function in the place of ours: its `client` has ready(), barrier() and destroy() as ours does.
	 */
	async add(socket, { adapter = {}, server = {}, create = ours(socket, adapter) } = {}) {
		const httpServer = http.createServer();
		const io = new Server(httpServer, {
			transports: ['websocket'], serveClient: false, adapter: create, ...server,
		});
		httpServer.listen(0, '127.0.0.1');
		await next(httpServer, 'listening');
		const one = {
			io, client: create.client, url: `http://127.0.0.1:${httpServer.address().port}`,
		};
		this.all.push(one);
		return one;
	}

	get ios() {
		return this.all.map(({ io }) => io);
	}

	async ready() {
		await Promise.all(this.all.map(({ client }) => within(client.ready(), 'daemon')));
	}

	/*
	 * A client of server `index`: its socket, the server's socket of it, and all events that came,
	 * as arrays, in `got`.
	 */
	async client(index, { nsp = '/', ...options } = {}) {
		const { io, url } = this.all[index];
		// Not by a URL with the namespace in it: a namespace may have a # in its name.
		const socket = new Manager(url, { transports: ['websocket'], ...options }).socket(nsp);
		this.#clients.push(socket);
		const client = { socket, got: [] };
		socket.onAny((...args) => {
			if (args[0] !== FENCE)
				client.got.push(args);
		});
		await next(socket, 'connect');
		client.peer = io.of(nsp).sockets.get(socket.id);
		return client;
	}

	/*
	 * Resolves when everything that was emitted before, anywhere, has come to these clients: each
	 * server sends one more message to all, and messages of one sender arrive in order.
	 */
	async settle(clients, nsp = '/') {
		await this.barrier();
		const fence = `${++this.#fences}`;
		const arrived = clients.map(({ socket }) => within(new Promise((resolve) => {
			let missing = this.all.length;
			socket.on(FENCE, function count(name) {
				if (name === fence && --missing === 0) {
					socket.off(FENCE, count);
					resolve();
				}
			});
		}), 'last message'));
		for (const { io } of this.all)
			io.of(nsp).emit(FENCE, fence);
		await Promise.all(arrived);
	}

	/* Resolves when all that the servers sent to the daemon before is in force there. */
	async barrier() {
		await Promise.all(this.all.map(({ client }) => within(client.barrier(), 'barrier')));
	}

	async close() {
		for (const socket of this.#clients)
			socket.disconnect();
		await Promise.all(this.all.map(({ io }) => new Promise((resolve) => {
			io.close(resolve);
		})));
		for (const { client } of this.all)
			await client.destroy();
	}
}

module.exports = { Servers };
