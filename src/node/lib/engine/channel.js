'use strict';

/*
 * Hands the socket of an upgrade over to the worker that has the session, so that
 * the WebSocket belongs to that worker alone: this one has no work for its messages
 * and may end. The daemon passes the socket on (docs/PROTOCOL.md, "Handing over
 * sockets").
 *
 * Node calls it unsupported to have something other than Node at the other end of an
 * IPC channel. So nothing is handed over before a socket has gone the whole way from
 * this worker to itself, and the caller tunnels what is not handed over.
 *
 * One socket is on its way at a time, and this process keeps its copy, without
 * reading from it, until the daemon tells the outcome. A socket whose outcome stays
 * unknown is destroyed, since the other worker may have it; its client goes on
 * polling.
 */

const { randomBytes } = require('node:crypto');
const net = require('node:net');
const debug = require('debug')('socket.io-pm2adapter:engine');
const { upgradeHead } = require('./headers');
const { lend } = require('./lender');

const LINE_MAX = 65_536; // bytes of the daemon's limit
const LINE_ROOM = 256; // of them around the bytes in base64
const WAITING_MAX = 1000; // sockets
const TEST_MS = 1000;
const OUTCOME_MS = 10_000;
const AGAIN_MS = 5000;

/* Whether it is a plain connection over which nobody else has a say: one that was
 * accepted by a server for TLS is not, nor is one whose address was replaced. */
function isPlain(socket) {
	return Object.getPrototypeOf(socket) === net.Socket.prototype &&
		!Object.hasOwn(socket, 'remoteAddress') &&
		typeof socket._handle?.readStop === 'function' &&
		!socket.destroyed && !socket.readableEnded && socket.writableLength === 0;
}

/* Returns what was read of a socket, and reads no further. */
function stopReading(socket) {
	const chunks = [];
	for (let chunk; (chunk = socket.read()) !== null;) {
		chunks.push(chunk);
	}
	/* As net.Socket does it itself when its buffer is full. pause() would let it
	 * fill the buffer first. */
	socket._handle.reading = false;
	socket._handle.readStop();
	return chunks;
}

function readOn(socket) {
	if (socket._handle) {
		socket._handle.reading = true;
		socket._handle.readStart();
	}
}

class Channel {
	#client;
	#inner; // InnerServer
	#stats;
	#child = null; // from its start to 'disconnect'
	#tag = null; // of the channel
	#isStarting = false;
	#isWanted = false; // again, since it started
	#isClosed = false;
	#test = null; // { bytes, socket, timer } while it runs
	#isReady = false;
	#waiting = []; // { socket, tag, bytes, fn }
	#sent = null; // the one on its way
	#timer = null; // of #sent
	#id = 0;

	constructor(client, inner) {
		this.#client = client;
		this.#inner = inner;
		this.#stats = client.stats;
		client.on('connect', () => this.#start());
		this.#start();
	}

	/*
	 * Takes an upgrade, unless it returns false. fn(isPassed, head) is called once: if
	 * it is not passed, the socket is as it was, and `head` is what has followed the
	 * request so far.
	 */
	offer(req, socket, head, tag, fn) {
		if (!this.#isReady || !isPlain(socket) || this.#waiting.length === WAITING_MAX) {
			return false;
		}
		const rest = Buffer.concat([head, ...stopReading(socket)]);
		const bytes = Buffer.concat([Buffer.from(upgradeHead(req), 'latin1'), rest]).toString('base64');
		if (bytes.length > LINE_MAX - LINE_ROOM) {
			readOn(socket);
			fn(false, rest);
			return true;
		}
		this.#waiting.push({ socket, tag, bytes, fn: (isPassed) => fn(isPassed, rest) });
		this.#sendNext();
		return true;
	}

	/* Nothing is handed over or taken from now on. */
	close() {
		this.#isClosed = true;
		if (this.#child?.connected) {
			this.#child.disconnect();
		}
		this.#onGone();
	}

	#start() {
		const tag = this.#inner.tag;
		this.#isWanted = this.#isStarting;
		if (this.#isClosed || this.#isStarting || tag === null || !this.#client.connected ||
			!this.#client.welcome?.features?.includes?.('handles') ||
			(this.#child !== null && this.#tag === tag)) {
			return;
		}
		this.#isStarting = true;
		lend(this.#client.socketPath, tag, (child) => {
			this.#isStarting = false;
			if (child !== null) {
				this.#use(child, tag);
			} else if (this.#isWanted) {
				this.#start();
			}
		});
	}

