'use strict';

/* Servers of other kinds than http.createServer(): frameworks as they attach Socket.IO, TLS, HTTP/2. */

const assert = require('node:assert/strict');
const http = require('node:http');
const http2 = require('node:http2');
const https = require('node:https');
const { describe, test } = require('node:test');

require('reflect-metadata');
const { Controller, Get, Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { IoAdapter } = require('@nestjs/platform-socket.io');
const { SubscribeMessage, WebSocketGateway } = require('@nestjs/websockets');
const express = require('express');
const fastify = require('fastify');
const { Server } = require('socket.io');
const socketIo2 = require('socket.io-2');

const { next, until, within } = require('../../support/wait');
const { Session, Site, listen, send } = require('../support/site');

const OWNER = 0;
const OTHER = 1;
const PONG = { 4: '3', 2: '1:2' };
const OPTIONS = { serveClient: false };

const SERVER = {
	4: (server, adapter) => new Server(server, { ...OPTIONS, adapter }),
	2: (server, adapter) => socketIo2(server, { ...OPTIONS, adapter }),
};

/* As its decorators do in TypeScript. */
function nestModule() {
	class Gateway {
		hello(socket, name) {
			return `hello ${name}`;
		}
	}
	WebSocketGateway()(Gateway);
	SubscribeMessage('hello')(Gateway.prototype, 'hello',
		Object.getOwnPropertyDescriptor(Gateway.prototype, 'hello'));

	class Page {
		get() {
			return 'page';
		}
	}
	Controller()(Page);
	Get('page')(Page.prototype, 'get', Object.getOwnPropertyDescriptor(Page.prototype, 'get'));

	class App {}
	Module({ providers: [Gateway], controllers: [Page] })(App);
	return App;
}

/* Each resolves to { io, http } of a server that has a page at /page. */
const FRAMEWORKS = {
	'Express and http.createServer()': async (attach, adapter) => {
		const app = express().get('/page', (req, res) => res.send('page'));
		const server = http.createServer(app);
		return { io: attach(server, adapter), http: server };
	},
	'Express and app.listen()': async (attach, adapter) => {
		const app = express().get('/page', (req, res) => res.send('page'));
		const server = app.listen(0, '127.0.0.1');
		await next(server, 'listening');
		return { io: attach(server, adapter), http: server };
	},
	'Fastify, before it is ready': async (attach, adapter) => {
		const app = fastify();
		app.get('/page', async () => 'page');
		const io = attach(app.server, adapter);
		await app.listen({ host: '127.0.0.1', port: 0 });
		return { io, http: app.server };
	},
	'Fastify, by a plugin': async (attach, adapter) => {
		const app = fastify();
		app.get('/page', async () => 'page');
		let io;
		app.register(async (instance) => {
			io = attach(instance.server, adapter);
			instance.addHook('onClose', async () => io.close());
		});
		await app.listen({ host: '127.0.0.1', port: 0 });
		return { io, http: app.server };
	},
};

class AdapterForNest extends IoAdapter {
	constructor(app, adapter) {
		super(app);
		this.adapter = adapter;
	}

	createIOServer(port, options) {
		this.io = super.createIOServer(port, options);
		this.io.adapter(this.adapter);
		return this.io;
	}
}

async function nest(attach, adapter) {
	const app = await NestFactory.create(nestModule(), { logger: ['error'] });
	const wsAdapter = new AdapterForNest(app, adapter);
	app.useWebSocketAdapter(wsAdapter);
	await app.listen(0, '127.0.0.1');
	return { io: wsAdapter.io, http: app.getHttpServer() };
}

async function siteOf(t, build, major = 4) {
	const site = new Site({ major });
	t.after(() => site.end());
	for (let i = 0; i < 2; i++)
		await site.add({ build: (adapter) => build(SERVER[major], adapter) });
	return site;
}

for (const [name, major, build] of [
	...Object.entries(FRAMEWORKS).flatMap(([name, build]) => [[name, 4, build], [name, 2, build]]),
	['NestJS', 4, nest],
])
	test(`${name}, Socket.IO ${major}`, async (t) => {
		const site = await siteOf(t, build, major);
		const session = await Session.open(site, OWNER);
		for (let n = 1; n < 4; n++) {
			assert.equal((await session.post(OTHER, PONG[major])).text, 'ok');
			assert.equal(site.stats(OTHER).forwarded, n);
		}
		const front = await site.front();
		for (const transports of [['polling'], ['polling', 'websocket'], ['websocket']]) {
			const client = await site.client(front, { transports, reconnection: false });
			for (const value of ['text', Buffer.alloc(70_000, 'a\xff')])
				assert.deepEqual(await client.ask('echo', value), value);
			if (build === nest)
				assert.equal(await client.ask('hello', 'you'), 'hello you');
		}
		assert.equal((await send(front, '/page')).text, 'page');
	});

describe('TLS that ends in Node', () => {
	/* A suite without certificates. */
	const ANONYMOUS = { ciphers: 'AECDH-AES128-SHA:@SECLEVEL=0', maxVersion: 'TLSv1.2' };

	test('the owner sees that the client\'s connection is encrypted', async (t) => {
		const site = await siteOf(t, async (attach, adapter) => {
			const server = https.createServer(ANONYMOUS);
			return { io: attach(server, adapter), http: server };
		});
		const seen = [];
		site.workers[OWNER].io.engine.use(({ socket }, res, go) => {
			seen.push(socket.encrypted);
			go();
		});
		let turn = 0;
		const agent = new https.Agent({ ...ANONYMOUS, rejectUnauthorized: false });
		agent.createConnection = (options, ...rest) => https.Agent.prototype.createConnection.call(agent,
			{ ...options, port: site.ports[turn++ % 2] }, ...rest);
		t.after(() => agent.destroy());
		const client = await site.client(site.ports[0], { agent, secure: true, reconnection: false });
		assert.equal(await client.ask('echo', 'x'), 'x');
		await until(() => client.socket.io.engine.transport.name === 'websocket', 'upgrade');
		const value = 'y'.repeat(300_000);
		assert.equal(await client.ask('echo', value), value);
		assert.ok(site.stats(OWNER).forwarded + site.stats(OTHER).forwarded > 0);
		assert.equal(seen.length > 0 && seen.every((each) => each === true), true, `${seen}`);
	});
});

describe('HTTP/2', () => {
	const UNKNOWN = '{"code":1,"message":"Session ID unknown"}';

	/* One request on the session of a client. */
	function ask(client, target, { method = 'GET', headers, body } = {}) {
		return within(new Promise((resolve, reject) => {
			const stream = client.request({ ':path': target, ':method': method, ...headers },
				{ endStream: body === undefined });
			const chunks = [];
			let got;
			stream.on('response', (answered) => { got = answered; });
			stream.on('data', (chunk) => chunks.push(chunk));
			stream.on('end', () => resolve({ status: got[':status'], headers: got, text: String(Buffer.concat(chunks)) }));
			stream.on('error', reject);
			if (body !== undefined)
				stream.end(body);
		}), `answer to ${method}`);
	}

	async function start(t) {
		const connections = new Set();
		t.after(() => connections.forEach((each) => each.destroy()));
		const site = await siteOf(t, async (attach, adapter) => {
			const server = http2.createServer();
			server.on('session', (each) => connections.add(each));
			const io = attach(server, adapter);
			await listen(server);
			return { io, http: server };
		});
		const clients = site.ports.map((port) => http2.connect(`http://127.0.0.1:${port}`));
		t.after(() => clients.forEach((client) => client.destroy()));
		const session = new Session(site);
		const { text } = await ask(clients[OWNER], session.target(null));
		session.sid = JSON.parse(text.slice(1)).sid;
		return { site, clients, session };
	}

	async function join(clients, session) {
		await ask(clients[OWNER], session.target(), { method: 'POST', body: '40' });
		await ask(clients[OWNER], session.target());
	}

	test('requests are forwarded, with or without a length', async (t) => {
		const { site, clients, session } = await start(t);
		const warnings = [];
		const note = ({ message }) => warnings.push(message);
		process.on('warning', note);
		t.after(() => process.off('warning', note));
		const seen = [];
		const got = [];
		const { io } = site.workers[OWNER];
		await join(clients, session);
		io.engine.clients[session.sid].on('data', (data) => got.push(data));
		io.engine.use((req, res, go) => {
			seen.push([req.headers.host, req.socket.remoteAddress, req.httpVersionMajor]);
			res.setHeader('Set-Cookie', ['a=1', 'b=2']);
			go();
		});
		const body = `42["none","${'é'.repeat(100_000)}"]`;
		for (const headers of [{}, { 'content-length': Buffer.byteLength(body) }]) {
			const posted = await ask(clients[OTHER], session.target(), { method: 'POST', headers, body });
			assert.deepEqual([posted.status, posted.text], [200, 'ok']);
			assert.deepEqual(posted.headers['set-cookie'], ['a=1', 'b=2']);
		}
		assert.deepEqual(got, [body.slice(1), body.slice(1)]);
		io.engine.clients[session.sid].send('hello');
		const polled = await ask(clients[OTHER], session.target());
		assert.deepEqual([polled.status, polled.text], [200, '4hello']);
		assert.equal(site.stats(OTHER).forwarded, 3);
		assert.deepEqual(seen, Array(3).fill([`127.0.0.1:${site.ports[OTHER]}`, '127.0.0.1', 1]));
		const unknown = await ask(clients[OTHER], session.target('x.abcdef'));
		assert.deepEqual([unknown.status, unknown.text], [400, UNKNOWN]);
		assert.deepEqual(warnings, []);
	});

	test('a poll that the client resets is gone at the owner', async (t) => {
		const { site, clients, session } = await start(t);
		const socket = site.workers[OWNER].io.engine.clients[session.sid];
		await join(clients, session);
		const closed = next(socket, 'close');
		const stream = clients[OTHER].request({ ':path': session.target() });
		await until(() => socket.transport.writable, 'poll');
		stream.close(http2.constants.NGHTTP2_CANCEL);
		assert.equal((await closed)[0], 'transport error');
	});

	test('a poll at a worker that closes is answered, and its connection ends', async (t) => {
		const { site, clients, session } = await start(t);
		const { io } = site.workers[OWNER];
		await join(clients, session);
		const polled = ask(clients[OTHER], session.target());
		await until(() => io.engine.clients[session.sid].transport.writable, 'poll');
		const ended = next(clients[OTHER], 'close');
		site.workers[OTHER].io.engine.close();
		const { status, text } = await polled;
		assert.deepEqual([status, text], [200, '6']);
		await ended;
	});
});
