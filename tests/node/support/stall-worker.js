'use strict';

/* A Socket.IO server without a daemon, for stalled.test.js. argv: the folder of its sockets. */

const http = require('http');
const path = require('path');

const { Server } = require('socket.io');

const pm2Adapter = require('../../../src/node');

const server = http.createServer();
const io = new Server(server, {
	serveClient: false, httpCompression: false, maxHttpBufferSize: 1e9, pingInterval: 600_000,
	adapter: pm2Adapter({ socket: path.join(process.argv[2], 'd.sock') }),
});

/* Sends a message of `size` bytes to a session. */
process.on('message', ({ sid, size }) => io.engine.clients[sid].send('x'.repeat(size)));

server.listen(0, '127.0.0.1', () => process.send(server.address().port));
