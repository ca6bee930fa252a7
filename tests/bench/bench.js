'use strict';

/*
 * The daemon beside other brokers under the same load: redis-server on a Unix
 * socket, nats-server with one thread on loopback, both where they are
 * installed, and a relay that looks at nothing (relay.c), which is what the
 * machine allows. The figure is CPU time of the broker's process, whatever
 * else runs.
 *
 * Runs take turns, so that other work of the machine affects all; a figure is
 * the median of its runs. Bounds are ratios within one run of this program, or
 * bytes. QUICK=1 makes fewer and shorter runs, and judges nothing. Arguments
 * name the questions: fanout, topics, latency,
 * roundtrip, crowd, stall, publish; all by default. Environment: PM2ADAPTERD, PUMP,
 * RELAY, REDIS_SERVER and NATS_SERVER name the binaries. Exit code 1: over a bound, or a message was lost, doubled
 * or out of order.
 */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { IS_PINNED, installed, stopAll } = require('./brokers');
const { fanout } = require('./fanout');
const { publishing } = require('./publish');
const { crowd, latency, roundTrip, stall, topics } = require('./questions');
const { QUICK, RUNS, SECONDS } = require('./runs');

function printHead(brokers) {
	const cpus = os.cpus();
	console.log(`${cpus[0].model.trim()}, ${cpus.length} CPUs, ` +
		`${os.type()} ${os.release()}${IS_PINNED ? '' : '; nothing is pinned'}`);
	for (const { title, version } of brokers)
		console.log(`${title}: ${version.split('\n')[0]}`);
	console.log(`medians of ${RUNS} runs of ${SECONDS} s`);
}

async function withAll(brokers, dir, ask) {
	try {
		for (const broker of brokers)
			await broker.start(dir);
		return await ask();
	} finally {
		for (const broker of brokers)
			await broker.stop();
	}
}

/* Each tells whether something is over its bound. */
const QUESTIONS = {
	fanout: (brokers, dir) => withAll(brokers, dir, () => fanout(brokers)),
	topics: ([ours], dir) => topics(ours, dir),
	latency: ([ours, ...others], dir) => {
		const redis = others.find(({ protocol }) => protocol === 'resp');
		return withAll(redis ? [ours, redis] : [ours], dir,
			() => latency(ours, redis));
	},
	roundtrip: ([ours, ...others], dir) => {
		const blind = others.find(({ protocol }) => protocol === 'blind');
		return withAll([ours, blind], dir, () => roundTrip(ours, blind));
	},
	crowd: ([ours], dir) => crowd(ours, dir),
	stall: ([ours], dir) => stall(ours, dir),
	publish: (brokers, dir) => {
		const pair = installed('resp', 'redis');
		if (pair.length < 2)
			throw new Error('there is no redis-server to compare with');
		return withAll(pair, dir, () => publishing(...pair));
	},
};

async function main(names) {
	const brokers = installed('ours', 'redis', 'nats', 'blind');
	if (brokers[0]?.protocol !== 'native')
		throw new Error('pm2adapterd does not run');
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-bench-'));
	process.once('exit', () => {
		fs.rmSync(dir, { recursive: true, force: true });
	});
	printHead(brokers);
	let isOver = false;
	for (const name of names.length > 0 ? names : Object.keys(QUESTIONS)) {
		if (!Object.hasOwn(QUESTIONS, name))
			throw new Error(`${name}: no such question`);
		isOver = await QUESTIONS[name](brokers, dir) || isOver;
	}
	if (isOver)
		console.log('\n! marks what is over its bound');
	process.exitCode = isOver && !QUICK ? 1 : 0;
}

process.once('exit', stopAll);
for (const signal of ['SIGINT', 'SIGTERM'])
	process.once(signal, () => process.exit(1));

main(process.argv.slice(2)).catch((err) => {
	console.error(`bench: ${err.message}`);
	process.exitCode = 1;
});
