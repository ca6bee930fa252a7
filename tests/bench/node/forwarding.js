'use strict';

/*
 * The cost of requests that reach another worker than their session's: two workers,
 * whose clients send to the session's owner, or to the other one. CPU time is that of
 * both workers. Runs of both ways take turns; a figure is the median of its runs.
 *
 * QUICK=1 makes fewer and shorter runs, and judges nothing. Exit code 1: over a bound.
 */

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { Control } = require('./control');
const { Line, Poller, TARGET, Upgraded } = require('./poller');
const { OTHER, OWNER, Workers, rounds } = require('./two-workers');
const { median, medians } = require('../median');

const QUICK = Boolean(process.env.QUICK);
const RUNS = QUICK ? 3 : 9;
const RUN_MS = QUICK ? 200 : 600;
const WARM_UP_MS = QUICK ? 200 : 1000;
const CLIENTS = 16;
const POLLERS = 10_000;
const AT_ONCE = 64; // connections that begin

/*
 * The µs of a round, and its time in ms at p50: { local, forwarded }, medians. And the medians of the ratio of
 * the µs and of the added ms, each of two runs of which one followed the other.
 */
async function compare(workers, Client, { size, clients: count }) {
	const { [OWNER]: owner, [OTHER]: other } = workers.ports;
	const text = 'x'.repeat(size);
	const ways = {
		local: await Promise.all(Array.from({ length: count }, () => Client.open(owner, owner))),
		forwarded: await Promise.all(Array.from({ length: count }, () => Client.open(owner, other))),
	};
	const results = { local: [], forwarded: [] };
	for (const clients of Object.values(ways))
		await rounds(clients, text, WARM_UP_MS);
	for (let run = 0; run < RUNS; run++) {
		for (const [way, clients] of Object.entries(ways)) {
			const before = await workers.cpu();
			const times = await rounds(clients, text, RUN_MS);
			results[way].push({ us: (await workers.cpu() - before) / times.length, ms: median(times) });
		}
	}
	for (const client of Object.values(ways).flat())
		client.end();
	const [local, forwarded] = Object.values(results);
	return {
		local: medians(local),
		forwarded: medians(forwarded),
		ratio: median(forwarded.map(({ us }, run) => us / local[run].us)),
		added: median(forwarded.map(({ ms }, run) => ms - local[run].ms)),
	};
}

/* The time until an unknown session is refused, in ms at p99. */
async function refusal(workers) {
	const line = new Line(workers.ports[OTHER]);
	const times = [];
	for (let n = 0; n < 1000; n++) {
		const start = performance.now();
		const { status } = await line.ask(`${TARGET}&sid=nobody.${String(n).padStart(6, 'a')}`);
		if (status !== 400)
			throw new Error(`an unknown session is answered ${status}`);
		times.push(performance.now() - start);
	}
	line.end();
	return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)];
}

/* Calls make(n) for each n below count, few at once. */
async function many(count, make) {
	const made = [];
	for (let n = 0; n < count; n += AT_ONCE)
		made.push(...await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - n) }, () => make())));
	return made;
}

/* Bytes that each of `count` waiting requests takes at `name`. */
async function perRequest(workers, name, count, { open, isWaiting }) {
	const before = await workers.order(name, 'memory');
	const lines = await many(count, open);
	while (!await isWaiting())
		await new Promise((resolve) => setTimeout(resolve, 20));
	const after = await workers.order(name, 'memory');
	for (const line of lines)
		line.end();
	return (after - before) / count;
}

