'use strict';

/*
 * Receivers that have stopped, and the memory of the daemon: 64 processes are
 * stopped as a debugger or a full machine would, and somebody goes on publishing.
 */

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { BINARY } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { VOLATILE, publish, subscribe } = require('./support/frames');
const { until, within } = require('../support/wait');

const RECEIVER = path.join(path.dirname(BINARY), 'tests/system/receiver');
const N_RECEIVERS = 64;
const MIB = 1 << 20;
const LIMIT = 64 * MIB;

/* The real client; it drops its messages, and keeps its own reports. */
class Receiver {
	constructor(daemon) {
		this.stderr = '';
		this.child = spawn(RECEIVER, [daemon.socket, 't'],
			{ stdio: ['ignore', 'ignore', 'pipe'] });
		this.closed = once(this.child, 'close');
		this.child.stderr.setEncoding('utf8').on('data', (text) => {
			this.stderr += text;
		});
	}

	kill(signal) {
		this.child.kill(signal);
	}
}

async function withReceivers(daemon, body) {
	const receivers = Array.from({ length: N_RECEIVERS },
		() => new Receiver(daemon));
	try {
		await until(() => isComplete(daemon), 'subscriptions');
		const signal = (name) => {
			for (const receiver of receivers)
				receiver.kill(name);
		};
		await body(signal, receivers);
	} finally {
		for (const receiver of receivers)
			receiver.kill('SIGKILL');
		await within(Promise.all(receivers.map(({ closed }) => closed)),
			'end of the receivers');
	}
}

function isComplete(daemon) {
	return daemon.rows('overview').subscriptions === N_RECEIVERS;
}

/* A line of /proc/PID/status, in bytes. */
function status(daemon, key) {
	const text = fs.readFileSync(`/proc/${daemon.pid}/status`, 'latin1');
	return 1024 * Number(text.match(new RegExp(`^${key}:\\s+(\\d+)`, 'm'))[1]);
}

/* A sanitizer has memory of its own, many times what the daemon uses. */
function isSanitized(daemon) {
	return fs.readFileSync(`/proc/${daemon.pid}/maps`, 'latin1').includes('libasan');
}

async function flood(daemon, publisher, message, bytes) {
	for (let sent = 0; sent < bytes; sent += message.length)
		await publisher.written(message);
	await publisher.barrier();
	return daemon.rows('overview');
}

const PATIENT = { timeout: 300e3 };

function isStopped(pid) {
	return / T /.test(fs.readFileSync(`/proc/${pid}/stat`, 'latin1'));
}

scenario('64 receivers that have stopped are cut at memory-limit, and memory is free again',
	async (start, t) => {
		const daemon = await start({ args: ['--memory-limit', '64m'] });
		const publisher = await daemon.member({ role: 'emitter' });
		const sanitized = isSanitized(daemon);
		if (sanitized)
			t.diagnostic('resident memory is a sanitizer\'s, and not looked at');
		await withReceivers(daemon, async (signal, receivers) => {
			const before = status(daemon, 'VmRSS');
			const messages = [
				publish('t', Buffer.alloc(MIB)),
				Buffer.concat(Array(1000).fill(publish('t', Buffer.alloc(64)))),
				publish('t', Buffer.alloc(MIB)),
			];
			for (const [i, message] of messages.entries()) {
				signal('SIGSTOP');
				const o = await flood(daemon, publisher, message, 2 * LIMIT);
				const reasons = daemon.rows('closed').slice(0, N_RECEIVERS)
					.map(({ reason }) => reason);
				assert.deepStrictEqual(reasons,
					Array(N_RECEIVERS).fill('memory-limit'));
				assert.strictEqual(o.closes['memory-limit'], (i + 1) * N_RECEIVERS);
				assert.strictEqual(o.memory_limit_bytes, LIMIT);
				assert.ok(o.memory_peak_bytes < LIMIT + 4 * MIB,
					`${o.memory_peak_bytes} bytes were held`);
				assert.ok(o.memory_bytes < LIMIT / 8,
					`${o.memory_bytes} bytes are still held`);
				if (!sanitized) {
					await until(() => status(daemon, 'VmRSS') < before + 2 * MIB,
						`end of what was resident, ${before} bytes before`);
				}
				signal('SIGCONT');
				await until(() => isComplete(daemon), 'reconnection');
				await until(() => receivers.every(({ stderr }) =>
					stderr.split('missed: memory-limit, ').length === i + 2),
				'word of it to the receivers');
			}
			if (!sanitized)
				assert.ok(status(daemon, 'VmHWM') < 80 * MIB,
					`${status(daemon, 'VmHWM')} bytes were resident`);

			const { delivered } = daemon.rows('overview');
			publisher.write(publish('t', 'for all'));
			await publisher.barrier();
			assert.strictEqual(daemon.rows('overview').delivered,
				delivered + N_RECEIVERS, 'somebody is deaf');
		});
	}, PATIENT);

