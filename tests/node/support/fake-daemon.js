'use strict';

/*
 * A daemon that does what a test tells it: it takes connections, keeps all frames that come, and
 * answers HELLO, PING and the end by itself unless it shouldn't. It routes nothing.
 */

const fs = require('fs');
const net = require('net');
const path = require('path');

const { decode, encode } = require('notepack.io');

const { FrameReader, copyOf } = require('../../../src/node/lib/wire/frame-reader');
const sender = require('../../../src/node/lib/wire/frame-writer');
const { folder } = require('../../support/daemon');
const { next, until } = require('../../support/wait');

const { TYPE } = sender;
const NAMES = Object.fromEntries(Object.entries(TYPE).map(([name, number]) => [number, name]));
const NOTHING = Buffer.alloc(0);
const FRAME_MAX = 64 * 1024 * 1024;

const WELCOME = {
	protocol: 1,
	server: 'fake/1',
	id: 1,
	epoch: 1_700_000_000_000,
	max_frame: 16 * 1024 * 1024,
	max_topic: 4096,
	ping_interval_ms: 0,
	features: ['prefix', 'multi', 'presence', 'stats', 'ask'],
};

/* One connection. */
class Link {
	#receiver = new FrameReader(FRAME_MAX);

	constructor(socket, daemon) {
		this.socket = socket;
		this.frames = []; // [{ name, type, flags, topic, body }], control bodies decoded
		this.chunks = 0; // reads that brought something
		this.hasEnded = false;
		socket.on('data', (chunk) => {
			this.chunks++;
			const fault = this.#receiver.push(chunk, (...parts) => this.#take(copyOf(...parts), daemon));
			if (fault !== null)
				throw new Error(`the client sent no frame: ${fault}`);
		});
		socket.on('end', () => {
			this.hasEnded = true;
			if (!daemon.staysOpen)
				socket.end();
		});
		socket.on('error', () => {}); // a client that is destroyed resets it
	}

	#take({ type, flags, topic, body }, daemon) {
		const isOpaque = [TYPE.PUBLISH, TYPE.PING, TYPE.PONG].includes(type);
		const frame = {
			name: NAMES[type] ?? type,
			type,
			flags,
			topic: topic.toString(),
			body: isOpaque ? body : decode(body),
		};
		this.frames.push(frame);
		if (type === TYPE.HELLO && daemon.welcome !== null)
			this.control(TYPE.WELCOME, daemon.welcome);
		if (type === TYPE.PING && daemon.answersPings)
			this.frame(TYPE.PONG, 0, NOTHING, body);
	}

	write(bytes) {
		this.socket.write(bytes);
	}

	frame(type, flags = 0, topic = NOTHING, body = NOTHING) {
		this.write(sender.frame(type, flags, topic, body));
	}

	/* A frame whose body is msgpack. */
	control(type, value, topic = NOTHING) {
		this.frame(type, 0, topic, encode(value));
	}

	named(name) {
		return this.frames.filter((frame) => frame.name === name);
	}

	/* The bodies of all messages, as text. */
	get messages() {
		return this.named('PUBLISH').map(({ body }) => body.toString());
	}

	/* Resolves when so many frames of that name have come, with all of them. */
	async count(name, n) {
		await until(() => this.named(name).length >= n, `${n} frames ${name}`);
		return this.named(name);
	}
}

class FakeDaemon {
	#server;

	/*
	 * `welcome` adds to what WELCOME says; null: HELLO has no answer. `staysOpen`: it doesn't end
	 * a connection whose client has ended its side.
	 */
	constructor({ welcome = {}, answersPings = true, staysOpen = false } = {}) {
		this.welcome = welcome && { ...WELCOME, ...welcome };
		this.answersPings = answersPings;
		this.staysOpen = staysOpen;
		this.links = [];
		this.dir = folder();
		this.socket = path.join(this.dir, 's');
	}

	static start(options) {
		return new FakeDaemon(options).start();
	}

	async start() {
		this.#server = net.createServer({ allowHalfOpen: true }, (socket) => {
			this.links.push(new Link(socket, this));
		});
		this.#server.listen(this.socket);
		await next(this.#server, 'listening');
		return this;
	}

	/* The connection with this number, which may still have to be made. */
	link(number) {
		return until(() => this.links[number], `connection ${number}`);
	}

	/* Refuses new connections, and ends those that are. */
	async stop() {
		const closed = next(this.#server, 'close');
		this.#server.close();
		for (const { socket } of this.links)
			socket.destroy();
		await closed;
	}

	async destroy() {
		if (this.#server?.listening)
			await this.stop();
		fs.rmSync(this.dir, { recursive: true, force: true });
	}
}

module.exports = { FakeDaemon, NOTHING, TYPE, WELCOME };
