'use strict';

const assert = require('assert/strict');
const { describe, test } = require('node:test');
const v8 = require('v8');
const vm = require('vm');

const { TYPE } = require('../support/fake-daemon');
const { connected, pair } = require('../support/pair');
const { next, until, within } = require('../../support/wait');

const HEAD = 8 + 1; // bytes around a body, with a topic of one byte
const MIB = 1024 * 1024;

const numbered = (n, size = 4) => {
	const body = Buffer.alloc(size);
	body.writeUInt32BE(n);
	return body;
};
const numbers = (link) => link.named('PUBLISH').map(({ body }) => body.readUInt32BE(0));
const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);

/* Bytes of buffers that are not given back yet. */
function bytesHeld() {
	v8.setFlagsFromString('--expose-gc');
	vm.runInNewContext('gc')();
	return process.memoryUsage().arrayBuffers;
}

/* All 'drop' events from now on. */
function dropsOf(client) {
	const drops = [];
	client.on('drop', (drop) => drops.push(drop));
	return drops;
}

describe('client: the queue while the daemon is away', () => {
	test('within its bound everything waits, and arrives in order', async (t) => {
		const { client, daemon } = await pair(t, { queueMaxBytes: 1000 * (HEAD + 4) });
		for (let n = 0; n < 1000; n++)
			assert.equal(client.publish('x', numbered(n)), true);
		assert.deepEqual(client.queued, { messages: 1000, bytes: 1000 * (HEAD + 4) });
		client.connect();
		await within(client.ready(), 'connection');
		assert.deepEqual(numbers(daemon.links[0]), range(0, 1000));
		assert.equal(client.stats.published, 1000);
		assert.equal(client.stats.dropped, 0);
	});

	test('beyond it the oldest go, counted, and told once a tick', async (t) => {
		const { client, daemon } = await pair(t, { queueMaxBytes: 10 * (HEAD + 4) });
		const drops = dropsOf(client);
		for (let n = 0; n < 15; n++)
			assert.equal(client.publish('x', numbered(n)), true);
		assert.equal(client.queued.messages, 10);
		await next(client, 'drop');
		client.publish('x', numbered(15));
		await next(client, 'drop');
		assert.deepEqual(drops, [
			{ messages: 5, bytes: 5 * (HEAD + 4), reason: 'queue-full' },
			{ messages: 1, bytes: HEAD + 4, reason: 'queue-full' },
		]);
		assert.equal(client.stats.dropped, 6);
		assert.equal(client.stats.droppedBytes, 6 * (HEAD + 4));
		client.connect();
		await within(client.ready(), 'connection');
		assert.deepEqual(numbers(daemon.links[0]), range(6, 16));
	});

	test('a message above the bound is dropped itself', async (t) => {
		const { client } = await pair(t, { queueMaxBytes: 100 });
		assert.equal(client.publish('x', numbered(0, 101)), false);
		assert.equal(client.stats.dropped, 1);
		assert.equal(client.publish('x', numbered(1)), true);
	});

	test('a bound of 0: nothing waits', async (t) => {
		const { client, daemon } = await pair(t, { queueMaxBytes: 0 });
		assert.equal(client.publish('x', numbered(0)), false);
		client.connect();
		await within(client.ready(), 'connection');
		assert.equal(client.publish('x', numbered(1)), true);
		await daemon.links[0].count('PUBLISH', 1);
		assert.deepEqual(numbers(daemon.links[0]), [1]);
	});

	test('what has waited longer than queueMaxAge is dropped by itself, and counted', async (t) => {
		const { client, daemon } = await pair(t, { daemon: null, queueMaxAge: 20 });
		client.publish('x', numbered(0));
		client.publish('x', numbered(1));
		await until(() => client.queued.messages === 0, 'end of the messages');
		assert.equal(client.stats.droppedFor.expired, 2);
		assert.equal(client.stats.droppedBytes, 2 * (HEAD + 4));
		await daemon.start();
		client.connect();
		await within(client.ready(), 'connection');
		client.publish('x', numbered(2));
		await daemon.links[0].count('PUBLISH', 1);
		assert.deepEqual(numbers(daemon.links[0]), [2]);
	});

	test('nor does it leave because the process was blocked when its time was over', async (t) => {
		const { client, daemon } = await pair(t, { queueMaxAge: 20 });
		client.publish('x', numbered(0));
		client.connect();
		const end = performance.now() + 30;
		while (performance.now() < end);
		await within(client.ready(), 'connection');
		assert.deepEqual(numbers(daemon.links[0]), []);
		assert.equal(client.stats.droppedFor.expired, 1);
	});

	test('volatile messages don\'t wait', async (t) => {
		const { client, daemon } = await pair(t);
		assert.equal(client.publish('x', numbered(0), { volatile: true }), false);
		assert.deepEqual(await next(client, 'drop'),
			[{ messages: 1, bytes: HEAD + 4, reason: 'volatile' }]);
		client.publish('x', numbered(1));
		client.connect();
		await within(client.ready(), 'connection');
		assert.equal(client.publish('x', numbered(2), { volatile: true }), true);
		await daemon.links[0].count('PUBLISH', 2);
		assert.deepEqual(numbers(daemon.links[0]), [1, 2]);
		assert.deepEqual(daemon.links[0].named('PUBLISH').map(({ flags }) => flags), [0, 1]);
	});
});

