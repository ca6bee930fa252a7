'use strict';

/* What --stats says, and that it is true. */

const assert = require('node:assert');
const { AS_MEMBER, BY_PREFIX, TYPE, hello, publish, subscribe, unsubscribe } =
	require('./support/frames');
const { run } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { until } = require('../support/wait');

const OVERVIEW = ['server', 'pid', 'uptime_ms', 'connections', 'members',
	'topics', 'prefixes', 'subscriptions', 'published', 'delivered',
	'bytes_in', 'bytes_out', 'rates', 'drops', 'closes', 'errors',
	'memory_bytes', 'memory_peak_bytes', 'memory_limit_bytes'];
const RATES = ['published', 'delivered', 'bytes_in', 'bytes_out'];
const CLIENT = ['id', 'name', 'pid', 'uid', 'pm_id', 'role', 'client', 'key',
	'script', 'age_ms', 'messages_in', 'messages_out', 'bytes_in',
	'bytes_out', 'queue_bytes', 'queue_peak_bytes', 'subscriptions', 'drops'];
const CLOSED = ['id', 'name', 'pid', 'reason', 'age_ms', 'bytes_in',
	'bytes_out', 'queue_peak_bytes'];

function assertKeys(row, keys) {
	for (const key of keys)
		assert.ok(key in row, `${key} is missing in ${JSON.stringify(row)}`);
}

function table(daemon, ...args) {
	const { status, stdout, stderr } =
		run(['--socket', daemon.socket, '--stats', ...args]);
	assert.deepStrictEqual([status, stderr], [0, '']);
	return stdout;
}

const CHAT = {
	name: 'chat', pm_id: 3, key: 'socket.io', script: '/srv/chat/server.js',
	client: 'socket.io-pm2adapter/0.1.0',
};

scenario('--stats --json has every section with every key', async (start) => {
	const daemon = await start();
	const peer = await daemon.member(CHAT);
	await peer.subscribe(['t']);
	const gone = await daemon.member({ name: 'gone' });
	gone.destroy();
	await daemon.reasonOf(gone.id);

	const all = daemon.stats();
	assert.deepStrictEqual(Object.keys(all),
		['overview', 'clients', 'topics', 'requests', 'closed', 'slow']);
	assertKeys(all.overview, OVERVIEW);
	assertKeys(all.overview.rates, RATES);
	assert.match(all.overview.server, /^pm2adapterd\/\d/);
	assert.strictEqual(all.overview.pid, daemon.pid);
	for (const row of all.clients)
		assertKeys(row, CLIENT);
	const row = all.clients.find(({ id }) => id === peer.id);
	for (const [key, value] of Object.entries(CHAT))
		assert.strictEqual(row[key], value);
	assert.strictEqual(row.role, 'member');
	assert.strictEqual(row.pid, process.pid);
	assert.ok(all.clients.some(({ name, role }) =>
		name === 'pm2adapterd --stats' && role === 'observer'));
	const [topic, ...none] = all.topics;
	assert.deepStrictEqual([topic.topic, topic.kind, topic.subscribers],
		['t', 'exact', 1]);
	assert.deepStrictEqual(none, []);
	for (const ended of all.closed)
		assertKeys(ended, CLOSED);
	const last = all.closed.find(({ id }) => id === gone.id);
	assert.deepStrictEqual([last.name, last.reason, last.pid],
		['gone', 'eof', process.pid]);
});

scenario('--stats SECTION --json has that section alone', async (start) => {
	const daemon = await start();
	for (const section of ['overview', 'clients', 'topics', 'requests', 'closed', 'slow']) {
		const reply = daemon.stats(section);
		if (Array.isArray(reply))
			continue;
		const isBare = section === 'overview' && 'uptime_ms' in reply;
		assert.ok(isBare || Object.keys(reply).join() === section,
			JSON.stringify(reply).slice(0, 200));
	}
});

