'use strict';

/* WebSockets that are handed over to the worker that has the session. */

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const https = require('node:https');
const net = require('node:net');
const path = require('node:path');
const { describe, test } = require('node:test');
const tls = require('node:tls');
const { promisify } = require('node:util');

const { Server } = require('socket.io');

const { BINARY, Daemon } = require('../../support/daemon');
const { next, until, within } = require('../../support/wait');
const { Channel } = require('../../system/support/lender');
const { Session, Site, listen } = require('../support/site');

process.env.PM2ADAPTERD_BIN = BINARY;

/* TLS without a certificate. */
const ANONYMOUS = { ciphers: 'AECDH-AES128-SHA:@SECLEVEL=0', maxVersion: 'TLSv1.2' };

const OWNER = 0;
const OTHER = 1;
const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
	'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

const ways = (site) => site.workers.map((_, i) => site.stats(i).upgrades);
const isReady = (site) => until(() => ways(site).every((way) => way === 'handed-over'), 'channels');

/* A site with a daemon whose workers hand over. */
async function ready(t, options) {
	const site = await Site.start(t, options);
	const daemon = await Daemon.start({ dir: site.dir, socket: site.socket });
	t.after(() => daemon.kill());
	await isReady(site);
	return { site, daemon };
}

/* A front whose first connection goes to the owner and the others elsewhere. */
async function ownerFirst(site) {
	let n = 0;
	return site.front(() => [site.ports[n++ === 0 ? OWNER : OTHER]]);
}

/* A client whose WebSocket reached the other worker: { client, session }. */
async function upgraded(site) {
	const before = Object.keys(site.workers[OWNER].io.engine.clients);
	const client = await site.client(await ownerFirst(site), { reconnection: false });
	const [sid] = Object.keys(site.workers[OWNER].io.engine.clients)
		.filter((id) => !before.includes(id));
	const session = site.workers[OWNER].io.engine.clients[sid];
	await until(() => session.transport.name === 'websocket', 'upgrade');
	return { client, session };
}

const connections = (worker) => promisify(worker.http.getConnections).call(worker.http);

/* A WebSocket by hand: { socket, text() }. */
function raw(port, text) {
	const socket = net.connect(port, '127.0.0.1');
	socket.write(text);
	let got = Buffer.alloc(0);
	socket.on('data', (chunk) => { got = Buffer.concat([got, chunk]); });
	socket.on('error', () => {});
	return { socket, text: () => got.toString('latin1'), ended: next(socket, 'close') };
}

const target = (session) => session.target().replace('polling', 'websocket');

/* A masked text frame, whose mask is 0. */
function textFrame(text) {
	const body = Buffer.from(text);
	const head = body.length < 126 ? Buffer.from([0x81, 0x80 | body.length]) :
		Buffer.from([0x81, 0x80 | 126, body.length >> 8, body.length & 255]);
	return Buffer.concat([head, Buffer.alloc(4), body]);
}

