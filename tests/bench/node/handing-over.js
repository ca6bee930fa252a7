'use strict';

/*
 * The cost of WebSockets that reach another worker than their session's: two workers
 * with a daemon, and WebSockets that began at the session's owner, were handed over to
 * it, or are tunnelled to it. Runs of the three take turns; a figure is the median of
 * its runs.
 *
 * QUICK=1 makes fewer and shorter runs, and judges nothing. Exit code 1: over a bound.
 */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { Control } = require('./control');
const { Upgraded } = require('./poller');
const { OTHER, OWNER, Workers, rounds } = require('./two-workers');
const { median } = require('../median');
const { BINARY, Daemon } = require('../../support/daemon');
const { until } = require('../../support/wait');

const QUICK = Boolean(process.env.QUICK);
const RUNS = QUICK ? 3 : 15;
const RUN_MS = QUICK ? 200 : 600;
const WARM_UP_MS = QUICK ? 200 : 1000;
const CLIENTS = 16;
const MESSAGE = 'x'.repeat(100);

const BOUNDS = { 'handed over': 1.05, 'tunnelled': 1.6 }; // CPU time, of a local one's
const OTHER_BOUND = 0.02; // of a local one's, at the other worker

process.env.PM2ADAPTERD_BIN = BINARY;

async function expectUpgrades(workers, way) {
	await until(async () => {
		const stats = await Promise.all([OWNER, OTHER].map((name) => workers.order(name, 'stats')));
		return stats.every(({ upgrades }) => upgrades === way);
	}, way);
}

const open = ({ ports }, name) =>
	Promise.all(Array.from({ length: CLIENTS }, () => Upgraded.open(ports[OWNER], ports[name])));

/* The clients of each way, all of them open: those that are tunnelled began without the daemon. */
async function openAll(workers, daemon) {
	const ways = { tunnelled: await open(workers, OTHER) };
	await daemon.start();
	await expectUpgrades(workers, 'handed-over');
	ways['handed over'] = await open(workers, OTHER);
	ways.local = await open(workers, OWNER);
	const { handedOver, tunnelled } = await workers.order(OTHER, 'stats');
	if (handedOver !== CLIENTS || tunnelled !== CLIENTS)
		throw new Error(`${handedOver} handed over, ${tunnelled} tunnelled, instead of ${CLIENTS} each`);
	return ways;
}

/* µs of CPU of each worker for an echo. */
async function run(workers, clients) {
	const names = [OWNER, OTHER];
	const cpu = () => Promise.all(names.map((name) => workers.order(name, 'cpu')));
	const before = await cpu();
	const { length } = await rounds(clients, MESSAGE, RUN_MS);
	const [owner, other] = (await cpu()).map((us, i) => (us - before[i]) / length);
	return { owner, other, both: owner + other };
}

let isOver = false;

function judge(title, value, bound) {
	isOver ||= value > bound;
	console.log(`  ${title.padEnd(52)}${value > bound ? '! ' : '  '}${value.toFixed(2).padStart(8)}   bound: ${bound}`);
}

async function report(workers, daemon) {
	const ways = await openAll(workers, daemon);
	const results = Object.fromEntries(Object.keys(ways).map((way) => [way, []]));
	for (const clients of Object.values(ways))
		await rounds(clients, MESSAGE, WARM_UP_MS);
	for (let n = 0; n < RUNS; n++)
		for (const [way, clients] of Object.entries(ways))
			results[way].push(await run(workers, clients));
	const of = (way, figure) => median(results[way].map((result) => result[figure]));
	console.log(`\nAn echo of 100 B over a WebSocket, µs of CPU at the owner and at the other worker: ${
		Object.keys(results).sort().map((way) =>
			`${way} ${of(way, 'owner').toFixed(1)} and ${of(way, 'other').toFixed(1)}`).join(', ')}`);
	const ratio = (way, figure) => median(results[way].map((result, n) => result[figure] / results.local[n].both));
	for (const [way, bound] of Object.entries(BOUNDS))
		judge(`CPU time, ${way} / local`, ratio(way, 'both'), bound);
	judge('of it at the other worker, handed over / local', ratio('handed over', 'other'), OTHER_BOUND);
}

async function main() {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-bench-'));
	const control = new Control(path.join(dir, 'control'), (fault) => {
		throw new Error(fault);
	});
	const daemon = new Daemon({ dir, socket: path.join(dir, 'd.sock') });
	const workers = new Workers(dir, control);
	process.once('exit', () => {
		workers.stop();
		fs.rmSync(dir, { recursive: true, force: true });
	});
	console.log(`\nHanding over: two workers, medians of ${RUNS} runs of ${RUN_MS} ms, ${CLIENTS} clients`);
	await workers.start(OWNER, OTHER);
	await report(workers, daemon);
	await daemon.kill();
	control.close();
	process.exit(isOver && !QUICK ? 1 : 0);
}

for (const signal of ['SIGINT', 'SIGTERM'])
	process.once(signal, () => process.exit(1));

main().catch((error) => {
	console.error(`bench: ${error.message}`);
	process.exit(1);
});
