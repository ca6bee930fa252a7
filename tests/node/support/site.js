'use strict';

/*
 * Several servers of this process that share a folder, as the workers of a host do, and a front
 * that gives each TCP connection to the next of them, as node:cluster does. No daemon runs unless
 * a test starts one: forwarding does not need it.
 */

const fs = require('fs');
const http = require('http');
const net = require('net');
const os = require('os');
const path = require('path');

const socketIo2 = require('socket.io-2');
const { Server } = require('socket.io');
const { io: connect4 } = require('socket.io-client');
const connect2 = require('socket.io-client-2');

const pm2Adapter = require('../../../src/node');
const { next, within } = require('../../support/wait');

const SERVER = {
	4: (httpServer, options) => new Server(httpServer, options),
	2: (httpServer, options) => socketIo2(httpServer, options),
};
const CONNECT = { 4: connect4, 2: connect2 };

/*
 * How long Engine.IO waits for clients that are gone, instead of 30 s. Its timers keep the process,
 * so a test takes as long.
 */
const CLOSE_MS = 50;

/* The Engine.IO packet `text` of a message, as the body of a POST. */
const PACKET = {
	4: (text) => `4${text}`,
	3: (text) => `${text.length + 1}:4${text}`,
};

function listen(server) {
	return new Promise((resolve) => {
		server.listen(0, '127.0.0.1', () => resolve(server.address().port));
	});
}

/* One request on a connection of its own, or on one of `agent`. `body`: one chunk, or an array. `ms`: to wait at most. */
function send(port, target, { method = 'GET', headers = {}, body, agent = false, ms } = {}) {
	return within(new Promise((resolve, reject) => {
		const req = http.request({ port, host: '127.0.0.1', path: target, method, headers, agent });
		req.on('response', (res) => {
			const chunks = [];
			res.on('data', (chunk) => chunks.push(chunk));
			res.on('error', reject);
			res.on('end', () => resolve({
				status: res.statusCode, headers: res.headers, raw: res.rawHeaders,
				body: Buffer.concat(chunks), text: Buffer.concat(chunks).toString(),
			}));
		});
		req.on('error', reject);
		for (const chunk of Array.isArray(body) ? body : [])
			req.write(chunk);
		req.end(Array.isArray(body) ? undefined : body);
	}), `answer to ${method}`, ms);
}

/* A session over HTTP long-polling, without a client library: each request at a chosen worker. */
class Session {
	constructor(site) {
		this.site = site;
	}

	static async open(site, owner, query = '') {
		const session = new Session(site);
		session.query = query;
		const { text } = await send(site.ports[owner], session.target(null));
		session.sid = JSON.parse(text.slice(text.indexOf('{'), text.indexOf('}') + 1)).sid;
		return session;
	}

	target(sid = this.sid) {
		const { path: at, eio } = this.site;
		const of = sid === null ? '' : `&sid=${encodeURIComponent(sid)}`;
		return `${at}?EIO=${eio}&transport=polling${of}${this.query ?? ''}`;
	}

	poll(worker, options) {
		return send(this.site.ports[worker], this.target(), options);
	}

	post(worker, body, options) {
		return send(this.site.ports[worker], this.target(), { method: 'POST', body, ...options });
	}

	/* Posts a message that Engine.IO, without Socket.IO, gets as text. */
	say(worker, text, options) {
		return this.post(worker, PACKET[this.site.eio](text), options);
	}
}

class Site {
	#fronts = [];
	#clients = [];
	#sockets = new Set();

	constructor({ major = 4, eio = major === 4 ? 4 : 3, dir } = {}) {
		this.major = major;
		this.eio = eio;
		this.path = '/socket.io/';
		this.dir = dir ?? fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-'));
		this.socket = path.join(this.dir, 'd.sock');
		this.workers = []; // { io, http, client }
	}

	/* `server`, `adapter`: options of each of `count` workers. */
	static async start(t, { count = 2, server, adapter, ...options } = {}) {
		const site = new Site(options);
		t.after(() => site.end());
		for (let i = 0; i < count; i++)
			await site.add({ server, adapter });
		return site;
	}

	get ports() {
		return this.workers.map(({ port }) => port);
	}

	get folder() {
		return path.join(this.dir, 'pm2adapterd.workers');
	}

	stats(worker) {
		return this.workers[worker].client.stats;
	}

	/*
	 * before(io), after(io): called around io.adapter(). build(adapter): resolves to { io, http }, of
	 * another kind of server.
	 */
	async add({ server = {}, adapter = {}, before = () => {}, after = () => {}, build } = {}) {
		const create = pm2Adapter({ socket: this.socket, reconnectDelay: 5, ...adapter });
		const { io, http: httpServer } = await build?.(create) ?? this.#plain(server, create, before);
		after(io);
		io.on('connection', (socket) => {
			socket.on('echo', (value, done) => done(value));
			socket.on('all', (value) => io.emit('all', value));
		});
		io.engine.on('connection', ({ transport }) => { transport.closeTimeout = CLOSE_MS; });
		const worker = { io, http: httpServer, client: io.of('/').adapter.client };
		this.workers.push(worker);
		worker.port = httpServer.listening ? httpServer.address().port : await listen(httpServer);
		return worker;
	}

	#plain(options, create, before) {
		const httpServer = http.createServer();
		const io = SERVER[this.major](httpServer, { serveClient: false, ...options });
		before(io);
		io.adapter(create);
		return { io, http: httpServer };
	}

	/* The port of a front that spreads connections over `ports`. */
	async front(ports = () => this.ports) {
		let turn = 0;
		const server = net.createServer((socket) => {
			const all = ports();
			const upstream = net.connect(all[turn++ % all.length], '127.0.0.1');
			for (const [from, to] of [[socket, upstream], [upstream, socket]]) {
				this.#sockets.add(from);
				from.on('error', () => to.destroy());
				from.on('close', () => {
					this.#sockets.delete(from);
					to.destroySoon();
				});
				from.pipe(to);
			}
		});
		this.#fronts.push(server);
		return listen(server);
	}

	/* The fronts read no more, like clients that do not. */
	holdUp() {
		for (const socket of this.#sockets) {
			socket.unpipe();
			socket.pause();
		}
	}

	/* A client of Socket.IO, connected. */
	async client(port, options = {}, major = this.major) {
		const scheme = options.secure ? 'https' : 'http';
		const socket = CONNECT[major](`${scheme}://127.0.0.1:${port}`, { forceNew: true, ...options });
		this.#clients.push(socket);
		const client = {
			socket,
			got: [],
			ask: (event, value) => within(new Promise((resolve) => {
				socket.emit(event, value, resolve);
			}), event),
		};
		socket.on('all', (value) => client.got.push(value));
		await next(socket, 'connect');
		return client;
	}

	async end() {
		for (const socket of this.#clients)
			socket.close();
		for (const socket of this.#sockets)
			socket.destroy();
		for (const server of this.#fronts)
			server.close();
		for (const { io, http: httpServer, client } of this.workers) {
			for (const socket of Object.values(io.engine.clients))
				socket.onClose('end of the test');
			httpServer.closeAllConnections?.();
			await new Promise((resolve) => { io.close(resolve); });
			client.destroy();
		}
		fs.rmSync(this.dir, { recursive: true, force: true });
	}
}

module.exports = { PACKET, Session, Site, listen, send };
