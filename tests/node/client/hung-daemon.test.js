'use strict';

/* close() with a daemon that accepts connections and does nothing else. */

const assert = require('assert/strict');
const { test } = require('node:test');

const { Daemon } = require('../../support/daemon');
const { Client } = require('../../../src/node');
const { pair } = require('../support/pair');
const { PATIENCE_MS, until, within } = require('../../support/wait');

/* Longer than a test waits for anything. */
const connectTimeout = 10 * PATIENCE_MS;

/* pm2 kills a worker after 1.6 s. */
const CLOSE_MAX_MS = 1000;

/* Closes it, and checks the timers that end the wait for the daemon. */
async function close(t, client) {
	const { mock } = t.mock.method(globalThis, 'setTimeout');
	await within(client.close(), 'end');
	const delays = mock.calls.map(({ arguments: [, ms] }) => ms);
	mock.restore();
	assert.ok(delays.length > 0);
	assert.ok(Math.max(...delays) <= CLOSE_MAX_MS, `${delays} ms`);
}

test('what the kernel has not taken from a stopped daemon\'s client is counted', async (t) => {
	const daemon = await new Daemon().start();
	t.after(() => daemon.destroy());
	const client = new Client({ socket: daemon.socket, connectTimeout });
	t.after(() => client.destroy());
	client.connect();
	await within(client.ready(), 'connection');
	daemon.kill('SIGSTOP');
	const count = 1000;
	for (let i = 0; i < count; i++)
		client.publish('t', Buffer.alloc(8192));
	await close(t, client);
	const { dropped } = client.stats;
	assert.ok(dropped > 0 && dropped < count, `${dropped}`);
	assert.equal(client.queued.messages, 0);
	daemon.kill('SIGCONT');
	// A write of which the kernel has a part counts as lost.
	await daemon.until(({ overview }) => overview.published >= count - dropped,
		'messages that the kernel had');
});

test('one that never says WELCOME holds nobody up', async (t) => {
	const { client, daemon } = await pair(t, { daemon: { welcome: null }, connectTimeout });
	client.publish('t', Buffer.alloc(10));
	client.connect();
	await until(() => daemon.links[0]?.named('HELLO').length > 0, 'HELLO');
	await close(t, client);
	assert.equal(client.stats.droppedFor.closed, 1);
});

test('a close() that is called again, or followed by connect(), leaves no timer', async (t) => {
	const { client } = await pair(t, { daemon: { welcome: null }, connectTimeout });
	client.publish('t', Buffer.alloc(10));
	client.connect();
	const closed = client.close();
	client.close();
	client.connect();
	await within(closed, 'end of close()');
	client.destroy();
	assert.equal(client.stats.dropped, 1);
});
