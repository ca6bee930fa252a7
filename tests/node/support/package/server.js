'use strict';

/* An application that has installed the package. */

const http = require('http');

const { Server } = require('socket.io');

const server = http.createServer();
const io = new Server(server, { transports: ['websocket'] });
io.adapter(require('socket.io-pm2adapter')());

io.on('connection', (socket) => {
	socket.emit('you', { pid: process.pid });
	socket.on('send', ({ text }, answer) => {
		io.emit('message', { text });
		answer();
	});
});

server.listen(Number(process.env.PORT), '127.0.0.1');
