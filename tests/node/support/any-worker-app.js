'use strict';

/* An application without sticky sessions, for any-worker.config.js: Socket.IO 4, or 2 by MAJOR. */

const http = require('http');

const pm2Adapter = require('../../../src/node');

const server = http.createServer((req, res) => res.end(JSON.stringify(stats())));
/*
 * Node's cluster module leaves a connection open that it gave to a worker in the moment of that
 * worker's exit (see pm2.js). A poll on it ends with the session, sooner than after the default of 45 s.
 */
const OPTIONS = { serveClient: false, pingInterval: 2000, pingTimeout: 10_000 };
const io = process.env.MAJOR === '2' ?
	require('socket.io-2')(server, OPTIONS) :
	new (require('socket.io').Server)(server, { ...OPTIONS, allowEIO3: true });
io.adapter(pm2Adapter());

const { client } = io.of('/').adapter;
const stats = () => ({ ...client.stats, pid: process.pid, sessions: io.engine.clientsCount });

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
