'use strict';

/*
 * HTTP requests of a session that another worker has. Most tests send the same request to a session's
 * owner and to another worker, each in a session of its own, and want the same answer.
 */

const assert = require('node:assert/strict');
const http = require('node:http');
const { describe, test } = require('node:test');
const zlib = require('node:zlib');

const { next, until } = require('../../support/wait');
const { Session, Site, send } = require('../support/site');

const OWNER = 0;
const OTHER = 1;
const MAX = 100_000; // maxHttpBufferSize
const SIZES = [1, 64 * 1024, MAX - 1, MAX, MAX + 1];

const VARIANTS = [
	{ name: 'Socket.IO 4', major: 4, eio: 4 },
	{ name: 'Socket.IO 4 with EIO 3', major: 4, eio: 3, server: { allowEIO3: true } },
	{ name: 'Socket.IO 2', major: 2, eio: 3 },
];

/* Not of the message: a hop's own, or different each time. */
const VARYING = ['connection', 'keep-alive', 'date', 'transfer-encoding'];

function comparable({ status, headers, body }, sid) {
	const kept = Object.entries(headers).filter(([name]) => !VARYING.includes(name));
	const text = JSON.stringify([kept, body.toString('latin1')]);
	return [status, text.replaceAll(sid, 'SID').replaceAll(/"sid\\":\\"[\w-]{20}/g, 'SOCKET')];
}

for (const { name, major, eio, server } of VARIANTS)
	describe(name, () => {
		const start = (t, more = {}) => Site.start(t, {
			major, eio, ...more, server: { maxHttpBufferSize: MAX, ...server, ...more.server },
		});

		/* Socket.IO's packet of an event, as the body of a POST of `size` bytes. */
		function post(size) {
			const [start_, end] = ['42["none","', '"]'];
			if (eio === 4)
				return `${start_}${'x'.repeat(Math.max(0, size - start_.length - end.length))}${end}`;
			for (let inner = size; ; inner--) {
				const text = `${start_}${'x'.repeat(Math.max(0, inner - start_.length - end.length))}${end}`;
				const body = `${text.length}:${text}`;
				if (body.length <= size || inner < start_.length + end.length)
					return body;
			}
		}

		/* A session that has been through Socket.IO's handshake; all of its polls are answered. */
		async function join(site, owner, query) {
			const session = await Session.open(site, owner, query);
			if (eio === 4)
				await session.post(owner, '40');
			if (major === 4)
				await session.poll(owner);
			return session;
		}

		/* Runs act(session, worker) at the owner and at another worker, and wants the same. */
		async function same(site, act, query) {
			const results = [];
			for (const worker of [OWNER, OTHER]) {
				const before = site.stats(OTHER).forwarded;
				const session = await join(site, OWNER, query);
				const answer = await act(session, worker);
				results.push(comparable(answer, session.sid));
				assert.equal(site.stats(OTHER).forwarded > before, worker === OTHER);
			}
			assert.deepEqual(results[1], results[0]);
			return results[0];
		}

		const peers = (site) => [...Object.values(site.workers[OWNER].io.engine.clients)];
		const socketOf = (site, { sid }) => site.workers[OWNER].io.engine.clients[sid];

		/* Polls, and has the server send `data` to that session. */
		async function answer(site, session, worker, data, options) {
			const polled = session.poll(worker, options);
			const socket = socketOf(site, session);
			await until(() => socket.transport.writable, 'poll');
			socket.send(data, { compress: true });
			return polled;
		}

		test('posts of up to maxHttpBufferSize bytes and of one more', async (t) => {
			const site = await start(t);
			for (const size of SIZES) {
				const got = [];
				const act = async (session, worker) => {
					socketOf(site, session).on('data', (data) => got.push(data));
					try {
						return await session.post(worker, post(size));
					} catch (error) {
						assert.equal(error.code, 'ECONNRESET'); // Engine.IO 3 above its limit
						return { status: 400, headers: {}, body: Buffer.alloc(0) };
					}
				};
				if (size > MAX && major === 2) {
					const session = await join(site, OWNER);
					const { status } = await act(session, OTHER);
					assert.equal(status, 400);
					continue;
				}
				const [status] = await same(site, act);
				assert.equal(status, size > MAX ? 413 : 200, `${size} bytes`);
				if (size <= MAX)
					assert.ok(got.length === 2 && got[0] === got[1], `${size} bytes`);
			}
		});

		if (eio === 3)
			test('binary posts, byte for byte', async (t) => {
				const site = await start(t);
				for (const size of [0, 1, 64 * 1024, MAX - 10]) {
					const got = [];
					const data = Buffer.alloc(size, '\0abc\xff\r\n', 'latin1');
					const body = Buffer.concat([Buffer.from([1, ...[...String(size + 1)].map(Number), 255, 4]), data]);
					const [status] = await same(site, (session, worker) => {
						socketOf(site, session).on('data', (each) => got.push(each));
						return session.post(worker, body, { headers: { 'Content-Type': 'application/octet-stream' } });
					});
					assert.equal(status, 200);
					assert.ok(got.length === 2 && got.every((each) => data.equals(each)), `${size} bytes`);
				}
			});

		test('an empty post', async (t) => {
			await same(await start(t), (session, worker) => session.post(worker, ''));
		});

		test('a chunked post', async (t) => {
			const site = await start(t);
			const got = [];
			const [status] = await same(site, (session, worker) => {
				socketOf(site, session).on('data', (data) => got.push(data));
				const body = post(70_000);
				return session.post(worker, [body.slice(0, 1), body.slice(1, 50_000), body.slice(50_000)]);
			});
			assert.equal(status, 200);
			assert.equal(got.length, 2);
			assert.equal(got[0], got[1]);
		});

		test('a post after Expect: 100-continue', async (t) => {
			const [status] = await same(await start(t), (session, worker) =>
				session.post(worker, post(5000), { headers: { Expect: '100-continue', 'Content-Length': 5000 } }));
			assert.equal(status, 200);
		});

		test('answers of any size, text and binary, byte for byte', async (t) => {
			const site = await start(t, { server: { httpCompression: false } });
			for (const size of [0, ...SIZES, 3_000_000])
				for (const data of ['é'.repeat(size), Buffer.alloc(size, 'abc\0\xff')]) {
					const [, text] = await same(site,
						(session, worker) => answer(site, session, worker, data));
					assert.ok(text.length >= size);
				}
		});

		test('compressed answers stay compressed', async (t) => {
			const site = await start(t);
			const results = [];
			for (const worker of [OWNER, OTHER]) {
				const session = await join(site, OWNER);
				const { headers, body } = await answer(site, session, worker, 'abc'.repeat(10_000),
					{ headers: { 'Accept-Encoding': 'gzip' } });
				assert.equal(headers['content-encoding'], 'gzip');
				assert.ok(body.length < 1000);
				results.push(zlib.gunzipSync(body).toString());
			}
			assert.equal(results[1], results[0]);
			assert.ok(results[0].includes('abc'.repeat(10_000)));
		});

		test('two polls at once', async (t) => {
			const site = await start(t);
			const [status] = await same(site, async (session, worker) => {
				const first = session.poll(worker);
				await until(() => socketOf(site, session).transport.writable, 'poll');
				const second = await session.poll(worker);
				await first;
				return second;
			});
			assert.equal(status, major === 4 ? 400 : 500);
		});

		test('a client that leaves its poll is gone at the owner', async (t) => {
			const site = await start(t);
			const session = await join(site, OWNER);
			const socket = socketOf(site, session);
			const closed = next(socket, 'close');
			const req = http.get({ port: site.ports[OTHER], host: '127.0.0.1', path: session.target() });
			req.on('error', () => {});
			await until(() => socket.transport.writable, 'poll');
			req.destroy();
			assert.equal((await closed)[0], 'transport error');
		});

		test('a client that leaves in the middle of a post is gone at the owner', async (t) => {
			const site = await start(t);
			const session = await join(site, OWNER);
			const socket = socketOf(site, session);
			const closed = next(socket, 'close');
			const req = http.request({
				port: site.ports[OTHER], host: '127.0.0.1', path: session.target(), method: 'POST',
				headers: { 'Content-Length': 1000 },
			});
			req.on('error', () => {});
			req.write('some');
			await until(() => socket.transport.dataReq, 'post');
			req.destroy();
			assert.equal((await closed)[0], 'transport error');
		});

		test('one connection that several sessions and owners share', async (t) => {
			const site = await start(t, { count: 3 });
			const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
			t.after(() => agent.destroy());
			const sessions = [await join(site, 0), await join(site, 1), await join(site, 2)];
			for (let round = 0; round < 3; round++)
				for (const session of sessions) {
					const { status, text } = await session.post(2, post(50), { agent });
					assert.deepEqual([status, text], [200, 'ok']);
				}
			assert.equal(site.stats(2).forwarded, 6);
		});

		test('the same cookies', async (t) => {
			const site = await start(t, { server: { cookie: major === 4 ? { name: 'io' } : 'io' } });
			for (const { io } of site.workers)
				io.engine.on('headers', (headers) => { headers['x-two'] = 'b'; });
			const session = await Session.open(site, OWNER);
			const first = await send(site.ports[OTHER], session.target(null));
			assert.match(first.headers['set-cookie'][0], /^io=[\w-]{20}\.[\w-]{6};/);
			await same(site, (each, worker) => answer(site, each, worker, 'hello'));
		});

		test('headers of the same name pass one by one', async (t) => {
			const site = await start(t);
			site.workers[OWNER].io.engine.on('connection', (socket) => {
				socket.transport.on('headers', (headers) => { headers['Set-Cookie'] = ['a=1', 'b=2']; });
			});
			const session = await join(site, OWNER);
			const { headers } = await answer(site, session, OTHER, 'hello');
			assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2']);
		});

		test('a preflight and its answer', async (t) => {
			const site = await start(t, major === 4 ?
				{ server: { cors: { origin: 'http://a.example', credentials: true } } } : {});
			const headers = { Origin: 'http://a.example', 'Access-Control-Request-Method': 'POST' };
			await same(site, (session, worker) =>
				send(site.ports[worker], session.target(), { method: 'OPTIONS', headers }));
			await same(site, (session, worker) => session.post(worker, post(50), { headers }));
		});

		test('a session without an owner ends as an unknown one', async (t) => {
			const site = await start(t);
			const session = await Session.open(site, OWNER);
			const unknown = await send(site.ports[OTHER], session.target('nobody'));
			assert.deepEqual([unknown.status, unknown.text], [400, '{"code":1,"message":"Session ID unknown"}']);
			for (const sid of ['nobody.abcdef', 'x.../../a', '%2e%2e%2fabcdef', '../x.abcdef', '__proto__',
				'constructor', '__proto__.abcdef', `${'x'.repeat(4096)}.abcdef`, 'x.abcdef\0', ' ', '.abcdef']) {
				for (const method of ['GET', 'POST']) {
					const answered = await send(site.ports[OTHER], session.target(sid), { method });
					assert.deepEqual([answered.status, answered.text], [400, unknown.text], sid.slice(0, 20));
				}
			}
			assert.ok(site.stats(OTHER).ownerGone >= 22, `${site.stats(OTHER).ownerGone}`);
			assert.equal((await session.post(OTHER, post(50))).status, 200);
		});

		test('two ids in a query are judged as Engine.IO does', async (t) => {
			const site = await start(t);
			for (const double of ['&sid=nobody', '&sid=nobody.abcdef', '&sid[]=x', '&sid=']) {
				const answers = [];
				for (const worker of [OWNER, OTHER]) {
					const session = await join(site, OWNER);
					const { status, text } = await send(site.ports[worker], `${session.target()}${double}`,
						{ method: 'POST', body: post(50) });
					answers.push([status, text]);
				}
				assert.deepEqual(answers[1], answers[0], double);
			}
		});

		test('an owner that ends: its sessions are unknown at once, also those of open polls', async (t) => {
			const site = await start(t);
			const session = await join(site, OWNER);
			const polled = session.poll(OTHER);
			await until(() => socketOf(site, session).transport.writable, 'poll');
			socketOf(site, session).transport.req.socket.destroy();
			const { status, text } = await polled;
			assert.deepEqual([status, text], [400, '{"code":1,"message":"Session ID unknown"}']);
			assert.equal(site.stats(OTHER).ownerGone, 1);
		});

		test('with sticky sessions nothing is forwarded', async (t) => {
			const site = await start(t);
			const client = await site.client(site.ports[OWNER], { transports: ['polling'] }, eio === 4 ? 4 : 2);
			assert.equal(await client.ask('echo', 'x'), 'x');
			assert.deepEqual([site.stats(OWNER).forwarded, site.stats(OTHER).forwarded], [0, 0]);
		});

		test('clients over each transport, each connection at another worker', async (t) => {
			const site = await start(t, { count: 4 });
			const front = await site.front();
			const clients = [];
			for (const transports of [['polling'], ['polling', 'websocket'], ['websocket']])
				for (let n = 0; n < 3; n++)
					clients.push(await site.client(front, { transports, reconnection: false }, eio === 4 ? 4 : 2));
			for (const { ask } of clients)
				for (const value of ['text', Buffer.alloc(60_000, 'x'), ['ü', { a: [1] }]])
					assert.deepEqual(await ask('echo', value), value);
			await until(() => clients.slice(3).every(({ socket }) =>
				socket.io.engine.transport.name === 'websocket'), 'upgrades');
			for (const { ask } of clients)
				assert.equal(await ask('echo', 'again'), 'again');
			const sum = (figure) => site.workers.reduce((all, { client }) => all + client.stats[figure], 0);
			assert.ok(sum('forwarded') > 20 && sum('tunnelled') > 0);
			assert.equal(sum('ownerGone'), 0);
			assert.ok(peers(site).length > 0);
		});
	});
