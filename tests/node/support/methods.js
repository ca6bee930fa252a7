'use strict';

/*
 * The methods of an adapter by name, each as a function of a namespace and arguments that gives a
 * promise; so a test can have them called in another process.
 */

/* For what takes a callback: it must be called once, and not before the call has returned. */
function called(begin) {
	return new Promise((resolve, reject) => {
		let calls = 0;
		let isInside = true;
		begin((error, value) => {
			calls++;
			if (calls > 1 || isInside)
				throw new Error(`a callback was called ${isInside ? 'at once' : 'again'}`);
			if (error)
				reject(Object.assign(error, value === undefined ? {} : { responses: value }));
			else
				resolve(value);
		});
		isInside = false;
	});
}

function details({ id, rooms, data, handshake }) {
	return { id, rooms: [...rooms].sort(), data, url: handshake.url.split('?')[0] };
}

function to(nsp, { rooms = [], except = [], timeout, local }) {
	let operator = nsp.to(rooms).except(except);
	if (timeout !== undefined)
		operator = operator.timeout(timeout);
	return local ? operator.local : operator;
}

/* Of the seed, on both majors. */
const both = {
	clients: (nsp, rooms) => called((fn) => (rooms === undefined ?
		nsp.adapter.clients(fn) : nsp.adapter.clients(rooms, fn))),
	clientRooms: (nsp, id) => called((fn) => nsp.adapter.clientRooms(id, fn)),
	allRooms: (nsp) => called((fn) => nsp.adapter.allRooms(fn)),
	allRoomsSet: (nsp) => nsp.adapter.allRooms(),
	remoteJoin: (nsp, id, room) => called((fn) => nsp.adapter.remoteJoin(id, room, fn)),
	remoteLeave: (nsp, id, room) => called((fn) => nsp.adapter.remoteLeave(id, room, fn)),
	remoteDisconnect: (nsp, id, close) =>
		called((fn) => nsp.adapter.remoteDisconnect(id, close, fn)),
	customRequest: (nsp, data) => called((fn) => nsp.adapter.customRequest(data, fn)),
	emit: (nsp, rooms, ...event) => {
		const target = rooms.reduce((operator, room) => operator.to(room), nsp);
		target.emit(...event);
	},
};

const only2 = {
	clientsIn: (nsp, room) => called((fn) => nsp.in(room).clients(fn)),
};

const only4 = {
	fetchSockets: async (nsp, target = {}) => {
		try {
			return (await to(nsp, target).fetchSockets()).map(details);
		} catch (error) {
			error.responses = error.responses?.map(details);
			throw error;
		}
	},
	allSockets: (nsp, rooms = []) => nsp.to(rooms).allSockets(),
	serverCount: (nsp) => nsp.adapter.serverCount(),
	socketsJoin: (nsp, target, rooms) => { to(nsp, target).socketsJoin(rooms); },
	socketsLeave: (nsp, target, rooms) => { to(nsp, target).socketsLeave(rooms); },
	disconnectSockets: (nsp, target, close) => { to(nsp, target).disconnectSockets(close); },
	/* The only socket in `room` joins another one and gets an event. */
	tellRemote: async (nsp, room, joined, ...event) => {
		const [socket] = await nsp.in(room).fetchSockets();
		socket.join(joined);
		socket.emit(...event);
	},
	serverSideEmit: (nsp, ...event) => nsp.serverSideEmit(...event),
	serverSideAsk: (nsp, ...event) => called((fn) => nsp.serverSideEmit(...event, fn)),
	serverSideEmitWithAck: (nsp, ...event) => nsp.serverSideEmitWithAck(...event),
	broadcastAsk: (nsp, target, ...event) => called((fn) => to(nsp, target).emit(...event, fn)),
	emitWithAck: (nsp, target, ...event) => to(nsp, target).emitWithAck(...event),
};

const METHODS = { 4: { ...both, ...only4 }, 2: { ...both, ...only2 } };

/* Counts the requests that are still open at this server. */
function pending(io, namespaces) {
	const adapters = namespaces.map((name) => io.of(name).adapter);
	return {
		requests: adapters.reduce((n, { requests }) => n + requests.size, 0),
		ackRequests: adapters.reduce((n, { ackRequests }) => n + ackRequests.size, 0),
		questions: adapters[0].client.openQuestions,
	};
}

module.exports = { METHODS, pending };
