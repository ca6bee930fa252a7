'use strict';

/*
 * A thousand clients over HTTP long-polling, whose sessions and requests are spread over four
 * workers: every echo and every broadcast arrives, once. PM2A_POLLERS_MS: for how long.
 */

const assert = require('node:assert/strict');
const http = require('node:http');
const { test } = require('node:test');

const { Daemon } = require('../../support/daemon');
const { within } = require('../../support/wait');
const { Session, Site } = require('../support/site');

const POLLERS = 1000;
const WORKERS = 4;
const AT_ONCE = 50; // handshakes
const DURATION_MS = Number(process.env.PM2A_POLLERS_MS ?? 2000);
const ROUND_MS = 120_000; // the end of a hang

class Poller {
	#turn;
	got = []; // events: [name, number]
	#expected = null; // { count, resolve }

	static async open(site, n, agent) {
		const poller = new Poller();
		poller.site = site;
		poller.#turn = n;
		poller.agent = agent;
		poller.session = await Session.open(site, n % WORKERS);
		await poller.post('40');
		await poller.session.poll(poller.worker, { agent });
		poller.#poll();
		return poller;
	}

	get worker() {
		return ++this.#turn % WORKERS;
	}

	post(body) {
		return this.session.post(this.worker, body, { agent: this.agent, ms: ROUND_MS });
	}

	/* Polls for ever. */
	async #poll() {
		for (;;) {
			const { status, text } = await this.session.poll(this.worker, { agent: this.agent, ms: ROUND_MS }).catch(() => ({}));
			if (status !== 200)
				return;
			for (const packet of text.split('\x1e'))
				if (packet.startsWith('42'))
					this.got.push(JSON.parse(packet.slice(2)));
			if (this.got.length >= (this.#expected?.count ?? Infinity))
				this.#expected.resolve();
		}
	}

	/* Resolves when so many events have come. */
	until(count) {
		return new Promise((resolve) => {
			this.#expected = { count, resolve };
			if (this.got.length >= count)
				resolve();
		});
	}
}

test(`${POLLERS} pollers`, async (t) => {
	const daemon = await Daemon.start();
	t.after(() => daemon.destroy());
	const site = new Site();
	t.after(() => site.end());
	site.socket = daemon.socket;
	for (let n = 0; n < WORKERS; n++) {
		const { io, client } = await site.add({ server: { pingInterval: 3_600_000 } });
		io.on('connection', (socket) => socket.on('hello', (value) => socket.emit('echo', value)));
		await client.ready();
	}
	const agent = new http.Agent({ keepAlive: true, maxSockets: 2 * POLLERS });
	t.after(() => agent.destroy());
	const pollers = [];
	for (let n = 0; n < POLLERS; n += AT_ONCE)
		pollers.push(...await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => Poller.open(site, n + i, agent))));

	const start = performance.now();
	let round = 0;
	do {
		const come = Promise.all(pollers.map((poller) => poller.until(2 * (round + 1))));
		await Promise.all(pollers.map(async (poller) => {
			assert.equal((await poller.post(`42["hello",${round}]`)).text, 'ok');
		}));
		site.workers[round % WORKERS].io.emit('all', round);
		await within(come, `events of round ${round}`, ROUND_MS);
		round++;
	} while (performance.now() - start < DURATION_MS);

	for (const { got } of pollers)
		for (const name of ['echo', 'all'])
			assert.deepEqual(got.filter(([each]) => each === name).map(([, value]) => value), [...Array(round).keys()]);
	const sum = (figure) => site.workers.reduce((total, { client }) => total + client.stats[figure], 0);
	assert.ok(sum('forwarded') > POLLERS * round, `${sum('forwarded')} forwarded`);
	assert.equal(sum('ownerGone'), 0);
	t.diagnostic(`${round} rounds, ${sum('forwarded')} requests forwarded`);
});
