'use strict';

/* How broadcasts are written to WebSockets. */

const assert = require('assert/strict');
const { test } = require('node:test');

const { frameOf } = require('../../../src/node/lib/adapter/websocket-frames');
const { Daemon } = require('../../support/daemon');
const { Servers } = require('../support/servers');

const PATIENT = { timeout: 120_000 };
const N = 50;

/* Counts what is handed to the kernel by a socket's stream. */
function countWrites(stream) {
	const count = { writes: 0 };
	for (const name of ['_write', '_writev']) {
		const original = stream[name];
		stream[name] = function counted(...args) {
			count.writes++;
			return original.apply(this, args);
		};
	}
	return count;
}

test('what comes together leaves each WebSocket in few writes', PATIENT, async (t) => {
	const daemon = await Daemon.start();
	t.after(() => daemon.destroy());
	const servers = await Servers.start(daemon.socket, 2);
	t.after(() => servers.close());
	const client = await servers.client(1, { transports: ['websocket'] });
	assert.equal(client.peer.conn.transport.name, 'websocket');
	const count = countWrites(client.peer.conn.transport.socket._socket);
	for (let i = 0; i < N; i++)
		servers.ios[0].emit('number', i);
	await servers.settle([client]);
	const numbers = client.got.filter(([name]) => name === 'number');
	assert.deepEqual(numbers.map(([, i]) => i), Array.from({ length: N }, (_, i) => i));
	assert.ok(count.writes < N / 2, `${count.writes} writes`);
});

test('a frame has the shortest head that there is', () => {
	for (const [length, head] of [
		[0, '8101'], [124, '817d'], [125, '817e007e'], [65534, '817effff'],
		[65535, '817f0000000000010000'],
	]) {
		const [frame] = frameOf('x'.repeat(length));
		assert.equal(frame.toString('hex', 0, head.length / 2), head);
		assert.equal(frame.toString('latin1', head.length / 2), `4${'x'.repeat(length)}`);
	}
	assert.equal(frameOf('\u00e9')[0].toString('hex'), '810334c3a9');
});
