'use strict';

/*
 * A cluster of one worker with a Socket.IO server, to which a client connects; the primary tells
 * its parent the codes of the worker's warnings. argv: the mode, the daemon's socket.
 */

const cluster = require('cluster');
const http = require('http');

const [mode, socket] = process.argv.slice(2);
const is2 = mode.endsWith('-2');

if (cluster.isPrimary) {
	cluster.fork().on('message', (told) => process.send(told));
} else {
	const pm2Adapter = require('../../../src/node');
	const create = pm2Adapter({ socket, anyWorker: false });
	const options = {
		adapter: create, serveClient: false,
		...(mode === 'recovery' && { connectionStateRecovery: {} }),
	};
	const server = http.createServer();
	const { Server } = require('socket.io');
	const io = is2 ? require('socket.io-2')(server, options) : new Server(server, options);
	const heard = [];
	process.on('warning', ({ code }) => heard.push(code));
	if (mode === 'sticky')
		process.on('message', (message) => message.type === 'sticky:connection');
	create.client.once('connect', () => {
		// As PRESENCE of another worker would tell.
		create.client.emit('presence', { topic: 'socket.io#/#', count: mode === 'alone' ? 1 : 2 });
		server.listen(0, '127.0.0.1', () => {
			const url = `http://127.0.0.1:${server.address().port}`;
			const connect = is2 ? require('socket.io-client-2') : require('socket.io-client').io;
			connect(url, { transports: [mode === 'recovery' ? 'websocket' : 'polling'] });
		});
	});
	io.on('connection', () => setImmediate(() => process.send(heard)));
}
