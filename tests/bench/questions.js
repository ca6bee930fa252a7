'use strict';

/* Other measurements of bench.js: many topics, latency, many connections, slow ones. */

const { SECONDS, Table, interleaved } = require('./runs');

const MANY_TOPICS = 1000000;
const TOPICS = [10, 10000, MANY_TOPICS];
const TOPICS_LOAD = { receivers: 4, size: 64, batch: 624, window: 8 * 624 };
const TOPICS_BOUNDS = { cost: 2, bytes: 100, all: 160, each: 1000 };

const PACE = 5000;
const BULK = 65536;

const CROWD = 10000;
const CROWD_BOUNDS = { bytes: 2048, ms: 60 };

/* Queues that take all of a run: a receiver that is cut costs nothing any more. */
const STALL = { receivers: 64, seconds: SECONDS };
const STALL_ARGS = ['--queue-limit', '4g', '--queue-soft-limit', '4g',
	'--memory-limit', '8g'];
const STALL_LOADS = [
	{ title: `p99 of 64 B, ${PACE} a second: µs`, unit: 'p99_us',
		load: { ...STALL, size: 64, batch: 1, pace: PACE } },
	{ title: '64 B, pipelined: messages/s', unit: 'per_s',
		load: { ...STALL, size: 64, batch: 800, window: 8 * 800 } },
	{ title: '4 KiB, pipelined: messages/s', unit: 'per_s',
		load: { ...STALL, size: 4096, batch: 16, window: 8 * 16 } },
];
const STALL_BOUNDS = { p99_us: 1.25, per_s: 1 / 0.9 };

/* Each run has a daemon of its own, since a daemon reuses the memory of the run
 * before. */
async function alone(broker, dir, ask, ...options) {
	await broker.start(dir, ...options);
	try {
		return await ask();
	} finally {
		await broker.stop();
	}
}

/*
 * A subscription's memory is counted with and without the topic's name; the cost
 * of a client that comes and goes is that of both requests.
 */
async function topics(broker, dir) {
	const results = await interleaved(...TOPICS.map((n) => () =>
		alone(broker, dir, () => broker.ask('topics',
			{ ...TOPICS_LOAD, topics: n, seconds: SECONDS }),
		'--max-subscriptions', 2 * MANY_TOPICS)));
	const table = new Table('Many topics: each has one of 4 receivers, 64 B to ' +
		'random ones; CPU ns of the daemon',
	[10, 13, 11, 9, 12, 13, 11, 9],
	['topics', 'per delivery', 'of first', 'bound', 'subscribe',
		'unsubscribe', 'both', 'bound']);
	for (const [i, result] of results.entries()) {
		const isMany = TOPICS[i] === MANY_TOPICS;
		table.row([TOPICS[i], result.ns_per_delivery.toFixed(0),
			...table.judged(
				result.ns_per_delivery / results[0].ns_per_delivery,
				isMany ? TOPICS_BOUNDS.cost : undefined),
			result.subscribe_ns.toFixed(0), result.unsubscribe_ns.toFixed(0),
			...table.judged(result.subscribe_ns + result.unsubscribe_ns,
				isMany ? TOPICS_BOUNDS.each : undefined, 0)]);
	}
	const { bytes_per_topic: bytes, name_bytes: name } = results.at(-1);
	const [each, eachBound] = table.judged(bytes - name, TOPICS_BOUNDS.bytes, 0);
	const [all, allBound] =
		table.judged(bytes * MANY_TOPICS / 1e6, TOPICS_BOUNDS.all, 0);
	console.log(`memory of a million: ${each} bytes each (${eachBound}) ` +
		`and a name of ${name}; ${all} MB in all (${allBound})`);
	return table.isOver;
}

function printLatency(table, title, ours, base) {
	table.row([title, ours.p50_us.toFixed(1), ours.p99_us.toFixed(1),
		base?.p50_us.toFixed(1), base?.p99_us.toFixed(1),
		...table.judged(base && ours.p50_us / base.p50_us, base && 1),
		...table.judged(base && ours.p99_us / base.p99_us, base && 1)]);
}

