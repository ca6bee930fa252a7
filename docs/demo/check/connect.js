'use strict';

const { io } = require('socket.io-client');

const ACK_MS = 40000;

/* Options of clients: those that poll, those that begin so and upgrade, and those that never do. */
const POLLING = { transports: ['polling'] };
const DEFAULT = {};
const WEBSOCKET = { transports: ['websocket'] };

function connect(url, options) {
	return new Promise((resolve, reject) => {
		const socket = io(url, { ...options, forceNew: true, reconnection: false });
		socket.once('connect', () => resolve(socket));
		socket.once('connect_error', reject);
	});
}

/* Promises a client and the identity of the worker that serves it. */
async function visit(url, options = WEBSOCKET) {
	const socket = await connect(url, options);
	const { worker, pid } = await socket.timeout(ACK_MS).emitWithAck('whoami');
	return { worker, pid, socket };
}

module.exports = { ACK_MS, DEFAULT, POLLING, WEBSOCKET, visit };
