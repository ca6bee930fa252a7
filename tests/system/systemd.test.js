'use strict';

/*
 * In systemd's place: the real systemd-socket-activate passes sockets by name, and socat prints the
 * notifications from a datagram socket.
 */

const assert = require('node:assert');
const { spawn } = require('child_process');
const fs = require('fs');
const http = require('http');
const net = require('net');
const path = require('path');
const { needs } = require('../support/needs');
const { TYPE, publish } = require('./support/frames');
const { folder, run } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { listens } = require('../support/listens');
const { until } = require('../support/wait');
const { freePort } = require('../support/free-port');

const SANITIZERS = ['ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS']
	.filter((name) => name in process.env);

/* A command line that gets the sockets first: [[address, name], …]. */
const activated = (sockets) => (line) => ['systemd-socket-activate',
	...sockets.flatMap(([address]) => ['-l', address]),
	`--fdname=${sockets.map(([, name]) => name).join(':')}`,
	...SANITIZERS.flatMap((name) => ['-E', name]), ...line];

function said(where, text = '') {
	return new Promise((resolve) => {
		const socket = net.connect(where);
		let reply = '';
		socket.setEncoding('utf8').on('data', (data) => { reply += data; });
		socket.on('error', () => {}).once('close', () => resolve(reply));
		if (text)
			socket.write(text);
	});
}

function statusOf(port, target) {
	return new Promise((resolve, reject) => {
		http.get({ host: '127.0.0.1', port, path: target, agent: false }, (reply) => {
			reply.resume().once('end', () => resolve(reply.statusCode));
		}).once('error', reject);
	});
}

scenario('sockets for native, resp and metrics are told apart by their names', async (start, t) => {
	const dir = folder();
	t.after(() => fs.rmSync(dir, { recursive: true }));
	const at = (name) => path.join(dir, name);
	const port = await freePort();
	const daemon = await start({
		settle: false,
		socket: at('native'),
		wrap: activated([[at('redis'), 'resp'], [at('native'), 'native'],
			[at('metrics'), 'metrics'], [`127.0.0.1:${port}`, 'metrics']]),
	});
	await until(() => listens(at('metrics')), 'sockets of systemd');
	const peer = await daemon.member();
	await peer.subscribe(['t']);
	assert.strictEqual(await said(at('redis'), 'PUBLISH t x\r\nQUIT\r\n'), ':1\r\n+OK\r\n');
	await peer.expect(TYPE.PUBLISH);
	assert.ok((await said(at('metrics'))).endsWith('\n# EOF\n'));
	assert.strictEqual(await statusOf(port, '/healthz'), 200);
	await daemon.stop();
	for (const name of ['native', 'redis', 'metrics'])
		assert.ok(fs.existsSync(at(name)), `the socket ${name} is systemd's, and stays`);
}, needs('systemd-socket-activate'));

scenario('one socket is native, whatever it is called', async (start, t) => {
	const dir = folder();
	t.after(() => fs.rmSync(dir, { recursive: true }));
	const daemon = await start({
		settle: false,
		socket: path.join(dir, 's'),
		wrap: activated([[path.join(dir, 's'), 'chat.socket']]),
	});
	await until(() => listens(daemon.socket), 'socket of systemd');
	const [a, b] = [await daemon.member(), await daemon.member()];
	await a.subscribe(['t']);
	b.write(publish('t', 'x'));
	await a.expect(TYPE.PUBLISH);
}, needs('systemd-socket-activate'));

/* Starts at the first connection; resolves to how the daemon ended. */
async function refused(sockets) {
	const dir = folder();
	try {
		const [command, ...args] = activated(sockets(dir))(
			[process.env.PM2ADAPTERD, '--socket', path.join(dir, 'other')]);
		const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
		let stderr = '';
		child.stderr.setEncoding('utf8').on('data', (text) => { stderr += text; });
		const [address] = sockets(dir)[0];
		await until(() => listens(address), 'socket of systemd');
		net.connect(address).on('error', () => {});
		const code = await new Promise((resolve) => { child.once('close', resolve); });
		return { code, stderr };
	} finally {
		fs.rmSync(dir, { recursive: true });
	}
}

