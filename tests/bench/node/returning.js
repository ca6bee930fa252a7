'use strict';

/*
 * How soon workers are in again, in two cases. Their daemon was killed: 12 workers
 * with 1,500 namespaces each, from the kill to the moment at which the subscriptions
 * of the last one are in force, with the start of the next daemon. And strangers
 * held all descriptors: 200 of them leave a daemon that has 48, and a worker comes.
 * QUICK=1 judges nothing. Exit code 1: over a bound.
 */

const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

const { brokersIn } = require('./brokers');
const { Control } = require('./control');
const { Client } = require('../../../src/node');
const { Troupe, sleep } = require('./troupe');
const { median } = require('../median');

const QUICK = Boolean(process.env.QUICK);
const RUNS = QUICK ? 1 : 5;
const WORKERS = 12;
const NAMESPACES = 1500;
const STRANGERS = 200;
const DESCRIPTORS = 48;
const BOUNDS_MS = { killed: 1000, strangers: 100 };
const PEER = 'pm2adapter';

/* Returns { ms, broker, workers }: the wall time, and the CPU times in ms. */
async function run(troupe) {
	const [, ...before] = troupe.cpu();
	const killedAt = await troupe.replaceBroker();
	let times;
	do {
		await sleep(20);
		times = await troupe.orderAll('connected', { after: killedAt });
	} while (times.includes(0));
	const [broker, ...after] = troupe.cpu();
	return {
		ms: Math.max(...times) - killedAt,
		broker: broker / 1000,
		workers: after.reduce((sum, us, i) => sum + us - before[i], 0) / 1000,
	};
}

/* Returns ms from the end of all strangers to the connection of a worker. */
async function runStrangers(socket) {
	const strangers = Array.from({ length: STRANGERS }, () => net.connect(socket));
	for (const stranger of strangers)
		stranger.on('error', () => {});
	await Promise.all(strangers.map((stranger) => once(stranger, 'connect')));
	const client = new Client({ socket, ref: true });
	const start = performance.now();
	strangers.forEach((stranger) => stranger.destroy());
	await client.connect().ready();
	const ms = performance.now() - start;
	client.destroy();
	return ms;
}

async function strangers(makeTroupe) {
	const troupe = makeTroupe(0, ['sh', '-c', `ulimit -n ${DESCRIPTORS}; exec "$0" "$@"`]);
	const runs = [];
	await troupe.start();
	for (let i = 0; i < RUNS; i++)
		runs.push(await runStrangers(troupe.socket));
	await troupe.stop();
	return median(runs);
}

/* The processes are new for each run: a worker mostly loses one daemon. */
async function killed(makeTroupe) {
	const runs = [];
	for (let i = 0; i < RUNS; i++) {
		const troupe = makeTroupe(WORKERS, []);
		await troupe.start({ namespaces: NAMESPACES });
		runs.push(await run(troupe));
		await troupe.stop();
	}
	return Object.fromEntries(['ms', 'broker', 'workers'].map((key) =>
		[key, median(runs.map((result) => result[key]))]));
}

let current = null; // the Troupe at work

function makerIn(dir, control) {
	return (count, wrap) => {
		const { socket, line } = brokersIn(dir, [PEER])[PEER];
		control.forget(PEER);
		current = new Troupe(PEER, { control, dir, broker: { socket, line: [...wrap, ...line] },
			script: 'returning-worker.js', count });
		return current;
	};
}

async function main() {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-bench-'));
	const control = new Control(path.join(dir, 'control'), (fault) =>
		current.onEnd(new Error(fault)));
	process.once('exit', () => {
		current?.stop();
		fs.rmSync(dir, { recursive: true, force: true });
	});
	const back = await killed(makerIn(dir, control));
	const ms = { killed: back.ms, strangers: await strangers(makerIn(dir, control)) };
	control.close();
	const shown = (key) => `${ms[key] > BOUNDS_MS[key] ? '! ' : ''}${ms[key].toFixed(0)} ms, ` +
		`bound ${BOUNDS_MS[key]}`;
	console.log(`\nIn again; medians of ${RUNS}\n` +
		`  ${WORKERS} workers with ${NAMESPACES} namespaces, after their daemon was killed: ` +
		`${shown('killed')}; CPU of the daemon ${back.broker.toFixed(0)} ms, ` +
		`of all workers ${back.workers.toFixed(0)} ms\n` +
		`  a worker, after ${STRANGERS} strangers have left ${DESCRIPTORS} descriptors: ` +
		`${shown('strangers')}`);
	process.exitCode = Object.keys(ms).some((key) => ms[key] > BOUNDS_MS[key]) && !QUICK ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM'])
	process.once(signal, () => process.exit(1));

main().catch((error) => {
	console.error(`bench: ${error.message}`);
	process.exitCode = 1;
});
