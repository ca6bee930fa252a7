'use strict';

/*
 * What a worker does for the check alone: it emits what a client orders, all of it in one tick.
 * It knows nothing of who should get it.
 */

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

module.exports = (spaces) => {
	for (const nsp of spaces)
		nsp.on('connection', (socket) => {
			socket.on('perform', (orders, done) => {
				perform(nsp, socket, orders);
				done();
			});
		});
};
