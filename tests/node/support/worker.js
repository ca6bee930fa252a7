'use strict';

/*
 * A Socket.IO server in a process of its own, with an IPC channel as pm2's workers have one. Its
 * parent (workers.js) orders by messages with a key `order`; anything else on the channel is
 * foreign, and whoever minds it has a defect.
 */

const http = require('http');
const { setTimeout: sleep } = require('timers/promises');

const { Server } = require('socket.io');

const pm2Adapter = require('../../../src/node');

const create = pm2Adapter(JSON.parse(process.argv[2]));
const server = http.createServer();
const io = new Server(server, { transports: ['websocket'], serveClient: false, adapter: create });

/* `data` names a Buffer by its size, so that it is one at the time of the emit. */
function value(data) {
	return typeof data?.buffer === 'number' ? Buffer.alloc(data.buffer, 7) : data;
}

const orders = {
	/* `count` emits of (event, number, data), all in one tick, or `every` ms apart. */
	async emit({ nsp = '/', rooms = [], except = [], flags = [], event, data, count = 1, every }) {
		let to = io.of(nsp).to(rooms).except(except);
		for (const flag of flags)
			to = to[flag];
		for (let n = 0; n < count; n++) {
			to.emit(event, n, value(data));
			if (every !== undefined)
				await sleep(every);
		}
	},
	stats: () => ({ ...create.client.stats, connected: create.client.connected }),
	async close() {
		await new Promise((resolve) => { io.close(resolve); });
	},
	/* A message for the application, which gets it from its own process object. */
	hear: (message) => process.emit('message', message.foreign),
};

function serve(nsp) {
	nsp.on('connection', (socket) => {
		socket.on('join', async (room, done) => {
			await socket.join(room);
			done();
		});
		socket.on('leave', (room, done) => {
			socket.leave(room);
			done();
		});
		socket.on('joined, tell others', (room, event) => {
			socket.join(room);
			nsp.except(room).emit(event, room);
		});
		socket.on('to room', (room, ...event) => nsp.to(room).emit(...event));
	});
}

['/', '/a', '/b'].forEach((name) => serve(io.of(name)));
serve(io.of(/^\/dynamic-\w+$/));

create.client.on('missed', (told) => process.send({ told }));

process.on('message', async (message) => {
	if (!Object.hasOwn(orders, message?.order))
		return;
	const reply = await orders[message.order](message);
	if (process.connected)
		process.send({ done: message.id, reply });
	if (message.order === 'close')
		process.disconnect();
});

server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
