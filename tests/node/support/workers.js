'use strict';

/* Socket.IO servers in processes of their own (worker.js), and clients of them. */

const assert = require('assert/strict');
const { fork } = require('child_process');
const fs = require('fs');
const path = require('path');

const { io: connect } = require('socket.io-client');

const { next, until, within } = require('../../support/wait');

const FENCE = 'fence of the tests';

class Worker {
	#orders = new Map();
	#child;
	#ids = 0;

	constructor(socket, { script = 'worker.js', env = {}, serialization, ...adapter } = {}) {
		const options = { socket, reconnectDelay: 5, reconnectDelayMax: 50, ...adapter };
		this.#child = fork(path.join(__dirname, script), [JSON.stringify(options)],
			{
				stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
				env: { ...process.env, ...env },
				serialization,
			});
		this.stderr = '';
		this.told = []; // its messages without an order
		this.#child.stderr.setEncoding('utf8').on('data', (text) => { this.stderr += text; });
		this.ended = new Promise((resolve) => {
			this.#child.once('close', (code, signal) => resolve({ code, signal }));
		});
		this.listening = within(Promise.race([
			next(this.#child, 'message').then(([{ port }]) => { this.port = port; }),
			this.ended.then(() => assert.fail(`a worker ended:\n${this.stderr}`)),
		]), 'port of a worker');
		this.#child.on('message', ({ done, reply, told }) => {
			this.#orders.get(done)?.(reply);
			if (told !== undefined)
				this.told.push(told);
		});
	}

	get pid() {
		return this.#child.pid;
	}

	get isAlive() {
		return this.#child.exitCode === null && this.#child.signalCode === null;
	}

	/* Resolves to the reply when the order is carried out. */
	order(order, fields = {}) {
		const id = ++this.#ids;
		const done = new Promise((resolve) => { this.#orders.set(id, resolve); });
		this.#child.send({ order, id, ...fields });
		return within(Promise.race([done,
			this.ended.then(() => assert.fail(`a worker ended:\n${this.stderr}`))]), order);
	}

	/* Anything at all, as pm2 and its modules send it. */
	send(message) {
		return new Promise((resolve, reject) => {
			this.#child.send(message, (error) => (error ? reject(error) : resolve()));
		});
	}

	/* Resolves when the process runs no more, and answers nothing until it is killed or goes on. */
	async freeze() {
		process.kill(this.pid, 'SIGSTOP');
		await until(() => /^State:\tT/m.test(fs.readFileSync(`/proc/${this.pid}/status`, 'utf8')),
			'stop of a worker');
	}

	thaw() {
		process.kill(this.pid, 'SIGCONT');
	}

	async kill(signal = 'SIGKILL') {
		this.#child.kill(signal);
		return within(this.ended, 'end of a worker');
	}
}

class Workers {
	#sockets = [];
	#fences = 0;

	constructor() {
		this.all = [];
	}

	static async start(t, socket, count, options) {
		const workers = new Workers();
		t.after(() => workers.destroy());
		await Promise.all(Array.from({ length: count }, () => workers.add(socket, options)));
		return workers;
	}

	/* Resolves to a worker that is connected to the daemon, unless it is `away`. */
	async add(socket, { away = false, ...options } = {}) {
		const worker = new Worker(socket, options);
		this.all.push(worker);
		await worker.listening;
		if (!away)
			await this.joined(worker);
		return worker;
	}

	joined(worker) {
		return until(async () => (await worker.order('stats')).connected, 'worker at the daemon');
	}

	/* A client of a worker, with all events that came to it in `got`, as arrays. */
	async client(worker, nsp = '/') {
		const socket = connect(`http://127.0.0.1:${worker.port}${nsp}`,
			{ transports: ['websocket'], forceNew: true });
		this.#sockets.push(socket);
		const client = {
			socket,
			worker,
			nsp,
			got: [],
			ask: (...event) => within(socket.emitWithAck(...event), event[0]),
			of: (event) => client.got.filter(([name]) => name === event).map(([, ...args]) => args),
		};
		socket.onAny((...event) => {
			if (event[0] !== FENCE)
				client.got.push(event);
		});
		await next(socket, 'connect');
		return client;
	}

	/*
	 * Resolves when everything that these workers emitted before has come to these clients. Each
	 * worker sends one more to the namespace of each client; messages of one worker arrive in order.
	 */
	async settle(clients, workers = this.all.filter(({ isAlive }) => isAlive)) {
		const fence = `${FENCE} ${++this.#fences}`;
		const arrived = clients.map((client) => within(new Promise((resolve) => {
			let missing = workers.length;
			client.socket.on(FENCE, function count(n, name) {
				if (name === fence && --missing === 0) {
					client.socket.off(FENCE, count);
					resolve();
				}
			});
		}), `messages of ${workers.length} workers`));
		for (const nsp of new Set(clients.map((client) => client.nsp)))
			for (const worker of workers)
				await worker.order('emit', { nsp, event: FENCE, data: fence });
		await Promise.all(arrived);
	}

	async destroy() {
		for (const socket of this.#sockets)
			socket.disconnect();
		await Promise.all(this.all.filter(({ isAlive }) => isAlive).map((worker) => worker.kill()));
	}
}

module.exports = { Worker, Workers };
