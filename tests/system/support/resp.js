'use strict';

/*
 * Redis's protocol from the outside: requests as bytes, raw connections whose
 * input is split into replies, and a real redis-server to hold ours against.
 */

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { answers, folder } = require('../../support/daemon');
const { until, within } = require('../../support/wait');

const CRLF = Buffer.from('\r\n');

/* A request; an argument is a string or a Buffer. */
function command(...args) {
	const parts = [Buffer.from(`*${args.length}\r\n`)];
	for (const arg of args) {
		const bytes = Buffer.from(arg);
		parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, CRLF);
	}
	return Buffer.concat(parts);
}

/*
 * The reply that begins at `at`: {raw, type, value, end}, where value is the
 * bytes of a string, the text of a line, or the replies in an aggregate. Null
 * where it has not come whole.
 */
function readReply(bytes, at = 0) {
	const lineEnd = bytes.indexOf(CRLF, at);
	if (lineEnd < 0)
		return null;
	const type = String.fromCharCode(bytes[at]);
	const line = bytes.toString('latin1', at + 1, lineEnd);
	let end = lineEnd + 2;
	let value = line;
	if ('$='.includes(type) && Number(line) >= 0) {
		value = bytes.subarray(end, end + Number(line));
		end += Number(line) + 2;
	} else if ('*>~%'.includes(type) && Number(line) >= 0) {
		value = [];
		for (let n = Number(line) * (type === '%' ? 2 : 1); n > 0; n--) {
			const item = readReply(bytes, end);
			if (!item)
				return null;
			value.push(item);
			end = item.end;
		}
	}
	if (end > bytes.length)
		return null;
	return { raw: bytes.subarray(at, end), type, value, end };
}

class RespPeer {
	#socket;
	#bytes = Buffer.alloc(0);
	#wake = () => {};
	replies = [];
	ended = false;

	static async connect(where) {
		const peer = new RespPeer(where);
		await within(once(peer.#socket, 'connect'), 'connection');
		return peer;
	}

	constructor(where) {
		this.#socket = net.connect({ ...where, allowHalfOpen: true });
		this.#socket.setNoDelay(true);
		this.#socket.on('data', (chunk) => this.#take(chunk));
		this.#socket.on('error', () => {});
		for (const event of ['end', 'close']) {
			this.#socket.on(event, () => {
				this.ended = true;
				this.#wake();
			});
		}
	}

	#take(chunk) {
		this.#bytes = Buffer.concat([this.#bytes, chunk]);
		let reply;
		while ((reply = readReply(this.#bytes))) {
			this.replies.push(reply);
			this.#bytes = this.#bytes.subarray(reply.end);
		}
		this.#wake();
	}

	write(bytes) {
		this.#socket.write(bytes);
	}

	destroy() {
		this.#socket.destroy();
	}

	/* Until probe() is true of what has come, or the connection has ended. */
	async wait(probe, what) {
		while (!this.ended && !probe()) {
			await within(new Promise((resolve) => {
				this.#wake = resolve;
			}), what);
		}
	}

	/* Returns the replies to `bytes`, which end the connection. */
	async last(bytes) {
		this.write(bytes);
		await this.wait(() => false, 'end of the connection');
		return this.taken();
	}

	taken() {
		return this.replies.splice(0);
	}
}

/* Debian's redis-server, at a Unix socket in a folder of its own. */
class RedisServer {
	#child;
	#failure = null;
	#dir = folder();
	socket = path.join(this.#dir, 'redis');

	static async start(args = []) {
		const server = new RedisServer(args);
		await until(() => {
			if (server.#failure)
				throw server.#failure;
			return answers(server.socket);
		}, 'redis-server');
		return server;
	}

	constructor(args) {
		this.#child = spawn('redis-server', ['--port', '0',
			'--unixsocket', this.socket, '--save', '',
			'--appendonly', 'no', '--dir', this.#dir, ...args],
		{ stdio: 'ignore' });
		this.#child.once('error', (err) => {
			this.#failure = err;
		});
		process.once('exit', this.#kill);
	}

	#kill = () => this.#child.kill('SIGKILL');

	async stop() {
		const ended = once(this.#child, 'close');
		this.#kill();
		await within(ended, 'end of redis-server');
		process.removeListener('exit', this.#kill);
		fs.rmSync(this.#dir, { recursive: true, force: true });
	}
}

module.exports = { RedisServer, RespPeer, command, readReply };
