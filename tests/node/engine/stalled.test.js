'use strict';

/* A side that does not read holds up the other side, and no worker keeps what is in between. */

const assert = require('node:assert/strict');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');

const { next, pause, until, within } = require('../../support/wait');
const { send } = require('../support/site');

const SIZE = 150_000_000;
const KEPT_MAX = 50_000_000; // buffers of the kernel are not among it
const TARGET = '/socket.io/?EIO=4&transport=polling';

/* Two workers of their own, { port, child }, and a session of the first. */
async function start(t) {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-'));
	const workers = [];
	t.after(async () => {
		for (const { child } of workers) {
			child.kill('SIGKILL');
			await once(child, 'close');
		}
		fs.rmSync(dir, { recursive: true, force: true });
	});
	for (let n = 0; n < 2; n++) {
		const child = fork(path.join(__dirname, '../support/stall-worker.js'), [dir],
			{ execArgv: ['--no-warnings'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
		workers.push({ child });
		[workers[n].port] = await next(child, 'message');
	}
	const [owner, other] = workers;
	const { text } = await send(owner.port, TARGET);
	const { sid } = JSON.parse(text.slice(1));
	const target = `${TARGET}&sid=${sid}`;
	await send(owner.port, target, { method: 'POST', body: '40' });
	await send(owner.port, target);
	await send(other.port, target, { method: 'POST', body: '3' });
	return { owner, other, sid, target };
}

/* The most memory that a process has had, in bytes. */
function peak({ child }) {
	return Number(/^VmHWM:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) * 1024;
}

/* Until this number moves no more. */
async function untilStill(read) {
	let last;
	let count = 0;
	await until(async () => {
		const now = read();
		count = now === last ? count + 1 : 0;
		last = now;
		await pause(20);
		return count === 15;
	}, 'standstill');
}

test('a client that does not read its poll', async (t) => {
	const { owner, other, sid, target } = await start(t);
	const before = peak(other);
	const req = http.get({ host: '127.0.0.1', port: other.port, path: target, agent: false });
	owner.child.send({ sid, size: SIZE });
	const [res] = await next(req, 'response');
	await untilStill(() => `${res.socket.bytesRead} ${peak(other)} ${peak(owner)}`);
	assert.ok(res.socket.bytesRead < SIZE / 2);
	const kept = peak(other) - before;
	assert.ok(kept < KEPT_MAX, `${kept} bytes at the worker that forwards`);
	// The owner has the message as a string, and as the body of the answer.
	assert.ok(peak(owner) < before + 4 * SIZE, `${peak(owner)} bytes at the owner`);
	let got = 0;
	res.on('data', (chunk) => { got += chunk.length; });
	await within(once(res, 'end'), 'end of the answer');
	assert.equal(got, SIZE + 1);
	assert.ok(peak(other) - before < KEPT_MAX);
});

test('an owner that does not read a post', async (t) => {
	const { owner, other, target } = await start(t);
	const before = peak(other);
	process.kill(owner.child.pid, 'SIGSTOP');
	const req = http.request({
		host: '127.0.0.1', port: other.port, path: target, method: 'POST', agent: false,
		headers: { 'Content-Length': SIZE },
	});
	const body = Buffer.alloc(SIZE, 'y');
	body.write('42["x","');
	body.write('"]', SIZE - 2);
	req.end(body);
	const [socket] = await next(req, 'socket');
	await next(socket, 'connect');
	await untilStill(() => `${socket.bytesWritten - socket.writableLength} ${peak(other)}`);
	const kept = peak(other) - before;
	assert.ok(kept < KEPT_MAX, `${kept} bytes at the worker that forwards`);
	process.kill(owner.child.pid, 'SIGCONT');
	const [res] = await next(req, 'response');
	assert.equal(res.statusCode, 200);
	res.resume();
	assert.ok(peak(other) - before < KEPT_MAX);
});
