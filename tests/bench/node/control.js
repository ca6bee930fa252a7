'use strict';

/*
 * Orders to the processes of the comparison, as JSON lines over a socket that is
 * there for nothing else: the channel of node:cluster is among what is measured.
 */

const net = require('node:net');
const readline = require('node:readline');

const START_LIMIT_MS = 20_000;

/* Calls take(object) for each line. */
function listen(socket, take) {
	readline.createInterface({ input: socket, crlfDelay: Infinity })
		.on('line', (line) => take(JSON.parse(line)));
}

function say(socket, object) {
	socket.write(`${JSON.stringify(object)}\n`);
}

/* The director's side: it waits for players by name. */
class Control {
	#players = new Map(); // name → { socket, hello } of a player that is here
	#expected = new Map(); // name → resolve for one that is awaited
	#replies = new Map(); // id → { resolve, reject }
	#ids = 0;
	#server;

	/* onFault(text): a process has seen what must not be. */
	constructor(path, onFault) {
		this.path = path;
		this.#server = net.createServer((socket) => {
			socket.on('error', () => {}); // its process has ended, which is told elsewhere
			listen(socket, (object) => this.#take(socket, object, onFault));
		}).listen(path);
	}

	/* Resolves to what the process of this name said first. */
	arrival(name) {
		if (this.#players.has(name))
			return Promise.resolve(this.#players.get(name).hello);
		return new Promise((resolve, reject) => {
			const timer = setTimeout(() => reject(new Error(`${name} does not start`)),
				START_LIMIT_MS);
			this.#expected.set(name, (hello) => {
				clearTimeout(timer);
				resolve(hello);
			});
		});
	}

	/* Resolves to the reply when the order is carried out. */
	order(name, order, fields = {}) {
		const id = ++this.#ids;
		say(this.#players.get(name).socket, { id, order, fields });
		return new Promise((resolve, reject) => {
			this.#replies.set(id, { resolve, reject });
		});
	}

	/* The processes of this peer are over; others may have their names. */
	forget(peer) {
		for (const name of [...this.#players.keys()]) {
			if (name.startsWith(`${peer}-`))
				this.#players.delete(name);
		}
	}

	close() {
		this.#server.close();
		for (const { socket } of this.#players.values())
			socket.destroy();
	}

	#take(socket, { hello, fault, id, reply, error }, onFault) {
		if (hello) {
			this.#players.set(hello.name, { socket, hello });
			this.#expected.get(hello.name)?.(hello);
		} else if (fault) {
			onFault(fault);
		} else if (error) {
			this.#replies.get(id).reject(new Error(error));
		} else {
			this.#replies.get(id).resolve(reply);
		}
	}
}

/*
 * Of a process: says who it is, and carries out what it is ordered to.
 * orders: { name: (fields) => reply, or a promise of it }. Returns a function
 * that tells a fault. The process ends with the director.
 */
function obey(path, name, orders, hello = {}) {
	const socket = net.connect(path, () =>
		say(socket, { hello: { name, pid: process.pid, ...hello } }));
	listen(socket, async ({ id, order, fields }) => {
		try {
			say(socket, { id, reply: await orders[order](fields) ?? null });
		} catch (error) {
			say(socket, { id, error: `${name}: ${error.stack}` });
		}
	});
	socket.on('error', () => process.exit(1));
	socket.on('close', () => process.exit(0));
	return (fault) => say(socket, { fault: `${name}: ${fault}` });
}

module.exports = { Control, obey };
