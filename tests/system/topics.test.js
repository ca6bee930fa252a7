'use strict';

/* A great many topics, and the bounds of the work that they make. */

const assert = require('node:assert');
const {
	BY_PREFIX, TYPE, publish, subscribe, unsubscribe,
} = require('./support/frames');
const { scenario } = require('./support/scenario');
const { until } = require('../support/wait');

const MANY = 200000;
const FRAME_TOPICS_MAX = 65536;

const rooms = (n, prefix = 'r') =>
	Array.from({ length: n }, (_, i) => `${prefix}${i}`);

async function subscribeMany(peer, topics) {
	for (let at = 0; at < topics.length; at += 10000)
		peer.write(subscribe(topics.slice(at, at + 10000)));
	await peer.barrier();
}

const count = (daemon, key) => daemon.stats('overview').overview[key];

async function expectMessages(peer, topics) {
	const got = new Set();
	for (let i = 0; i < topics.length; i++)
		got.add((await peer.expect(TYPE.PUBLISH)).topic.toString());
	assert.deepStrictEqual([...got].sort(), [...topics].sort());
	await peer.barrier();
}

/* Every 997th, in no order that has to do with that of subscribing. */
function sample(topics) {
	return topics.filter((_, i) => i % 997 === 0).reverse();
}

for (const type of ['SUBSCRIBE', 'UNSUBSCRIBE'])
	scenario(`${type} takes ${FRAME_TOPICS_MAX} topics and no more`,
		async (start) => {
			const daemon = await start();
			const write = type === 'SUBSCRIBE' ? subscribe : unsubscribe;
			const topics = rooms(FRAME_TOPICS_MAX + 1);
			const peer = await daemon.member();
			peer.write(write(topics.slice(1)));
			await peer.barrier();
			assert.strictEqual(count(daemon, 'subscriptions'),
				type === 'SUBSCRIBE' ? FRAME_TOPICS_MAX : 0);
			peer.write(write(topics));
			const [code, message, fatal] = await peer.error();
			assert.deepStrictEqual([code, fatal], ['bad-body', true]);
			assert.match(message, /65537 topics.*65536/);
			await peer.expectEnd();
			await until(() => count(daemon, 'subscriptions') === 0,
				'subscriptions to end with it');
		});

scenario('each of two hundred thousand rooms is reached, until it is left',
	async (start) => {
		const daemon = await start();
		const topics = rooms(MANY);
		const half = topics.filter((_, i) => i % 2 === 0);
		const [a, b, publisher] = [await daemon.member(),
			await daemon.member(), await daemon.member()];
		await subscribeMany(a, topics);
		await subscribeMany(b, half);
		assert.strictEqual(count(daemon, 'topics'), MANY);
		const all = sample(topics);
		publisher.write(Buffer.concat(all.map((t) => publish(t, 'x'))));
		await publisher.barrier();
		await expectMessages(a, all);
		await expectMessages(b, all.filter((t) => half.includes(t)));
		for (let at = 0; at < half.length; at += 10000)
			a.write(unsubscribe(half.slice(at, at + 10000)));
		await a.barrier();
		assert.strictEqual(count(daemon, 'subscriptions'), MANY);
		publisher.write(Buffer.concat(all.map((t) => publish(t, 'y'))));
		await publisher.barrier();
		await expectMessages(a, all.filter((t) => !half.includes(t)));
		await expectMessages(b, all.filter((t) => half.includes(t)));
		a.destroy();
		b.destroy();
		await until(() => count(daemon, 'topics') === 0, 'topics to go');
	});

scenario('a connection can\'t use up the lengths that prefixes can have',
	async (start) => {
		const daemon = await start();
		const greedy = await daemon.member();
		const other = await daemon.member();
		const prefixes = Array.from({ length: 64 }, (_, i) => 'x'.repeat(i));
		greedy.write(subscribe(prefixes, BY_PREFIX));
		const [code, message, fatal] = await greedy.error();
		assert.deepStrictEqual([code, fatal],
			['too-many-prefix-lengths', false]);
		assert.match(message,
			/32 prefixes of new lengths.* has 32, and 32 of 64 are left/);
		assert.strictEqual(
			daemon.stats('overview').overview.errors[code], 1);
		assert.strictEqual(count(daemon, 'prefixes'), 32);
		await other.subscribe(['x'.repeat(64), 'y', 'xxx'], BY_PREFIX);
		greedy.write(publish('x'.repeat(64), 'to the other, once'));
		await greedy.barrier();
		await expectMessages(other, ['x'.repeat(64)]);
		greedy.write(unsubscribe(['xx'], BY_PREFIX));
		await greedy.subscribe(['x'.repeat(65)], BY_PREFIX);
	});
