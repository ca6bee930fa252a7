'use strict';

/* The Unix socket of a worker: where it is, who can use it, and when it cannot be there. */

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { describe, test } = require('node:test');

const { WebSocket } = require('ws');

const { foldersFor } = require('../../../src/node/lib/engine/folder');
const { OwnerPool } = require('../../../src/node/lib/engine/owner-pool');
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

const UNKNOWN = '{"code":1,"message":"Session ID unknown"}';

test('a strange file at a worker\'s place ends a request and an upgrade as an unknown session', async (t) => {
	const site = await Site.start(t, { count: 1 });
	const at = (tag) => path.join(site.folder, `${tag}.sock`);
	fs.writeFileSync(at('a-file'), '');
	fs.mkdirSync(at('folder'));
	fs.symlinkSync('/dev/null', at('a-link'));
	fs.symlinkSync(at('a-link-'), at('astray'));
	execFileSync('mkfifo', [at('a-fifo')]);
	const session = new Session(site);
	for (const [n, tag] of ['a-file', 'folder', 'a-link', 'astray', 'a-fifo'].entries()) {
		session.sid = `x.${tag}`;
		assert.equal((await session.post(0, PONG)).text, UNKNOWN, tag);
		assert.equal((await session.poll(0)).text, UNKNOWN, tag);
		assert.equal((await session.post(0, [PONG])).text, UNKNOWN, `${tag}, chunked`);
		const ws = new WebSocket(`ws://127.0.0.1:${site.ports[0]}${session.target().replace('polling', 'websocket')}`);
		assert.match((await next(ws, 'error'))[0].message, /400/, tag);
		assert.equal(site.stats(0).ownerGone, 4 * (n + 1), tag);
	}
	assert.equal((await Session.open(site, 0)).sid.length, 27);
});

test('so does a socket of another kind, also one that says nothing until it closes', async (t) => {
	const site = await Site.start(t, { count: 2 });
	const sockets = [];
	for (const [tag, act] of [
		['silent', (socket) => sockets.push(socket)],
		['no-http', (socket) => socket.write('hello\r\n\r\n')],
		['closes', (socket) => socket.end()],
		['resets', (socket) => socket.destroy()],
		['others', (socket) => socket.write('HTTP/1.1 200 OK\r\nX-Pm2a: abcdef\r\nContent-Length: 0\r\n\r\n')],
		['floods', (socket) => socket.write('x'.repeat(1_000_000))],
	]) {
		const other = net.createServer((socket) => {
			socket.on('error', () => {}).resume();
			act(socket);
		}).listen(path.join(site.folder, `${tag.slice(0, 6)}.sock`));
		await next(other, 'listening');
		t.after(() => other.close());
		const session = new Session(site);
		session.sid = `x.${tag.slice(0, 6)}`;
		const answered = session.post(0, PONG);
		if (tag === 'silent') {
			await until(() => sockets.length === 1, 'connection');
			const good = await Session.open(site, 1);
			assert.equal((await good.post(0, PONG)).status, 200); // nobody else waits
			sockets[0].destroy();
		}
		assert.equal((await answered).text, UNKNOWN, tag);
	}
});

test('a socket that says nothing for long is given up', async (t) => {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-'));
	t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
	const closed = [];
	const other = net.createServer((socket) => closed.push(next(socket.resume(), 'close')))
		.listen(path.join(dir, 'abcdef.sock'));
	await next(other, 'listening');
	t.after(() => other.close());
	const pool = new OwnerPool([dir], { greetingMs: 20 });
	for (let n = 1; n < 3; n++) {
		const error = await within(new Promise((resolve) => {
			pool.connect('abcdef', () => true, resolve);
		}), 'end of the attempt');
		assert.match(error.message, /no answer within 20 ms/);
		await closed[n - 1];
		assert.equal(closed.length, n);
	}
});

test('a worker is asked once who it is', async (t) => {
	const site = await Site.start(t, { count: 2 });
	const file = path.join(site.folder, `${(await Session.open(site, 0)).sid.slice(-6)}.sock`);
	const session = await Session.open(site, 0);
	fs.renameSync(file, `${file}.real`);
	let greetings = 0;
	const relay = net.createServer((socket) => {
		const upstream = net.connect(`${file}.real`);
		socket.on('data', (chunk) => { greetings += chunk.includes('/pm2a/hello'); });
		socket.pipe(upstream).pipe(socket);
		for (const each of [socket, upstream])
			each.on('error', () => {}).on('close', () => [socket, upstream].forEach((one) => one.destroy()));
	}).listen(file);
	await next(relay, 'listening');
	t.after(() => {
		relay.close();
		fs.rmSync(`${file}.real`, { force: true });
	});
	await session.post(1, PONG);
	for (let n = 0; n < 3; n++) {
		await Promise.all([session.post(1, PONG), session.post(1, [PONG]), session.post(1, PONG)]);
		assert.equal(greetings, 1);
	}
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

/* Messages of warnings until the end of the test. */
function warningsOf(t) {
	const warnings = [];
	const note = ({ message }) => warnings.push(message);
	process.on('warning', note);
	t.after(() => process.off('warning', note));
	return warnings;
}

test('without any folder ids are as ever, and a warning says why and the remedy, once', async (t) => {
	const site = await siteIn(t, 'x');
	t.after(() => site.end());
	for (const folder of foldersFor(site.socket))
		fs.writeFileSync(folder, '');
	const warnings = warningsOf(t);
	await site.add();
	await site.add();
	const session = await Session.open(site, 0);
	assert.match(session.sid, /^[\w-]{20}$/);
	assert.equal((await session.post(1, PONG)).status, 400);
	assert.equal((await session.post(0, PONG)).status, 200);
	const said = warnings.filter((text) => /cannot listen for requests/.test(text));
	assert.equal(said.length, 1);
	assert.match(said[0], /not a folder.*not a folder.*must be able to write.*`socket`.*TMPDIR/);
});

test('a folder that cannot be made, or written to, is named in the warning', { skip: process.getuid() !== 0 &&
	'needs root' }, async (t) => {
	const site = await siteIn(t, 'x');
	const code = `
		const { Server } = require('socket.io');
		const pm2Adapter = require('./');
		process.setuid(65534);
		const io = new Server({ serveClient: false, adapter: pm2Adapter({ socket: process.argv[1] }) });
		io.attach(require('http').createServer());
		process.once('warning', ({ message }) => { console.log(message); process.exit(); });`;
	fs.chmodSync(path.dirname(site.dir), 0o755);
	fs.mkdirSync(path.join(site.dir, 'tmp'), { mode: 0o755 });
	for (const readOnly of [path.join(site.dir, 'd.sock'), path.join(site.dir, 'none/d.sock')]) {
		const said = execFileSync(process.execPath, ['-e', code, readOnly], {
			cwd: path.join(__dirname, '../../../src/node'), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'],
			env: { ...process.env, TMPDIR: path.join(site.dir, 'tmp') },
		});
		assert.match(said, /(EACCES: permission denied|ENOENT: no such file or directory), mkdir .*; EACCES: permission denied/);
		assert.ok(said.includes(foldersFor(readOnly)[0]), said);
	}
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
