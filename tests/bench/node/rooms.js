'use strict';

/*
 * The cost of rooms and namespaces to the workers and the broker, with this adapter
 * and its peers: joining and leaving rooms, an emit to a room that one of the
 * workers has, and closing namespaces.
 *
 * Each of four workers has 2,500 sockets without connections (stand-ins.js),
 * which join the rooms of their ids and five random rooms of 10,000, in one go.
 * The processes are new for each run: a worker that is deployed joins its
 * clients before its code is compiled. Runs take turns; a figure is the median
 * of its runs. QUICK=1 judges nothing. Arguments name the peers to compare with;
 * all by default. Exit code 1: over a bound.
 */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { PEERS } = require('./adapters');
const { brokersIn } = require('./brokers');
const { Control } = require('./control');
const { Troupe, sleep } = require('./troupe');
const { medians } = require('../median');

const QUICK = Boolean(process.env.QUICK);
const RUNS = QUICK ? 1 : 3;
const WORKERS = 4;
const SHAPE = QUICK ? { sockets: 500, rooms: 2000, each: 5 } :
	{ sockets: 2500, rooms: 10_000, each: 5 };
const EMITS = QUICK ? 2000 : 10_000;
const NAMESPACES = QUICK ? 1000 : 8000;
const ROOM = 'of-one';
const OTHERS = ['redis', 'sharded', 'cluster'];

/* µs of all workers and of the broker that `act` takes, for each of n. */
async function cost(troupe, n, act) {
	const before = troupe.cpu();
	await act();
	const [broker, ...workers] = troupe.cpu().map((us, i) => (us - before[i]) / n);
	return { worker: workers.reduce((a, b) => a + b), broker };
}

function ofAll(troupe, order) {
	const n = WORKERS * SHAPE.sockets * (SHAPE.each + 1);
	return cost(troupe, n, () => troupe.orderAll(order));
}

/* Emits of the first worker to a room that the second one has. */
async function runEmits(troupe) {
	await troupe.order(1, 'joinOne', { room: ROOM });
	const end = await troupe.order(1, 'received') + EMITS;
	const result = await cost(troupe, EMITS, async () => {
		await troupe.order(0, 'emit', { room: ROOM, emits: EMITS });
		while (await troupe.order(1, 'received') < end)
			await sleep(10);
	});
	await troupe.order(1, 'leaveOne', { room: ROOM });
	return result;
}

async function runNamespaces(troupe) {
	await troupe.order(0, 'open', { count: NAMESPACES });
	const result = await cost(troupe, NAMESPACES, () => troupe.order(0, 'close'));
	return { ...result, ms: result.worker * NAMESPACES / 1000 };
}

/*
 * `bounds`: ratios to redis-adapter in the same run; `broker` in µs, `ms` in ms.
 * redis-adapter does nothing when a room comes or goes. An awaited join writes before it
 * is fulfilled: without the write it costs less than with redis-adapter, see
 * docs/PERFORMANCE.md.
 */
const ROWS = [
	{ title: 'joining, nothing awaited: a join', isFresh: true,
		run: (troupe) => ofAll(troupe, 'join'), bounds: { ratio: 1.3, broker: 0.6 } },
	{ title: 'leaving: a room',
		run: (troupe) => ofAll(troupe, 'leave'), bounds: { ratio: 1.8 } },
	{ title: 'joining, each call awaited by itself: a join', isFresh: true,
		run: (troupe) => ofAll(troupe, 'joinAwaited'), bounds: { ratio: 3 } },
	{ title: 'an emit to a room that one of four workers has',
		run: runEmits, bounds: { ratio: 0.6 } },
	{ title: `${NAMESPACES} namespaces closed: one`,
		run: runNamespaces, bounds: { ms: 500 } },
];

/* Runs all rows with one peer. Returns the results. */
async function runAll(makeTroupe) {
	const results = [];
	let troupe = null;
	try {
		for (const { isFresh, run } of ROWS) {
			if (isFresh) {
				await troupe?.stop();
				troupe = makeTroupe();
				await troupe.start(SHAPE);
			}
			results.push(await run(troupe));
		}
	} finally {
		await troupe?.stop();
	}
	return results;
}

function row(name, cells) {
	console.log([name.padEnd(40), ...cells.map((cell) => cell.padStart(12))].join(''));
}

/* Prints the figures; returns whether one is over its bound. */
function show(title, results, bounds) {
	let isOver = false;
	const judged = (value, bound, digits = 1) => {
		isOver ||= value > bound;
		return `${value > bound ? '! ' : ''}${value.toFixed(digits)}`;
	};
	console.log(`\n${title}`);
	for (const [peer, { worker, broker, ms }] of results) {
		const isOurs = peer === 'pm2adapter';
		row(`  ${PEERS[peer].title}`, [worker.toFixed(1),
			judged(broker, isOurs ? bounds.broker : undefined),
			...(ms === undefined ? [] : [`${judged(ms, isOurs ? bounds.ms : undefined, 0)} ms`])]);
	}
	const [ours, redis] = ['pm2adapter', 'redis'].map((peer) => results.get(peer));
	if (redis)
		row('  of redis-adapter', [judged(ours.worker / redis.worker, bounds.ratio, 2)]);
	const texts = Object.entries(bounds).map(([key, bound]) => `${key} <= ${bound}`);
	if (texts.length > 0)
		console.log(`  bounds: ${texts.join(', ')}`);
	return isOver;
}

/* Returns peer → results of each run. */
async function measure(makers) {
	const results = new Map([...makers.keys()].map((peer) => [peer, []]));
	for (let n = 0; n < RUNS; n++) {
		for (const [peer, make] of makers)
			results.get(peer).push(await runAll(make));
	}
	return results;
}

/* Returns peer → a function that makes its processes. */
function makersIn(dir, control, others) {
	const brokers = brokersIn(dir, ['pm2adapter', ...others]);
	return new Map(Object.entries(brokers).map(([peer, broker]) => [peer, () => {
		control.forget(peer);
		current = new Troupe(peer,
			{ control, dir, broker, script: 'rooms-worker.js', count: WORKERS });
		return current;
	}]));
}

let current = null; // the Troupe at work

async function main(peers) {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-bench-'));
	const control = new Control(path.join(dir, 'control'), (fault) =>
		current.onEnd(new Error(fault)));
	process.once('exit', () => {
		current?.stop();
		fs.rmSync(dir, { recursive: true, force: true });
	});
	const results = await measure(makersIn(dir, control, peers.length > 0 ? peers : OTHERS));
	console.log(`\n${WORKERS} workers, ${SHAPE.sockets} sockets each with its id and ` +
		`${SHAPE.each} of ${SHAPE.rooms} rooms; medians of ${RUNS}; CPU time in µs`);
	row('', ['workers', 'broker']);
	let isOver = false;
	for (const [i, { title, bounds }] of ROWS.entries()) {
		const cells = new Map([...results].map(([peer, runs]) =>
			[peer, medians(runs.map((run) => run[i]))]));
		isOver = show(title, cells, bounds) || isOver;
	}
	control.close();
	process.exitCode = isOver && !QUICK ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM'])
	process.once(signal, () => process.exit(1));

main(process.argv.slice(2)).catch((error) => {
	console.error(`bench: ${error.message}`);
	process.exitCode = 1;
});
