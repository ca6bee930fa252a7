'use strict';

/*
 * WebSockets that are handed over between processes: workers of node:cluster and of stock pm2,
 * which accept connections in turn and are killed.
 */

const assert = require('node:assert/strict');
const cluster = require('node:cluster');
const net = require('node:net');
const path = require('node:path');
const { describe, test } = require('node:test');

const { io: connect4 } = require('socket.io-client');
const connect2 = require('socket.io-client-2');

const { PrivatePm2 } = require('../../../docs/demo/private-pm2');
const { BINARY, Daemon } = require('../../support/daemon');
const { next, until } = require('../../support/wait');
const { freePort } = require('../support/pm2');

const WORKERS = 4;
const CLIENTS = 12;
const CONNECT = { 4: connect4, 2: connect2 };
const LONG = { timeout: 180_000 };

/* Moves the worker whose turn it is. */
async function skipTurn(port) {
	const socket = net.connect(port, '127.0.0.1');
	await next(socket, 'connect');
	socket.destroy();
}

/* A client that has upgraded: { socket, owner, hasEnded }. */
async function upgraded(connect, port) {
	if (Math.random() < 0.5)
		await skipTurn(port);
	const socket = connect(`http://127.0.0.1:${port}`, { forceNew: true, reconnection: false });
	const client = { socket, hasEnded: false };
	socket.on('disconnect', () => { client.hasEnded = true; });
	[client.owner] = await next(socket, 'owner');
	await until(() => socket.io.engine.transport.name === 'websocket', 'upgrade');
	return client;
}

const echo = ({ socket }, value) => new Promise((resolve) => { socket.emit('echo', value, resolve); });

/* The sessions of the process are lost, and no others. */
async function killed(clients, pid) {
	process.kill(pid, 'SIGKILL');
	await until(() => clients.every(({ owner, hasEnded }) => owner !== pid || hasEnded), 'end of its sessions');
	const others = clients.filter(({ owner }) => owner !== pid);
	for (const client of others)
		assert.equal(await echo(client, pid), pid);
	assert.ok(others.every(({ hasEnded }) => !hasEnded));
	return others;
}

class Cluster {
	#daemon;
	#workers = [];

	/* envs: of each worker. */
	static async start(t, { major, envs = Array(WORKERS).fill({}) }) {
		const all = new Cluster();
		all.#daemon = await Daemon.start();
		t.after(() => all.#end());
		all.port = await freePort();
		cluster.setupPrimary({ exec: require.resolve('../support/any-worker-app') });
		for (const env of envs)
			all.#workers.push(cluster.fork({
				PORT: String(all.port), MAJOR: String(major), PM2ADAPTERD_SOCKET: all.#daemon.socket,
				PM2ADAPTERD_BIN: BINARY, ...env,
			}));
		await Promise.all(all.#workers.map((worker) => next(worker, 'message')));
		return all;
	}

	/* The stats of each worker that lives. */
	stats() {
		return Promise.all(this.#workers.filter((worker) => worker.isConnected()).map(async (worker) => {
			worker.send('stats');
			return (await next(worker, 'message'))[0];
		}));
	}

	async sum(figure) {
		return (await this.stats()).reduce((all, stats) => all + stats[figure], 0);
	}

	async ready(n = WORKERS) {
		await until(async () => (await this.stats())
			.filter(({ upgrades }) => upgrades === 'handed-over').length === n, 'channels');
	}

	/* Resolves to the exit code of a worker that gets SIGINT. */
	async end(pid) {
		const worker = this.#workers.find(({ process: { pid: own } }) => own === pid);
		const ended = next(worker, 'exit');
		process.kill(pid, 'SIGINT');
		return (await ended)[0];
	}

	#end() {
		for (const worker of this.#workers)
			worker.process.kill('SIGKILL');
		this.#daemon.kill();
	}
}

for (const major of [4, 2])
	describe(`node:cluster, Socket.IO ${major}`, LONG, () => {
		async function start(t, options) {
			const workers = await Cluster.start(t, { major, ...options });
			const clients = [];
			t.after(() => clients.forEach(({ socket }) => socket.close()));
			const connect = async () => {
				for (let n = 0; n < CLIENTS; n++)
					clients.push(await upgraded(CONNECT[major], workers.port));
				return clients;
			};
			return { workers, connect };
		}

		test('the death of a worker ends no WebSocket but those of its own sessions', LONG, async (t) => {
			const { workers, connect } = await start(t);
			await workers.ready();
			let left = await connect();
			assert.equal(await workers.sum('tunnelled'), 0);
			const stats = await workers.stats();
			const givers = stats.filter(({ handedOver }) => handedOver > 0);
			assert.ok(givers.length > 0);
			for (const { pid } of stats.slice(0, -1))
				left = await killed(left, pid);
		});

		test('a worker that ends in order waits for no WebSocket that it has handed over', LONG, async (t) => {
			const { workers, connect } = await start(t);
			await workers.ready();
			const clients = await connect();
			const giver = (await workers.stats()).find(({ handedOver }) => handedOver > 0);
			const others = clients.filter(({ owner }) => owner !== giver.pid);
			assert.equal(await workers.end(giver.pid), 0);
			for (const client of others)
				assert.equal(await echo(client, 'there'), 'there');
			assert.ok(others.every(({ hasEnded }) => !hasEnded));
		});

		test('an owner that cannot take them gets tunnels', LONG, async (t) => {
			const { workers, connect } = await start(t,
				{ envs: [{}, { PM2ADAPTERD_BIN: '/nonexistent/pm2adapterd' }] });
			await workers.ready(1);
			const stats = await until(async () => {
				await connect();
				const all = await workers.stats();
				return all[0].tunnelled > 0 && all;
			}, 'an upgrade at the one with a channel');
			assert.deepEqual(stats.map(({ upgrades }) => upgrades), ['handed-over', 'tunnelled']);
			assert.deepEqual(stats.map(({ handedOver }) => handedOver), [0, 0]);
			for (const client of await connect())
				assert.equal(await echo(client, 'there'), 'there');
		});
	});

test('stock pm2: a worker is killed, and the WebSockets that it had accepted go on', LONG, async (t) => {
	const port = await freePort();
	const pm2 = new PrivatePm2({
		daemon: BINARY,
		ecosystem: path.join(__dirname, '../support/any-worker.config.js'),
		env: { PORT: String(port), PM2ADAPTERD_BIN: BINARY },
	});
	t.after(() => pm2.kill());
	await pm2.start();
	await pm2.whenJoined(WORKERS);
	const clients = [];
	t.after(() => clients.forEach(({ socket }) => socket.close()));
	const statsOf = ({ socket }) => new Promise((resolve) => { socket.emit('stats', resolve); });
	for (let n = 0; n < CLIENTS; n++)
		clients.push(await upgraded(connect4, port));
	const stats = await until(async () => {
		const all = new Map();
		for (const client of clients)
			all.set(client.owner, await statsOf(client));
		return all.size > 1 && [...all.values()].some(({ handedOver }) => handedOver > 0) && all;
	}, 'a worker that has handed over');
	const [giver] = [...stats.values()].filter(({ handedOver, tunnelled }) => handedOver > 0 && tunnelled === 0);
	await killed(clients, giver.pid);
});
