'use strict';

/*
 * pm2's actions on the daemon and on workers, under traffic, with pm2 as it is and with the major
 * before: every lost message is accounted for, messages after all are back arrive, and all are back
 * soon.
 */

const assert = require('assert/strict');
const path = require('path');
const { after, before, describe, test } = require('node:test');
const { setTimeout: sleep } = require('timers/promises');

const { PrivatePm2, waitUntil } = require('../../../docs/demo/private-pm2');
const Ledger = require('../support/ledger');

const LONG = { timeout: 120_000 };
const WORKERS = 3;
const SOME = 100; // messages of each to each other
const FLOW_MS = 20_000;
const BACK_MS = 250;
const AWAY_MS = 2500; // long enough for attempts to be seldom
const RESTARTS = 5;
const SERIES = 3; // a busy machine gets a second and a third chance

const PM2S = [
	{ name: 'pm2', major: '7' },
	{ name: 'pm2-6', major: '6' },
];

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

for (const { name, major } of PM2S)
	describe(`pm2 ${major}`, () => {
		let pm2;
		let own; // a server of this process, which listens and asks

		const ask = (what) => own.io.serverSideEmitWithAck(what);

		async function joined(workers = WORKERS) {
			await pm2.whenJoined(workers + 1);
			await own.client.ready();
			await waitUntil('all at the topic', FLOW_MS,
				async () => await own.io.of('/').adapter.serverCount() === workers + 1);
		}

		/* The reports of all workers and our own, by pid. */
		async function reports() {
			const workers = await own.io.of('/').adapter.serverCount() - 1;
			const all = await ask('report');
			assert.equal(all.length, workers);
			return new Map([...all, own.report()].map((report) => [report.pid, report]));
		}

		/* Until each has heard `SOME` more of each worker than it had when this began. */
		async function flow() {
			const goals = await reports();
			await waitUntil('messages from each to each', FLOW_MS, async () => {
				const now = await reports();
				return each(now, ({ last }, pid) => goals.get(pid) && last >= goals.get(pid).sent + SOME);
			});
			return goals;
		}

		/* Whether isTrue(what a receiver heard of it, its pid) of each worker for each receiver. */
		function each(all, isTrue) {
			const pids = [...all.keys()].filter((pid) => pid !== process.pid);
			return [...all.values()].every((receiver) => pids
				.filter((pid) => pid !== receiver.pid)
				.every((pid) => receiver.heard[pid] && isTrue(receiver.heard[pid], pid)));
		}

		/* No message is missing but where its receiver was told, and those after `marks` are all there. */
		function audit(all, marks) {
			for (const { pid: receiver, cuts, missed, heard } of all.values()) {
				assert.equal(missed, cuts, `${receiver} was told of each end of its connection`);
				for (const [sender, { last, gaps, repeats, bye, cuts: seen }] of Object.entries(heard)) {
					const what = `${receiver} of ${sender}`;
					assert.deepEqual(repeats, [], what);
					assert.deepEqual(gaps.filter((gap) => gap.cuts === 0), [], what);
					if (all.has(Number(sender))) {
						const mark = marks.get(Number(sender)).sent;
						assert.deepEqual(gaps.filter((gap) => gap.before > mark), [], what);
						assert.equal(last + 1, all.get(Number(sender)).sent, what);
					} else if (seen === cuts) {
						assert.equal(last + 1, bye, `${what}, which has ended`);
					}
				}
			}
		}

		/* Runs `act` under traffic, and looks at every ledger when `workers` are back. */
		async function accounted(act, workers = WORKERS) {
			await flow();
			await act();
			await joined(workers);
			const marks = await flow();
			await ask('pause');
			const all = await reports();
			own.io.serverSideEmit('go');
			audit(all, marks);
			return all;
		}

		/* ms from the daemon's start until the last was back, for each start since the first. */
		async function returns() {
			const starts = new Map();
			for (const report of (await reports()).values())
				for (const [epoch, ms] of report.returns)
					starts.set(epoch, Math.max(ms, starts.get(epoch) ?? 0));
			return [...starts.values()];
		}

		const pidOf = async () => (await pm2.stats()).overview.pid;

		before(async () => {
			pm2 = new PrivatePm2({
				...(process.env.PM2ADAPTERD && { daemon: process.env.PM2ADAPTERD }),
				pm2: name,
				ecosystem: path.join(__dirname, '../support/ledger.config.js'),
			});
			assert.match(await pm2.run('--version'), new RegExp(`^${major}\\.`, 'm'));
			await pm2.start();
			own = new Ledger({
				socket: path.join(pm2.home, 'pm2adapterd.sock'), name: 'test', ref: true,
			});
			await joined();
		}, LONG);

		const dropped = (all) => [...all.values()].reduce((sum, report) => sum + report.dropped, 0);

		after(async () => {
			await own?.close();
			await pm2?.kill();
		}, LONG);

		test('restart of the daemon', LONG, async () => {
			const old = await pidOf();
			const all = await accounted(() => pm2.run('restart', 'pm2adapterd'));
			assert.notEqual(await pidOf(), old);
			assert.equal(dropped(all), 0);
		});

		test('reload of the daemon', LONG, async () => {
			const old = await pidOf();
			await accounted(() => pm2.run('reload', 'pm2adapterd'));
			assert.notEqual(await pidOf(), old);
		});

		test('stop of the daemon, and start', LONG, async () => {
			const all = await accounted(async () => {
				await pm2.run('stop', 'pm2adapterd');
				await sleep(AWAY_MS);
				assert.equal(own.client.connected, false);
				await pm2.run('start', 'pm2adapterd');
			});
			assert.equal(dropped(all), 0);
		});

		test('delete of the daemon, and start anew', LONG, async () => {
			await accounted(async () => {
				await pm2.run('delete', 'pm2adapterd');
				await pm2.start('--only', 'pm2adapterd');
			});
		});

		test('all are back within 250 ms of the daemon\'s start, in the median of some restarts', LONG,
			async () => {
				let slowest;
				for (let n = 0; n < SERIES; n++) {
					for (let restarts = 0; restarts < RESTARTS; restarts++) {
						await pm2.run('restart', 'pm2adapterd');
						await joined();
					}
					slowest = (await returns()).slice(-RESTARTS);
					if (median(slowest) < BACK_MS)
						break;
				}
				assert.equal(slowest.length, RESTARTS);
				assert.ok(median(slowest) < BACK_MS, `${slowest}`);
			});

		test('kill -9 of the daemon', LONG, async () => {
			const old = await pidOf();
			await accounted(async () => {
				process.kill(old, 'SIGKILL');
				await waitUntil('another daemon', FLOW_MS, async () => await pidOf() !== old);
			});
		});

		test('scale of the workers, up and down', LONG, async () => {
			await accounted(() => pm2.run('scale', 'ledger', String(WORKERS + 2)), WORKERS + 2);
			const all = await accounted(() => pm2.run('scale', 'ledger', String(WORKERS)));
			const ended = Object.values(all.get(process.pid).heard).filter(({ bye }) => bye !== null);
			assert.equal(ended.length, 2);
		});

		test('reload and restart of the workers', LONG, async () => {
			for (const command of ['reload', 'restart']) {
				const old = await reports();
				const all = await accounted(() => pm2.run(command, 'ledger'));
				for (const pid of old.keys())
					assert.ok(pid === process.pid || !all.has(pid), `${pid} goes on after ${command}`);
			}
		});

		test('reloadLogs', LONG, async () => {
			const old = await reports();
			const all = await accounted(() => pm2.run('reloadLogs'));
			assert.deepEqual([...all.keys()].sort(), [...old.keys()].sort());
			assert.ok([...all.values()].every(({ pid, cuts }) => cuts === old.get(pid).cuts));
		});

		test('save, the end of pm2, and resurrect', LONG, async () => {
			await accounted(async () => {
				await pm2.run('save');
				await pm2.run('kill');
				assert.equal(pm2.isRunning(), false);
				await pm2.run('resurrect');
			});
			const apps = (await pm2.list()).map((app) => `${app.name} ${app.status}`).sort();
			assert.deepEqual(apps, [...Array(WORKERS).fill('ledger online'), 'pm2adapterd online']);
		});
	});