for (const major of [4, 2])
	describe(`Socket.IO ${major}`, () => {
		test('a WebSocket belongs to the owner alone', async (t) => {
			const { site, daemon } = await ready(t, { major, server: { maxHttpBufferSize: 4e6 } });
			const { client } = await upgraded(site);
			assert.equal(site.stats(OTHER).handedOver, 1);
			assert.equal(site.stats(OTHER).tunnelled, 0);
			for (const size of [0, 1, 125, 126, 65_535, 65_536, 3_000_000])
				for (const value of ['é'.repeat(size / 2), Buffer.alloc(size, 'a\0\xff')])
					assert.deepEqual(await client.ask('echo', value), value);
			await until(async () => await connections(site.workers[OTHER]) === 0, 'end of the connections');
			const { handles } = (await daemon.statsAsync()).overview;
			assert.equal(handles.refused, 0);
			assert.equal(handles.channels, 2);
		});

		test('the owner sees the address of the client', async (t) => {
			const { site } = await ready(t, { major });
			const { session } = await upgraded(site);
			const socket = session.transport.socket._socket;
			assert.deepEqual([socket.remoteAddress, typeof socket.remotePort], ['127.0.0.1', 'number']);
			assert.notEqual(socket.remotePort, site.ports[OWNER]);
		});

		test('a client that leaves is gone at the owner, and the reverse', async (t) => {
			const { site } = await ready(t, { major });
			const first = await upgraded(site);
			const closed = next(first.session, 'close');
			first.client.socket.io.engine.transport.ws.close();
			assert.match((await closed)[0], /^transport (close|error)$/);
			const second = await upgraded(site);
			const gone = next(second.client.socket, 'disconnect');
			second.session.close();
			await gone;
		});

		test('a megabyte right after the upgrade arrives in order', async (t) => {
			const { site } = await ready(t, { major, server: { maxHttpBufferSize: 4e6 } });
			const { client } = await upgraded(site);
			const values = Array.from({ length: 20 }, (_, n) => `${n}`.padEnd(1 << 20, 'x'));
			const echoed = await Promise.all(values.map((value) => client.ask('echo', value)));
			assert.deepEqual(echoed, values);
		});

		test('the giver closes at once, and the client goes on', async (t) => {
			const { site } = await ready(t, { major });
			const { client } = await upgraded(site);
			const { http } = site.workers[OTHER];
			await until(async () => await connections(site.workers[OTHER]) === 0, 'end of the connections');
			await within(new Promise((resolve) => { site.workers[OTHER].io.close(); http.close(resolve); }), 'close');
			assert.equal(await client.ask('echo', 'still here'), 'still here');
		});

		test('after a restart of the daemon it goes on; without it upgrades are tunnelled', async (t) => {
			const { site, daemon } = await ready(t, { major });
			const first = await upgraded(site);
			await daemon.stop();
			await until(() => ways(site).every((way) => way === 'tunnelled'), 'end of the channels');
			assert.equal(await first.client.ask('echo', 'without a daemon'), 'without a daemon');
			await upgraded(site);
			assert.deepEqual([site.stats(OTHER).handedOver, site.stats(OTHER).tunnelled], [1, 1]);
			await daemon.start();
			await isReady(site);
			await upgraded(site);
			assert.deepEqual([site.stats(OTHER).handedOver, site.stats(OTHER).tunnelled], [2, 1]);
		});

		test('a daemon that is killed with sockets on their way costs no session', async (t) => {
			const { site, daemon } = await ready(t, { major });
			const clients = Promise.all(Array.from({ length: 20 }, async () =>
				site.client(await ownerFirst(site), { reconnection: false })));
			await until(() => site.stats(OTHER).handedOver > 0, 'the first socket');
			await daemon.kill();
			for (const client of await clients)
				assert.equal(await client.ask('echo', 'there'), 'there');
		});

		test('bytes sent with the request keep their order', async (t) => {
			const { site } = await ready(t, { major });
			const session = await Session.open(site, OWNER);
			const head = `GET ${target(session)} HTTP/1.1\r\nHost: a\r\n${UPGRADE}\r\n`;
			const { socket, text } = raw(site.ports[OTHER],
				Buffer.concat([Buffer.from(head), textFrame('2probe')]));
			t.after(() => socket.destroy());
			await until(() => text().includes('3probe'), 'answer to the probe');
			assert.match(text(), /^HTTP\/1\.1 101 /);
			assert.equal(site.stats(OTHER).handedOver, 1);
		});

		test('a request in pieces, and more bytes than fit into a line, are tunnelled at most', async (t) => {
			const { site } = await ready(t, { major });
			const session = await Session.open(site, OWNER);
			const head = `GET ${target(session)} HTTP/1.1\r\nHost: a\r\n${UPGRADE}`;
			const { socket, text } = raw(site.ports[OTHER], head);
			t.after(() => socket.destroy());
			const ping = textFrame(`2probe${'x'.repeat(60_000)}`);
			socket.write(Buffer.concat([Buffer.from('\r\n'), textFrame('2probe'), ping]));
			await until(() => text().includes('3probe'), 'answer to the probe');
			assert.equal(site.stats(OTHER).handedOver + site.stats(OTHER).tunnelled, 1);
		});

		test('an unknown owner is answered as without a channel', async (t) => {
			const { site, daemon } = await ready(t, { major });
			const { text, ended } = raw(site.ports[OTHER], `GET ${site.path}?EIO=${site.eio}&transport=websocket&` +
				`sid=aaaaaaaaaaaaaaaaaaaa.zzzzzz HTTP/1.1\r\nHost: a\r\n${UPGRADE}\r\n`);
			await within(ended, 'end');
			assert.match(text(), /400 Bad Request[^]*Session ID unknown/);
			assert.equal(site.stats(OTHER).ownerGone, 1);
			assert.equal((await daemon.statsAsync()).overview.handles.absent, 1);
		});

		test('what a client claims about its address is not believed', async (t) => {
			const { site } = await ready(t, { major });
			const session = await Session.open(site, OWNER);
			const { socket, text } = raw(site.ports[OTHER], `GET ${target(session)} HTTP/1.1\r\nHost: a\r\n` +
				`X-Forwarded-For: 1.2.3.4\r\n${UPGRADE}\r\n`);
			t.after(() => socket.destroy());
			await until(() => text().includes('101 '), 'upgrade');
			socket.write(`GET /pm2a/from/1.2.3.4/1/0/1.1${target(session)} HTTP/1.1\r\nHost: a\r\n\r\n`);
			await until(() => socket.destroyed || socket.readableEnded, 'end of what is no WebSocket');
			assert.doesNotMatch(text(), /101 [^]*HTTP\/1\.1 200/);
		});
	});

/* The tag of a worker that has a session. */
const tagOf = (session) => session.sid.slice(-6);

