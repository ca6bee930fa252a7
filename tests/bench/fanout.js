'use strict';

/* One publisher pipelines on one topic: the broker's CPU time per delivery. */

const { QUICK, SECONDS, Table, interleaved, sizeName } = require('./runs');

/* Bounds, as parts of redis-server's CPU time in the same runs: the time of a
 * broker of 150 lines with only epoll, a hash and writev, and a quarter more.
 * With one receiver also of the blind relay's, since all else is shared by many. */
const CELLS = [
	{ receivers: 1, size: 64, bound: 0.11, ofBlind: 1.25 },
	{ receivers: 1, size: 512 },
	{ receivers: 1, size: 4096, bound: 0.29, ofBlind: 1.25 },
	{ receivers: 1, size: 65536 },
	{ receivers: 4, size: 64, bound: 0.16 },
	{ receivers: 4, size: 512, bound: 0.31 },
	{ receivers: 4, size: 4096, bound: 0.50 },
	{ receivers: 4, size: 65536, bound: 0.86 },
	{ receivers: 16, size: 64, bound: 0.17 },
	{ receivers: 16, size: 512 },
	{ receivers: 16, size: 4096 },
	{ receivers: 16, size: 65536 },
	{ receivers: 64, size: 64, bound: 0.23 },
	{ receivers: 64, size: 512, bound: 0.36 },
	{ receivers: 64, size: 4096, bound: 0.47 },
	{ receivers: 64, size: 65536 },
].filter(({ bound }) => bound || !QUICK);

/*
 * A publisher that has more to say than it can send writes what fills a buffer:
 * about 64 KiB at once. Eight times that is on its way at the most, so the
 * broker always has something to read and nobody's queue comes near a limit.
 */
const BATCH_BYTES = 65536;
const FRAMING = 17;
const WINDOW = 8;

function loadOf({ receivers, size }) {
	const batch = Math.max(1, Math.floor(BATCH_BYTES / (size + FRAMING)));
	return { receivers, size, batch, window: WINDOW * batch, seconds: SECONDS };
}

/* If a relay that looks at nothing is no faster than this, the time above the
 * bound is the kernel's copying, which is the same for every broker. */
const MACHINE = 1.1;

/* The ratio to redis-server as text, and its bound. */
function judged(table, { bound }, ofRedis, ofBlind) {
	if (ofRedis > bound && ofBlind <= MACHINE)
		return [`~ ${ofRedis.toFixed(2)}`, `<= ${bound.toFixed(2)}`];
	return table.judged(ofRedis, bound);
}

function printCell(table, cell, brokers, results) {
	const of = (protocol) =>
		results[brokers.findIndex((broker) => broker.protocol === protocol)];
	const cost = (protocol) => of(protocol)?.ns_per_delivery;
	const ratio = (protocol) => cost(protocol) &&
		cost('native') / cost(protocol);
	const rate = (protocol) =>
		of(protocol)?.deliveries_per_s.toLocaleString('en-US');
	table.row([cell.receivers, sizeName(cell.size),
		...['native', 'resp', 'nats', 'blind'].map((protocol) =>
			cost(protocol)?.toFixed(0)),
		...table.judged(ratio('blind'), cell.ofBlind),
		...judged(table, cell, ratio('resp'), ratio('blind')),
		rate('native'), rate('resp')]);
}

/* Returns whether a cell is over its bound. */
async function fanout(brokers) {
	const table = new Table('Fan-out: one publisher, one topic, ' +
		'CPU ns of the broker per delivery',
	[10, 8, 8, 9, 9, 9, 11, 9, 11, 9, 14, 13],
	['receivers', 'size', 'ours', 'redis', 'nats', 'blind', 'of blind', 'bound',
		'of redis', 'bound', 'ours /s', 'redis /s']);
	for (const cell of CELLS) {
		const load = loadOf(cell);
		printCell(table, cell, brokers, await interleaved(
			...brokers.map((broker) => () => broker.ask('fanout', load))));
	}
	console.log('~ is over its bound where the blind relay needs as much: ' +
		'the machine allows no more');
	return table.isOver;
}

module.exports = { fanout, loadOf };
