'use strict';

/*
 * A WebSocket that speaks as much of Engine.IO and Socket.IO as it takes to be a client of the
 * main namespace, and keeps what comes as it comes.
 */

const { createRequire } = require('module');

const { next, until } = require('../../support/wait');

// The one that the servers have: a dependency of a dependency.
const engine = createRequire(require.resolve('socket.io')).resolve('engine.io');
const { WebSocket } = createRequire(engine)('ws');

const PROTOCOLS = { 4: 4, 2: 3 }; // of Engine.IO, by the major of Socket.IO

class RawSocket {
	/* `got`: texts, and binary messages as hex behind a mark. */
	got = [];

	static async connect(t, major, port, options = {}) {
		const raw = new RawSocket();
		const ws = new WebSocket(`ws://127.0.0.1:${port}/socket.io/` +
			`?EIO=${PROTOCOLS[major]}&transport=websocket`, options);
		raw.ws = ws;
		t.after(() => ws.terminate());
		let isIn = false;
		ws.on('message', (data, isBinary) => {
			const text = isBinary ? `binary ${data.toString('hex')}` : data.toString();
			isIn ||= text.startsWith('40');
			if (isBinary || /^4[256]/.test(text))
				raw.got.push(text);
		});
		await next(ws, 'open');
		if (major === 4)
			ws.send('40');
		await until(() => isIn, 'CONNECT');
		return raw;
	}

	/* Bytes that have come over the network. */
	get bytes() {
		return this.ws._socket.bytesRead;
	}

	get isOpen() {
		return this.ws.readyState === WebSocket.OPEN;
	}
}

module.exports = { RawSocket };
