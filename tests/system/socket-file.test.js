'use strict';

/*
 * The files of sockets are removed, moved and replaced while the daemon runs: connected clients go on,
 * the daemon logs it and listens at the same path again.
 */

const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { BINARY, answers, folder, run } = require('../support/daemon');
const { TYPE, publish } = require('./support/frames');
const { scenario } = require('./support/scenario');
const { until } = require('../support/wait');

const NOBODY = 65534;
const TOPIC = 'socket.io#/#room#';

const asRoot = process.getuid() === 0 ? {} : { skip: 'only root can start a daemon of another uid' };

/* About the socket of the daemon alone, unless another one is named. */
const lines = (daemon, event, socket = daemon.socket) => daemon.stderr.split('\n')
	.filter((line) => line.includes(` ${event} path="${socket}" `));
const identity = (file) => fs.statSync(file, { throwIfNoEntry: false })?.ino;

/* Both members receive what the other one publishes. */
async function reachEachOther(one, other) {
	for (const [from, to] of [[one, other], [other, one]]) {
		const frame = publish(TOPIC, Buffer.from(`from ${from.id}`));
		from.write(frame);
		assert.deepStrictEqual((await to.expect(TYPE.PUBLISH)).raw, frame);
	}
}

async function subscriber(daemon) {
	const member = await daemon.member();
	await member.subscribe([TOPIC]);
	return member;
}

/* The daemon sees all that `body` does at once, however busy the machine is. */
function unseen(daemon, body) {
	daemon.child.kill('SIGSTOP');
	try {
		return body();
	} finally {
		daemon.child.kill('SIGCONT');
	}
}

const remove = (file) => fs.rmSync(file);
const LOSSES = [
	['is removed', remove],
	['is removed with its lock, as tmp cleaners do by age', (file) => {
		fs.rmSync(file);
		fs.rmSync(`${file}.pid`);
	}],
	['is renamed', (file) => fs.renameSync(file, `${file}.old`)],
	['is in a folder that is removed and created again', (file) => {
		fs.rmSync(path.dirname(file), { recursive: true });
		fs.mkdirSync(path.dirname(file), { mode: 0o700 });
	}],
	['is in a folder that is moved', (file) => {
		const dir = path.dirname(file);
		fs.renameSync(dir, `${dir}.old-${identity(dir)}`);
		fs.mkdirSync(dir, { mode: 0o700 });
	}],
];

