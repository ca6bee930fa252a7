'use strict';

/*
 * The requests and commands to all workers that a page can use, whichever worker serves it. This
 * code does not know how many workers there are or which of them has a socket: the adapter does.
 */

const ROUND = 10;

const ms = (since) => Math.round((performance.now() - since) * ROUND) / ROUND;

/* Whether a socket may choose the room: not the room of its own id. */
const chosen = (id, rooms) => [...rooms].filter((room) => room !== id);

async function survey(nsp) {
	const since = performance.now();
	const [sockets, rooms] = await Promise.all([nsp.fetchSockets(), nsp.adapter.allRooms()]);
	return {
		ok: true,
		ms: ms(since),
		sockets: sockets.map(({ id, data, rooms: all }) =>
			({ ...data, id, rooms: chosen(id, all) })),
		rooms: [...rooms],
	};
}

async function ask(nsp, question) {
	const since = performance.now();
	const answers = await nsp.adapter.customRequest(question);
	return { ok: true, ms: ms(since), answers };
}

/* Tells the socket's page its new rooms, and the page that changed them. */
async function tellRooms(nsp, id, by) {
	const rooms = chosen(id, await nsp.adapter.clientRooms(id));
	nsp.to(id).emit('rooms', { rooms, by });
	return { ok: true, rooms };
}

async function move(nsp, { id, room }, by) {
	const before = chosen(id, await nsp.adapter.clientRooms(id));
	await nsp.adapter.remoteJoin(id, room);
	await Promise.all(before.filter((other) => other !== room)
		.map((other) => nsp.adapter.remoteLeave(id, other)));
	return tellRooms(nsp, id, by);
}

async function leave(nsp, { id, room }, by) {
	await nsp.adapter.remoteLeave(id, room);
	return tellRooms(nsp, id, by);
}

/* Both take the same path, so the page gets the message before its connection ends. */
function dismiss(nsp, { id }, by) {
	nsp.to(id).emit('dismissed', by);
	nsp.in(id).disconnectSockets(true);
	return { ok: true };
}

/* Tells the page the number of workers, whenever it changes. */
async function tellServers(nsp, to = nsp.local) {
	to.emit('servers', await nsp.adapter.serverCount());
}

/*
 * A worker that dies during a request does not answer: the request ends when the others have
 * answered and the connection of this one has ended.
 */
function answer(nsp, me, question, done) {
	if (question?.kill === me.pid)
		return process.kill(me.pid, 'SIGKILL');
	return done({
		...me,
		uptime: Math.floor(process.uptime()),
		memory: process.memoryUsage.rss(),
		sockets: nsp.sockets.size,
	});
}

/* client: the connection to the daemon. me: identifies this worker. */
function spanAll(nsp, client, me) {
	nsp.adapter.customHook = (question, done) => answer(nsp, me, question, done);
	for (const event of ['connect', 'disconnect', 'presence'])
		client.on(event, () => tellServers(nsp));
}

module.exports = { ask, dismiss, leave, move, spanAll, survey, tellServers };