	#use(child, tag) {
		if (this.#child?.connected) {
			this.#child.disconnect();
		}
		this.#onGone();
		this.#child = child;
		this.#tag = tag;
		child.on('message', (message, socket) => {
			if (child === this.#child) {
				this.#onMessage(message, socket);
			} else {
				socket?.destroy();
			}
		});
		child.on('disconnect', () => {
			if (child === this.#child) {
				this.#again(this.#isReady ? 0 : AGAIN_MS);
				this.#onGone();
			}
		});
		if (!child.connected) {
			this.#onGone();
		} else if (this.#isClosed) {
			this.close();
		} else {
			this.#testIt();
		}
	}

	/* The daemon may have closed the channel alone. If it has ended, the next connect
	 * event starts another one. */
	#again(ms) {
		setTimeout(() => this.#start(), ms).unref();
	}

	/* Sends a connection to the own Unix socket to this worker itself. */
	#testIt() {
		const socket = net.connect(this.#inner.file);
		const timer = setTimeout(() => debug('channel: no answer to the test yet; upgrades are tunnelled'), TEST_MS);
		const test = { socket, timer, bytes: randomBytes(18).toString('base64') };
		timer.unref();
		socket.unref();
		this.#test = test;
		socket.once('error', (error) => debug('channel: no test: %s', error.message));
		socket.once('connect', () => {
			if (test === this.#test) {
				this.#waiting.unshift({ socket, tag: this.#tag, bytes: test.bytes, fn: () => {} });
				this.#sendNext();
			}
		});
	}

	#onTested(socket) {
		socket.destroy();
		this.#endTest();
		this.#isReady = true;
		this.#stats.upgrades = 'handed-over';
		debug('channel: upgrades are handed over');
	}

	#endTest() {
		clearTimeout(this.#test?.timer);
		this.#test?.socket.destroy();
		this.#test = null;
	}

	#sendNext() {
		if (this.#sent !== null || this.#waiting.length === 0) {
			return;
		}
		this.#sent = this.#waiting.shift();
		this.#sent.id = this.#id++;
		const { id, socket, tag, bytes } = this.#sent;
		this.#timer = setTimeout(() => this.#onLate(), OUTCOME_MS);
		this.#timer.unref();
		/* Otherwise net.Server would ask the other side for its connections when it
		 * closes. */
		const { server } = socket;
		socket.server = undefined;
		/* `keepOpen`: otherwise Node drops what arrives until the daemon has it. */
		this.#child.send({ to: tag, id, bytes }, socket, { keepOpen: true }, (error) => {
			if (error) {
				this.#settle({ id, outcome: error.message });
			}
		});
		socket.server = server;
	}

	#onMessage(message, socket) {
		if (message?.outcome !== undefined) {
			this.#settle(message);
		} else if (!socket) {
			debug('channel: a message without a socket');
		} else if (message.bytes === this.#test?.bytes) {
			this.#onTested(socket);
		} else {
			this.#inner.take(socket, Buffer.from(String(message?.bytes), 'base64'));
		}
	}

	#settle({ id, outcome }) {
		if (id !== this.#sent?.id) {
			return;
		}
		const { socket, fn } = this.#takeSent();
		if (outcome === 'passed') {
			socket.destroy();
			fn(true);
		} else {
			debug('channel: not passed: %s', outcome);
			readOn(socket);
			fn(false);
		}
		this.#sendNext();
	}

	#takeSent() {
		const sent = this.#sent;
		clearTimeout(this.#timer);
		this.#sent = null;
		return sent;
	}

	#onLate() {
		debug('channel: no outcome in %d ms', OUTCOME_MS);
		const child = this.#child;
		this.#onGone();
		child.disconnect();
		this.#again(AGAIN_MS);
	}

	/* The outcome of the socket on its way is unknown; the others are still here. */
	#onGone() {
		this.#child = null;
		this.#tag = null;
		this.#isReady = false;
		this.#stats.upgrades = 'tunnelled';
		this.#endTest();
		this.#takeSent()?.socket.destroy();
		for (const { socket, fn } of this.#waiting.splice(0)) {
			readOn(socket);
			fn(false);
		}
	}
}

module.exports = { Channel };
