'use strict';

/* Messages to a daemon that has just started wait until the other clients are back. */

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { StartGate } = require('../../../src/node/lib/client/start-gate');
const { TYPE, WELCOME } = require('../support/fake-daemon');
const { connected, pair } = require('../support/pair');
const { next, within } = require('../../support/wait');

const HOLD_MS = 250;
const STARTED = 1_700_000_000_000;
const TOPIC = 'a#/#';

/* The clock stands still, and a gate has no end but by pass(), which returns how long it is. */
function standStill(t, now = STARTED) {
	const { setTimeout: original } = global;
	let due = [];
	t.mock.method(Date, 'now', () => now);
	t.mock.method(global, 'setTimeout', (run, ms, ...args) => {
		if (ms < 1 || ms > HOLD_MS || !Number.isInteger(ms))
			return original(run, ms, ...args);
		const timer = { run, ms, unref: () => timer };
		due.push(timer);
		return timer;
	});
	return () => {
		const passed = due;
		due = [];
		passed.forEach(({ run }) => run());
		return passed.map(({ ms }) => ms);
	};
}

describe('a gate', () => {
	const ground = (t, age) => {
		const pass = standStill(t, STARTED + age);
		const released = [];
		return { pass, released, gate: new StartGate(() => released.push('now')) };
	};

	test('lasts until the daemon is 250 ms old', (t) => {
		const { gate, pass, released } = ground(t, 100);
		gate.shut(STARTED);
		assert.equal(gate.isShut, true);
		assert.deepEqual(pass(), [150]);
		assert.equal(gate.isShut, false);
		assert.deepEqual(released, ['now']);
	});

	test('is none with an older daemon, nor with one from the future', (t) => {
		for (const age of [250, 3_600_000, -1, NaN]) {
			const { gate } = ground(t, age);
			gate.shut(STARTED);
			assert.equal(gate.isShut, false, `${age}`);
			t.mock.restoreAll();
		}
	});

	test('ends when all topics have as many members as they had', (t) => {
		const { gate, released } = ground(t, 0);
		gate.onPresence({ topic: 'x', count: 2 });
		gate.onPresence({ topic: 'x', count: 3 });
		gate.onPresence({ topic: 'y', count: 2 });
		gate.onEnd(true);
		gate.onEnd(false); // an attempt that failed has seen nobody
		gate.shut(STARTED);
		gate.onPresence({ topic: 'x', count: 3 });
		gate.onPresence({ topic: 'y', count: 1 });
		assert.equal(gate.isShut, true);
		gate.onPresence({ topic: 'y', count: 2 });
		assert.equal(gate.isShut, false);
		assert.deepEqual(released, ['now']);
	});

	test('does not wait for topics that were left, and none is begun when all are there', (t) => {
		const { gate, released } = ground(t, 0);
		for (const topic of ['x', 'y'])
			gate.onPresence({ topic, count: 2 });
		gate.onEnd(true);
		gate.onUnsubscribe('y');
		gate.onPresence({ topic: 'x', count: 2 });
		gate.shut(STARTED);
		assert.equal(gate.isShut, false);
		assert.deepEqual(released, []);
	});
});