for (const [how, lose] of LOSSES)
	scenario(`new clients get in after the socket ${how}, twice`, async (start) => {
		const dir = folder();
		const socket = path.join(dir, 'sub', 's');
		fs.mkdirSync(path.dirname(socket), { mode: 0o700 });
		const daemon = await start({ dir, socket });
		const first = await subscriber(daemon);
		for (const n of [1, 2]) {
			unseen(daemon, () => lose(socket));
			await daemon.ready();
			const member = await subscriber(daemon);
			await reachEachOther(first, member);
			member.destroy();
			assert.strictEqual(fs.statSync(socket).mode & 0o777, 0o600);
			assert.strictEqual(fs.readFileSync(`${socket}.pid`, 'utf8'), String(daemon.pid));
			const { overview } = daemon.stats();
			assert.ok(overview.sockets_restored >= n);
			const [line] = lines(daemon, 'socket-restored').slice(-1);
			assert.match(line, / warn .*cause=".*" .*remedy="/);
		}
		assert.strictEqual(lines(daemon, 'socket-restored').length, 2);
		const { status, stderr } = run(['--socket', socket]);
		assert.strictEqual(status, 69, stderr);
		assert.match(stderr, new RegExp(`\\b${daemon.pid}\\b`));
		assert.ok(!first.ended);
		await daemon.stop();
		assert.deepStrictEqual(fs.readdirSync(path.dirname(socket)).filter((name) => !name.endsWith('.old')), []);
	});

scenario('each Unix socket of the daemon is kept', async (start) => {
	const dir = folder();
	const paths = ['s', 's.handles', 'redis1', 'redis2', 'metrics'].map((name) => path.join(dir, name));
	const file = path.join(dir, 'conf');
	fs.writeFileSync(file, `resp-listen ${paths[2]} ${paths[3]}\nmetrics-socket ${paths[4]}\n`);
	const daemon = await start({ dir, args: ['--config', file] });
	for (const socket of paths) {
		const before = identity(socket);
		fs.rmSync(socket);
		await until(() => (identity(socket) ?? before) !== before && answers(socket), socket);
		await until(() => lines(daemon, 'socket-restored', socket).length === 1, 'line of the log');
	}
	assert.strictEqual(daemon.stats().overview.sockets_restored, paths.length);
	await daemon.stop();
	assert.deepStrictEqual(fs.readdirSync(dir), ['conf']);
});

scenario('a folder that is missing is reported once and waited for', async (start) => {
	const dir = folder();
	const socket = path.join(dir, 'sub', 's');
	fs.mkdirSync(path.dirname(socket));
	const daemon = await start({ dir, socket, args: ['--metrics-socket', path.join(dir, 'm')] });
	const member = await subscriber(daemon);
	unseen(daemon, () => fs.rmSync(path.dirname(socket), { recursive: true }));
	await until(() => lines(daemon, 'socket-lost').length > 0, 'line of the log');
	assert.match(lines(daemon, 'socket-lost')[0], / error .*error="the folder is missing" remedy="create it"$/);
	const { overview } = await member.stats(['overview']);
	assert.ok(overview.sockets_absent >= 1);
	fs.mkdirSync(path.dirname(socket));
	await daemon.ready();
	await reachEachOther(member, await subscriber(daemon));
	assert.strictEqual(lines(daemon, 'socket-lost').length, 1);
});

scenario('the default folder is created again, for its user alone', async (start) => {
	const dir = folder();
	const home = path.join(dir, 'home');
	const daemon = await start({
		dir,
		socket: path.join(home, 'pm2adapterd.sock'),
		wrap: () => ['env', '-u', 'PM2ADAPTERD_SOCKET', `PM2_HOME=${home}`, BINARY],
	});
	const member = await subscriber(daemon);
	unseen(daemon, () => fs.rmSync(home, { recursive: true }));
	await daemon.ready();
	assert.strictEqual(fs.statSync(home).mode & 0o777, 0o700);
	await reachEachOther(member, await subscriber(daemon));
});

scenario('a folder without permission is reported once and tried again', async (start) => {
	const dir = folder();
	const socket = path.join(dir, 'sub', 's');
	fs.chmodSync(dir, 0o755);
	fs.mkdirSync(path.dirname(socket));
	fs.chownSync(path.dirname(socket), NOBODY, NOBODY);
	const daemon = await start({
		dir, socket,
		wrap: (line) => ['setpriv', '--reuid', NOBODY, '--regid', NOBODY, '--clear-groups', ...line],
	});
	fs.chownSync(path.dirname(socket), 0, 0);
	fs.rmSync(socket);
	await until(() => lines(daemon, 'socket-lost').length > 0, 'line of the log');
	assert.match(lines(daemon, 'socket-lost')[0],
		/error="no permission in the folder" remedy="let the daemon's user write to it"$/);
	fs.chownSync(path.dirname(socket), NOBODY, NOBODY);
	await daemon.ready();
	assert.strictEqual(lines(daemon, 'socket-lost').length, 1);
}, asRoot);

scenario('a file that is not a socket is left alone until it is gone', async (start) => {
	const daemon = await start();
	const member = await subscriber(daemon);
	fs.writeFileSync(`${daemon.socket}.new`, 'mine');
	fs.renameSync(`${daemon.socket}.new`, daemon.socket);
	await until(() => lines(daemon, 'socket-lost').length > 0, 'line of the log');
	assert.match(lines(daemon, 'socket-lost')[0], /error="the file there is not a socket" remedy="remove it"$/);
	assert.strictEqual(fs.readFileSync(daemon.socket, 'utf8'), 'mine');
	fs.rmSync(daemon.socket);
	await daemon.ready();
	await reachEachOther(member, await subscriber(daemon));
});

scenario('a socket that another process serves is left to it', async (start) => {
	const daemon = await start();
	const server = net.createServer((socket) => socket.destroy());
	const listening = new Promise((resolve) => { server.once('listening', resolve); });
	unseen(daemon, () => {
		fs.rmSync(daemon.socket);
		server.listen(daemon.socket); // Node binds at once
	});
	try {
		await listening;
		await until(() => lines(daemon, 'socket-lost').length > 0, 'line of the log');
		const [line] = lines(daemon, 'socket-lost');
		assert.match(line, /error="another process serves the path" pid=\d+ remedy="stop one of the two/);
		assert.ok(line.includes(` pid=${process.pid} `), line);
	} finally {
		await new Promise((resolve) => { server.close(resolve); });
	}
	await daemon.ready();
	await (await subscriber(daemon)).barrier();
});

scenario('a daemon whose path another one took gets it back when that ends', async (start) => {
	const first = await start();
	const member = await subscriber(first);
	first.child.kill('SIGSTOP');
	fs.rmSync(first.socket);
	fs.rmSync(`${first.socket}.pid`);
	const second = await start({ dir: first.dir });
	first.child.kill('SIGCONT');
	await until(() => lines(first, 'socket-lost').length > 0, 'line of the log');
	assert.ok(lines(first, 'socket-lost')[0].includes(` pid=${second.pid} `), first.stderr);
	assert.strictEqual(fs.readFileSync(`${first.socket}.pid`, 'utf8'), String(second.pid));
	assert.strictEqual(lines(second, 'socket-lost').length, 0);
	await second.stop();
	await first.ready();
	await reachEachOther(member, await subscriber(first));
});
