'use strict';

/*
 * Sequences in which the moment matters, each run with all requests of a session at its owner, and
 * with each at another worker than the one before and none at the owner: the owner sees the same.
 */

const assert = require('node:assert/strict');
const http = require('node:http');
const { test } = require('node:test');

const { WebSocket } = require('ws');

const { next, until, within } = require('../../support/wait');
const { Session, Site } = require('../support/site');

const OWNER = 0;
const WORKERS = 3;

/* A session of worker 0, and the events of its socket there. */
class Run {
	#turn = 0;
	#session;
	log = [];

	static async start(site, isElsewhere) {
		const run = new Run();
		run.site = site;
		run.isElsewhere = isElsewhere;
		run.#session = await Session.open(site, OWNER);
		const { sid } = run.#session;
		run.socket = site.workers[OWNER].io.engine.clients[sid];
		for (const event of ['upgrading', 'upgrade', 'close', 'error'])
			run.socket.on(event, (what) => run.log.push(typeof what === 'string' ? `${event}: ${what}` : event));
		run.socket.on('packet', ({ type, data }) => run.log.push(data ? `${type} ${data}` : type));
		if (site.major === 4) {
			await run.#session.post(OWNER, '40');
			await run.#session.poll(OWNER);
		}
		return run;
	}

	get worker() {
		return this.isElsewhere ? 1 + this.#turn++ % (WORKERS - 1) : OWNER;
	}

	async poll() {
		return shown(await this.#session.poll(this.worker));
	}

	async post(text) {
		return shown(await this.#session.post(this.worker, this.packet(text)));
	}

	packet(text) {
		return this.site.major === 4 ? text : `${text.length}:${text}`;
	}

	/* A request that the test ends. */
	request(method, headers = {}) {
		const req = http.request({
			host: '127.0.0.1', port: this.site.ports[this.worker], path: this.#session.target(), method, headers,
		});
		return req.on('error', () => {});
	}

	webSocket() {
		const ws = new WebSocket(`ws://127.0.0.1:${this.site.ports[this.worker]}` +
			this.#session.target().replace('polling', 'websocket'));
		return ws.on('error', () => {});
	}

	polled() {
		return until(() => this.socket.transport.writable, 'poll');
	}
}

const shown = ({ status, text }) => [status, text];

/* Each resolves to what the client has seen. */
const SEQUENCES = {
	'two polls at once': async (run) => {
		const first = run.poll();
		await run.polled();
		return [await run.poll(), await first];
	},
	'two posts at once': async (run) => {
		const first = run.request('POST', { 'Content-Length': 3 });
		first.write('1');
		await until(() => run.socket.transport.dataReq, 'post');
		const second = await run.post('2');
		first.destroy();
		return [second];
	},
	'a post while the server closes': async (run) => {
		run.socket.send('last');
		run.socket.close();
		const posted = await run.post('42["late"]');
		const answers = [posted, await run.poll()];
		if (run.socket.readyState !== 'closed')
			answers.push(await run.poll());
		return answers;
	},
	'the client closes while it polls': async (run) => {
		const polled = run.poll();
		await run.polled();
		return [await run.post('1'), await polled, await run.poll()];
	},
	'a ping that nobody answers': async (run) => {
		await within(new Promise((resolve) => { run.socket.once('close', resolve); }), 'end of the session');
		return [await run.poll()];
	},
	'a client that leaves its poll': async (run) => {
		const req = run.request('GET');
		req.end();
		await run.polled();
		req.destroy();
		await next(run.socket, 'close');
		return [await run.poll()];
	},
	'a client that leaves its post': async (run) => {
		const req = run.request('POST', { 'Content-Length': 100 });
		req.write('4some');
		await until(() => run.socket.transport.dataReq, 'post');
		req.destroy();
		await next(run.socket, 'close');
		return [await run.poll()];
	},
	'a client that leaves its chunked post': async (run) => {
		const req = run.request('POST', { 'Transfer-Encoding': 'chunked' });
		req.write('4some');
		await until(() => run.socket.transport.dataReq, 'post');
		req.destroy();
		await next(run.socket, 'close');
		return [await run.poll()];
	},
	'an upgrade while a poll is open': async (run) => {
		const polled = run.poll();
		await run.polled();
		const ws = run.webSocket();
		await next(ws, 'open');
		const pong = next(ws, 'message');
		ws.send('2probe');
		const answers = [String((await pong)[0]), await polled];
		run.socket.send('between');
		const message = next(ws, 'message');
		ws.send('5');
		answers.push(String((await message)[0]), await run.poll());
		const closed = next(run.socket, 'close');
		ws.send('42["hello"]');
		await until(() => run.log.includes('message 2["hello"]'), 'message');
		ws.close();
		await closed;
		return answers;
	},
	'two upgrades at once': async (run) => {
		const [first, second] = [run.webSocket(), run.webSocket()];
		await Promise.all([next(first, 'open'), next(second, 'open')]);
		const pong = next(first, 'message');
		first.send('2probe');
		await pong;
		first.send('5');
		await until(() => run.socket.transport.name === 'websocket', 'upgrade');
		first.close();
		await next(run.socket, 'close');
		second.terminate();
		return [];
	},
	'an upgrade that the client gives up': async (run) => {
		const ws = run.webSocket();
		await next(ws, 'open');
		const pong = next(ws, 'message');
		ws.send('2probe');
		await pong;
		ws.terminate();
		await until(() => !run.socket.upgrading, 'end of the upgrade');
		run.socket.send('still here');
		const answers = [await run.poll(), await run.post('42["here"]')];
		await until(() => run.log.includes('message 2["here"]'), 'message');
		return answers;
	},
	'a poll after the upgrade': async (run) => {
		const ws = run.webSocket();
		await next(ws, 'open');
		const pong = next(ws, 'message');
		ws.send('2probe');
		await pong;
		ws.send('5');
		await until(() => run.socket.transport.name === 'websocket', 'upgrade');
		const answers = [await run.poll(), await run.post('4x')];
		ws.close();
		await next(run.socket, 'close');
		return answers;
	},
};

for (const major of [4, 2])
	for (const [name, sequence] of Object.entries(SEQUENCES))
		test(`Socket.IO ${major}: ${name}`, async (t) => {
			const isSilent = name.startsWith('a ping');
			const site = await Site.start(t, {
				major, count: WORKERS, server: isSilent ? { pingInterval: 100, pingTimeout: 100 } : {},
			});
			const seen = [];
			for (const isElsewhere of [false, true]) {
				const run = await Run.start(site, isElsewhere);
				seen.push([await sequence(run), run.log]);
				assert.equal(site.stats(1).forwarded + site.stats(1).tunnelled > 0, isElsewhere);
			}
			assert.deepEqual(seen[1], seen[0]);
			assert.equal(site.stats(OWNER).forwarded, 0);
		});
