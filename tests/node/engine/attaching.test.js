'use strict';

/* However an application attaches Socket.IO and makes ids, requests reach the session's owner. */

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { describe, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');

const { Server } = require('socket.io');
const socketIo2 = require('socket.io-2');
const { Server: Engine } = require('engine.io');

const pm2Adapter = require('../../../src/node');
const { Daemon } = require('../../support/daemon');
const { until } = require('../../support/wait');
const { Session, Site, listen, send } = require('../support/site');

const OPTIONS = { serveClient: false };

const SERVER = {
	4: (server, options) => new Server(server, options),
	2: (server, options) => socketIo2(server, options),
};

/* attach(http, adapter, path) returns the server of Socket.IO. */
const WAYS = {
	4: {
		'in the constructor': (server, adapter) => new Server(server, { ...OPTIONS, adapter }),
		'then io.adapter()': (server, adapter) => new Server(server, OPTIONS).adapter(adapter),
		'by attach()': (server, adapter) => {
			const io = new Server({ ...OPTIONS, adapter });
			return io.attach(server);
		},
		'by listen()': (server, adapter) => new Server(OPTIONS).adapter(adapter).listen(server),
		'by bind()': (server, adapter) => {
			const engine = new Engine();
			engine.attach(server, { path: '/socket.io' });
			return new Server({ ...OPTIONS, adapter }).bind(engine);
		},
		'by bind(), then io.adapter()': (server, adapter) => {
			const engine = new Engine();
			const io = new Server(OPTIONS).bind(engine);
			io.adapter(adapter);
			engine.attach(server, { path: '/socket.io' });
			return io;
		},
	},
	2: {
		'in the constructor': (server, adapter) => socketIo2(server, { ...OPTIONS, adapter }),
		'then io.adapter()': (server, adapter) => socketIo2(server, OPTIONS).adapter(adapter),
		'by attach()': (server, adapter) => socketIo2({ ...OPTIONS, adapter }).attach(server),
		'by listen()': (server, adapter) => socketIo2(OPTIONS).adapter(adapter).listen(server),
	},
};

function adapterIn(dir, options) {
	return pm2Adapter({ socket: path.join(dir, 'd.sock'), ...options });
}

function scratch(t) {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-'));
	t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
	return dir;
}

/* Sessions have timers, some of which outlive io.close(). */
function endSessions(engine) {
	for (const socket of Object.values(engine.clients)) {
		socket.transport.closeTimeout = 50;
		socket.onClose('end of the test');
	}
}

/* Two workers, each attached by `attach`: { ports, ios, stats }. */
async function pair(t, attach, options) {
	const dir = scratch(t);
	const workers = [];
	for (let i = 0; i < 2; i++) {
		const server = http.createServer((req, res) => { res.writeHead(404).end(); });
		const adapter = adapterIn(dir, options);
		const io = attach(server, adapter);
		workers.push({ io, stats: adapter.client.stats, port: await listen(server) });
		t.after(() => {
			endSessions(io.engine);
			io.close();
			server.close();
			adapter.client.destroy();
		});
	}
	return {
		ports: workers.map(({ port }) => port), ios: workers.map(({ io }) => io),
		stats: workers.map(({ stats }) => stats), dir,
	};
}

/* The id of a new session of a port. */
async function sidOf(port, eio, at = '/socket.io/') {
	const { text } = await send(port, `${at}?EIO=${eio}&transport=polling`);
	return JSON.parse(text.slice(text.indexOf('{'), text.indexOf('}') + 1)).sid;
}

const PING = { 4: '3', 3: '1:2' }; // a packet that a client of each revision may send at any time

/* Sends a packet of a session of the first worker to the second. */
async function isForwarded({ ports, stats }, eio, at = '/socket.io/') {
	const sid = await sidOf(ports[0], eio, at);
	const before = stats[1].forwarded;
	const { status, text } = await send(ports[1],
		`${at}?EIO=${eio}&transport=polling&sid=${encodeURIComponent(sid)}`,
		{ method: 'POST', body: PING[eio] });
	return status === 200 && text === 'ok' && stats[1].forwarded === before + 1;
}

for (const [major, ways] of Object.entries(WAYS))
	describe(`Socket.IO ${major}`, () => {
		const eio = major === '4' ? 4 : 3;

		for (const [how, attach] of Object.entries(ways))
			test(`attached ${how}`, async (t) => {
				assert.ok(await isForwarded(await pair(t, attach), eio));
			});

		test('with a path of its own', async (t) => {
			const both = await pair(t, (server, adapter) => SERVER[major](server,
				{ ...OPTIONS, adapter, path: '/own/path' }));
			assert.ok(await isForwarded(both, eio, '/own/path/'));
		});

		test('attached to two HTTP servers, each of which has sessions', async (t) => {
			const seconds = [];
			const both = await pair(t, (server, adapter) => {
				const second = http.createServer();
				seconds.push(second);
				const io = ways['in the constructor'](server, adapter);
				const first = io.engine;
				t.after(() => {
					endSessions(first);
					second.close();
				});
				return io.attach(second);
			});
			const ports = await Promise.all(seconds.map(listen));
			assert.ok(await isForwarded(both, eio));
			assert.ok(await isForwarded({ ...both, ports }, eio));
			assert.ok(await isForwarded({ ...both, ports: [both.ports[0], ports[1]] }, eio));
		});

		test('with anyWorker: false nothing is forwarded or listens', async (t) => {
			const both = await pair(t, ways['in the constructor'], { anyWorker: false });
			assert.equal(await isForwarded(both, eio), false);
			assert.match(await sidOf(both.ports[0], eio), /^[\w-]{20}$/);
			assert.deepEqual(fs.readdirSync(both.dir), []);
			assert.equal(both.stats[1].forwarded, undefined);
		});
	});

test('without a trailing slash', async (t) => {
	const both = await pair(t, (server, adapter) =>
		new Server(server, { ...OPTIONS, adapter, addTrailingSlash: false }));
	assert.ok(await isForwarded(both, 4, '/socket.io'));
});

test('an anyWorker that is no boolean is refused', () => {
	assert.throws(() => pm2Adapter({ anyWorker: 1 }), { code: 'PM2A_ERR_OPTION', message: /anyWorker/ });
	assert.throws(() => pm2Adapter(null), { code: 'PM2A_ERR_OPTION' });
});

describe('generateId of Socket.IO 4', () => {
	let n = 0;
	const MAKERS = {
		sync: () => `own/id ${++n}`,
		async: async () => {
			await sleep(1);
			return `own/id ${++n}`;
		},
		number: () => ++n,
		'like a tag': () => `id${++n}.abcdef`,
	};

	for (const [name, generateId] of Object.entries(MAKERS))
		for (const when of ['before', 'after'])
			test(`${name}, set ${when} the adapter`, async (t) => {
				const both = await pair(t, (server, adapter) => {
					const io = new Server(server, OPTIONS);
					if (when === 'before')
						io.engine.generateId = generateId;
					io.adapter(adapter);
					if (when === 'after')
						io.engine.generateId = generateId;
					return io;
				});
				assert.ok(await isForwarded(both, 4));
				assert.match(await sidOf(both.ports[0], 4), /^(own\/id )?(id)?\d+(\.abcdef)?\.[\w-]{6}$/);
			});

	test('one that calls the one before', async (t) => {
		const both = await pair(t, (server, adapter) => {
			const io = new Server(server, { ...OPTIONS, adapter });
			const { generateId } = io.engine;
			io.engine.generateId = (req) => `a-${generateId(req)}`;
			return io;
		});
		assert.ok(await isForwarded(both, 4));
		assert.match(await sidOf(both.ports[0], 4), /^a-[\w-]{20}\.[\w-]{6}$/);
	});

	test('one that throws or rejects refuses the client, as without us', async (t) => {
		const both = await pair(t, (server, adapter) => new Server(server, { ...OPTIONS, adapter }));
		both.ios[0].engine.generateId = () => { throw new Error('no'); };
		both.ios[1].engine.generateId = async () => { throw new Error('no'); };
		for (const port of both.ports)
			assert.equal((await send(port, '/socket.io/?EIO=4&transport=polling')).status, 400);
	});
});

describe('generateId of Socket.IO 2', () => {
	let n = 0;
	const own = (io) => {
		io.engine.generateId = () => `own/id ${++n}`;
	};

	test('an id of the application stays, and its owner is found through the daemon', async (t) => {
		const daemon = await Daemon.start();
		t.after(() => daemon.destroy());
		for (const when of ['before', 'after']) {
			const site = new Site({ major: 2 });
			t.after(() => site.end());
			site.socket = daemon.socket;
			for (let i = 0; i < 3; i++) {
				const { client } = await site.add({ [when]: own });
				await client.ready();
			}
			const session = await Session.open(site, 0);
			assert.match(session.sid, /^own\/id \d+$/, when);
			assert.ok(site.workers[0].io.sockets.connected[session.sid], 'socket.id');
			await site.workers[0].client.barrier();
			for (const worker of [1, 2, 1, 0])
				assert.equal((await session.post(worker, '1:2')).status, 200);
			assert.deepEqual([0, 1, 2].map((i) => site.stats(i).forwarded), [0, 2, 1]);
			assert.equal(site.stats(1).asked, 1);
			const unknown = await send(site.ports[1], session.target('own/id of nobody'));
			assert.deepEqual([unknown.status, unknown.text], [400, '{"code":1,"message":"Session ID unknown"}']);
			await session.post(1, '1:1'); // the client's good-bye
			await until(() => !site.workers[0].io.engine.clients[session.sid], 'end of the session');
			assert.equal((await session.post(2, '1:2')).status, 400);
			await site.workers[0].client.barrier();
			assert.deepEqual((await daemon.statsAsync()).topics.filter(({ topic }) => /sid#/.test(topic)), []);
		}
	});

	test('without the daemon such a session is unknown at once elsewhere', async (t) => {
		const both = await pair(t, (server, adapter) => {
			const io = socketIo2(server, { ...OPTIONS, adapter });
			own(io);
			return io;
		});
		assert.equal(await isForwarded(both, 3), false);
	});
});

describe('engines that are left alone', () => {
	const warnings = [];
	process.on('warning', ({ message }) => warnings.push(message));

	test('an engine that is not Engine.IO\'s is not touched, and said', async (t) => {
		const { EventEmitter } = require('node:events');
		class OtherEngine extends EventEmitter {
			clients = {};

			attach() {}

			close() {}
		}
		for (let i = 0; i < 2; i++) {
			const engine = new OtherEngine();
			const keys = Object.keys(engine);
			const io = new Server(OPTIONS);
			const adapter = adapterIn(scratch(t));
			io.adapter(adapter).bind(engine);
			t.after(() => adapter.client.destroy());
			assert.deepEqual(Object.keys(engine), keys);
			await new Promise((resolve) => { setImmediate(resolve); });
		}
		assert.equal(warnings.filter((text) => /OtherEngine/.test(text)).length, 1);
	});

	test('that of uWebSockets.js', async (t) => {
		const { uServer } = require('engine.io');
		const engine = new uServer();
		const { handleRequest } = engine;
		const io = new Server(OPTIONS);
		const adapter = adapterIn(scratch(t));
		io.adapter(adapter).bind(engine);
		t.after(() => adapter.client.destroy());
		await new Promise((resolve) => { setImmediate(resolve); });
		assert.equal(engine.handleRequest, handleRequest);
		assert.equal(warnings.filter((text) => /uServer/.test(text)).length, 1);
	});

	test('WebTransport is said to be left alone', async (t) => {
		await pair(t, (server, adapter) => new Server(server,
			{ ...OPTIONS, adapter, transports: ['polling', 'webtransport'] }));
		await new Promise((resolve) => { setImmediate(resolve); });
		assert.equal(warnings.filter((text) => /WebTransport/.test(text)).length, 1);
	});
});