/* Hands a connection over from outside of any worker. Resolves to { text(), ended } of its client. */
async function handOver(t, daemon, tag, bytes) {
	const channel = await Channel.open(daemon, 'strang');
	t.after(() => channel.close());
	const server = net.createServer();
	const port = await listen(server);
	const accepted = next(server, 'connection');
	const client = raw(port, '');
	t.after(() => client.socket.destroy());
	const [socket] = await accepted;
	server.close();
	channel.handOver(tag, 1, socket, bytes);
	await until(() => channel.received.length > 0, 'outcome');
	assert.equal(channel.received[0][0].outcome, 'passed');
	socket.destroy();
	return client;
}

describe('what another process of this user hands over', () => {
	const cases = {
		'garbage': () => '\0\xff\r\n\r\n',
		'a request that is no upgrade': ({ url }) => `GET ${url} HTTP/1.1\r\nHost: a\r\n\r\n`,
		'a request that claims an address': ({ url }) => `GET /pm2a/from/1.2.3.4/1/0/1.1${url} HTTP/1.1\r\nHost: a\r\n\r\n`,
		'a request of another worker': () => 'POST /pm2a/noop?sid=x HTTP/1.1\r\nContent-Length: 0\r\n\r\n',
	};
	for (const [name, bytes] of Object.entries(cases))
		test(`${name} ends the connection`, async (t) => {
			const { site, daemon } = await ready(t);
			const session = await Session.open(site, OWNER);
			const client = await handOver(t, daemon, tagOf(session), bytes({ url: session.target() }));
			await within(client.ended, 'end');
			assert.doesNotMatch(client.text(), /HTTP\/1\.1 200/);
			assert.equal((await session.post(OWNER, '3')).status, 200);
		});

	test('an upgrade has the address of its connection, whatever it claims', async (t) => {
		const { site, daemon } = await ready(t);
		const session = await Session.open(site, OWNER);
		const seen = [];
		site.workers[OWNER].io.engine.use?.((req, res, go) => {
			seen.push([req.socket.remoteAddress, req.socket.remotePort]);
			go();
		});
		const client = await handOver(t, daemon, tagOf(session),
			`GET /pm2a/from/1.2.3.4/1/0/1.1${target(session)} HTTP/1.1\r\nHost: a\r\n${UPGRADE}\r\n`);
		await until(() => seen.length > 0, 'request');
		assert.deepEqual(seen, [['127.0.0.1', client.socket.localPort]]);
	});

	test('nothing at all waits for its client', async (t) => {
		const { site, daemon } = await ready(t);
		const session = await Session.open(site, OWNER);
		const { socket, text } = await handOver(t, daemon, tagOf(session), '');
		socket.write(`GET ${target(session)} HTTP/1.1\r\nHost: a\r\n${UPGRADE}\r\n`);
		await until(() => text().includes('101 '), 'upgrade');
	});
});

test('TLS is tunnelled', async (t) => {
	const { site } = await ready(t, { count: 0 });
	const build = async (create) => {
		const server = https.createServer(ANONYMOUS);
		const io = new Server(server, { serveClient: false });
		io.adapter(create);
		return { io, http: server };
	};
	await site.add({ build });
	await site.add({ build });
	await isReady(site);
	const { port } = site.workers[OWNER];
	const open = (at, path) => new Promise((resolve, reject) => {
		https.get({ port: at, path, agent: false, ...ANONYMOUS, rejectUnauthorized: false }, (res) => {
			let text = '';
			res.setEncoding('utf8').on('data', (more) => { text += more; }).on('end', () => resolve(text));
		}).on('error', reject);
	});
	const { sid } = JSON.parse((await open(port, '/socket.io/?EIO=4&transport=polling')).slice(1));
	const socket = tls.connect({ port: site.workers[OTHER].port, ...ANONYMOUS, rejectUnauthorized: false });
	t.after(() => socket.destroy());
	let text = '';
	socket.on('data', (more) => { text += more.toString('latin1'); });
	socket.write(`GET /socket.io/?EIO=4&transport=websocket&sid=${sid} HTTP/1.1\r\nHost: a\r\n${UPGRADE}\r\n`);
	await until(() => text.includes('101 '), 'upgrade');
	assert.deepEqual([site.stats(OTHER).handedOver, site.stats(OTHER).tunnelled], [0, 1]);
});

test('Node writes the golden line', async (t) => {
	const [, line, to, id, bytes] = fs.readFileSync(path.join(__dirname, '../../vectors/handles.txt'), 'utf8')
		.match(/^name: handle\nline: (.*)\nkind: handle\ntag: (.*)\nid: (.*)\nbytes: (.*)\n/m);
	const child = spawn('sh', ['-c', 'exec cat <&3'], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
	t.after(() => child.kill());
	const server = net.createServer();
	t.after(() => server.close());
	const client = net.connect(await listen(server));
	t.after(() => client.destroy());
	await next(client, 'connect');
	child.send({ to, id: Number(id), bytes }, client, { keepOpen: true });
	let text = '';
	child.stdout.setEncoding('utf8').on('data', (more) => { text += more; });
	await until(() => text.endsWith('\n'), 'line');
	assert.equal(text, `${line}\n`);
});
