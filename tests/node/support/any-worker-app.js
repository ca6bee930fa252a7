'use strict';

/* An application without sticky sessions, for any-worker.config.js: Socket.IO 4, or 2 by MAJOR. */

const http = require('http');

const pm2Adapter = require('../../../src/node');

const server = http.createServer();
const io = process.env.MAJOR === '2' ?
	require('socket.io-2')(server, { serveClient: false }) :
	new (require('socket.io').Server)(server, { serveClient: false });
io.adapter(pm2Adapter());

const { client } = io.of('/').adapter;
const stats = () => ({ ...client.stats, pid: process.pid });

io.on('connection', (socket) => {
	socket.emit('owner', process.pid);
	socket.on('echo', (value, done) => done(value));
	socket.on('all', (value) => io.emit('all', value));
	socket.on('stats', (done) => done(stats()));
});

server.listen(Number(process.env.PORT), '127.0.0.1', () => {
	client.ready().then(() => process.send('ready'));
});
process.on('message', (message) => {
	if (message === 'stats')
		process.send(stats());
});
process.once('SIGINT', () => io.close(() => process.exit(0)));
