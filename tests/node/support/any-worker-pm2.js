'use strict';

/*
 * Stock pm2 in cluster mode, whose workers get connections in turn: clients over every transport,
 * while workers are killed and reloaded and the daemon restarts.
 */

const assert = require('node:assert/strict');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');

const { io: connect4 } = require('socket.io-client');
const connect2 = require('socket.io-client-2');

const { PrivatePm2, waitUntil } = require('../../../docs/demo/private-pm2');
const { freePort } = require('./pm2');
const { send } = require('./site');

const LONG = { timeout: 180_000 };
const WORKERS = 4;
const EACH = 3; // clients for each way
const ECHOES = 3;
const WAIT_MS = 40_000;

const WAYS = [['polling'], ['polling', 'websocket'], ['websocket']];

/* Servers of each major, and their clients. */
const SERVERS = [
	{ name: 'Socket.IO 4, its clients and those of 2', major: '4', connects: [connect4, connect2] },
	{ name: 'Socket.IO 2', major: '2', connects: [connect2] },
];

class Visitor {
	constructor(connect, url, transports) {
		this.transports = transports;
		this.got = [];
		this.owner = null; // pid of the worker that has its session
		this.lost = []; // owners of sessions that ended
		this.socket = connect(url, {
			transports, forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 200, upgrade: true, timeout: 3000,
		});
		this.socket.on('owner', (pid) => { this.owner = pid; });
		this.socket.on('all', (value) => this.got.push(value));
		this.socket.on('disconnect', () => {
			this.lost.push(this.owner);
			this.owner = null;
		});
	}

	/* Asks again only if the session has ended, as those of a worker that ends do. */
	async ask(event, ...args) {
		const { length } = this.lost;
		let answer;
		this.socket.emit(event, ...args, (value) => { answer = [value]; });
		await waitUntil(`${event} over ${this.transports}`, WAIT_MS, () => answer || this.lost.length > length);
		if (answer)
			return answer[0];
		await waitUntil('a new session', WAIT_MS, () => this.owner);
		return this.ask(event, ...args);
	}
}

/* Tests with the pm2 of this package. */
function testPm2(which) {
	for (const { name, major, connects } of SERVERS)
		testServer(which, { name, major, connects });
}

