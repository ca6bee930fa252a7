'use strict';

/* Messages that a client does not get are counted, whatever it speaks. */

const assert = require('node:assert');
const path = require('node:path');
const { folder } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { VOLATILE, hello, publish, subscribe } = require('./support/frames');
const { Peer } = require('./support/peer');
const { command } = require('./support/resp');
const { until } = require('../support/wait');

const N = 2000;
const ARGS = ['--max-frame', '64k', '--queue-limit', '1m',
	'--queue-soft-limit', '64k', '--queue-soft-time', '1h'];

/* How each client subscribes to t, or to a pattern that matches it. */
const CLIENTS = {
	'a native client': ['s', Buffer.concat([hello(), subscribe(['t'])])],
	'a Redis client': ['redis', command('SUBSCRIBE', 't')],
	'a Redis client with a pattern': ['redis', command('PSUBSCRIBE', 't*')],
};

class Bed {
	/* A publisher, and a client that has subscribed and never reads. */
	static async open(start, [name, greeting]) {
		const bed = new Bed();
		const dir = folder();
		bed.daemon = await start({ dir,
			args: ['--resp-listen', path.join(dir, 'redis'), ...ARGS] });
		await until(() => bed.daemon.stderr.includes(' resp='), 'listener');
		bed.publisher = await bed.daemon.member({ name: 'publisher' });
		bed.daemon.own(await Peer.connect(path.join(dir, name),
			{ paused: true })).write(greeting);
		await until(() => bed.row(), 'subscription');
		return bed;
	}

	row() {
		return this.daemon.rows('clients')
			.find(({ subscriptions }) => subscriptions === 1);
	}

	async publish(flags) {
		const message = publish('t', Buffer.alloc(1000, 'x'), flags);
		this.publisher.write(Buffer.concat(Array(N).fill(message)));
		await this.publisher.barrier();
	}
}

for (const [name, client] of Object.entries(CLIENTS)) {
	scenario(`${name} that is slow loses volatile messages`, async (start) => {
		const bed = await Bed.open(start, client);
		await bed.publish(VOLATILE);
		const { messages_out: got, drops: lost } = bed.row();
		assert.ok(got > 0 && lost > 0, `${got} and ${lost}`);
		assert.strictEqual(got + lost, N);
		const { drops, delivered } = bed.daemon.rows('overview');
		assert.deepStrictEqual([drops.volatile, drops.undelivered, delivered],
			[lost, 0, got]);
	});

	scenario(`${name} that is cut loses what was published meanwhile`, async (start) => {
		const bed = await Bed.open(start, client);
		await bed.publish(0);
		const o = bed.daemon.rows('overview');
		assert.strictEqual(o.closes['slow-consumer'], 1);
		assert.ok(o.drops.undelivered > 0);
		assert.strictEqual(o.drops.volatile, 0);
		assert.strictEqual(
			o.delivered + o.drops.undelivered + o.unrouted, N);
	});
}