/* Bytes of a forwarded poll at the worker that forwards it, and of a request that just waits there. */
async function memory(makeWorkers) {
	const limit = Number(execFileSync('/bin/sh', ['-c', 'ulimit -n']));
	const count = QUICK ? 500 : Math.min(POLLERS, Math.floor((limit - 500) / 2));
	const start = async () => {
		const workers = await makeWorkers();
		return { workers, owner: workers.ports[OWNER], other: workers.ports[OTHER] };
	};
	const plain = await start();
	const waiting = await perRequest(plain.workers, OTHER, count, {
		open: async () => {
			const line = new Line(plain.other);
			line.ask('/wait').catch(() => {});
			return line;
		},
		isWaiting: async () => await plain.workers.order(OTHER, 'held') === count,
	});
	plain.workers.stop();
	const { workers, owner, other } = await start();
	const sessions = await many(count, async () => {
		const line = new Line(owner);
		const { body } = await line.ask(TARGET);
		const target = `${TARGET}&sid=${JSON.parse(body.slice(1)).sid}`;
		await line.ask(target, '40');
		await line.ask(target);
		line.end();
		return target;
	});
	const forwarded = await perRequest(workers, OTHER, count, {
		open: async () => {
			const line = new Line(other);
			line.ask(sessions.pop()).catch(() => {});
			return line;
		},
		isWaiting: async () => await workers.order(OWNER, 'polls') === count,
	});
	workers.stop();
	return { count, waiting, forwarded };
}

let isOver = false;

function judge(title, value, bound, unit) {
	const over = value > bound;
	isOver ||= over;
	console.log(`  ${title.padEnd(52)}${over ? '! ' : '  '}${value.toFixed(2).padStart(8)} ${unit}`.trimEnd() +
		`   bound: ${bound}`);
}

const CASES = [
	{ title: 'a poll: GET and POST of 100 B', Client: Poller, size: 100, clients: CLIENTS, ratio: 2 },
	{ title: 'the same, one client', Client: Poller, size: 100, clients: 1, added: 1 },
	{ title: 'a poll: GET and POST of 100 KB', Client: Poller, size: 100_000, clients: CLIENTS, ratio: 2 },
	{ title: 'a tunnelled WebSocket: an echo of 100 B', Client: Upgraded, size: 100, clients: CLIENTS, ratio: 1.6 },
];

async function report(makeWorkers) {
	const workers = await makeWorkers();
	for (const { title, ratio, added, ...load } of CASES) {
		const { local, forwarded, ...both } = await compare(workers, load.Client, load);
		console.log(`\n${title}: local ${local.us.toFixed(0)} µs of CPU and ${local.ms.toFixed(2)} ms at p50, ` +
			`forwarded ${forwarded.us.toFixed(0)} µs and ${forwarded.ms.toFixed(2)} ms`);
		if (ratio !== undefined)
			judge('CPU time, forwarded / local', both.ratio, ratio, '');
		if (added !== undefined)
			judge('added at p50', both.added, added, 'ms');
	}
	console.log('\nAn unknown session');
	judge('refused at p99 after', await refusal(workers), 20, 'ms');
	workers.stop();
	const { count, waiting, forwarded } = await memory(makeWorkers);
	console.log(`\n${count} open polls at the worker that forwards them: ${(forwarded / 1024).toFixed(1)} KiB each; ` +
		`requests that wait in a plain server: ${(waiting / 1024).toFixed(1)} KiB`);
	judge('more per poll', (forwarded - waiting) / 1024, 6, 'KiB');
}

async function main() {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-bench-'));
	const control = new Control(path.join(dir, 'control'), (fault) => {
		throw new Error(fault);
	});
	let current = null;
	process.once('exit', () => {
		current?.stop();
		fs.rmSync(dir, { recursive: true, force: true });
	});
	console.log(`\nForwarding: two workers, medians of ${RUNS} runs of ${RUN_MS} ms, ${CLIENTS} clients`);
	await report(async () => {
		control.forget('fw');
		current = await new Workers(dir, control).start(OWNER, OTHER);
		return current;
	});
	control.close();
	process.exitCode = isOver && !QUICK ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM'])
	process.once(signal, () => process.exit(1));

main().catch((error) => {
	console.error(`bench: ${error.message}`);
	process.exit(1);
});
