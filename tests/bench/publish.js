'use strict';

/*
 * Clients of Redis's protocol: redis-benchmark's PUBLISH, and the load of the
 * fan-out, against the daemon's resp-listen and redis-server. CPU time of the
 * broker's process.
 */

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');

const { pinned } = require('./brokers');
const { loadOf } = require('./fanout');
const { QUICK, Table, interleaved, sizeName } = require('./runs');

const CLIENTS = 50;
const LIMIT_MS = 60000;
/* A message costs less than at redis-server, whatever its size. */
const BOUND = 1;

const COMMANDS = [
	{ pipeline: 1, size: 64, n: 100000 },
	{ pipeline: 1, size: 1024, n: 100000 },
	{ pipeline: 16, size: 64, n: 1000000 },
	{ pipeline: 16, size: 1024, n: 500000 },
];
const FANOUTS = [
	{ receivers: 4, size: 64 },
	{ receivers: 4, size: 1024 },
];

/* ns that all threads of the process have run. */
function cpuOf(pid) {
	return fs.readdirSync(`/proc/${pid}/task`)
		.map((id) => fs.readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8'))
		.reduce((sum, text) => sum + Number(text.split(' ')[0]), 0);
}

/* One run of redis-benchmark: the broker's ns per message. */
function publish(broker, { pipeline, size, n }) {
	const count = QUICK ? n / 4 : n;
	const before = cpuOf(broker.child.pid);
	const [command, ...args] = pinned(1, ['redis-benchmark', '-s', broker.address,
		'-c', CLIENTS, '-n', count, '-P', pipeline, '-q',
		'PUBLISH', 'channel', 'x'.repeat(size)].map(String));
	const { status, stderr } = spawnSync(command, args,
		{ encoding: 'utf8', timeout: LIMIT_MS });
	if (status !== 0)
		throw new Error(`redis-benchmark on ${broker.title} failed: ${stderr}`);
	return { ns: (cpuOf(broker.child.pid) - before) / count };
}

function printRow(table, title, [ours, redis]) {
	table.row([title, ours.toFixed(0), redis.toFixed(0),
		...table.judged(ours / redis, BOUND)]);
}

/* Both are started. Returns whether a cell is over its bound. */
async function publishing(ours, redis) {
	const table = new Table('Redis\'s protocol: CPU ns of the broker',
		[52, 9, 9, 11, 9], ['', 'ours', 'redis', 'of redis', 'bound']);
	for (const cell of COMMANDS) {
		const results = await interleaved(...[ours, redis].map((broker) =>
			() => publish(broker, cell)));
		printRow(table, `redis-benchmark PUBLISH ${sizeName(cell.size)}, ` +
			`pipeline ${cell.pipeline}: a message`, results.map(({ ns }) => ns));
	}
	for (const cell of FANOUTS) {
		const results = await interleaved(...[ours, redis].map((broker) =>
			() => broker.ask('fanout', loadOf(cell))));
		printRow(table, `${cell.receivers} subscribers, ${sizeName(cell.size)}: ` +
			'a delivery', results.map((result) => result.ns_per_delivery));
	}
	return table.isOver;
}

module.exports = { publishing };
