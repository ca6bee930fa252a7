'use strict';

/*
 * A worker's channel to the daemon, as lib/engine makes it, or with bytes that no
 * worker writes.
 */

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { BINARY } = require('../../support/daemon');
const { within } = require('../../support/wait');

/* Starts the word; `ipc` is 'ipc' or, for raw bytes, 'pipe'. */
async function lend(socket, tag, ipc) {
	const child = spawn(BINARY, ['--socket', socket, '--lend-channel', tag], {
		stdio: ['ignore', 'ignore', 'pipe', ipc],
		env: { ...process.env, NODE_CHANNEL_FD: '3' },
	});
	let text = '';
	child.stderr.setEncoding('utf8').on('data', (more) => { text += more; });
	const [[code]] = await within(Promise.all([once(child, 'exit'), once(child.stderr, 'end')]),
		'end of --lend-channel');
	return { child, code, text };
}

/* A channel that speaks Node's IPC: { send(), messages } */
class Channel {
	static async open(daemon, tag) {
		const { child, code, text } = await lend(daemon.socket, tag, 'ipc');
		if (code !== 0)
			throw new Error(`--lend-channel: ${code} ${text}`);
		return new Channel(child);
	}

	constructor(child) {
		this.child = child;
		this.received = []; // [message, socket]
		this.isOver = !child.connected;
		child.on('message', (...args) => this.received.push(args));
		child.on('disconnect', () => { this.isOver = true; });
	}

	/* Hands a socket over; this process keeps its own copy. */
	handOver(to, id, socket, bytes = '') {
		socket.server = undefined;
		this.child.send({ to, id, bytes: Buffer.from(bytes).toString('base64') }, socket,
			{ keepOpen: true });
	}

	close() {
		if (!this.isOver)
			this.child.disconnect();
	}
}

/* A channel of raw bytes: a net.Socket. */
async function openRaw(daemon, tag) {
	const { child } = await lend(daemon.socket, tag, 'pipe');
	const socket = child.stdio[3];
	socket.on('error', () => {});
	return socket;
}

module.exports = { Channel, lend, openRaw };