for (const [what, sockets, why] of [
	['a name that stands for nothing', (dir) => [[`${dir}/a`, 'native'], [`${dir}/b`, 'http']],
		"an inherited socket is called 'http'; known names: native, resp, metrics"],
	['two native ones', (dir) => [[`${dir}/a`, 'native'], [`${dir}/b`, 'native']],
		'2 inherited sockets are native; only one is allowed'],
	['two for metrics', (dir) => [[`${dir}/a`, 'metrics'], [`${dir}/b`, 'metrics']],
		'only one Unix socket for metrics is allowed'],
])
	scenario(`${what} is refused with a reason`, async () => {
		const { code, stderr } = await refused(sockets);
		assert.strictEqual(code, 78, stderr);
		assert.ok(stderr.includes(why), stderr);
	}, needs('systemd-socket-activate'));

/* A manager's notifications, as lines; socat receives them, since Node has no such sockets. */
async function manager(t, dir) {
	const where = path.join(dir, 'notify');
	const child = spawn('socat', ['-u', `UNIX-RECV:${where}`, 'STDOUT']);
	const heard = { text: '', where };
	child.stdout.setEncoding('utf8').on('data', (text) => { heard.text += text; });
	t.after(() => child.kill());
	await until(() => fs.existsSync(where), 'the socket of the manager');
	return heard;
}

const withEnv = (env) => (line) => ['env', ...Object.entries(env).map(([key, value]) => `${key}=${value}`),
	...line];

scenario('the manager hears of readiness, work, reload and end', async (start, t) => {
	const dir = folder();
	t.after(() => fs.rmSync(dir, { recursive: true }));
	const heard = await manager(t, dir);
	const daemon = await start({ wrap: withEnv({ NOTIFY_SOCKET: heard.where }) });
	await until(() => /READY=1/.test(heard.text), 'READY');
	await until(() => /STATUS=0 workers, 0 deliveries\/s/.test(heard.text), 'STATUS');
	assert.doesNotMatch(heard.text, /WATCHDOG/);
	heard.text = '';
	assert.strictEqual(run(['--socket', daemon.socket, '--signal', 'reload']).status, 0);
	await until(() => /RELOADING=1\nMONOTONIC_USEC=\d+READY=1/.test(heard.text), 'the reload');
	await daemon.member({ name: 'worker' });
	await until(() => /STATUS=1 workers/.test(heard.text), 'another status');
	await daemon.stop();
	assert.match(heard.text, /STOPPING=1\nSTATUS=draining$/);
}, needs('socat'));

scenario('the watchdog is fed from the loop, and starves when the loop does', async (start, t) => {
	const dir = folder();
	t.after(() => fs.rmSync(dir, { recursive: true }));
	const heard = await manager(t, dir);
	const daemon = await start({
		wrap: withEnv({ NOTIFY_SOCKET: heard.where, WATCHDOG_USEC: '100000' }) });
	const fed = () => heard.text.split('WATCHDOG=1').length - 1;
	await until(() => fed() >= 5, 'five times');
	daemon.kill('SIGSTOP');
	await new Promise((resolve) => { setTimeout(resolve, 200); });
	const before = fed();
	await new Promise((resolve) => { setTimeout(resolve, 400); });
	assert.strictEqual(fed(), before);
	daemon.kill('SIGCONT');
	await until(() => fed() > before, 'once more');
}, needs('socat'));

scenario("another process's watchdog is not fed", async (start, t) => {
	const dir = folder();
	t.after(() => fs.rmSync(dir, { recursive: true }));
	const heard = await manager(t, dir);
	await start({ wrap: withEnv(
		{ NOTIFY_SOCKET: heard.where, WATCHDOG_USEC: '20000', WATCHDOG_PID: '1' }) });
	await until(() => /STATUS=/.test(heard.text), 'STATUS');
	await new Promise((resolve) => { setTimeout(resolve, 200); });
	assert.doesNotMatch(heard.text, /WATCHDOG/);
}, needs('socat'));

scenario('a manager that is not there, or not read, holds nothing up', async (start) => {
	const daemon = await start({ wrap: withEnv(
		{ NOTIFY_SOCKET: '/nonexistent/notify', WATCHDOG_USEC: '10000' }) });
	await daemon.member();
	assert.strictEqual(run(['--socket', daemon.socket, '--healthz']).status, 0);
});
