'use strict';

/* WebSockets of a session that another worker has. */

const assert = require('node:assert/strict');
const net = require('node:net');
const { describe, test } = require('node:test');

const { WebSocket } = require('ws');

const { next, until, within } = require('../../support/wait');
const { Session, Site } = require('../support/site');

const OWNER = 0;
const OTHER = 1;
const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
	'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

/* A front whose first connection goes to the owner and the others elsewhere. */
async function ownerFirst(site) {
	let n = 0;
	return site.front(() => [site.ports[n++ === 0 ? OWNER : OTHER]]);
}

function raw(port, text) {
	const socket = net.connect(port, '127.0.0.1');
	socket.write(text);
	let got = Buffer.alloc(0);
	socket.on('data', (chunk) => { got = Buffer.concat([got, chunk]); });
	socket.on('error', () => {});
	return { socket, text: () => got.toString('latin1'), ended: next(socket, 'close') };
}

const target = (session, sid) => session.target(sid).replace('polling', 'websocket');

for (const major of [4, 2])
	describe(`Socket.IO ${major}`, () => {
		/* A client that has upgraded through the other worker. */
		async function upgraded(t, options) {
			const site = await Site.start(t, { major, ...options });
			const client = await site.client(await ownerFirst(site), { reconnection: false });
			const [session] = Object.values(site.workers[OWNER].io.engine.clients);
			await until(() => session.transport.name === 'websocket', 'upgrade');
			assert.equal(site.stats(OTHER).tunnelled, 1);
			return { site, client, session };
		}

		test('messages of any size pass both ways', async (t) => {
			const { site, client } = await upgraded(t, { server: { maxHttpBufferSize: 4e6 } });
			const before = site.stats(OTHER).forwarded;
			for (const size of [0, 1, 125, 126, 65_535, 65_536, 3_000_000])
				for (const value of ['é'.repeat(size / 2), Buffer.alloc(size, 'a\0\xff')])
					assert.deepEqual(await client.ask('echo', value), value);
			assert.equal(site.stats(OTHER).forwarded, before);
		});

		test('the owner sees the address of the client', async (t) => {
			const { session } = await upgraded(t);
			const { request } = session; // of the handshake
			assert.equal(request.connection.remoteAddress, '127.0.0.1');
			const socket = session.transport.socket._socket;
			assert.deepEqual([socket.remoteAddress, typeof socket.remotePort], ['127.0.0.1', 'number']);
		});

		test('a client that leaves is gone at the owner', async (t) => {
			const { client, session } = await upgraded(t);
			const closed = next(session, 'close');
			client.socket.io.engine.transport.ws.close();
			assert.match((await closed)[0], /^transport (close|error)$/);
		});

		test('an owner that ends the session ends the client\'s', async (t) => {
			const { client, session } = await upgraded(t);
			const gone = next(client.socket, 'disconnect');
			session.close();
			await gone;
		});

		test('an owner that dies ends the WebSocket', async (t) => {
			const { site, client, session } = await upgraded(t);
			const gone = next(client.socket, 'disconnect');
			session.transport.socket._socket.destroy();
			await gone;
			assert.equal(site.stats(OTHER).ownerGone, 0);
		});

		test('a message above maxHttpBufferSize ends it, as without us', async (t) => {
			const { client } = await upgraded(t, { server: { maxHttpBufferSize: 1000 } });
			const gone = next(client.socket, 'disconnect');
			client.socket.emit('echo', 'x'.repeat(2000), () => {});
			await gone;
		});

		test('a frame in the same packet as the upgrade request', async (t) => {
			const site = await Site.start(t, { major });
			const session = await Session.open(site, OWNER);
			const probe = Buffer.from([0x81, 0x86, 0, 0, 0, 0, ...Buffer.from('2probe')]);
			const { socket, text } = raw(site.ports[OTHER], Buffer.concat([
				Buffer.from(`GET ${target(session)} HTTP/1.1\r\nHost: a\r\n${UPGRADE}\r\n`), probe]));
			await until(() => text().endsWith('\x81\x063probe'), 'pong');
			assert.match(text(), /^HTTP\/1\.1 101 /);
			socket.destroy();
		});

		test('unknown sessions are refused as Engine.IO refuses them', async (t) => {
			const site = await Site.start(t, { major });
			const session = new Session(site);
			for (const sid of ['nobody', 'nobody.abcdef', 'x.../../a', '__proto__', `${'x'.repeat(4096)}.abcdef`]) {
				const { text, ended } = raw(site.ports[OTHER],
					`GET ${target(session, sid)} HTTP/1.1\r\nHost: a\r\n${UPGRADE}\r\n`);
				await ended;
				assert.match(text(), /^HTTP\/1\.1 400 Bad Request\r\n[^]*Session ID unknown$/, sid.slice(0, 20));
			}
			assert.equal(site.stats(OTHER).ownerGone, 5);
			assert.equal(site.stats(OTHER).tunnelled, 0);
		});

		test('an upgrade of the wrong form gets the owner\'s answer', async (t) => {
			const site = await Site.start(t, { major });
			const session = await Session.open(site, OWNER);
			const answers = [];
			for (const worker of [OWNER, OTHER]) {
				const { text, ended } = raw(site.ports[worker],
					`GET ${target(session)} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n`);
				await ended;
				answers.push(text());
			}
			assert.match(answers[0], /^HTTP\/1\.1 4\d\d /);
			assert.equal(answers[1], answers[0]);
		});

		test('a WebSocket for nobody who listens is no error for its client', async (t) => {
			const site = await Site.start(t, { major });
			const session = await Session.open(site, OWNER);
			const ws = new WebSocket(`ws://127.0.0.1:${site.ports[OTHER]}${target(session, 'x.abcdef')}`);
			const [error] = await next(ws, 'error');
			assert.match(error.message, /400/);
			assert.equal((await session.post(OTHER, major === 4 ? '3' : '1:2')).status, 200);
		});

		test('compressed messages, as the two ends agree', async (t) => {
			const { client, session } = await upgraded(t,
				{ server: { perMessageDeflate: { threshold: 10 } } });
			assert.match(session.transport.socket.extensions?.toString?.() ?? '', /object|deflate/);
			const value = 'abc'.repeat(50_000);
			assert.equal(await client.ask('echo', value), value);
		});

		test('a client that does not read holds up the owner, not the memory between', async (t) => {
			const { site, session } = await upgraded(t);
			site.holdUp();
			const { _socket: socket } = session.transport.socket;
			const chunk = Buffer.alloc(1_000_000);
			let sent = 0;
			let stuck = 0; // looks in a row at which the owner could not write
			await until(() => {
				stuck = socket.writableLength > 0 ? stuck + 1 : 0;
				if (stuck === 0 && sent < 30) {
					session.transport.socket.send(chunk);
					sent++;
				}
				return stuck === 40 || sent === 30;
			}, 'back-pressure');
			assert.ok(sent < 30, `${sent} MB are in between`);
		});
	});

test('a worker that closes ends the WebSockets that it passes on', async (t) => {
	const site = await Site.start(t);
	const client = await site.client(await ownerFirst(site), { reconnection: false });
	await until(() => client.socket.io.engine.transport.name === 'websocket', 'upgrade');
	const gone = next(client.socket, 'disconnect');
	await within(new Promise((resolve) => { site.workers[OTHER].io.close(resolve); }), 'end of a worker');
	await gone;
});