function testServer(which, { name, major, connects }) {
	describe(name, LONG, () => {
		const visitors = [];
		let pm2;
		let port;

		const here = (what) => waitUntil(what, WAIT_MS, () => visitors.every(({ owner }) => owner));

		/* Each echo and each broadcast arrives, once. */
		async function works() {
			await here('all clients');
			for (const visitor of visitors)
				for (let n = 0; n < ECHOES; n++)
					assert.equal(await visitor.ask('echo', n), n);
			const word = `${Math.random()}`;
			visitors[0].socket.emit('all', word);
			await waitUntil('a broadcast', WAIT_MS, () => visitors.every(({ got }) => got.includes(word)));
			for (const { got } of visitors)
				assert.equal(got.filter((each) => each === word).length, 1);
		}

		/* The figures of all workers: each answers some of the connections. */
		async function figures(count = WORKERS) {
			const found = new Map();
			await waitUntil('answers of all workers', WAIT_MS, async () => {
				const { text } = await send(port, '/');
				const stats = JSON.parse(text);
				found.set(stats.pid, stats);
				return found.size === count;
			});
			return [...found.values()];
		}

		const sum = (all, figure) => all.reduce((total, each) => total + each[figure], 0);

		const losses = () => visitors.reduce((sum, { lost }) => sum + lost.length, 0);

		before(async () => {
			port = await freePort();
			pm2 = new PrivatePm2({
				pm2: which,
				...(process.env.PM2ADAPTERD && { daemon: process.env.PM2ADAPTERD }),
				ecosystem: path.join(__dirname, 'any-worker.config.js'),
				env: { PORT: String(port), MAJOR: major },
			});
			await pm2.start();
			await pm2.whenJoined(WORKERS);
			for (const connect of connects)
				for (const transports of WAYS)
					for (let n = 0; n < EACH; n++)
						visitors.push(new Visitor(connect, `http://127.0.0.1:${port}`, transports));
		}, LONG);

		after(async () => {
			visitors.forEach(({ socket }) => socket.close());
			await pm2?.kill();
		}, LONG);

		test('clients over every transport', LONG, async () => {
			await works();
			assert.equal(losses(), 0);
			const all = await figures();
			assert.ok(sum(all, 'forwarded') > EACH * ECHOES, `${sum(all, 'forwarded')} forwarded`);
			assert.equal(sum(all, 'ownerGone'), 0);
		});

		test('a restart of the daemon ends no session', LONG, async () => {
			await pm2.run('restart', 'pm2adapterd');
			for (const visitor of visitors)
				assert.equal(await visitor.ask('echo', 'away'), 'away');
			await pm2.whenJoined(WORKERS);
			assert.equal(losses(), 0);
			await waitUntil('broadcasts again', WAIT_MS, () => works().then(() => true));
			assert.equal(losses(), 0);
		});

		test('kill -9 of a worker ends its sessions, and those whose requests it had', LONG, async () => {
			const { owner } = visitors.find(({ transports }) => transports.length === 1);
			const own = visitors.filter((each) => each.owner === owner);
			process.kill(owner, 'SIGKILL');
			await waitUntil('end of its sessions', WAIT_MS,
				() => own.every(({ lost }) => lost.includes(owner)));
			await pm2.whenJoined(WORKERS);
			await works();
		});

		/* Those whose connection it has lose it, and the others nothing. */
		test('kill -9 of a worker that has no session ends none but those that it forwards', LONG, async () => {
			await pm2.run('scale', 'app', String(WORKERS + 1));
			await pm2.whenJoined(WORKERS + 1);
			const owners = new Set(visitors.map(({ owner }) => owner));
			const forwarder = (await pm2.pids('app')).find((pid) => !owners.has(pid));
			assert.ok(forwarder, 'a worker without sessions');
			await waitUntil('forwarded requests', WAIT_MS, async () => {
				await works();
				return (await figures(WORKERS + 1)).find(({ pid }) => pid === forwarder).forwarded > 0;
			});
			const before_ = losses();
			process.kill(forwarder, 'SIGKILL');
			await pm2.whenJoined(WORKERS + 1);
			await works();
			for (const { transports, lost } of visitors)
				assert.ok(!lost.includes(forwarder), `a session over ${transports} was there`);
			const direct = visitors.filter(({ transports }) => !transports.includes('polling'));
			assert.ok(direct.length > 0 && losses() - before_ <= visitors.length - direct.length);
			await waitUntil('end of the sessions that were left', WAIT_MS,
				async () => sum(await figures(WORKERS + 1), 'sessions') === visitors.length);
			await pm2.run('scale', 'app', String(WORKERS));
			await pm2.whenJoined(WORKERS);
		});

		/* Reloads; returns how many sessions of workers that went on have ended. */
		async function reloaded() {
			const before_ = visitors.map(({ lost }) => lost.length);
			const old = await pm2.pids('app');
			const pollers = visitors.filter(({ transports }) => !transports.includes('websocket'));
			await pm2.run('reload', 'app');
			await pm2.whenJoined(WORKERS);
			await works();
			const pids = await pm2.pids('app');
			assert.ok(old.every((pid) => !pids.includes(pid)));
			const lost = pollers.map((visitor) => visitor.lost.slice(before_[visitors.indexOf(visitor)]));
			assert.ok(lost.every(({ length }) => length > 0));
			return lost.flat().filter((pid) => !old.includes(pid)).length;
		}

		/* node:cluster may give a connection to a worker in the moment of its exit (OPERATING.md),
		 * and the session whose request that was may end: so one reload of three ends no other. */
		test('a reload ends the sessions of the workers that it ends, and no others', LONG, async (t) => {
			for (let round = 1, n; (n = await reloaded()) > 0; round++) {
				t.diagnostic(`${n} sessions of workers that went on have ended`);
				assert.ok(round < 3, 'sessions of workers that went on have ended');
			}
		});

		test('scale, up and down', LONG, async () => {
			await pm2.run('scale', 'app', String(WORKERS + 1));
			await pm2.whenJoined(WORKERS + 1);
			await works();
			await pm2.run('scale', 'app', String(WORKERS - 1));
			await pm2.whenJoined(WORKERS - 1);
			await works();
		});
	});
}

module.exports = { testPm2 };
