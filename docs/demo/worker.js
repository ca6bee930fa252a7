'use strict';

/*
 * The demo's application: a page and a Socket.IO server, as one of the workers that pm2 runs in
 * cluster mode. One line makes it reach the clients of the other workers, that with pm2Adapter(),
 * which finds the daemon that the same pm2 runs.
 * Its clients use any transport: a request that reaches another worker than its session's is
 * forwarded to that one.
 */

const fs = require('fs');
const http = require('http');
const path = require('path');

const { Server } = require('socket.io');
const pm2Adapter = require('../../src/node'); // in your own: require('socket.io-pm2adapter');

const across = require('./across');

const PAGE = path.join(__dirname, 'page');
const FILES = {
	'/': ['index.html', 'text/html; charset=utf-8'],
	'/style.css': ['style.css', 'text/css; charset=utf-8'],
	'/page.js': ['page.js', 'text/javascript; charset=utf-8'],
	'/across.js': ['across.js', 'text/javascript; charset=utf-8'],
	'/icon.svg': ['icon.svg', 'image/svg+xml'],
};
const ROOM_MAX = 24;
const TEXT_MAX = 500;
const READY_MS = 2000;

const me = {
	worker: Number(process.env.NODE_APP_INSTANCE || 0) + 1,
	pid: process.pid,
	pm_id: Number(process.env.pm_id),
};

function serveFile(request, response) {
	const [file, type] = FILES[new URL(request.url, 'http://demo').pathname] || [];
	if (!file) {
		response.writeHead(404, { 'content-type': 'text/plain' }).end('not found\n');
		return;
	}
	response.writeHead(200, {
		'content-type': type,
		'cache-control': 'no-cache',
		'content-security-policy': 'default-src \'self\'; connect-src \'self\' ws: wss:',
	});
	fs.createReadStream(path.join(PAGE, file)).pipe(response);
}

const isText = (value, max) =>
	typeof value === 'string' && value.trim() !== '' && value.length <= max;

const KINDS = {
	all: (nsp) => nsp,
	room: (nsp, room) => nsp.to(room),
	except: (nsp, room) => nsp.except(room),
};

/* Validates input from clients: a wrong type gets an answer, never an exception. */
function readMessage(message) {
	const { text, to } = message || {};
	if (!isText(text, TEXT_MAX))
		return { why: `A message is 1 to ${TEXT_MAX} characters` };
	if (!to || !Object.hasOwn(KINDS, to.kind))
		return { why: 'A message goes to all, to a room, or to all but a room' };
	if (to.kind !== 'all' && !isText(to.room, ROOM_MAX))
		return { why: `A room's name is 1 to ${ROOM_MAX} characters` };
	return { text, to: to.kind === 'all' ? { kind: 'all' } : { kind: to.kind, room: to.room } };
}

function readAuth({ tab, name }) {
	return {
		tab: isText(tab, ROOM_MAX) ? tab : 'no tab',
		name: isText(name, ROOM_MAX) ? name : 'Somebody',
	};
}

/* Passes the error of a request to the page, which shows it: no daemon, or an unknown id. */
async function resultOf(handler, arg) {
	try {
		return await handler(arg);
	} catch (err) {
		return { ok: false, why: err.message, code: err.code };
	}
}

const badRoom = { ok: false, why: `A room's name is 1 to ${ROOM_MAX} characters` };
const badSocket = { ok: false, why: 'A socket is named by its id' };

function serveAcross(nsp, on, by) {
	const ifSocket = (act) => (seat) =>
		(isText(seat?.id, ROOM_MAX) ? act(nsp, seat, by) : badSocket);
	const ifSeat = (act) => ifSocket((...args) =>
		(isText(args[1].room, ROOM_MAX) ? act(...args) : badRoom));

	on('survey', () => across.survey(nsp));
	on('ask', () => across.ask(nsp, { how: 'are you' }));
	on('kill', (pid) => across.ask(nsp, { kill: pid }));
	on('move', ifSeat(across.move));
	on('unseat', ifSeat(across.leave));
	on('dismiss', ifSocket(across.dismiss));
}

