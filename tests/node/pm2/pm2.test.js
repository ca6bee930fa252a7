'use strict';

const assert = require('assert/strict');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { after, before, describe, test } = require('node:test');

const { startApp, connect, spread, waitUntil, ACK_MS } = require('../support/pm2');
const Traffic = require('../support/traffic');

const WORKERS = 4;
const PER_WORKER = 2;
const SOME = 3000;

describe('stock pm2 in cluster mode', () => {
	let pm2;
	let url;
	let clients = [];

	const demoPids = async () => new Set(await pm2.pids('demo'));

	/* Runs `act` in the midst of traffic between all clients; resolves with the record of it. */
	async function underTraffic(act) {
		const traffic = new Traffic(clients);
		try {
			traffic.start();
			await traffic.flow(SOME);
			await act();
			await pm2.whenJoined(WORKERS);
			await traffic.flow(SOME);
			await traffic.stop();
		} finally {
			traffic.end();
		}
		return traffic;
	}

	before(async () => {
		({ pm2, url } = await startApp({ workers: WORKERS }));
		clients = await spread(url, { workers: WORKERS, perWorker: PER_WORKER });
	}, { timeout: 90000 });

	after(async () => {
		for (const { socket } of clients)
			socket.disconnect();
		await pm2?.kill();
	}, { timeout: 60000 });

	test('a broadcast reaches every client of all workers once', { timeout: 60000 }, async () => {
		const traffic = new Traffic(clients);
		await traffic.round();
		await traffic.round();
		traffic.end();
		assert.deepEqual(traffic.faults({ whole: clients }), []);
		assert.equal(traffic.arrived, 2 * clients.length ** 2);
		assert.equal(new Set(clients.map(({ served }) => served.pid)).size, WORKERS);
	});

	test('the daemon knows the workers by their pids and their numbers in pm2',
		{ timeout: 60000 }, async () => {
			const apps = (await pm2.list()).filter(({ name }) => name === 'demo');
			const members = await pm2.members();
			assert.deepEqual(
				members.map(({ pm_id, pid }) => `${pm_id} ${pid}`).sort(),
				apps.map(({ id, pid }) => `${id} ${pid}`).sort());
		});

	test('pm2 reload under traffic: no gap and no duplicate between clients that are connected',
		{ timeout: 120000 }, async () => {
			const old = await demoPids();
			const traffic = await underTraffic(() => pm2.run('reload', 'demo'));
			assert.deepEqual(traffic.faults({ tails: true }), []);
			for (const client of clients) {
				assert.ok(!old.has(client.served.pid), 'a new worker serves each client');
				assert.ok(traffic.lives(client) > 1);
			}
		});

	test('pm2 reloadLogs under traffic: no worker ends and nothing is lost',
		{ timeout: 120000 }, async () => {
			const pids = await demoPids();
			const traffic = await underTraffic(() => pm2.run('reloadLogs'));
			assert.deepEqual(traffic.faults({ whole: clients }), []);
			assert.deepEqual(await demoPids(), pids);
		});

	test('kill -9 of a worker: the others go on untouched, and its successor takes part',
		{ timeout: 120000 }, async () => {
			const victim = clients[0].served.pid;
			const others = clients.filter(({ served }) => served.pid !== victim);
			const traffic = await underTraffic(async () => {
				process.kill(victim, 'SIGKILL');
				await waitUntil('a successor at the daemon', ACK_MS, async () => {
					const members = await pm2.members();
					return members.length === WORKERS && members.every(({ pid }) => pid !== victim);
				});
			});
			assert.ok(others.length < clients.length);
			assert.deepEqual(traffic.faults({ whole: others }), []);

			const pids = await demoPids();
			assert.ok(!pids.has(victim));
			const { overview, clients: connections } = await pm2.stats();
			assert.equal(overview.members, WORKERS);
			assert.deepEqual(
				new Set(connections.filter(({ role }) => role === 'member').map(({ pid }) => pid)), pids);

			const all = await spread(url, { workers: WORKERS, perWorker: 1 });
			const again = new Traffic(all);
			await again.round();
			again.end();
			all.forEach(({ socket }) => socket.disconnect());
			assert.deepEqual(again.faults({ whole: all }), []);
		});

	test('pm2 restart pm2adapterd: the workers stay, find the new one, and traffic flows again',
		{ timeout: 120000 }, async () => {
			const pids = await demoPids();
			const before = (await pm2.stats()).overview;
			const traffic = await underTraffic(() => pm2.run('restart', 'pm2adapterd'));
			const now = (await pm2.stats()).overview;
			assert.notEqual(now.pid, before.pid);
			assert.notEqual(now.epoch, before.epoch);
			// A message that is published before another worker is back cannot reach that one.
			assert.deepEqual(traffic.faults({ gaps: true }), []);
			assert.deepEqual(await demoPids(), pids);
			clients.forEach((client) => assert.equal(traffic.lives(client), 1));

			const after = new Traffic(clients);
			await after.round();
			after.end();
			assert.deepEqual(after.faults({ whole: clients }), []);
		});
});

describe('finding the daemon', () => {
	/* A broadcast of one worker comes to the other, over the socket that the daemon names. */
	async function assertJoined({ pm2, url }, socket) {
		const { overview } = await pm2.stats();
		assert.equal(overview.socket, socket);
		const clients = await spread(url, { workers: 2, perWorker: 1 });
		const traffic = new Traffic(clients);
		try {
			await traffic.round();
			assert.deepEqual(traffic.faults({ whole: clients }), []);
		} finally {
			traffic.end();
			clients.forEach(({ socket: each }) => each.disconnect());
		}
	}

	test('with no options both ends meet in PM2_HOME', { timeout: 90000 }, async () => {
		const app = await startApp({ workers: 2 });
		try {
			await assertJoined(app, path.join(app.pm2.home, 'pm2adapterd.sock'));
		} finally {
			await app.pm2.kill();
		}
	});

	test('PM2ADAPTERD_SOCKET names another place to both ends', { timeout: 90000 }, async () => {
		const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-'));
		const socket = path.join(folder, 's');
		let app;
		try {
			app = await startApp({ workers: 2, env: { PM2ADAPTERD_SOCKET: socket } });
			await assertJoined(app, socket);
			assert.ok(!fs.existsSync(path.join(app.pm2.home, 'pm2adapterd.sock')));
		} finally {
			await app?.pm2.kill();
			fs.rmSync(folder, { recursive: true, force: true });
		}
	});

	test('workers start without a daemon, and join it when it comes', { timeout: 90000 }, async () => {
		const app = await startApp({ workers: 2, only: 'demo' });
		try {
			const alone = await connect(app.url);
			assert.equal(alone.served.daemon, false);
			const heard = new Promise((resolve) => { alone.socket.once('daemon', resolve); });
			await app.pm2.start('--only', 'pm2adapterd');
			await app.pm2.whenJoined(2);
			assert.equal(await heard, true);
			alone.socket.disconnect();
			await assertJoined(app, path.join(app.pm2.home, 'pm2adapterd.sock'));
		} finally {
			await app.pm2.kill();
		}
	});
});
