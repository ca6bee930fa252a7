'use strict';

/*
 * The daemon's CPU time per delivery beside redis-server's, both on a Unix
 * socket under the same load (pump.c). Runs take turns, so that what else the
 * machine does falls on both; a cell is the median of its runs. Each broker has
 * CPU 0 and the load has CPU 1, where there are two.
 *
 * QUICK=1 makes fewer and shorter runs. Environment: PM2ADAPTERD, PUMP and
 * REDIS_SERVER name the binaries. Exit code 1: over the bound, or a message was
 * lost, doubled or out of order.
 */

const { execFileSync, spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.join(__dirname, '../..');
const QUICK = Boolean(process.env.QUICK);
const RUNS = QUICK ? 3 : 5;
const SECONDS = QUICK ? 0.2 : 0.6;
const RUN_LIMIT_MS = 60000;
const START_LIMIT_MS = 10000;

const RECEIVERS = [1, 4, 16, 64];
const SIZES = [64, 512, 4096, 65536];
const BOUND = { receivers: 4, size: 64, ratio: 0.5 };

/* As many messages in flight as fit into 2 MiB, written by the eighth. */
function windowOf(size) {
	const window = Math.max(16, Math.min(512, (2 << 20) / size));
	return { window, batch: window / 8 };
}

function runs(command, ...args) {
	const { error, status, stdout } =
		spawnSync(command, args, { encoding: 'utf8' });
	return !error && status === 0 && stdout.trim();
}

function pinned(cpu, line) {
	return os.cpus().length > 1 && runs('taskset', '--version') ?
		['taskset', '-c', String(cpu), ...line] : line;
}

function median(values) {
	const sorted = [...values].sort((a, b) => a - b);
	return sorted[Math.floor(sorted.length / 2)];
}

function answers(socket) {
	return new Promise((resolve) => {
		const probe = net.connect(socket, () => {
			probe.destroy();
			resolve(true);
		});
		probe.once('error', () => resolve(false));
	});
}

class Broker {
	constructor(name, protocol, command, args) {
		this.name = name;
		this.protocol = protocol;
		this.command = command;
		this.args = args;
		this.version = runs(command, '--version');
	}

	async start(dir) {
		this.socket = path.join(dir, `${this.protocol}.sock`);
		/* A file: nobody would read a pipe while spawnSync() waits. */
		this.log = path.join(dir, `${this.protocol}.log`);
		const log = fs.openSync(this.log, 'w');
		const [command, ...args] = pinned(0,
			[this.command, ...this.args(this.socket, dir)]);
		this.child = spawn(command, args,
			{ stdio: ['ignore', log, log] });
		fs.closeSync(log);
		this.exit = new Promise((resolve) => {
			this.child.once('close', resolve);
			this.child.once('error', resolve);
		});
		const end = Date.now() + START_LIMIT_MS;
		while (!(await answers(this.socket))) {
			if (Date.now() > end || this.child.exitCode !== null) {
				throw new Error(`${this.name} does not start:\n` +
					fs.readFileSync(this.log, 'utf8'));
			}
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
	}

	async stop() {
		this.child?.kill('SIGKILL');
		await this.exit;
	}
}

function buildPump(dir) {
	const binary = path.join(dir, 'pump');
	execFileSync(process.env.CC ?? 'cc', ['-std=c11', '-O2', '-D_GNU_SOURCE',
		'-o', binary, path.join(__dirname, 'pump.c')],
	{ stdio: 'inherit' });
	return binary;
}

/* One run: what pump says, or null after a fault, which it has described. */
function drive(pump, broker, { receivers, size }) {
	const { window, batch } = windowOf(size);
	const [command, ...args] = pinned(1, [pump,
		'--protocol', broker.protocol, '--socket', broker.socket,
		'--pid', broker.child.pid, '--receivers', receivers,
		'--size', size, '--seconds', SECONDS,
		'--window', window, '--batch', batch].map(String));
	const { status, stdout } = spawnSync(command, args, {
		encoding: 'utf8', timeout: RUN_LIMIT_MS,
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	return status === 0 ? JSON.parse(stdout) : null;
}

function measure(pump, brokers, cell) {
	const results = brokers.map(() => []);
	for (let run = 0; run < RUNS; run++) {
		for (const [i, broker] of brokers.entries()) {
			const result = drive(pump, broker, cell);
			if (!result) {
				throw new Error(`${broker.name} failed at ` +
					`${cell.receivers} receivers, ${cell.size} B`);
			}
			results[i].push(result);
		}
	}
	return results.map((list) => ({
		cost: median(list.map((each) => each.ns_per_delivery)),
		rate: median(list.map((each) => each.deliveries_per_s)),
	}));
}

function row(cells) {
	const widths = [9, 8, 11, 11, 8, 15, 15];
	console.log(cells.map((cell, i) =>
		String(cell ?? '-').padStart(widths[i])).join('').trimEnd());
}

function sizeName(size) {
	return size < 1024 ? `${size} B` : `${size / 1024} KiB`;
}

function printHead(brokers) {
	const cpus = os.cpus();
	console.log(`${cpus[0].model.trim()}, ${cpus.length} CPUs, ` +
		`${os.type()} ${os.release()}`);
	for (const { name, version } of brokers)
		console.log(`${name}: ${version.split('\n')[0]}`);
	console.log(`medians of ${RUNS} runs of ${SECONDS} s; CPU time of the ` +
		'broker per delivery\n');
	row(['receivers', 'size', 'ours', 'redis', 'ratio',
		'ours', 'redis']);
	row(['', '', 'ns', 'ns', '', 'deliveries/s', 'deliveries/s']);
}

function printCell({ receivers, size }, [ours, theirs]) {
	const rate = (result) => result?.rate.toLocaleString('en-US');
	row([receivers, sizeName(size), ours.cost.toFixed(0),
		theirs?.cost.toFixed(0),
		theirs && (ours.cost / theirs.cost).toFixed(2),
		rate(ours), rate(theirs)]);
}

function verdict([ours, theirs]) {
	const where = `${BOUND.receivers} receivers, ${sizeName(BOUND.size)}`;
	if (!theirs) {
		console.log(`bench: ${where}: ${ours.cost.toFixed(0)} ns per ` +
			'delivery; redis-server is not installed, nothing compared');
		return 0;
	}
	const ratio = ours.cost / theirs.cost;
	console.log(`bench: ${where}: ${ratio.toFixed(2)} of redis-server's ` +
		`CPU per delivery (bound ${BOUND.ratio.toFixed(2)})`);
	return ratio <= BOUND.ratio ? 0 : 1;
}

const BROKERS = [
	new Broker('pm2adapterd', 'native',
		process.env.PM2ADAPTERD ??
			path.join(ROOT, 'build/release/pm2adapterd'),
		(socket) => ['--socket', socket]),
	new Broker('redis-server', 'resp',
		process.env.REDIS_SERVER ?? 'redis-server',
		(socket, dir) => ['--port', '0', '--unixsocket', socket,
			'--dir', dir, '--save', '', '--appendonly', 'no']),
];

async function main() {
	const [ours, redis] = BROKERS;
	if (!ours.version)
		throw new Error(`${ours.command} does not run`);
	const brokers = redis.version ? [ours, redis] : [ours];
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-bench-'));
	process.once('exit', () => {
		fs.rmSync(dir, { recursive: true, force: true });
	});
	try {
		const pump = process.env.PUMP ?? buildPump(dir);
		for (const broker of brokers)
			await broker.start(dir);
		printHead(brokers);
		let bound;
		for (const receivers of RECEIVERS) {
			for (const size of SIZES) {
				const cell = { receivers, size };
				const results = measure(pump, brokers, cell);
				printCell(cell, results);
				if (receivers === BOUND.receivers &&
				    size === BOUND.size)
					bound = results;
			}
		}
		console.log();
		process.exitCode = verdict(bound);
	} finally {
		for (const broker of brokers)
			await broker.stop();
	}
}

function stopAll() {
	for (const { child } of BROKERS)
		child?.kill('SIGKILL');
}

process.once('exit', stopAll);
for (const signal of ['SIGINT', 'SIGTERM'])
	process.once(signal, () => process.exit(1));

main().catch((err) => {
	console.error(`bench: ${err.message}`);
	process.exitCode = 1;
});
