'use strict';

/*
 * The part of a worker that serves only the check. It emits the messages that a client orders, in
 * one tick, and opens the requests that a client orders. It knows neither the receivers nor the
 * right answers.
 */

const WAIT_MS = 5000;

function target(nsp, socket, { via, rooms, except, flags }) {
	let to = nsp;
	if (via === 'socket')
		to = rooms.length ? socket : socket.broadcast;
	if (rooms.length)
		to = to.to(rooms);
	if (except.length)
		to = to.except(except);
	for (const flag of flags)
		to = to[flag];
	return to;
}

function perform(nsp, socket, orders) {
	for (const order of orders)
		for (let i = 0; i < order.count; i++)
			target(nsp, socket, order)
				.emit('item', { from: order.from, seq: order.seq + i, data: order.data });
}

const calledBack = (method) => (nsp, ...args) => new Promise((resolve, reject) => {
	nsp.adapter[method](...args, (err, value) => (err ? reject(err) : resolve(value)));
});

/* As text: a packet to the client can have only few binary attachments. */
const asText = (echo) => (Buffer.isBuffer(echo) ? { bytes: echo.toString('base64') } : echo);

const METHODS = {
	fetchSockets: async (nsp, rooms) => (await nsp.in(rooms).fetchSockets())
		.map((socket) => ({ id: socket.id, rooms: [...socket.rooms], worker: socket.data.worker })),
	allSockets: async (nsp, rooms) => [...await nsp.in(rooms).allSockets()],
	socketsJoin: (nsp, id, room) => nsp.in(id).socketsJoin(room),
	socketsLeave: (nsp, id, room) => nsp.in(id).socketsLeave(room),
	disconnectSockets: (nsp, id) => nsp.in(id).disconnectSockets(true),
	broadcast: (nsp, rooms, event, word) => nsp.to(rooms).timeout(WAIT_MS).emitWithAck(event, word),
	serverSideEmit: (nsp, event, word) => nsp.serverSideEmitWithAck(event, word),
	tell: (nsp, word) => { nsp.serverSideEmit('tell', word); },
	serverCount: (nsp) => nsp.adapter.serverCount(),
	clients: calledBack('clients'),
	clientRooms: calledBack('clientRooms'),
	allRooms: async (nsp) => [...await calledBack('allRooms')(nsp)],
	remoteJoin: calledBack('remoteJoin'),
	remoteLeave: calledBack('remoteLeave'),
	remoteDisconnect: calledBack('remoteDisconnect'),
	customRequest: async (nsp, data) => (await calledBack('customRequest')(nsp, data))
		.map((answer) => ({ ...answer, echo: asText(answer.echo) })),
};

async function ask(nsp, { method, args }) {
	const since = performance.now();
	let result;
	try {
		result = { value: await METHODS[method](nsp, ...args) };
	} catch ({ code, message }) {
		result = { error: { code, message } };
	}
	const ms = performance.now() - since;
	return { ...result, ms, late: ms >= WAIT_MS || result.error?.code === 'PM2A_ERR_TIMEOUT' };
}

/* hold: the worker with that pid leaves so many questions open, and dies at the last one. */
function answerer({ worker, pid }, told) {
	let held = 0;
	return ({ echo, hold }, done) => {
		if (hold?.pid !== pid)
			done({ worker, echo, told: [...told] });
		else if (++held === hold.count)
			process.kill(pid, 'SIGKILL');
	};
}

module.exports = (spaces, me) => {
	for (const nsp of spaces) {
		const told = [];
		nsp.adapter.customHook = answerer(me, told);
		nsp.on('tell', (word) => told.push(word));
		nsp.on('echo', (word, done) => done({ worker: me.worker, word }));
		nsp.on('hold', (pid, done) => {
			if (pid !== me.pid)
				done(me.worker);
		});
		nsp.on('connection', (socket) => {
			socket.on('perform', (orders, done) => {
				perform(nsp, socket, orders);
				done();
			});
			socket.on('question', (question, done) => ask(nsp, question).then(done));
		});
	}
};