describe('client: a daemon that has just started', () => {
	/* A client that was one of `count`, whose daemon is another one now; 'early' is not sent yet. */
	async function restarted(t, { count = 2, options = {} } = {}) {
		const { client, daemon, link } = await connected(t, options);
		client.subscribe(TOPIC, { member: true });
		await link.count('SUBSCRIBE', 1);
		const heard = next(client, 'presence');
		link.control(TYPE.PRESENCE, { event: 'joined', id: 1, name: 'x', count }, Buffer.from(TOPIC));
		await heard;
		const pass = standStill(t);
		daemon.welcome = { ...WELCOME, epoch: STARTED };
		const gone = next(client, 'disconnect');
		link.socket.end();
		await gone;
		client.publish(TOPIC, Buffer.from('early'));
		await within(client.ready(), 'connection');
		await client.barrier();
		return { client, daemon, pass, link: daemon.links[1] };
	}

	const present = (link, count) => link.control(TYPE.PRESENCE,
		{ event: 'joined', id: 1, name: 'x', count }, Buffer.from(TOPIC));

	test('gets what waited, in order, when all are back', async (t) => {
		const { client, link } = await restarted(t);
		present(link, 1);
		await next(client, 'presence');
		client.publish(TOPIC, Buffer.from('late'));
		await client.barrier();
		assert.deepEqual(link.messages, []);
		assert.equal(client.queued.messages, 2);
		present(link, 2);
		await link.count('PUBLISH', 2);
		assert.deepEqual(link.messages, ['early', 'late']);
		client.publish(TOPIC, Buffer.from('at once'));
		await client.barrier();
		assert.equal(link.messages.length, 3);
	});

	test('gets it anyhow when it is 250 ms old', async (t) => {
		const { link, pass } = await restarted(t);
		assert.deepEqual(link.messages, []);
		assert.deepEqual(pass(), [HOLD_MS]);
		await link.count('PUBLISH', 1);
	});

	test('is asked in turn', async (t) => {
		const { client, link } = await restarted(t);
		client.ask(TOPIC, Buffer.from('?')).catch(() => {});
		await client.barrier();
		assert.deepEqual(link.named('ASK'), []);
		present(link, 2);
		await link.count('ASK', 1);
		const names = link.frames.map(({ name }) => name);
		assert.ok(names.indexOf('PUBLISH') < names.indexOf('ASK'));
	});

	test('gets it at once from who closes, and when it says goodbye', async (t) => {
		const closing = await restarted(t);
		await closing.client.close();
		assert.deepEqual(closing.link.messages, ['early']);
		t.mock.restoreAll();
		const leaving = await restarted(t);
		leaving.link.control(TYPE.GOODBYE, { reason: 'shutdown', retry_after_ms: 100 });
		await leaving.link.count('PUBLISH', 1);
	});

	test('gets all at once from a first connection for which nothing waits', async (t) => {
		const pass = standStill(t);
		const { client } = await pair(t, { daemon: { welcome: { epoch: STARTED } } });
		client.connect();
		await within(client.ready(), 'connection');
		assert.equal(client.publish(TOPIC, Buffer.from('x'), { volatile: true }), true);
		assert.deepEqual(client.queued, { messages: 0, bytes: 0 });
		assert.deepEqual(pass(), []);
	});

	test('waits with what a first connection has for those that come as well', async (t) => {
		const pass = standStill(t);
		const { client, daemon } = await pair(t, { daemon: { welcome: { epoch: STARTED } } });
		client.publish(TOPIC, Buffer.from('x'));
		client.connect();
		await within(client.ready(), 'connection');
		assert.deepEqual(daemon.links[0].messages, []);
		assert.deepEqual(pass(), [HOLD_MS]);
		await daemon.links[0].count('PUBLISH', 1);
	});
});

/* µs of CPU that the gate needs for the PRESENCE of each of `n` topics. */
function presenceCost(n) {
	const gate = new StartGate(() => {});
	const topics = Array.from({ length: n }, (_, i) => `topic-${i}`);
	topics.forEach((topic) => gate.onPresence({ topic, count: 2 }));
	gate.onEnd(true);
	gate.shut(Date.now());
	const before = process.cpuUsage();
	topics.forEach((topic) => gate.onPresence({ topic, count: 1 }));
	const { user, system } = process.cpuUsage(before);
	gate.open();
	return (user + system) / n;
}

test('a PRESENCE costs as much among many topics as among few', () => {
	presenceCost(1000);
	const ratios = [];
	for (let i = 0; i < 3 && !(Math.min(...ratios) < 5); i++)
		ratios.push(presenceCost(8000) / presenceCost(1000));
	assert.ok(Math.min(...ratios) < 5, `ratios ${ratios}`);
});