/* Of a relay that writes as soon as it has read: the daemon looks at all sockets once
 * more before it handles a message, for the sake of order. */
const ROUND_TRIP_BOUND = 1.15;

async function roundTrip(ours, blind) {
	const load = { receivers: 1, size: 64, batch: 1, seconds: SECONDS };
	const [own, relay] = await interleaved(
		...[ours, blind].map((broker) => () => broker.ask('latency', load)));
	const table = new Table('Round trip: 64 B to 1 receiver, one in flight, µs',
		[10, 10, 11, 9], ['ours p50', 'blind p50', 'of blind', 'bound']);
	table.row([own.p50_us.toFixed(1), relay.p50_us.toFixed(1),
		...table.judged(own.p50_us / relay.p50_us, ROUND_TRIP_BOUND)]);
	return table.isOver;
}

async function latency(ours, redis) {
	const load = { receivers: 4, size: 64, batch: 1, seconds: 2 * SECONDS };
	const paced = { ...load, pace: PACE };
	const ask = (broker, options) => () => broker?.ask('latency', options) ?? {};
	const [one, redisOne, even, redisEven, beside] = await interleaved(
		ask(ours, load), ask(redis, load), ask(ours, paced), ask(redis, paced),
		ask(ours, { ...paced, bulk: BULK }));
	const table = new Table('Latency: from publishing 64 B to the last of 4 ' +
		'deliveries, µs',
	[24, 9, 9, 10, 10, 9, 9, 9, 9],
	['', 'ours p50', 'p99', 'redis p50', 'p99', 'p50', 'bound', 'p99', 'bound']);
	printLatency(table, 'one in flight', one, redis && redisOne);
	printLatency(table, `${PACE} a second`, even, redis && redisEven);
	table.row(['  beside 64 KiB chunks', beside.p50_us.toFixed(1),
		beside.p99_us.toFixed(1), '', '', '', '',
		...table.judged(beside.p99_us / even.p99_us, 2)]);
	return table.isOver;
}

async function crowd(broker, dir) {
	const [result] = await interleaved(() =>
		alone(broker, dir, () => broker.ask('crowd',
			{ receivers: CROWD, size: 64, batch: 1, window: 1 }),
		'--max-connections', 2 * CROWD));
	const table = new Table('Connections', [44, 10, 12], ['', '', 'bound']);
	table.row([`${CROWD} idle subscribers: bytes each`,
		...table.judged(result.bytes_each, CROWD_BOUNDS.bytes, 0)]);
	table.row(['one message to all of them: ms',
		...table.judged(result.publish_ms, CROWD_BOUNDS.ms, 1)]);
	table.row(['  of which the daemon\'s CPU: ms', result.publish_cpu_ms.toFixed(1)]);
	table.row([`${result.at_once} connect in ${result.connect_ms} ms: not let in`,
		...table.judged(result.at_once - result.at_once_in, 0, 0)]);
	return table.isOver;
}

/* How much worse it is than before, whether more or less is better. */
function worse(unit, is, was) {
	return unit === 'per_s' ? was / is : is / was;
}

async function stall(broker, dir) {
	const results = await interleaved(...STALL_LOADS.map(({ load }) => () =>
		alone(broker, dir, () => broker.ask('stall', load), ...STALL_ARGS)));
	const table = new Table('64 receivers, and 64 more that read, are stopped, and ' +
		'are gone: what the former see',
	[34, 10, 10, 10, 9, 9, 9, 13],
	['', 'reading', 'stopped', 'gone', 'worse', 'bound', 'to gone', 'CPU to gone']);
	for (const [i, { title, unit }] of STALL_LOADS.entries()) {
		const [reading, stopped, gone] = ['reading', 'stopped', 'gone']
			.map((phase) => results[i][`${phase}_${unit}`]);
		table.row([title, ...[reading, stopped, gone].map((n) => n.toFixed(0)),
			...table.judged(worse(unit, stopped, reading), STALL_BOUNDS[unit]),
			worse(unit, stopped, gone).toFixed(2),
			(results[i].stopped_ns / results[i].gone_ns).toFixed(2)]);
	}
	return table.isOver;
}

module.exports = { topics, latency, roundTrip, crowd, stall };