scenario('volatile messages are dropped before anybody is cut for memory',
	async (start) => {
		const daemon = await start({ args: ['--memory-limit', '64m',
			'--queue-soft-limit', '64m'] });
		const publisher = await daemon.member({ role: 'emitter' });
		await withReceivers(daemon, async (signal) => {
			signal('SIGSTOP');
			const o = await flood(daemon, publisher,
				publish('t', Buffer.alloc(MIB), VOLATILE), 2 * LIMIT);
			assert.ok(o.drops.volatile > N_RECEIVERS, JSON.stringify(o.drops));
			assert.deepStrictEqual(o.closes['memory-limit'] ?? 0, 0);
			assert.ok(o.memory_bytes > LIMIT / 2);
			assert.strictEqual(o.subscriptions, N_RECEIVERS);
			signal('SIGCONT');
			/* The PONG to the reader of the figures may wait. */
			await until(() => daemon.rows('overview').queue_bytes < 64,
				'reading of what has waited');
		});
	}, PATIENT);

scenario('a burst that is over the limit in one turn cuts nobody, and all of it is routed',
	async (start) => {
		const daemon = await start({ args: ['--memory-limit', '2m',
			'--max-frame', '256k'] });
		const stalled = await daemon.member({}, { paused: true });
		stalled.write(subscribe(['t']));
		const publishers = await Promise.all(Array.from({ length: 64 },
			() => daemon.member({ role: 'emitter' })));
		await until(() => daemon.rows('overview').subscriptions === 1,
			'subscription');
		for (let i = 0; i < 3; i++)
			publishers[0].write(publish('t', Buffer.alloc(100e3)));
		const message = publish('nobody', Buffer.alloc(100e3));
		daemon.kill('SIGSTOP'); // all of it is there when it goes on
		await until(() => isStopped(daemon.pid), 'stop');
		for (const publisher of publishers)
			publisher.write(Buffer.concat(Array(20).fill(message)));
		daemon.kill('SIGCONT');
		await Promise.all(publishers.map((publisher) => publisher.barrier()));
		const o = daemon.rows('overview');
		assert.strictEqual(o.published, 3 + 64 * 20);
		assert.deepStrictEqual(Object.keys(o.closes).filter((name) =>
			name !== 'eof'), []);
		assert.ok(o.queue_bytes > 0, 'nobody is stalled');
		assert.ok(o.memory_peak_bytes < 5 * MIB,
			`${o.memory_peak_bytes} bytes were held`);
	}, PATIENT);

scenario('who begins messages and does not end them is cut before memory is full of them',
	async (start) => {
		const daemon = await start({ args: ['--memory-limit', '8m',
			'--max-frame', '1m', '--queue-limit', '8m',
			'--queue-soft-limit', '8m', '--splice-above', '0'] });
		const half = publish('t', Buffer.alloc(MIB - 100)).subarray(0, 600e3);
		const slow = await Promise.all(Array.from({ length: 20 },
			() => daemon.member({ role: 'emitter' })));
		const publisher = await daemon.member({ role: 'emitter' });
		for (const peer of slow)
			peer.write(half);
		await until(async () => {
			await publisher.written(publish('u', 'still here'));
			await publisher.barrier();
			return daemon.rows('overview').closes['memory-limit'] > 0;
		}, 'end of the worst');
		await publisher.barrier();
		const o = daemon.rows('overview');
		assert.ok(o.closes['memory-limit'] < slow.length,
			'all of them are cut, and fewer would have done');
		assert.ok(o.memory_peak_bytes < 10 * MIB,
			`${o.memory_peak_bytes} bytes were held`);
	}, PATIENT);

scenario('a receiver that reads loses nothing while others are cut',
	async (start) => {
		const daemon = await start({ args: ['--memory-limit', '64m'] });
		const publisher = await daemon.member({ role: 'emitter' });
		await withReceivers(daemon, async (signal) => {
			let next = 0;
			const reader = await daemon.member({}, {
				onFrame: ({ body }) => {
					assert.strictEqual(body.readUInt32BE(0), next++);
				},
			});
			await reader.subscribe(['t']);
			signal('SIGSTOP');
			const body = Buffer.alloc(100e3);
			const n = Math.ceil(2 * LIMIT / body.length);
			for (let i = 0; i < n; i++) {
				body.writeUInt32BE(i, 0);
				await publisher.written(publish('t', body));
				if (i % 16 === 0)
					await until(() => next > i - 64, 'reader');
			}
			await publisher.barrier();
			await until(() => next >= n, 'end of the stream');
			const { closes } = daemon.rows('overview');
			assert.strictEqual(closes['memory-limit'], N_RECEIVERS);
			assert.strictEqual(closes['slow-consumer'] ?? 0, 0);
			assert.ok(!reader.ended);
		});
	}, PATIENT);

/* Connects, introduces itself, and waits for WELCOME, n times at once. */
function crowd(daemon, n) {
	return Promise.all(Array.from({ length: n }, (_, i) =>
		daemon.member({ name: `worker ${i}`, key: 'key', script: '/srv/app.js' })));
}

scenario('thousands of connections leave no memory behind', async (start, t) => {
	const daemon = await start();
	const rounds = [];
	(await daemon.member()).destroy();
	for (const n of [8, 3000, 3000]) {
		for (let left = n; left > 0; left -= 500)
			await crowd(daemon, Math.min(left, 500));
		for (const peer of daemon.peers.splice(0))
			peer.destroy();
		await until(() => daemon.rows('overview').connections === 1, 'ends');
		rounds.push(status(daemon, 'VmRSS'));
		if (isSanitized(daemon)) {
			t.diagnostic('resident memory is a sanitizer\'s, and not looked at');
			return;
		}
		await until(() => status(daemon, 'VmRSS') < rounds[0] + MIB,
			`end of what was resident, ${rounds} bytes`);
	}
}, { timeout: 180_000 });