scenario('counters are right after known traffic', async (start) => {
	const daemon = await start();
	const publisher = await daemon.member({ name: 'publisher' });
	const receivers = [];
	for (let n = 0; n < 3; n++) {
		receivers.push(await daemon.member({ name: `receiver ${n}` }));
		await receivers[n].subscribe(['t', `own ${n}`]);
	}
	await receivers[2].subscribe(['o'], BY_PREFIX);
	const before = daemon.stats();
	const find = (stats, { id }) =>
		stats.clients.find((row) => row.id === id);

	const message = publish('t', Buffer.alloc(100));
	const single = publish('own 0', Buffer.alloc(1000));
	publisher.write(Buffer.concat([...Array(10).fill(message), single,
		publish('nobody', 'x')]));
	await publisher.barrier();
	for (const [n, receiver] of receivers.entries()) {
		const messages = n === 1 ? 10 : 11;
		for (let i = 0; i < messages; i++)
			await receiver.expect(TYPE.PUBLISH);
		await receiver.barrier();
	}
	const after = daemon.stats();
	const grown = (key) => after.overview[key] - before.overview[key];
	assert.strictEqual(grown('published'), 12);
	assert.strictEqual(grown('delivered'), 32);
	assert.strictEqual(after.overview.members, 4);
	assert.strictEqual(after.overview.topics, 4);
	assert.strictEqual(after.overview.prefixes, 1);
	assert.strictEqual(after.overview.subscriptions, 7);
	assert.strictEqual(after.overview.connections, 5);

	const more = (peer, key) =>
		find(after, peer)[key] - find(before, peer)[key];
	const pingSize = 8 + 'barrier 1'.length;
	assert.strictEqual(more(publisher, 'messages_in'), 12);
	assert.strictEqual(more(publisher, 'messages_out'), 0);
	assert.strictEqual(more(publisher, 'bytes_in'), 10 * message.length +
		single.length + publish('nobody', 'x').length + pingSize);
	assert.strictEqual(more(publisher, 'bytes_out'), pingSize);
	assert.strictEqual(more(receivers[0], 'messages_out'), 11);
	assert.strictEqual(more(receivers[1], 'messages_out'), 10);
	assert.strictEqual(more(receivers[1], 'bytes_out'),
		10 * message.length + pingSize);
	assert.deepStrictEqual(
		receivers.map((peer) => find(after, peer).subscriptions), [2, 2, 3]);
	assert.deepStrictEqual(after.topics
		.map(({ topic, kind, subscribers }) =>
			`${topic} ${kind} ${subscribers}`).sort(),
	['o prefix 1', 'own 0 exact 1', 'own 1 exact 1', 'own 2 exact 1',
		't exact 3']);
	for (const row of after.clients)
		assert.strictEqual(row.drops, 0);
});

scenario('subscriptions that go leave nothing behind', async (start) => {
	const daemon = await start();
	const peers = [await daemon.member(), await daemon.member()];
	const topics = Array.from({ length: 500 }, (_, i) => `topic ${i}`);
	for (const peer of peers) {
		peer.write(Buffer.concat([subscribe(topics),
			subscribe(topics, BY_PREFIX), subscribe(['m'], AS_MEMBER)]));
		await peer.expect(TYPE.PRESENCE);
	}
	await peers[0].expect(TYPE.PRESENCE);
	await peers[1].barrier();
	const full = daemon.rows('overview');
	assert.deepStrictEqual(
		[full.subscriptions, full.topics, full.prefixes],
		[2 * 1001, 501, 500]);
	peers[0].write(Buffer.concat([unsubscribe(topics),
		unsubscribe(topics, BY_PREFIX), unsubscribe(['m'], AS_MEMBER)]));
	await peers[0].barrier();
	peers[1].destroy();
	await daemon.reasonOf(peers[1].id);
	const empty = daemon.rows('overview');
	assert.deepStrictEqual(
		[empty.subscriptions, empty.topics, empty.prefixes], [0, 0, 0]);
});

scenario('closes and errors are counted by their reason', async (start) => {
	const daemon = await start();
	const before = daemon.rows('overview');
	for (let n = 0; n < 3; n++) {
		const peer = await daemon.member();
		peer.write(Buffer.alloc(8));
		await peer.error();
		await peer.expectEnd();
	}
	const lasting = await daemon.member({ role: 'observer' });
	lasting.write(publish('t', 'x'));
	await lasting.error();
	const after = await until(() => {
		const now = daemon.rows('overview');
		return now.closes['bad-frame'] === 3 && now;
	}, 'closed connections');
	assert.deepStrictEqual(after.errors, { forbidden: 1 });
	assert.strictEqual(after.published, before.published);
});

