'use strict';

/*
 * Workers that the daemon cuts off, since they stand still while others publish; and one that
 * finds the daemon standing still. Their messages are lost, but each worker learns of it.
 */

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { Daemon } = require('../../support/daemon');
const { pause, until, within } = require('../../support/wait');
const { Workers } = require('../support/workers');

const LONG = { timeout: 120_000 };
const PADDING = 'x'.repeat(8 * 1024);
const EACH = 20; // emits in one tick
const range = (n) => Array.from({ length: n }, (_, i) => i);

/* Two workers with a client each; the client of the second is in a room that the first knows. */
async function ground(t, args) {
	const daemon = await new Daemon({ args }).start();
	t.after(() => daemon.destroy());
	const workers = await Workers.start(t, daemon.socket, 2);
	const [loud, slow] = workers.all;
	const clients = [await workers.client(loud), await workers.client(slow)];
	await clients[1].ask('join', 'room');
	return { daemon, workers, loud, slow, clients };
}

/* Stops a worker, and lets another emit until the daemon has had enough. Resolves to what it says
 * of the connection, and how many were emitted. */
async function cutOff({ daemon, loud, slow }) {
	let bursts = 0;
	await slow.freeze();
	const row = await until(async () => {
		await loud.order('emit', { event: 'flood', data: `${bursts++} ${PADDING}`, count: EACH });
		const { closed } = await daemon.statsAsync();
		return closed.find(({ pid }) => pid === slow.pid);
	}, 'end of a connection');
	return { row, emitted: bursts * EACH };
}

/* The numbers of what came to a client while a worker was stopped. */
function flood(client) {
	return client.of('flood').map(([n, data]) => Number.parseInt(data, 10) * EACH + n);
}

/* Everything reaches everybody again. */
async function assertWhole({ workers, loud, slow, clients }) {
	await loud.order('emit', { event: 'again', rooms: ['room'], count: 100 });
	await slow.order('emit', { event: 'back', count: 100 });
	await workers.settle(clients);
	const numbers = (client, event) => client.of(event).map(([n]) => n);
	assert.deepEqual(numbers(clients[1], 'again'), range(100));
	assert.deepEqual(numbers(clients[0], 'back'), range(100));
	assert.deepEqual(numbers(clients[1], 'back'), range(100));
}

/* The cause of the cut → the options that make its limit narrow. */
const LIMITS = {
	'slow-consumer': ['--queue-limit', '256k', '--queue-soft-limit', '256k'],
	'memory-limit': ['--memory-limit', '1m'],
};

describe('a worker that stands still under load', LONG, () => {
	for (const [reason, args] of Object.entries(LIMITS))
		test(`is cut: ${reason}; it comes back, and says so`, async (t) => {
			const all = await ground(t, ['--max-frame', '64k', ...args]);
			const { daemon, slow, clients } = all;
			const frozen = performance.now();
			const { row, emitted } = await cutOff(all);
			assert.equal(row.reason, reason);
			assert.deepEqual(slow.told, []);
			await pause(1000); // of which the stopped worker knows nothing
			slow.thaw();
			await until(() => slow.told.length > 0, 'word of what was missed');
			const [{ awayMs, unwritten, messages, ...told }] = slow.told;
			assert.equal(told.reason, reason);
			assert.equal(unwritten, row.queue_bytes);
			assert.ok(unwritten > 100 * 1024, `${unwritten}`);
			assert.ok(awayMs >= 1000, `${awayMs}`);
			assert.ok(awayMs <= 1.2 * (performance.now() - frozen), `${awayMs}`);
			assert.ok(messages >= unwritten / (PADDING.length + 250), `${messages} in ${unwritten}`);
			assert.ok(messages <= unwritten / PADDING.length + 1, `${messages} in ${unwritten}`);
			await assertWhole(all);
			const { connected, missed, missedBytes, connects } = await slow.order('stats');
			assert.deepEqual({ connected, missed, missedBytes, connects },
				{ connected: true, missed: 1, missedBytes: unwritten, connects: 2 });
			assert.deepEqual(flood(clients[0]), range(emitted));
			const rest = flood(clients[1]);
			assert.ok(rest.length + messages <= emitted, 'something was lost');
			assert.deepEqual(rest, range(rest.length), 'what came before is whole and in order');
			assert.equal((await daemon.statsAsync()).overview.members, 2);
		});
});

describe('a daemon that stands still', LONG, () => {
	test('does not hold io.close() up, and what could not be sent is counted', async (t) => {
		const daemon = await new Daemon({ args: [] }).start();
		t.after(() => daemon.destroy());
		// A limit for connecting that this test would not wait for.
		const workers = await Workers.start(t, daemon.socket, 2, { connectTimeout: 600_000 });
		daemon.kill('SIGSTOP');
		const count = 1000;
		await workers.all[0].order('emit', { event: 'flood', data: PADDING, count });
		await workers.all[0].order('close');
		const { code } = await within(workers.all[0].ended, 'end of a worker');
		assert.equal(code, 0);
		daemon.kill('SIGCONT');
	});

	test('is left by its workers, which are back when it goes on', async (t) => {
		const all = await ground(t, ['--ping-interval', '500ms']);
		const { daemon, workers } = all;
		daemon.kill('SIGSTOP');
		await until(async () => {
			const states = await Promise.all(workers.all.map((worker) => worker.order('stats')));
			return states.every(({ connected }) => !connected);
		}, 'end of what looks healthy');
		daemon.kill('SIGCONT');
		await until(() => workers.all.every(({ told }) => told.length > 0), 'word of it');
		for (const { told: [{ disconnect, unwritten }] } of workers.all) {
			assert.equal(disconnect, 'PM2A_ERR_SILENT');
			assert.ok(unwritten < 100, `${unwritten}: nothing but PONGs waited`);
		}
		await assertWhole(all);
	});
});
