'use strict';

/*
 * The costs of a request: fetchSockets() of all sockets and of a room, allRooms(), and
 * serverSideEmit() with answers, on four workers with 2,500 sockets each, beside
 * @socket.io/redis-adapter, its sharded form, and @socket.io/cluster-adapter.
 *
 * Runs take turns; a figure is the median of its runs, and CPU time is of all threads.
 * QUICK=1 makes fewer runs and judges nothing. Exit code 1: over a bound.
 */

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { PEERS } = require('./adapters');
const { brokersIn } = require('./brokers');
const { cpuOf } = require('./troupe');
const { Control } = require('./control');
const { median } = require('../median');

const QUICK = Boolean(process.env.QUICK);
const RUNS = QUICK ? 3 : 7;
const WORKERS = 4;
const SOCKETS = 2500; // of each worker
const HELD_MAX_MS = 50;

/*
 * The best peer is 1. Half of what fetchSockets() costs the asker is the garbage collector, most
 * of it for the objects that Socket.IO makes with any adapter. A small request costs the wake-ups of processes;
 * cluster-adapter has one process fewer on the way, and its asker half as many of them.
 */
const CALLS = [
	{ call: 'fetchSockets', n: QUICK ? 1 : 3, bounds: { asker: 0.75, p50: 1 } },
	{ call: 'room', n: 200, bounds: { asker: 2, p50: 1.35 } },
	{ call: 'allRooms', n: 5, bounds: { asker: 1, p50: 1 } },
	{ call: 'serverSideEmit', n: 200, bounds: { asker: 1.75, p50: 1.35 } },
];
const FIGURES = ['asker', 'others', 'broker', 'p50'];

class Cluster {
	#children = [];
	#control;

	constructor(peer, control) {
		this.peer = peer;
		this.#control = control;
		this.missing = new Set(); // calls that the peer does not have
	}

	async start(broker, brokerPid) {
		const settings = Array.from({ length: WORKERS }, (_, index) => JSON.stringify({
			peer: this.peer, index, workers: WORKERS, sockets: SOCKETS, broker: broker?.socket,
			control: this.#control.path,
		}));
		if (broker)
			settings.forEach((text) => this.#node('asked.js', text));
		else
			this.#node('primary.js', 'asked.js', ...settings);
		this.names = settings.map((_, i) => `${this.peer}-${i}`);
		const hellos = await Promise.all(this.names.map((name) => this.#control.arrival(name)));
		this.pids = hellos.map(({ pid }) => pid);
		this.pids.push(brokerPid ?? (await this.#control.arrival(`${this.peer}-primary`)).pid);
		await this.all('see');
		await this.all('fill');
	}

	all(order) {
		return Promise.all(this.names.map((name) => this.#control.order(name, order)));
	}

	/* Figures in ms of one call. */
	async run({ call, n }) {
		const before = this.pids.map(cpuOf);
		const { came, times } = await this.#control.order(this.names[0], 'run', { call, n });
		const [asker, ...others] = this.pids.map((pid, i) => (cpuOf(pid) - before[i]) / n / 1000);
		const broker = others.pop();
		return { asker, others: others.reduce((a, b) => a + b), broker, p50: median(times), came };
	}

	/* The longest time that a call holds the loop of any worker, ms. */
	async held({ call }) {
		await this.all('watch');
		await this.#control.order(this.names[0], 'run', { call, n: 1 });
		return Math.max(...await this.all('held'));
	}

	stop() {
		for (const child of this.#children)
			child.kill('SIGKILL');
	}

	#node(script, ...args) {
		this.#children.push(spawn(process.execPath, [path.join(__dirname, script), ...args],
			{ stdio: ['ignore', 'ignore', 'inherit'] }));
	}
}

function row(name, cells) {
	console.log([`  ${name}`.padEnd(20), ...cells.map((cell) => String(cell).padStart(11))].join(''));
}

/* Returns whether a figure is over its bound. */
function report(call, bounds, results, held) {
	console.log(`\n${call}: ms`);
	row('', [...FIGURES, 'held']);
	for (const [peer, result] of results)
		row(PEERS[peer].title, [...FIGURES.map((key) => result[key].toFixed(2)), held.get(peer).toFixed(1)]);
	const [ours, ...others] = results.values();
	if (others.length === 0)
		return false;
	const ratios = Object.fromEntries(FIGURES.map((key) =>
		[key, ours[key] / Math.min(...others.map((result) => result[key]))]));
	const isOver = (key) => ratios[key] > bounds[key];
	const isHeld = held.get('pm2adapter') > HELD_MAX_MS;
	row('of the best', [...FIGURES.map((key) => `${isOver(key) ? '! ' : ''}${ratios[key].toFixed(2)}`),
		isHeld ? '!' : '']);
	row('bound', [...FIGURES.map((key) => bounds[key]?.toFixed(2) ?? '-'), HELD_MAX_MS]);
	return isHeld || FIGURES.some(isOver);
}

async function measure(clusters, what) {
	const results = new Map();
	const held = new Map();
	for (let run = -1; run < RUNS; run++) {
		for (const cluster of clusters) {
			try {
				const result = await cluster.run(what);
				if (run >= 0)
					results.set(cluster.peer, [...results.get(cluster.peer) ?? [], result]);
			} catch (error) {
				if (!/is not a function|not supported|implemented/.test(error.message))
					throw error;
				clusters.splice(clusters.indexOf(cluster), 1);
			}
		}
	}
	for (const cluster of clusters)
		held.set(cluster.peer, median([await cluster.held(what), await cluster.held(what),
			await cluster.held(what)]));
	const counts = [...results.values()].map(([{ came }]) => came);
	if (counts.some((came) => came !== counts[0]))
		throw new Error(`${what.call}: ${counts.join(', ')} have come`);
	return { held, results: new Map([...results].map(([peer, list]) => [peer,
		Object.fromEntries(FIGURES.map((key) => [key, median(list.map((each) => each[key]))]))])) };
}

async function main() {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-bench-'));
	const brokers = brokersIn(dir, ['pm2adapter', 'redis', 'sharded', 'cluster']);
	const running = new Map(); // socket → process
	const control = new Control(path.join(dir, 'control'), (fault) => { throw new Error(fault); });
	const clusters = Object.keys(brokers).map((peer) => new Cluster(peer, control));
	const stop = () => {
		clusters.forEach((cluster) => cluster.stop());
		running.forEach((child) => child.kill('SIGKILL'));
		fs.rmSync(dir, { recursive: true, force: true });
	};
	process.once('exit', stop);
	for (const cluster of clusters) {
		const broker = brokers[cluster.peer];
		if (broker && !running.has(broker.socket)) {
			const [command, ...args] = broker.line;
			running.set(broker.socket, spawn(command, args, { stdio: 'ignore' }));
			while (!fs.existsSync(broker.socket))
				await new Promise((resolve) => setTimeout(resolve, 20));
		}
		await cluster.start(broker, broker && running.get(broker.socket).pid);
	}
	console.log(`requests: ${WORKERS} workers with ${SOCKETS} sockets each; medians of ${RUNS} runs`);
	let isOver = false;
	const only = process.argv[2]; // a call
	for (const what of CALLS.filter(({ call }) => only === undefined || call === only)) {
		const { results, held } = await measure([...clusters], what);
		isOver = report(what.call, what.bounds, results, held) || isOver;
	}
	process.exit(isOver && !QUICK ? 1 : 0);
}

for (const signal of ['SIGINT', 'SIGTERM'])
	process.once(signal, () => process.exit(1));

main().catch((error) => {
	console.error(`bench: ${error.stack}`);
	process.exit(1);
});
