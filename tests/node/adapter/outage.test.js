'use strict';

/* Servers whose daemon is away, dies, or ends in good order, in the midst of traffic. */

const assert = require('assert/strict');
const fs = require('fs');
const { test } = require('node:test');

const { Daemon } = require('../../support/daemon');
const { Servers } = require('../support/servers');
const { next, until, within } = require('../../support/wait');

const PATIENT = { timeout: 120_000 };
const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);

/* Numbers that came with `event`, in the order in which they came. */
const numbers = ({ got }, event) => got.filter(([name]) => name === event).map(([, n]) => n);

function isRising(list) {
	return list.every((n, i) => i === 0 || n > list[i - 1]);
}

/* Emits 0, 1, 2… on each server, a few in each turn of the loop, until stop(). */
class Emitter {
	#timer;
	#servers;

	constructor(servers) {
		this.#servers = servers;
		this.sent = servers.ios.map(() => 0);
		this.#timer = setInterval(() => this.#emit(), 1);
	}

	#emit() {
		this.#servers.ios.forEach((io, i) => {
			for (let n = 0; n < 3; n++)
				io.emit(`from ${i}`, this.sent[i]++, 'x'.repeat(50));
		});
	}

	/* Until each server has sent `count` more. */
	async flow(count) {
		const goals = this.sent.map((n) => n + count);
		await until(() => this.sent.every((n, i) => n >= goals[i]), `${count} more messages`);
	}

	stop() {
		clearInterval(this.#timer);
	}
}

async function ground(t, { away = false, count = 2, options = () => ({}) } = {}) {
	const daemon = new Daemon();
	t.after(() => daemon.destroy());
	if (!away)
		await daemon.start();
	const servers = new Servers();
	t.after(() => servers.close());
	for (let i = 0; i < count; i++)
		await servers.add(daemon.socket, { adapter: options(i) });
	if (!away)
		await servers.ready();
	const clients = [];
	for (let i = 0; i < count; i++)
		clients.push(await servers.client(i));
	const emitter = new Emitter(servers);
	t.after(() => emitter.stop());
	return { daemon, servers, clients, emitter };
}

/* Whoever is served by the server that emits gets all of it, whatever the daemon does. */
async function assertLocalWhole(clients, sent) {
	for (const [i, client] of clients.entries()) {
		await until(() => numbers(client, `from ${i}`).length >= sent[i], 'local messages');
		assert.deepEqual(numbers(client, `from ${i}`), range(0, sent[i]));
	}
}

test('servers start without a daemon, serve their own clients, and join it when it comes', PATIENT,
	async (t) => {
		const { daemon, servers, clients, emitter } = await ground(t, { away: true });
		await emitter.flow(100);
		await daemon.start();
		await servers.ready();
		const marks = [...emitter.sent];
		await emitter.flow(100);
		emitter.stop();
		await assertLocalWhole(clients, emitter.sent);
		await servers.settle(clients);
		for (const [i, j] of [[0, 1], [1, 0]]) {
			const heard = numbers(clients[j], `from ${i}`);
			assert.ok(isRising(heard));
			assert.deepEqual(heard.filter((n) => n >= marks[i]), range(marks[i], emitter.sent[i]));
		}
	});

test('kill -9 under traffic: local clients miss nothing, nothing comes twice, all goes on', PATIENT,
	async (t) => {
		const { daemon, servers, clients, emitter } = await ground(t);
		await servers.client(0).then(({ peer }) => peer.join('held'));
		for (let round = 0; round < 3; round++) {
			await emitter.flow(200);
			const cut = servers.all.map(({ client }) => next(client, 'disconnect'));
			await daemon.kill();
			await Promise.all(cut);
			await emitter.flow(100);
			await daemon.start();
			await servers.ready();
			const marks = [...emitter.sent];
			await emitter.flow(100);
			for (const [i, j] of [[0, 1], [1, 0]])
				await until(() => numbers(clients[j], `from ${i}`).at(-1) >= marks[i] + 100, 'new messages');
			for (const [i, j] of [[0, 1], [1, 0]])
				assert.deepEqual(
					numbers(clients[j], `from ${i}`).filter((n) => n >= marks[i] && n < marks[i] + 100),
					range(marks[i], marks[i] + 100));
		}
		emitter.stop();
		await assertLocalWhole(clients, emitter.sent);
		await servers.settle(clients);
		assert.ok(isRising(numbers(clients[1], 'from 0')));
		assert.ok(isRising(numbers(clients[0], 'from 1')));
		for (const { client } of servers.all)
			assert.equal(client.stats.connects, 4);

		const topics = new Set((await daemon.statsAsync()).topics.map(({ topic }) => topic));
		assert.ok(topics.has('socket.io#/#held#'), 'subscriptions are restored');
	});

test('an orderly end under traffic loses no message for a client that is back in time', PATIENT, async (t) => {
	// Receivers are back before senders, so that this can be counted exactly. For that, nobody sees the
	// daemon come.
	t.mock.method(Math, 'random', () => 0.5);
	t.mock.method(fs, 'watch', () => {
		throw new Error('no watching');
	});
	const listens = (i) => (i === 0 ?
		{ reconnectDelay: 3000, reconnectDelayMax: 3000 } :
		{ reconnectDelay: 1, reconnectDelayMax: 2 });
	const { daemon, servers, clients, emitter } = await ground(t, { count: 3, options: listens });
	await emitter.flow(300);
	const goodbyes = servers.all.map(({ client }) => next(client, 'disconnect'));
	await daemon.stop();
	for (const [reason] of await Promise.all(goodbyes))
		assert.equal(reason, 'goodbye');
	await daemon.start();
	await servers.ready();
	await emitter.flow(100);
	emitter.stop();
	await assertLocalWhole(clients, emitter.sent);
	await servers.settle(clients);
	for (const j of [1, 2])
		assert.deepEqual(numbers(clients[j], 'from 0'), range(0, emitter.sent[0]));
	for (const { client } of servers.all)
		assert.equal(client.stats.dropped, 0);
});

test('the daemon is away for long: the oldest of what waits is dropped, and it is said', PATIENT,
	async (t) => {
		const { daemon, servers, clients, emitter } = await ground(t,
			{ options: () => ({ queueMaxBytes: 10_000 }) });
		await emitter.flow(50);
		const [{ client }] = servers.all;
		const cut = next(client, 'disconnect');
		await daemon.kill();
		await cut;
		const [told] = await next(client, 'drop');
		assert.equal(told.reason, 'queue-full');
		await emitter.flow(100);
		assert.ok(client.queued.bytes <= 10_000 && client.queued.bytes > 9_000);
		emitter.stop();
		await assertLocalWhole(clients, emitter.sent);
		await daemon.start();
		await within(client.ready(), 'daemon');
		await until(() => client.queued.messages === 0, 'end of the queue');
		assert.equal(client.queued.bytes, 0);
	});
