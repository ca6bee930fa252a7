'use strict';

/*
 * A Socket.IO worker's CPU time with this adapter, beside @socket.io/redis-adapter
 * on redis-server over a Unix socket and @socket.io/cluster-adapter under
 * node:cluster. One worker emits to everybody, two receive; each receiver and
 * each client checks every message's number.
 *
 * Two loads. At full speed the emitter emits a burst in each turn of its event
 * loop, as long as fewer messages than a window are under way: everybody is
 * always at work, work that can be batched is batched, and nobody has a reason
 * to drop anything. This is judged, for it shows what the adapters do. At
 * an even pace a few emits leave together, as those of a server that is not at
 * its end. That is shown and not judged: a process that wakes up each ms only for
 * a write takes a third of the peers' time, a process that reads that write takes
 * half, and no adapter can do with less.
 *
 * Runs take turns, so that other work of the machine affects all; a figure is
 * the median of its runs. QUICK=1 makes fewer and shorter ones, and judges
 * nothing. Environment: PM2ADAPTERD and REDIS_SERVER name the binaries. Exit
 * code 1: over a bound, or a message was lost, doubled or out of order.
 */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { PEERS } = require('./adapters');
const { brokersIn } = require('./brokers');
const { Cast, CLIENTS_EACH, WORKERS } = require('./cast');
const { Control } = require('./control');
const { Table } = require('./table');
const { medians } = require('../median');

const QUICK = Boolean(process.env.QUICK);
const RUNS = QUICK ? 3 : 5;
const RUN_MS = QUICK ? 250 : 700;

const WARM_UP_MS = 300;
const WINDOW_BYTES = 8 << 20;
const WINDOW_MAX = 2000;

const LOADS = [
	{ title: 'full speed: bursts of 20', burst: 20, pauseMs: 0, isJudged: true },
	{ title: 'even pace: 5 emits each ms', burst: 5, pauseMs: 1, isJudged: false },
];

/* The better peer is 1. Over `emitter`, `receiver` or `total`, or under `rate`,
 * is over the bound. */
const BOUNDS = { emitter: 0.5, receiver: 0.5, total: 0.4, rate: 1 };
const CELLS = [
	{ size: 100, bounds: BOUNDS },
	{ size: 1024, bounds: BOUNDS },
	{ size: 10240, bounds: { ...BOUNDS, emitter: 0.4, receiver: 0.2 } },
	{ size: 1024, at: 'each receiver', bounds: { ...BOUNDS, receiver: 0.7 } },
	{ size: 1024, at: 'all three', bounds: {} },
];
const VISITED = { 'each receiver': [1, 2], 'all three': [0] }; // besides those before

function windowOf(size) {
	return Math.min(WINDOW_MAX, Math.floor(WINDOW_BYTES / size));
}

/* Each run of a cell, after one of each that is not counted: code that has been
 * compiled by then is not compiled during the others. */
async function measure(casts, { size }, { burst, pauseMs }) {
	const load = { size, burst, window: windowOf(size) };
	for (const cast of casts)
		await cast.run({ ...load, pauseMs: 0, ms: WARM_UP_MS });
	const results = casts.map(() => []);
	for (let run = 0; run < RUNS; run++) {
		for (const [i, cast] of casts.entries())
			results[i].push(await cast.run({ ...load, pauseMs, ms: RUN_MS }));
	}
	return new Map(casts.map(({ peer }, i) => [peer, medians(results[i])]));
}

function castsIn(dir) {
	const brokers = brokersIn(dir, ['pm2adapter', 'redis', 'cluster']);
	const control = new Control(path.join(dir, 'control'), (fault) => {
		for (const cast of casts)
			cast.onEnd(new Error(fault));
	});
	const casts = Object.entries(brokers).map(([peer, broker]) =>
		new Cast(peer, { control, dir, broker }));
	return { casts, control };
}

function printHead() {
	const { model } = os.cpus()[0];
	console.log(`${model.trim()}, ${os.cpus().length} CPUs, ${os.type()} ${os.release()}, ` +
		`Node ${process.version}`);
	console.log(`${WORKERS} workers, 1 emits to all; medians of ${RUNS} runs of ${RUN_MS} ms; ` +
		'CPU time in µs');
}

async function compare(casts) {
	let isOver = false;
	const table = new Table(PEERS);
	for (const cell of CELLS) {
		const clients = cell.at ? `${CLIENTS_EACH} clients at ${cell.at}` : 'no clients';
		if (cell.at) {
			for (const cast of casts)
				await cast.visit(VISITED[cell.at]);
		}
		for (const load of LOADS) {
			const results = await measure(casts, cell, load);
			const title = `${cell.size} B, ${clients}; ${load.title}`;
			isOver = table.cell(title, results, load.isJudged ? cell.bounds : {}) || isOver;
		}
	}
	return isOver;
}

async function main() {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-bench-'));
	const { casts, control } = castsIn(dir);
	process.once('exit', () => {
		casts.forEach((cast) => cast.stop());
		fs.rmSync(dir, { recursive: true, force: true });
	});
	try {
		for (const cast of casts)
			await cast.start();
		printHead();
		process.exitCode = await compare(casts) && !QUICK ? 1 : 0;
	} finally {
		casts.forEach((cast) => cast.stop());
		control.close();
	}
}

for (const signal of ['SIGINT', 'SIGTERM'])
	process.once(signal, () => process.exit(1));

main().catch((error) => {
	console.error(`bench: ${error.message}`);
	process.exitCode = 1;
});
