'use strict';

/* Published and delivered messages are counted alike for both protocols. */

const assert = require('node:assert');
const path = require('node:path');
const { folder } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { publish } = require('./support/frames');
const { RespPeer, command } = require('./support/resp');
const { until } = require('../support/wait');

/*
 * A message of a Redis client or of a native one, and how many receive it: what
 * others have subscribed to, by Redis's protocol or by the native one.
 */
const CASES = [
	['no subscriber', [], null, 'room', 0],
	['a native subscriber', [], ['room'], 'room', 1],
	['a Redis subscriber', [['SUBSCRIBE', 'room']], null, 'room', 1],
	['both', [['SUBSCRIBE', 'room']], ['room'], 'room', 2],
	['a client by its channel and by a pattern',
		[['SUBSCRIBE', 'room'], ['PSUBSCRIBE', 'ro*']], null, 'room', 1],
	['a pattern that does not match', [['PSUBSCRIBE', 'room:*x']], null, 'room:y', 0],
	['a shard channel', [['SSUBSCRIBE', 'room']], null, 'room',
		{ SPUBLISH: 1 }],
	['a channel, for SPUBLISH', [['SUBSCRIBE', 'room']], null, 'room',
		{ SPUBLISH: 0 }],
	['a shard channel and a native subscriber', [['SSUBSCRIBE', 'room']], ['room'],
		'room', { SPUBLISH: 2 }],
];

const VERBS = {
	'a native client': null,
	'PUBLISH': 'PUBLISH',
	'SPUBLISH': 'SPUBLISH',
};

async function send(redis, ...args) {
	redis.write(command(...args));
	await redis.wait(() => redis.replies.length > 0, args[0]);
	return redis.taken();
}

async function publishBy(verb, { daemon, redis }, topic) {
	const publisher = verb === null ? await daemon.member({ name: 'publisher' }) :
		await RespPeer.connect(redis);
	if (verb === null) {
		publisher.write(publish(topic, 'x'));
		await publisher.barrier();
	} else {
		const [{ value }] = await send(publisher, verb, topic, 'x');
		publisher.destroy();
		return Number(value);
	}
}

for (const [what, subscriptions, native, topic, expected] of CASES) {
	for (const [by, verb] of Object.entries(VERBS)) {
		const n = typeof expected === 'number' ? expected : expected[verb];
		const isSharded = verb === 'SPUBLISH';
		if (n === undefined || isSharded !== (typeof expected !== 'number'))
			continue;
		scenario(`${by} reaches ${what}: ${n}`, async (start) => {
			const dir = folder();
			const redis = { path: path.join(dir, 'redis') };
			const daemon = await start({ dir, args: ['--resp-listen', redis.path] });
			await until(() => daemon.stderr.includes(' resp='), 'listener');
			const reader = await RespPeer.connect(redis);
			for (const args of subscriptions)
				await send(reader, ...args);
			if (native)
				await (await daemon.member()).subscribe(native);
			const reply = await publishBy(verb, { daemon, redis }, topic);
			const o = daemon.rows('overview');
			assert.deepStrictEqual([o.published, o.delivered, o.unrouted],
				[1, n, n === 0 ? 1 : 0]);
			assert.deepStrictEqual([o.drops.volatile, o.drops.undelivered], [0, 0]);
			assert.strictEqual(o.delivered_bytes > 0, n > 0);
			if (reply !== undefined)
				assert.strictEqual(reply,
					n + (subscriptions.length > 1 ? 1 : 0)); // a pattern counts
			const row = daemon.rows('clients').find(({ role }) => role === 'redis');
			assert.strictEqual(row.messages_out,
				n - (native ? 1 : 0) + (subscriptions.length > 1 ? 1 : 0));
			assert.strictEqual(row.drops, 0);
			reader.destroy();
		});
	}
}
