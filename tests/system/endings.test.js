'use strict';

/*
 * How connections end: for each edge and each cause that the C files list, the
 * real daemon ends one connection with it, and what the log, `closed`, the
 * counters in STATS and the metrics say about it must agree.
 */

const assert = require('node:assert');
const { execFileSync, spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { test } = require('node:test');
const { needs } = require('../support/needs');
const { ROOT, folder } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { SEVERAL, TYPE, frame, hello, ping, publish, subscribe } =
	require('./support/frames');
const { Peer } = require('./support/peer');
const { command } = require('./support/resp');
const { until } = require('../support/wait');

const OTHER = 65533; // a uid that allow-users does not name
const MAX_FRAME = 64 << 10;
const PASSWORD = 'correct horse battery staple';
const MARK = Buffer.from('a read that fails'); // of support/fail-read.c
const BIG = Buffer.alloc(30_000, 'x');

/* The causes that a C file defines: name → whether it is orderly. */
function causesOf(file) {
	const text = fs.readFileSync(path.join(ROOT, 'src', file), 'utf8');
	const found = text.matchAll(
		/^(?:const struct conn_cause \w+|CAUSE\(\w+\)) = \{([^}]*)\}/gm);
	return new Map([...found].map(([, fields]) => [
		fields.match(/"([^"]+)"/)[1], fields.includes('.is_orderly = true')]));
}

const EDGES = {
	native: {
		event: 'conn-closed',
		causes: causesOf('edge/native/causes.c'),
		greeting: Buffer.concat([hello(), subscribe(['t'])]),
		path: ({ daemon }) => daemon.socket,
	},
	redis: {
		event: 'redis-closed',
		causes: causesOf('edge/redis/causes.c'),
		greeting: command('SUBSCRIBE', 't'),
		path: ({ dir }) => path.join(dir, 'redis'),
	},
};
const SHARED = causesOf('net/conn_cause.c');

/* A daemon, a witness that asks for statistics, and connections of one edge. */
class Bed {
	static async open(start, edge, { args = [], preload }) {
		const bed = new Bed();
		bed.edge = edge;
		bed.dir = folder();
		fs.chmodSync(bed.dir, 0o755);
		bed.daemon = await start({
			dir: bed.dir,
			args: ['--resp-listen', path.join(bed.dir, 'redis'),
				'--metrics-socket', path.join(bed.dir, 'metrics'),
				'--log-format', 'json', '--socket-mode', '0666',
				'--max-frame', '64k', ...args],
			wrap: preload && ((line) => preload(bed.dir, line)),
			settle: false, // a probe's connection would count
		});
		await until(() => bed.daemon.stderr.includes('"socket":'), 'daemon');
		bed.witness = await bed.daemon.member({ name: 'witness' });
		return bed;
	}

	/* A connection that has sent nothing yet. */
	async stranger(options) {
		return this.daemon.own(
			await Peer.connect(this.edge.path(this), options));
	}

	/* A connection that has subscribed to `t`. */
	async client(options) {
		const peer = await this.stranger(options);
		peer.write(this.edge.greeting);
		await until(async () => (await this.stats('clients'))
			.some(({ subscriptions }) => subscriptions === 1), 'client');
		return peer;
	}

	/* A client that never reads, while others publish `n` messages. */
	async stalled(n) {
		await this.client({ paused: true });
		for (let i = 0; i < n; i++)
			this.witness.write(publish('t', BIG));
	}

	async stats(section) {
		return (await this.witness.stats([section]))[section];
	}

	metrics() {
		return new Promise((resolve, reject) => {
			let text = '';
			net.connect(path.join(this.dir, 'metrics'))
				.setEncoding('utf8')
				.on('data', (data) => { text += data; })
				.on('error', reject)
				.on('close', () => resolve(text));
		});
	}

	lines() {
		return this.daemon.stderr.split('\n')
			.filter((line) => line.startsWith('{'))
			.map((line) => JSON.parse(line))
			.filter(({ event }) => event === this.edge.event);
	}
}

/* Recipes: an edge's connection ends with the cause, and no other ends. */

async function end(bed) {
	(await bed.client()).end();
}

async function destroyUnread(bed) {
	(await bed.client({ paused: true })).destroy();
}

async function sendMark(bed) {
	(await bed.client()).write(MARK);
}

function preload(dir, line) {
	const file = path.join(dir, 'fail-read.so');
	execFileSync('cc', ['-shared', '-fPIC', '-o', file,
		path.join(__dirname, 'support/fail-read.c'), '-ldl']);
	return ['env', `LD_PRELOAD=${file}`,
		`ASAN_OPTIONS=${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0`,
		...line];
}

async function drain(bed) {
	await bed.client();
	bed.daemon.kill('SIGTERM');
	await bed.witness.expect(TYPE.GOODBYE);
}

/* A native member would be waited for, as the witness is. */
async function drainStranger(bed) {
	await bed.stranger();
	await until(async () => (await bed.stats('overview')).connections === 2,
		'connection');
	bed.daemon.kill('SIGTERM');
	await bed.witness.expect(TYPE.GOODBYE);
}

async function beOneTooMany(bed) {
	await bed.daemon.member();
	await bed.stranger();
}

const CONNECT = 'const c = require("net").connect(process.argv[1]);' +
	'c.on("error", () => {}).resume();' +
	'c.end(Buffer.from(process.argv[2], "hex"));';

function connectAsOther(bed) {
	spawn('setpriv', ['--reuid', OTHER, '--regid', OTHER, '--clear-groups',
		process.execPath, '-e', CONNECT, bed.edge.path(bed),
		bed.edge.greeting.toString('hex')], { stdio: 'ignore' });
}

/* `bytes` behind HELLO, or before it. */
const sends = (bytes) => async (bed) =>
	(await bed.stranger()).write(Buffer.concat([hello(), bytes]));
const sendsFirst = (bytes) => async (bed) =>
	(await bed.stranger()).write(bytes);

const connects = (bed) => bed.stranger();

async function floodBeforeAuth(bed) {
	const peer = await bed.stranger({ paused: true });
	peer.write(Buffer.concat(Array(100_000).fill(command('PING'))));
}

const QUEUE = ['--queue-soft-limit', '64k', '--queue-soft-time', '1h'];
const SAID = /./; // some text

/* Of every edge. */
const shared = (n) => [
	{ cause: 'eof', run: end },
	{ cause: 'reset', run: destroyUnread },
	{ cause: 'io-error', run: sendMark, preload, options: needs('cc') },
	{ cause: 'slow-consumer', detail: 'queue-limit', isFull: true,
		args: ['--queue-limit', '256k', ...QUEUE], run: (bed) => bed.stalled(n) },
	{ cause: 'slow-consumer', detail: 'queue-soft-limit for queue-soft-time',
		isFull: true, args: ['--queue-soft-limit', '64k', '--queue-soft-time', '10ms'],
		run: (bed) => bed.stalled(n) },
	{ cause: 'memory-limit', detail: 'memory-limit', isFull: true,
		args: ['--memory-limit', '1m', ...QUEUE], run: (bed) => bed.stalled(4 * n) },
	{ cause: 'too-many-connections', detail: SAID,
		args: ['--max-connections', '2'], run: beOneTooMany },
	{ cause: 'not-allowed', detail: SAID, args: ['--allow-users', 'nobody'],
		run: connectAsOther, options: process.getuid() === 0 ? {} :
			{ skip: 'only root can start a client of another uid' } },
];

const PASSWORDED = ['--resp-password', PASSWORD];
const RECIPES = {
	native: [
		...shared(40),
		{ cause: 'shutdown', run: drainStranger, isLast: true },
		{ cause: 'bad-frame', run: sends(Buffer.alloc(64)) },
		{ cause: 'frame-too-big',
			run: sends(frame(TYPE.SUBSCRIBE, { length: MAX_FRAME + 1 })) },
		{ cause: 'unknown-type', run: sends(frame(0x7f)) },
		{ cause: 'bad-flags', run: sends(frame(TYPE.PING, { flags: 0x80 })) },
		{ cause: 'bad-topic', run: sends(
			frame(TYPE.PUBLISH, { flags: SEVERAL, body: 'x' })) },
		{ cause: 'bad-body', run: sends(frame(TYPE.SUBSCRIBE)) },
		{ cause: 'hello-expected', run: sendsFirst(ping('x')) },
		{ cause: 'hello-timeout', run: connects,
			args: ['--hello-timeout', '2s'] },
		{ cause: 'bad-hello', run: sendsFirst(hello({ role: 'king' })) },
		{ cause: 'bad-version', run: sendsFirst(hello({ protocol: 99 })) },
		{ cause: 'bad-state', run: sends(hello()) },
	],
	redis: [
		...shared(40),
		{ cause: 'shutdown', run: drain, isLast: true },
		{ cause: 'slow-consumer', detail: '64 KiB of replies before AUTH',
			isFull: null, args: PASSWORDED, run: floodBeforeAuth },
		{ cause: 'auth-failed', detail: SAID, args: PASSWORDED,
			run: sendsFirst(Buffer.concat(
				Array(3).fill(command('AUTH', 'guess')))) },
		{ cause: 'hello-timeout', run: connects,
			args: [...PASSWORDED, '--hello-timeout', '2s'] },
		{ cause: 'bad-frame', run: sendsFirst('*1\r\n$x\r\n') },
	],
};

/* A connection that ends by a protocol's own cause always has a detail. */
function detailOf({ cause, detail }) {
	return detail ?? (SHARED.has(cause) ? '' : SAID);
}

function assertDetail(recipe, detail) {
	const wanted = detailOf(recipe);
	if (wanted instanceof RegExp)
		assert.match(detail, wanted);
	else
		assert.strictEqual(detail, wanted);
}

function metricsOf(text) {
	const found = text.matchAll(
		/^pm2adapterd_closed_connections_total\{reason="([^"]+)"\} (\d+)$/gm);
	return new Map([...found].map(([, reason, n]) => [reason, Number(n)]));
}

async function verify(bed, recipe, isOrderly) {
	const rows = await until(async () => {
		const closed = await bed.stats('closed');
		return closed.length > 0 && closed;
	}, 'closed connection');
	const lines = await until(() => bed.lines().length > 0 && bed.lines(),
		'line in the log');
	assert.strictEqual(rows.length, 1, JSON.stringify(rows));
	assert.strictEqual(lines.length, 1, JSON.stringify(lines));
	const [row] = rows;
	const [line] = lines;
	assert.strictEqual(row.reason, recipe.cause);
	assertDetail(recipe, row.detail);
	for (const key of ['id', 'pid', 'name', 'reason', 'detail', 'age_ms',
		'bytes_in', 'bytes_out', 'queue_bytes'])
		assert.deepStrictEqual(line[key], row[key], key);
	assert.strictEqual(line.level, isOrderly ? 'info' : 'warn');
	const { closes, drops } = await bed.stats('overview');
	assert.deepStrictEqual(closes, { [recipe.cause]: 1 });
	assert.strictEqual(drops.unwritten_bytes, row.queue_bytes);
	if (recipe.isFull !== null) // null: the socket may have taken all
		assert.strictEqual(row.queue_bytes > 0, recipe.isFull ?? false,
			`${row.queue_bytes} bytes`);
}

async function verifyMetrics(bed, { cause }) {
	const counters = metricsOf(await bed.metrics());
	const names = Object.values(EDGES).flatMap(({ causes }) => [...causes.keys()]);
	assert.deepStrictEqual([...counters.keys()].sort(),
		[...new Set([...SHARED.keys(), ...names])].sort());
	for (const [reason, n] of counters)
		assert.strictEqual(n, reason === cause ? 1 : 0, reason);
}

for (const [name, edge] of Object.entries(EDGES)) {
	const causes = new Map([...SHARED, ...edge.causes]);

	test(`${name}: every cause has a recipe`, () => {
		assert.ok(SHARED.size >= 8 && edge.causes.size >= 3);
		assert.deepStrictEqual(
			[...new Set(RECIPES[name].map(({ cause }) => cause))].sort(),
			[...causes.keys()].sort());
	});

	for (const recipe of RECIPES[name]) {
		const { cause, detail } = recipe;
		const limit = typeof detail === 'string' ? ` (${detail})` : '';
		scenario(`${name}: ${cause}${limit}`, async (start) => {
			const bed = await Bed.open(start, edge, recipe);
			await recipe.run(bed);
			await verify(bed, recipe, causes.get(cause));
			if (!recipe.isLast)
				return verifyMetrics(bed, recipe);
			bed.witness.end();
			await bed.daemon.exited();
		}, recipe.options);
	}
}
