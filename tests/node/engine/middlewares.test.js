'use strict';

/* The application's code at the owner sees a forwarded request as if it had come there. */

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { until } = require('../../support/wait');
const { Session, Site, send } = require('../support/site');

const OWNER = 0;
const OTHER = 1;
const PONG = '3';

/* A site whose owner notes each request that reaches its middlewares. */
async function noting(t, server) {
	const site = await Site.start(t, { server });
	const seen = [];
	const others = [];
	for (const [list, worker] of [[seen, OWNER], [others, OTHER]])
		site.workers[worker].io.engine.use((req, res, next) => {
			const { socket } = req;
			list.push({
				address: socket.remoteAddress, port: socket.remotePort, encrypted: Boolean(socket.encrypted),
				version: req.httpVersion, headers: req.headers, raw: req.rawHeaders, url: req.url,
			});
			res.setHeader('x-middleware', 'yes');
			next();
		});
	return { site, seen, others };
}

test('middlewares run once, at the owner, and see the client', async (t) => {
	const { site, seen, others } = await noting(t);
	const ports = [];
	site.workers[OTHER].http.on('connection', (socket) => ports.push(socket.remotePort));
	const session = await Session.open(site, OWNER);
	seen.length = 0;
	for (const body of [PONG, [PONG]]) { // with a length, and chunked
		const { status, headers } = await session.post(OTHER, body, { headers: { 'X-Own': 'a' } });
		assert.deepEqual([status, headers['x-middleware']], [200, 'yes']);
	}
	assert.equal(others.length, 0);
	assert.equal(seen.length, 2);
	for (const [n, { address, port, encrypted, version, headers, raw }] of seen.entries()) {
		assert.deepEqual([address, port, encrypted, version], ['127.0.0.1', ports[n], false, '1.1']);
		assert.equal(headers['x-own'], 'a');
		assert.doesNotMatch(raw.join(), /pm2a/i);
		assert.equal(headers.host, `127.0.0.1:${site.ports[OTHER]}`);
	}
});

test('a client that claims another address is not believed, wherever its request arrives', async (t) => {
	const { site, seen } = await noting(t);
	for (const { http } of site.workers)
		http.on('request', ({ url }, res) => url.startsWith('/pm2a') && res.writeHead(404).end());
	const session = await Session.open(site, OWNER);
	for (const worker of [OWNER, OTHER]) {
		await session.post(worker, PONG, { headers: { 'X-Pm2a-From': '6.6.6.6 1 1 1.0' } });
		const { address, encrypted, version, url } = seen.at(-1);
		assert.deepEqual([address, encrypted, version, url], ['127.0.0.1', false, '1.1', session.target()]);
		const count = seen.length;
		const forged = `/pm2a/from/6.6.6.6/1/1/1.1${session.target()}`;
		assert.equal((await send(site.ports[worker], forged, { method: 'POST', body: PONG })).status, 404);
		assert.equal(seen.length, count);
	}
});

test('an encrypted connection at the other worker is one at the owner', async (t) => {
	const { site, seen } = await noting(t);
	site.workers[OTHER].http.on('connection', (socket) => { socket.encrypted = true; });
	const session = await Session.open(site, OWNER);
	await session.post(OTHER, PONG);
	assert.equal(seen.at(-1).encrypted, true);
	await session.post(OWNER, PONG);
	assert.equal(seen.at(-1).encrypted, false);
});

test('a middleware that answers, fails, or takes its time', async (t) => {
	const site = await Site.start(t);
	const { io } = site.workers[OWNER];
	io.engine.use((req, res, next) => {
		const { query } = req._query;
		if (query === 'answers')
			res.writeHead(401, { 'x-why': 'no' }).end('not you');
		else if (query === 'streams')
			res.write('a', () => setImmediate(() => res.end('b')));
		else if (query === 'hints')
			res.writeEarlyHints?.({ link: '</a>' }, () => next());
		else
			setTimeout(next, 5, query === 'fails' ? new Error('no') : undefined);
	});
	for (const query of ['answers', 'fails', 'streams', 'hints', 'late']) {
		const answers = [];
		for (const worker of [OWNER, OTHER]) {
			const session = await Session.open(site, OWNER);
			session.query = `&query=${query}`;
			const { status, headers, text } = await session.post(worker, PONG);
			answers.push([status, headers['x-why'], text]);
		}
		assert.deepEqual(answers[1], answers[0], query);
	}
});

test('a middleware of the other worker runs for its own sessions and unknown ones', async (t) => {
	const { site, others } = await noting(t);
	await Session.open(site, OTHER);
	assert.equal(others.length, 1);
	const session = new Session(site);
	assert.equal((await send(site.ports[OTHER], session.target('x.abcdef'))).status, 400);
	assert.equal(others.length, 2);
});

test('allowRequest is asked for handshakes alone', async (t) => {
	const asked = [0, 0];
	const site = new Site();
	t.after(() => site.end());
	for (const worker of [OWNER, OTHER])
		await site.add({ server: {
			allowRequest: (req, done) => {
				asked[worker]++;
				done(null, true);
			},
		} });
	const session = await Session.open(site, OWNER);
	assert.equal((await session.post(OTHER, PONG)).status, 200);
	assert.deepEqual(asked, [1, 0]);
});

for (const [major, eio] of [[2, 3], [4, 3]])
	test(`JSONP of Socket.IO ${major}`, async (t) => {
		const site = await Site.start(t, { major, eio, server: { allowEIO3: true } });
		const answers = [];
		for (const worker of [OWNER, OTHER]) {
			const session = await Session.open(site, OWNER);
			if (major === 4)
				await session.poll(OWNER);
			session.query = '&j=7';
			const socket = site.workers[OWNER].io.engine.clients[session.sid];
			const heard = [];
			socket.on('data', (data) => heard.push(data));
			const posted = await session.post(worker, `d=${encodeURIComponent('3:4\\\n')}`,
				{ headers: { 'Content-Type': 'application/x-www-form-urlencoded' } });
			assert.equal(posted.status, 200);
			answers.push([posted.text, posted.headers['content-type'], heard]);
		}
		assert.deepEqual(answers[1], answers[0]);

		// A session that polls by JSONP from its beginning.
		const results = [];
		for (const worker of [OWNER, OTHER]) {
			const jsonp = new Session(site);
			jsonp.query = '&j=7';
			const opened = await send(site.ports[OWNER], jsonp.target(null));
			jsonp.sid = /sid\\":\\"([^\\"]+)/.exec(opened.text)[1];
			if (major === 4)
				await jsonp.poll(OWNER);
			const polled = jsonp.poll(worker);
			const socket = site.workers[OWNER].io.engine.clients[jsonp.sid];
			await until(() => socket.transport.writable, 'poll');
			socket.send('<é\u2028"\\>');
			const { headers, text } = await polled;
			results.push([headers['content-type'], text]);
		}
		assert.match(results[0][1], /^___eio\[7\]\(/);
		assert.deepEqual(results[1], results[0]);
	});