describe('client: what the daemon would refuse', () => {
	test('a message above max_frame is dropped, and the connection goes on', async (t) => {
		const { client, link } = await connected(t, { daemon: { welcome: { max_frame: 4096 } } });
		assert.equal(client.publish('x', numbered(0, 4096 - 5 + 1)), false);
		assert.equal(client.publish('x', numbered(1, 4096 - 5)), true);
		assert.deepEqual(await next(client, 'drop'),
			[{ messages: 1, bytes: HEAD + 4092, reason: 'too-big' }]);
		await link.count('PUBLISH', 1);
		assert.deepEqual(numbers(link), [1]);
	});

	test('one that waited is dropped when max_frame is known, its neighbours go', async (t) => {
		const { client, daemon } = await pair(t, { daemon: { welcome: { max_frame: 4096 } } });
		const drops = dropsOf(client);
		client.publish('x', numbered(0));
		client.publish('x', numbered(1, 5000));
		client.publish('x', numbered(2));
		client.connect();
		await within(client.ready(), 'connection');
		assert.deepEqual(numbers(daemon.links[0]), [0, 2]);
		assert.deepEqual(drops, [{ messages: 1, bytes: HEAD + 5000, reason: 'too-big' }]);
	});

	test('a topic above max_topic, or a topic field above its limit', async (t) => {
		const { client } = await connected(t, { daemon: { welcome: { max_topic: 100 } } });
		assert.equal(client.publish('t'.repeat(101), numbered(0)), false);
		assert.equal(client.publish(['a', 'ä'.repeat(51)], numbered(0)), false);
		const [drop] = await next(client, 'drop');
		assert.deepEqual(drop, { messages: 2, bytes: 8, reason: 'topic-too-long' });
		const many = range(0, 20_000).map(String);
		assert.equal(client.publish(many, numbered(0)), false);
		assert.equal(client.publish('t'.repeat(100), numbered(0)), true);
		assert.equal(client.stats.dropped, 3);
	});
});

describe('client: a daemon that doesn\'t read', () => {
	const SIZE = 100_000;
	const BOUND = 8 * MIB;

	test('the queue fills, the oldest go, memory stays bounded, the rest arrives in order',
		async (t) => {
			const { client, link } = await connected(t, { queueMaxBytes: BOUND });
			const drops = dropsOf(client);
			link.socket.pause();
			const total = 500;
			const before = bytesHeld();
			for (let n = 0; n < total; n++) {
				client.publish('x', numbered(n, SIZE));
				await new Promise(setImmediate);
				assert.ok(client.queued.bytes <= BOUND);
			}
			// V8 gives buffers back in the background, some time after the collection.
			await until(() => bytesHeld() - before < BOUND + 4 * MIB, 'bounded memory');
			const { dropped } = client.stats;
			assert.ok(dropped > total / 2, 'most of 50 MB don\'t fit into 8 MiB');
			assert.equal(drops.reduce((n, { messages }) => n + messages, 0), dropped);
			assert.ok(drops.every(({ reason }) => reason === 'queue-full'));
			const inStream = total - dropped - client.queued.messages;
			assert.ok(inStream > 0 && inStream * SIZE < 2 * MIB, `${inStream} in the stream`);

			link.socket.resume();
			await link.count('PUBLISH', total - dropped);
			const got = numbers(link);
			assert.deepEqual(got, [...range(0, inStream), ...range(inStream + dropped, total)]);
			await until(() => client.queued.messages === 0, 'empty queue');
			client.publish('x', numbered(total));
			await link.count('PUBLISH', got.length + 1);
			assert.equal(client.stats.dropped, dropped);
		});

	test('in one tick too', async (t) => {
		const { client, link } = await connected(t, { queueMaxBytes: BOUND });
		link.socket.pause();
		const total = 300;
		for (let n = 0; n < total; n++)
			client.publish('x', numbered(n, SIZE));
		assert.ok(client.queued.bytes <= BOUND);
		const { dropped } = client.stats;
		const inStream = total - dropped - client.queued.messages;
		assert.ok(inStream * SIZE < 2 * MIB, `${inStream} in the stream`);
		link.socket.resume();
		await link.count('PUBLISH', total - dropped);
		assert.deepEqual(numbers(link),
			[...range(0, inStream), ...range(inStream + dropped, total)]);
	});

	test('what waited is not all handed over at once', async (t) => {
		const { client, daemon } = await pair(t, { daemon: { welcome: null } });
		const total = 80;
		for (let n = 0; n < total; n++)
			client.publish('x', numbered(n, SIZE));
		client.connect();
		const link = await daemon.link(0);
		await link.count('HELLO', 1);
		link.socket.pause();
		link.control(TYPE.WELCOME, { max_frame: MIB, max_topic: 4096, id: 1 });
		await until(() => client.welcome !== null, 'WELCOME');
		const { messages } = client.queued;
		assert.ok(messages < total && (total - messages) * SIZE < 2 * MIB, `${messages} wait`);
		link.socket.resume();
		await link.count('PUBLISH', total);
		assert.deepEqual(numbers(link), range(0, total));
	});

	test('volatile messages don\'t wait for it', async (t) => {
		const { client, link } = await connected(t);
		link.socket.pause();
		while (client.queued.messages === 0)
			client.publish('x', numbered(0, SIZE));
		assert.equal(client.publish('x', numbered(1), { volatile: true }), false);
	});
});

