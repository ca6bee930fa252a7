'use strict';

/* A client reports how a connection ended, once the next one is in force. */

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { WELCOME } = require('../support/fake-daemon');
const { connected } = require('../support/pair');
const { next, within } = require('../../support/wait');

/* The events from now on, as [name, first argument]. */
function eventsOf(client) {
	const events = [];
	for (const name of ['connect', 'disconnect', 'connect_error', 'missed'])
		client.on(name, (first) => events.push([name, first]));
	return events;
}

/* The connection ends, and the next one is welcomed with what `welcome` adds. */
async function again({ daemon, client }, welcome = {}) {
	const missed = next(client, 'missed');
	daemon.welcome = { ...WELCOME, id: daemon.links.length + 1, ...welcome };
	daemon.links.at(-1).socket.end();
	const [{ awayMs, ...rest }] = await missed;
	assert.ok(Number.isInteger(awayMs) && awayMs >= 0, `${awayMs}`);
	return rest;
}

describe('client: what it has missed', () => {
	test('is told after the connection is in force again, with what the daemon says of it', async (t) => {
		const pair = await connected(t);
		const { client, daemon } = pair;
		client.subscribe('room');
		await daemon.links[0].count('SUBSCRIBE', 1);
		const events = eventsOf(client);
		client.once('missed', () => assert.equal(client.connected, true));
		assert.deepEqual(
			await again(pair, { previous: { reason: 'slow-consumer', unwritten: 4711 } }),
			{ reason: 'slow-consumer', disconnect: 'eof', unwritten: 4711, messages: 0 });
		assert.deepEqual(events.map(([name]) => name), ['disconnect', 'connect', 'missed']);
		assert.deepEqual(daemon.links[1].named('SUBSCRIBE').map(({ body }) => body), [['room']]);
		assert.equal(client.stats.missed, 1);
		assert.equal(client.stats.missedBytes, 4711);
		await again(pair, { previous: { reason: 'memory-limit', unwritten: 9 } });
		assert.equal(client.stats.missed, 2);
		assert.equal(client.stats.missedBytes, 4720);
	});

	test('is as many messages as the daemon says, since when its clock says', async (t) => {
		const { client, daemon } = await connected(t);
		const missed = next(client, 'missed');
		const previous = { reason: 'slow-consumer', unwritten: 9, messages: 5, since_ms: 7000 };
		daemon.welcome = { ...WELCOME, id: 2, previous };
		daemon.links[0].socket.end();
		const [{ awayMs, messages }] = await missed;
		assert.equal(messages, 5);
		assert.ok(awayMs >= 7000, `${awayMs}`);
	});

	test('is asked for with the connection that ended, and not with the first', async (t) => {
		const pair = await connected(t, { daemon: { welcome: { id: 41 } } });
		await again(pair, { id: 42 });
		await again(pair);
		const hellos = pair.daemon.links.map((link) => link.named('HELLO')[0].body.previous);
		const { epoch } = WELCOME;
		assert.deepEqual(hellos, [undefined, { epoch, id: 41 }, { epoch, id: 42 }]);
	});

	test('has no reason where the daemon says none, or nonsense', async (t) => {
		const pair = await connected(t);
		const nothing = { reason: 'unknown', disconnect: 'eof', unwritten: 0, messages: 0 };
		for (const previous of [undefined, null, 'slow', 7, [], {}, { reason: 7, unwritten: 8 },
			{ reason: 'unknown', unwritten: -1 }, { reason: 'unknown', unwritten: 0.5 },
			{ reason: 'unknown', messages: -1, since_ms: -1 }, { reason: 'unknown', messages: '1', since_ms: 'x' }])
			assert.deepEqual(await again(pair, { previous }), nothing, JSON.stringify(previous));
		assert.equal(pair.client.stats.missedBytes, 0);
		assert.equal(pair.client.stats.malformed, 0);
	});

	test('has the daemon\'s restart as its reason where it is another daemon', async (t) => {
		const pair = await connected(t);
		const restart = { reason: 'restart', disconnect: 'eof', unwritten: 0, messages: 0 };
		const previous = { reason: 'unknown' };
		assert.deepEqual(await again(pair, { epoch: WELCOME.epoch + 1, previous }), restart);
		assert.deepEqual(await again(pair, { epoch: WELCOME.epoch + 1, previous }),
			{ ...restart, reason: 'unknown' });
	});

	test('is asked for until a connection is in force, and what an early one knew is kept', async (t) => {
		const { client, daemon } = await connected(t);
		const events = eventsOf(client);
		daemon.answersPings = false;
		daemon.welcome = { ...WELCOME, id: 2, previous: { reason: 'slow-consumer', unwritten: 100 } };
		daemon.links[0].socket.end();
		const second = await daemon.link(1);
		await second.count('PING', 1); // it has been welcomed
		const told = next(client, 'missed');
		daemon.answersPings = true;
		daemon.welcome = { ...WELCOME, id: 3, previous: { reason: 'unknown', unwritten: 0 } };
		second.socket.end();
		const [{ reason, unwritten }] = await told;
		assert.deepEqual({ reason, unwritten }, { reason: 'slow-consumer', unwritten: 100 });
		assert.deepEqual(events.map(([name]) => name),
			['disconnect', 'connect_error', 'connect', 'missed']);
		assert.equal(daemon.links[2].named('HELLO')[0].body.previous.id, 1);
	});

	test('a daemon that gives no number can\'t be asked', async (t) => {
		for (const welcome of [{ id: undefined }, { id: 'one' }, { epoch: -1 }, { epoch: null }]) {
			const pair = await connected(t, { daemon: { welcome } });
			const { reason } = await again(pair, welcome);
			assert.equal(reason, 'unknown');
			assert.equal(pair.daemon.links[1].named('HELLO')[0].body.previous, undefined);
		}
	});

	test('is nothing for who has closed the connection itself', async (t) => {
		const { client, daemon } = await connected(t);
		const events = eventsOf(client);
		await within(client.close(), 'end');
		client.connect();
		await within(client.ready(), 'connection');
		assert.equal(daemon.links[1].named('HELLO')[0].body.previous, undefined);
		daemon.links[1].socket.end();
		await next(client, 'missed');
		assert.deepEqual(events.map(([name]) => name),
			['connect', 'disconnect', 'connect', 'missed']);
		assert.equal(client.stats.missed, 1);
	});
});
