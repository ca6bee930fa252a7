'use strict';

/*
 * Requests of a page to all workers, and actions on their sockets, whichever worker serves the page.
 * Nothing here knows how many workers there are or which of them has a socket: the adapter asks.
 */

const ROUND = 10;

const ms = (since) => Math.round((performance.now() - since) * ROUND) / ROUND;

/* A socket's own room comes with its id, and is nobody's choice. */
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

/* The socket's page hears what has become of its rooms, and by whom. */
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

/* Both go the same way, so that the page has heard who it was before its connection ends. */
function dismiss(nsp, { id }, by) {
	nsp.to(id).emit('dismissed', by);
	nsp.in(id).disconnectSockets(true);
	return { ok: true };
}

/* How many workers there are: told as soon as one comes or goes, however it goes. */
async function tellServers(nsp, to = nsp.local) {
	to.emit('servers', await nsp.adapter.serverCount());
}

/*
 * One that is to die takes the question with it: it ends for the asker when the others have
 * answered and this one's connection has ended.
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

/* `client` is the connection to the daemon, `me` what tells this worker from the others. */
function spanAll(nsp, client, me) {
	nsp.adapter.customHook = (question, done) => answer(nsp, me, question, done);
	for (const event of ['connect', 'disconnect', 'presence'])
		client.on(event, () => tellServers(nsp));
}

module.exports = { ask, dismiss, leave, move, spanAll, survey, tellServers };
