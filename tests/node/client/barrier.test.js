'use strict';

/* An application can wait until the daemon knows its subscriptions. */

const assert = require('assert/strict');
const { test } = require('node:test');

const { TYPE } = require('../support/fake-daemon');
const { connected, pair } = require('../support/pair');
const { Servers } = require('../support/servers');
const { within } = require('../../support/wait');

const PATIENT = { timeout: 60_000 };

function follow(promise) {
	const state = { isFulfilled: false };
	state.promise = promise.then(() => { state.isFulfilled = true; });
	return state;
}

const turn = () => new Promise((resolve) => { setImmediate(resolve); });

test('barrier() is fulfilled by the PONG to what came before, not earlier', PATIENT, async (t) => {
	const { daemon, client, link } = await connected(t);
	daemon.answersPings = false;
	client.subscribe('a');
	const first = follow(client.barrier());
	const [, ping] = await link.count('PING', 2);
	client.subscribe('b');
	const second = follow(client.barrier());
	await link.count('PING', 3);
	assert.deepEqual(link.frames.slice(-4).map(({ name }) => name),
		['SUBSCRIBE', 'PING', 'SUBSCRIBE', 'PING']);
	await turn();
	assert.equal(first.isFulfilled, false);

	link.frame(TYPE.PONG, 0, '', ping.body);
	await within(first.promise, 'first barrier');
	await turn();
	assert.equal(second.isFulfilled, false);
	link.frame(TYPE.PONG, 0, '', ping.body);
	await within(second.promise, 'second barrier');
});

test('all that ask in one tick share a PING, behind all that the tick sends', PATIENT, async (t) => {
	const { client, link } = await connected(t);
	const before = link.frames.length;
	client.subscribe('a');
	const asked = [client.barrier(), client.barrier()];
	client.subscribe('b');
	asked.push(client.barrier());
	await within(Promise.all(asked), 'barriers');
	assert.deepEqual(link.frames.slice(before).map(({ name }) => name), ['SUBSCRIBE', 'PING']);
});

test('without a connection there is nothing to wait for', PATIENT, async (t) => {
	const { client } = await pair(t, { daemon: null });
	await within(client.barrier(), 'barrier before connect()');
	client.connect();
	await within(client.barrier(), 'barrier while connecting');
	client.destroy();
	await within(client.barrier(), 'barrier after the end');
});

test('the end of the connection fulfils it, whoever ends it', PATIENT, async (t) => {
	const { daemon, client, link } = await connected(t);
	daemon.answersPings = false;
	const cut = client.barrier();
	await link.count('PING', 2);
	link.socket.destroy();
	await within(cut, 'barrier of a connection that was cut');

	daemon.answersPings = true;
	await within(client.ready(), 'connection');
	daemon.answersPings = false;
	const ended = client.barrier();
	client.destroy();
	await within(ended, 'barrier of a connection that was ended');
});

test('await socket.join() without a daemon', PATIENT, async (t) => {
	const { daemon } = await pair(t, { daemon: null });
	const servers = await Servers.start(daemon.socket, 1, { away: true });
	t.after(() => servers.close());
	const { peer } = await servers.client(0);
	await within(Promise.resolve(peer.join('room')), 'join');
	assert.ok(peer.rooms.has('room'));
});
