'use strict';

const { io } = require('socket.io-client');

const ACK_MS = 10000;

function connect(url) {
	return new Promise((resolve, reject) => {
		const socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false });
		socket.once('connect', () => resolve(socket));
		socket.once('connect_error', reject);
	});
}

/* Promises a client and the identity of the worker that serves it. */
async function visit(url) {
	const socket = await connect(url);
	const { worker, pid } = await socket.timeout(ACK_MS).emitWithAck('whoami');
	return { worker, pid, socket };
}

module.exports = { ACK_MS, visit };