scenario('the last 256 ended connections are kept', async (start) => {
	const daemon = await start();
	const ids = [];
	for (let n = 0; n < 300; n++) {
		const peer = await daemon.member();
		ids.push(peer.id);
		peer.end();
		await peer.expectEnd();
		peer.destroy();
	}
	const observer = await daemon.member({ role: 'observer' });
	const { closed } = await observer.stats(['closed']);
	assert.strictEqual(closed.length, 256);
	const kept = new Set(closed.map(({ id }) => id));
	assert.deepStrictEqual(ids.filter((id) => kept.has(id)), ids.slice(44));
	const few = await observer.stats(['closed', 'clients'], 3);
	assert.strictEqual(few.closed.length, 3);
	assert.ok(few.closed.some(({ id }) => id === ids.at(-1)),
		'the newest is not among the first rows');
});

scenario('the tables show what the JSON says', async (start) => {
	const daemon = await start();
	await daemon.member(CHAT);
	const peer = await daemon.member({ name: 'other', pm_id: 4 });
	await peer.subscribe(['socket.io#/#room1#']);
	const gone = await daemon.member({ name: 'gone' });
	gone.write(Buffer.alloc(8));
	await gone.error();
	await gone.expectEnd();
	const all = table(daemon);
	assert.match(all, /chat/);
	assert.match(all, /other/);
	assert.match(all, new RegExp(`\\b${daemon.pid}\\b`));
	assert.match(table(daemon, 'clients'), /^.*\bchat\b.*$/m);
	assert.match(table(daemon, 'topics'), /socket\.io#\/#room1#/);
	assert.match(table(daemon, 'closed'), /\bgone\b.*bad-frame/);
	for (const line of all.split('\n'))
		assert.ok(line.trimEnd() === line, `blanks at the end: "${line}"`);
});

scenario('names from outside spoil neither the JSON nor the terminal',
	async (start) => {
		const daemon = await start();
		const name = 'a"b\\c\u001b[31m\r\n\t\u007f\u009b räum €';
		const peer = await daemon.member({ name, key: name, script: name });
		await peer.subscribe([name, Buffer.from([0xff, 0xc0, 0, 0x22])]);
		const row = daemon.rows('clients')
			.find(({ id }) => id === peer.id);
		assert.deepStrictEqual([row.name, row.key, row.script],
			[name, name, name]);
		assert.ok(daemon.rows('topics').some(({ topic }) => topic === name));
		const { stdout } = run(['--socket', daemon.socket, '--stats',
			'--json'], { encoding: 'buffer' });
		new TextDecoder('utf-8', { fatal: true }).decode(stdout);
		for (const section of ['overview', 'clients', 'topics', 'requests', 'closed', 'slow']) {
			assert.doesNotMatch(table(daemon, section),
				/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
		}
	});

scenario('uptime, ages and queues are sane', async (start) => {
	const daemon = await start();
	const peer = await daemon.connect();
	peer.write(hello());
	await peer.welcomed();
	const first = daemon.stats();
	const second = daemon.stats();
	assert.ok(second.overview.uptime_ms >= first.overview.uptime_ms);
	for (const row of second.clients) {
		assert.ok(row.age_ms >= 0 &&
			row.age_ms <= second.overview.uptime_ms);
		assert.ok(row.queue_bytes <= row.queue_peak_bytes);
	}
	for (const value of Object.values(second.overview.rates))
		assert.ok(value >= 0);
});

scenario('a client that requests statistics has no queue of its own in them', async (start) => {
	const daemon = await start();
	const { overview, clients } = daemon.stats();
	assert.strictEqual(clients.find(({ role }) => role === 'observer').queue_bytes, 0);
	assert.strictEqual(overview.queue_bytes, 0);
});

scenario('a reply that no queue can take is refused, with the remedy', async (start) => {
	const daemon = await start({ args: ['--max-frame', '4k', '--max-topic', '1k',
		'--queue-limit', '8k', '--queue-soft-limit', '4k'] });
	const peer = await daemon.member();
	for (let i = 0; i < 12; i++)
		await peer.subscribe([`${i}`.padEnd(1000, '-')]);
	const { status, stderr } =
		run(['--socket', daemon.socket, '--stats', 'topics']);
	assert.notStrictEqual(status, 0);
	assert.match(stderr, /STATS: a reply of \d+ bytes; queue-limit is 8192: request fewer/);
	assert.strictEqual(daemon.rows('overview').errors['reply-too-big'], 1);
	assert.deepStrictEqual(daemon.rows('closed').map(({ reason }) => reason)
		.filter((reason) => reason !== 'eof'), []);
	assert.strictEqual(run(['--socket', daemon.socket, '--stats', 'topics', '--limit', '2'])
		.status, 0);
});
