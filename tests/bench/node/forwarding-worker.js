'use strict';

/*
 * A Socket.IO server of forwarding.js, without a daemon. It echoes messages, and tells
 * its CPU time and its memory. argv: name, folder of the workers' sockets, path of Control.
 */

const http = require('node:http');
const path = require('node:path');

const { Server } = require('socket.io');

const { obey } = require('./control');
const pm2Adapter = require('../../../src/node');

const BACKLOG = 8192;

const [name, dir, control] = process.argv.slice(2);

/* A request that waits without Socket.IO. */
const held = [];
const server = http.createServer((req, res) => held.push(res));
const io = new Server(server, {
	serveClient: false, httpCompression: false, pingInterval: 3_600_000, maxHttpBufferSize: 1e7,
	adapter: pm2Adapter({ socket: path.join(dir, 'd.sock') }),
});
io.on('connection', (socket) => socket.on('echo', (value) => socket.emit('echo', value)));

function cpu() {
	const { user, system } = process.cpuUsage();
	return user + system;
}

async function memory() {
	for (let n = 0; n < 3; n++) {
		globalThis.gc();
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
	return process.memoryUsage().rss;
}

const orders = {
	cpu,
	memory,
	stats: () => io.of('/').adapter.client.stats,
	held: () => held.length,
	polls: () => Object.values(io.engine.clients)
		.filter(({ transport }) => transport.writable && transport.name === 'polling').length,
};

server.listen({ host: '127.0.0.1', port: 0, backlog: BACKLOG }, () =>
	obey(control, name, orders, { port: server.address().port }));
