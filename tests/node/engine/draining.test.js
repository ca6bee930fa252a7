'use strict';

/* A worker that closes ends its own sessions only: the polls that it forwards go elsewhere first. */

const assert = require('node:assert/strict');
const http = require('node:http');
const { describe, test } = require('node:test');

const { WebSocket } = require('ws');

const { next, until, within } = require('../../support/wait');
const { Session, Site } = require('../support/site');

const OWNER = 0;
const LEAVING = 1;
const PONG = { 4: '3', 2: '1:2' };

const close = ({ io }) => within(new Promise((resolve) => { io.close(resolve); }), 'end of a worker');

for (const major of [4, 2])
	describe(`Socket.IO ${major}`, () => {
		test('polls that a closing worker forwards are answered, and their connections end', async (t) => {
			const site = await Site.start(t, { major, count: 3 });
			const session = await Session.open(site, OWNER);
			if (major === 4) {
				await session.post(OWNER, '40');
				await session.poll(OWNER);
			}
			const { transport } = site.workers[OWNER].io.engine.clients[session.sid];
			const agent = new http.Agent({ keepAlive: true });
			t.after(() => agent.destroy());
			const polled = session.poll(LEAVING, { agent });
			await until(() => transport.writable, 'poll');
			const closed = close(site.workers[LEAVING]);
			const { status, headers, text } = await polled;
			assert.deepEqual([status, headers.connection, text], [200, 'close', major === 4 ? '6' : '1:6']);
			await closed;
			assert.equal((await session.post(2, PONG[major])).status, 200);
		});

		test('clients of others keep their sessions when a worker closes', async (t) => {
			const site = await Site.start(t, { major, count: 4 });
			let ports = site.ports;
			const front = await site.front(() => ports);
			const clients = [];
			for (let n = 0; n < 12; n++)
				clients.push(await site.client(front, { transports: ['polling'], reconnection: false }));
			const lost = new Set();
			for (const client of clients)
				client.socket.on('disconnect', (reason) => lost.add(client).add(reason));
			const own = site.workers[LEAVING].io.engine.clientsCount;
			ports = site.ports.filter((port) => port !== site.ports[LEAVING]);
			await close(site.workers[LEAVING]);
			await until(() => clients.filter((client) => lost.has(client)).length === own, 'its own to end');
			for (const client of clients.filter((each) => !lost.has(each)))
				for (let n = 0; n < 3; n++)
					assert.equal(await client.ask('echo', n), n);
			assert.equal(clients.filter((client) => lost.has(client)).length, own);
		});

		test('a poll that arrives while its worker closes is answered too', async (t) => {
			const site = await Site.start(t, { major, count: 2 });
			const session = await Session.open(site, OWNER);
			if (major === 4) {
				await session.post(OWNER, '40');
				await session.poll(OWNER);
			}
			site.workers[LEAVING].io.engine.close();
			const { status, headers } = await session.poll(LEAVING);
			assert.deepEqual([status, headers.connection], [200, 'close']);
		});

		test('sessions of a closing worker end, also elsewhere', async (t) => {
			const site = await Site.start(t, { major, count: 2 });
			const session = await Session.open(site, OWNER);
			const { io } = site.workers[OWNER];
			const engineSocket = io.engine.clients[session.sid];
			if (major === 4) {
				await session.post(OWNER, '40');
				await session.poll(OWNER);
			}
			const ended = next(engineSocket, 'close');
			const closed = close(site.workers[OWNER]);
			await ended;
			await closed;
			assert.equal((await session.poll(1)).status, 400);
		});

		test('an Engine.IO that is used again has sessions that others find', async (t) => {
			const site = await Site.start(t, { major, count: 2 });
			const { io } = site.workers[OWNER];
			io.engine.close();
			const session = await Session.open(site, OWNER);
			assert.equal((await session.post(1, PONG[major])).status, 200);
			assert.equal(site.stats(1).forwarded, 1);
		});
	});

test('a client that is upgrading through a worker that closes gets its WebSocket, and a new one then', async (t) => {
	const site = await Site.start(t, { count: 3 });
	const session = await Session.open(site, OWNER);
	await session.post(OWNER, '40');
	await session.poll(OWNER);
	const socket = site.workers[OWNER].io.engine.clients[session.sid];
	const ws = new WebSocket(`ws://127.0.0.1:${site.ports[LEAVING]}${session.target().replace('polling', 'websocket')}`);
	await next(ws, 'open');
	const closed = close(site.workers[LEAVING]);
	const pong = next(ws, 'message');
	ws.send('2probe');
	assert.equal(String((await pong)[0]), '3probe');
	const ended = next(ws, 'close');
	ws.send('5');
	await until(() => socket.transport.name === 'websocket', 'upgrade');
	await ended;
	await closed;
});
