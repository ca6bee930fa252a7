'use strict';

/* The Unix socket of a worker: where it is, who can use it, and when it cannot be there. */

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { describe, test } = require('node:test');

const { foldersFor } = require('../../../src/node/lib/engine/folder');
const { Daemon } = require('../../support/daemon');
const { next, until, within } = require('../../support/wait');
const { Session, Site } = require('../support/site');

const PONG = '3';

function ask(socketPath, options) {
	return within(new Promise((resolve, reject) => {
		const req = http.request({ socketPath, path: '/', ...options });
		req.on('response', (res) => {
			res.resume();
			resolve(res.statusCode);
		});
		req.on('error', reject);
		req.end();
	}), 'answer');
}

/* A site in a folder of this name within a folder that is removed. */
async function siteIn(t, name, options) {
	const top = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-'));
	const dir = path.join(top, name);
	fs.mkdirSync(dir);
	t.after(() => {
		fs.rmSync(top, { recursive: true, force: true });
		fs.rmSync(foldersFor(path.join(dir, 'd.sock'))[1], { recursive: true, force: true });
	});
	return new Site({ dir, ...options });
}

async function forwards(site) {
	const session = await Session.open(site, 0);
	const { status } = await session.post(1, PONG);
	return status === 200 && site.stats(1).forwarded === 1;
}

test('it is for this user alone, and gone when the server has closed', async (t) => {
	const site = await Site.start(t, { count: 1 });
	const [name, ...others] = fs.readdirSync(site.folder);
	assert.match(name, /^[\w-]{6}\.sock$/);
	assert.deepEqual(others, []);
	assert.equal(fs.statSync(site.folder).mode & 0o777, 0o700);
	assert.equal(fs.statSync(path.join(site.folder, name)).mode & 0o777, 0o600);
	await new Promise((resolve) => { site.workers[0].io.close(resolve); });
	assert.deepEqual(fs.readdirSync(site.folder), []);
});

test('it takes nothing but what other workers forward', async (t) => {
	const site = await Site.start(t, { count: 1 });
	const file = path.join(site.folder, fs.readdirSync(site.folder)[0]);
	for (const [method, at] of [['GET', '/socket.io/?EIO=4&transport=polling'], ['POST', '/'], ['GET', '/pm2a/noop?sid=x']])
		assert.equal(await ask(file, { method, path: at }), 400);
	for (const sid of ['x', '__proto__', '%', ''])
		assert.equal(await ask(file, { method: 'POST', path: `/pm2a/noop?sid=${sid}` }), 200);
	assert.equal(site.workers[0].io.engine.clientsCount, 0);
	const socket = net.connect(file).resume();
	socket.write('GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n');
	await next(socket, 'close');
	const garbage = net.connect(file).resume();
	garbage.on('error', () => {});
	garbage.write('\0\xff\r\n\r\n');
	await next(garbage, 'close');
	assert.equal((await Session.open(site, 0)).sid.length, 27);
});

test('what is at a worker\'s place but is none ends a request as an unknown session', async (t) => {
	const site = await Site.start(t, { count: 1 });
	fs.writeFileSync(path.join(site.folder, 'a-file.sock'), '');
	fs.mkdirSync(path.join(site.folder, 'folder.sock'));
	fs.symlinkSync('/dev/null', path.join(site.folder, 'a-link.sock'));
	const session = new Session(site);
	for (const tag of ['a-file', 'folder', 'a-link']) {
		session.sid = `x.${tag}`;
		assert.equal((await session.post(0, PONG)).text, '{"code":1,"message":"Session ID unknown"}', tag);
	}
	// One that answers no HTTP, and one that closes at once.
	for (const [tag, act] of [['no-http', (socket) => socket.write('hello\r\n\r\n')], ['closes', (socket) => socket.end()]]) {
		const other = net.createServer(act).listen(path.join(site.folder, `${tag.padEnd(6, '-').slice(0, 6)}.sock`));
		await next(other, 'listening');
		session.sid = `x.${tag.padEnd(6, '-').slice(0, 6)}`;
		const { status } = await session.post(0, PONG).catch(() => ({ status: 'ended' }));
		assert.ok(status === 400 || status === 'ended', tag);
		other.close();
	}
	assert.equal((await Session.open(site, 0)).sid.length, 27);
});

describe('another folder', () => {
	for (const [why, name, spoil] of [
		['too long', 'x'.repeat(70), () => {}],
		['open to others', 'x', (dir) => {
			fs.mkdirSync(path.join(dir, 'pm2adapterd.workers'));
			fs.chmodSync(path.join(dir, 'pm2adapterd.workers'), 0o755);
		}],
		['a file', 'x', (dir) => fs.writeFileSync(path.join(dir, 'pm2adapterd.workers'), '')],
	])
		test(`is used if that beside the daemon's socket is ${why}`, async (t) => {
			const site = await siteIn(t, name);
			t.after(() => site.end());
			spoil(site.dir);
			if (why === 'too long')
				site.socket = path.join(site.dir, 'd');
			await site.add();
			await site.add();
			assert.ok(await forwards(site));
			const [, other] = foldersFor(site.socket);
			assert.equal(fs.readdirSync(other).length, 2);
		});

	test('is looked into although this worker uses the better one', async (t) => {
		const site = await siteIn(t, 'x');
		t.after(() => site.end());
		const folder = path.join(site.dir, 'pm2adapterd.workers');
		fs.writeFileSync(folder, '');
		await site.add();
		fs.rmSync(folder);
		await site.add();
		assert.equal(fs.readdirSync(folder).length, 1);
		assert.ok(await forwards(site));
	});
});

test('without any folder ids are as ever, and it is said once', async (t) => {
	const site = await siteIn(t, 'x');
	t.after(() => site.end());
	for (const folder of foldersFor(site.socket))
		fs.writeFileSync(folder, '');
	const warnings = [];
	const hear = ({ message }) => warnings.push(message);
	process.on('warning', hear);
	t.after(() => process.off('warning', hear));
	await site.add();
	await site.add();
	const session = await Session.open(site, 0);
	assert.match(session.sid, /^[\w-]{20}$/);
	assert.equal((await session.post(1, PONG)).status, 400);
	assert.equal((await session.post(0, PONG)).status, 200);
	const said = warnings.filter((text) => /cannot listen for requests/.test(text));
	assert.equal(said.length, 1);
	assert.match(said[0], /not a folder.*not a folder/);
});

test('a folder that went with the daemon is there again when the daemon is', async (t) => {
	const site = new Site();
	t.after(() => site.end());
	const daemon = new Daemon({ dir: site.dir, socket: site.socket });
	await daemon.start();
	t.after(() => daemon.destroy());
	await site.add();
	await site.add();
	await Promise.all(site.workers.map(({ client }) => client.ready()));
	const session = await Session.open(site, 0);
	assert.equal((await session.post(1, PONG)).status, 200);
	await daemon.stop();
	assert.equal((await session.post(1, PONG)).status, 200);
	fs.rmSync(site.folder, { recursive: true });
	await daemon.start();
	await Promise.all(site.workers.map(({ client }) => within(client.ready(), 'daemon')));
	await until(() => fs.existsSync(site.folder) && fs.readdirSync(site.folder).length === 2, 'sockets');
	assert.equal((await session.post(1, PONG)).status, 200);
});