describe('client: a connection that breaks with bytes unwritten', () => {
	test('what was begun is counted as dropped, what waited goes to the next, nothing twice',
		async (t) => {
			const { client, daemon, link } = await connected(t);
			const drops = dropsOf(client);
			const size = 200_000;
			link.socket.pause();
			const total = 40;
			for (let n = 0; n < total; n++)
				client.publish('x', numbered(n, size));
			const waiting = client.queued.messages;
			assert.ok(waiting > 0 && waiting < total);
			await new Promise(setImmediate);
			link.socket.destroy();
			const second = await daemon.link(1);
			await second.count('PUBLISH', waiting);
			assert.deepEqual(numbers(second), range(total - waiting, total));
			assert.ok(drops.length > 0);
			assert.ok(drops.every(({ reason }) => reason === 'disconnect'));
			assert.ok(client.stats.dropped <= total - waiting);
			assert.equal(client.stats.droppedBytes, client.stats.dropped * (HEAD + size));
		});

	test('what was published in the tick that broke it waits for the next', async (t) => {
		const { client, daemon, link } = await connected(t);
		const drops = dropsOf(client);
		client.once('message', () => {
			client.publish('x', numbered(1));
			client.publish('x', numbered(2), { volatile: true });
		});
		// The second frame can't be one, and breaks the connection in the same chunk.
		link.write(Buffer.concat([
			Buffer.from('0000000510000001', 'hex'), Buffer.from('t'), Buffer.alloc(4),
		]));
		const second = await daemon.link(1);
		await second.count('PUBLISH', 1);
		assert.deepEqual(numbers(link), []);
		assert.deepEqual(numbers(second), [1]);
		assert.deepEqual(drops, [{ messages: 1, bytes: HEAD + 4, reason: 'volatile' }]);
	});

	test('subscriptions are restored before what waited', async (t) => {
		const { client, daemon, link } = await connected(t);
		client.subscribe('all', { member: true });
		client.subscribe('stays');
		client.subscribe('goes');
		await link.count('SUBSCRIBE', 2);
		link.socket.destroy();
		await next(client, 'disconnect');
		client.unsubscribe('goes');
		client.publish('x', numbered(0));
		client.subscribe('comes');
		await within(client.ready(), 'connection');
		const { frames } = daemon.links[1];
		assert.deepEqual(frames.map(({ name }) => name),
			['HELLO', 'SUBSCRIBE', 'SUBSCRIBE', 'PUBLISH', 'PING']);
		assert.deepEqual([frames[1].body, frames[1].flags], [['all'], 2]);
		assert.deepEqual([frames[2].body, frames[2].flags], [['stays', 'comes'], 0]);
	});

	test('a fatal ERROR in place of WELCOME loses nothing that waited', async (t) => {
		const { client, daemon } = await pair(t, { daemon: { welcome: null } });
		client.publish('x', numbered(0));
		client.connect();
		const link = await daemon.link(0);
		await link.count('HELLO', 1);
		daemon.welcome = { max_frame: 65536, max_topic: 4096, id: 2 };
		link.control(TYPE.ERROR, ['bad-frame', 'refused', true]);
		link.socket.end();
		const second = await daemon.link(1);
		await second.count('PUBLISH', 1);
		assert.deepEqual(numbers(second), [0]);
		assert.equal(client.stats.dropped, 0);
	});
});