function serve(nsp, daemon) {
	nsp.on('connection', (socket) => {
		const who = { ...me, ...readAuth(socket.handshake.auth), socket: socket.id };
		const on = (event, handler) => socket.on(event, async (...args) => {
			const answer = args.at(-1);
			const result = await resultOf(handler, args[0]);
			if (typeof answer === 'function')
				answer(result);
		});
		const ifRoom = (act) => (room) => {
			if (!isText(room, ROOM_MAX))
				return badRoom;
			act(room);
			return { ok: true };
		};

		Object.assign(socket.data, { ...me, tab: who.tab, name: who.name });
		on('whoami', () => ({ ...me, daemon: daemon.up }));
		on('way', () => ({ transport: socket.conn.transport.name,
			isForwarded: Boolean(socket.conn.isForwarded) }));
		on('join', ifRoom((room) => socket.join(room)));
		on('leave', ifRoom((room) => socket.leave(room)));
		if (nsp.name === '/')
			serveAcross(nsp, on, { name: who.name, tab: who.tab });
		on('send', (message) => {
			const { text, to, why } = readMessage(message);
			if (why)
				return { ok: false, why };
			KINDS[to.kind](nsp, to.room).emit('message', { text, to, from: who, at: Date.now() });
			return { ok: true };
		});
		socket.once('arrive', () => {
			socket.broadcast.emit('came', who);
			socket.once('disconnect', () => nsp.emit('gone', who));
		});
		on('here', (id) => {
			if (isText(id, ROOM_MAX))
				nsp.to(id).emit('here', who);
		});
		socket.emit('you', {
			...who,
			workers: Number(process.env.DEMO_WORKERS || 1),
			daemon: daemon.up,
		});
		across.tellServers(nsp, socket);
	});
}

/* Browsers let any page open a WebSocket to this server, and name its origin. Accepts its own. */
function allowRequest({ headers: { host, origin } }, decide) {
	const isOwn = origin === undefined || origin.replace(/^https?:\/\//, '') === host;
	decide(isOwn ? null : 'another page', isOwn);
}

const server = http.createServer(serveFile);
const io = new Server(server, { allowRequest });
io.adapter(pm2Adapter());

/*
 * Notes how the latest request of a session came here: from the client, or over this worker's Unix
 * socket, which has no address, from the worker that got it.
 */
io.engine.use((request, response, next) => {
	const session = io.engine.clients[request._query.sid];
	if (session)
		session.isForwarded = request.socket.localAddress === undefined;
	next();
});

const { client } = io.of('/').adapter;
const daemon = { up: false };
const spaces = ['/', '/admin'].map((name) => io.of(name));

for (const nsp of spaces)
	serve(nsp, daemon);
across.spanAll(io.of('/'), client, me);
client.on('connect', () => setDaemon(true));
client.on('disconnect', () => setDaemon(false));

function setDaemon(up) {
	daemon.up = up;
	for (const nsp of spaces)
		nsp.local.emit('daemon', up);
}

if (process.env.DEMO_CHECK)
	require('./check/worker')(spaces, me);

/*
 * pm2 ends the worker that this one replaces at 'ready': so sends it when this one receives the
 * broadcasts of the others. If the daemon is away, after this time: local clients are served
 * without it.
 */
function whenListening() {
	let said = false;
	const ready = () => {
		if (!said && process.send)
			process.send('ready');
		said = true;
	};
	client.once('connect', ready);
	setTimeout(ready, daemon.up ? 0 : READY_MS).unref();
}

server.listen(Number(process.env.PORT || 3000), process.env.DEMO_HOST || '127.0.0.1', whenListening);

process.once('SIGINT', () => {
	io.close(() => process.exit(0));
});
