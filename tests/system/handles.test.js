'use strict';

/* Sockets that one process hands over to another through the daemon. */

const assert = require('node:assert');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const { scenario } = require('./support/scenario');
const { Channel, lend, openRaw } = require('./support/lender');
const { run } = require('../support/daemon');
const { until, within } = require('../support/wait');

/* A connection over TCP: [client, server's socket]. */
async function connection(t) {
	const server = net.createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const accepted = once(server, 'connection');
	const client = net.connect(server.address().port, '127.0.0.1');
	const [socket] = await accepted;
	server.close();
	t.after(() => [client, socket].forEach((one) => one.destroy()));
	return [client, socket];
}

async function open(t, daemon, tag) {
	const channel = await Channel.open(daemon, tag);
	t.after(() => channel.close());
	return channel;
}

const features = async (daemon) => (await daemon.member()).welcome.features;
const handles = async (daemon) => (await daemon.statsAsync()).overview.handles;

scenario('a socket that is handed over belongs to the receiver alone', async (start, t) => {
	const daemon = await start();
	const [giver, owner] = [await open(t, daemon, 'giverr'), await open(t, daemon, 'owner_')];
	const [client, socket] = await connection(t);
	giver.handOver('owner_', 5, socket, 'bytes so far');
	await until(() => giver.received.length > 0 && owner.received.length > 0, 'handing over');
	assert.deepStrictEqual(giver.received, [[{ id: 5, outcome: 'passed' }, undefined]]);
	socket.destroy();
	const [[message, got]] = owner.received;
	assert.deepStrictEqual(message, { bytes: Buffer.from('bytes so far').toString('base64') });
	assert.strictEqual(got.remotePort, client.localPort);
	t.after(() => got.destroy());
	got.on('data', (data) => got.write(data));
	client.write('echo');
	assert.strictEqual(String(await within(once(client, 'data'), 'echo')), 'echo');
	const { passed, refused, channels, waiting } = await handles(daemon);
	assert.deepStrictEqual({ passed, refused, channels, waiting },
		{ passed: 1, refused: 0, channels: 2, waiting: 0 });
	await daemon.stop();
	client.write('more');
	assert.strictEqual(String(await within(once(client, 'data'), 'echo without the daemon')), 'more');
});

scenario('several in a row arrive in order, each with its bytes', async (start, t) => {
	const daemon = await start();
	const [giver, owner] = [await open(t, daemon, 'giverr'), await open(t, daemon, 'owner_')];
	const sockets = [];
	for (let n = 0; n < 20; n++) {
		sockets.push((await connection(t))[1]);
		giver.handOver('owner_', n, sockets[n], `${n} `.padEnd(n * 1000, 'x'));
	}
	await until(() => owner.received.length === 20 && giver.received.length === 20, '20 sockets');
	owner.received.forEach(([{ bytes }, got], n) => {
		assert.ok(Buffer.from(bytes, 'base64').toString().startsWith(`${n} `));
		assert.strictEqual(got.remotePort, sockets[n].remotePort);
		got.destroy();
	});
	assert.deepStrictEqual(giver.received.map(([{ outcome }]) => outcome), Array(20).fill('passed'));
});

scenario('a refused socket stays with its sender, which is told why', async (start, t) => {
	const daemon = await start();
	const giver = await open(t, daemon, 'giverr');
	const [client, socket] = await connection(t);
	giver.handOver('nobody', 1, socket);
	await until(() => giver.received.length > 0, 'outcome');
	assert.deepStrictEqual(giver.received[0][0], { id: 1, outcome: 'absent' });
	socket.write('still mine');
	assert.strictEqual(String(await within(once(client, 'data'), 'bytes')), 'still mine');
	const { absent, refused, passed } = await handles(daemon);
	assert.deepStrictEqual({ absent, refused, passed }, { absent: 1, refused: 1, passed: 0 });
});

scenario('the socket is private, beside the daemon\'s, and gone with it', async (start) => {
	const daemon = await start({ args: ['--socket-mode', '0666'] });
	const file = `${daemon.socket}.handles`;
	assert.strictEqual(fs.statSync(file).mode & 0o777, 0o600);
	assert.ok((await features(daemon)).includes('handles'));
	await daemon.stop();
	assert.ok(!fs.existsSync(file));
	assert.ok(!fs.existsSync(`${file}.pid`));
});

scenario('a strange file in its place is left alone, and the daemon does without', async (start) => {
	const daemon = await start({
		args: (dir) => {
			fs.writeFileSync(`${dir}/s.handles`, 'mine');
			return [];
		},
	});
	assert.match(daemon.stderr, /handles-off path=\S+\/s\.handles error="not a socket; it is left alone"/);
	assert.ok(!(await features(daemon)).includes('handles'));
	const { code, text } = await lend(daemon.socket, 'aaaaaa', 'ipc');
	assert.strictEqual(code, 69);
	assert.match(text, /s\.handles: Connection refused/);
	await daemon.stop();
	assert.strictEqual(fs.readFileSync(`${daemon.socket}.handles`, 'utf8'), 'mine');
});

scenario('SIGTERM does not wait for idle channels', async (start, t) => {
	const daemon = await start();
	const channel = await open(t, daemon, 'aaaaaa');
	await daemon.stop();
	await until(() => channel.isOver, 'end of the channel');
});

scenario('--lend-channel says what is wrong', async (start) => {
	const daemon = await start();
	const env = (fd) => ({ env: { ...process.env, NODE_CHANNEL_FD: fd } });
	const at = (...args) => run(['--socket', daemon.socket, '--lend-channel', ...args]);
	for (const tag of ['', 'abcde', 'abcdefg', '../../', 'abc"ef']) {
		const { status, stderr } = at(tag);
		assert.strictEqual(status, 64);
		assert.match(stderr, /is not a tag; a tag has 6 letters, digits, - or _/);
	}
	for (const fd of ['', 'x', '-1', '999', '2147483648']) {
		const { status, stderr } = run(['--socket', daemon.socket, '--lend-channel', 'aaaaaa'], env(fd));
		assert.strictEqual(status, 64, fd);
		assert.match(stderr, /NODE_CHANNEL_FD names no descriptor; start it from Node with stdio ipc/);
	}
	const { status, stderr } = run(['--socket', '/nonexistent/s', '--lend-channel', 'aaaaaa'], env('2'));
	assert.strictEqual(status, 69);
	assert.match(stderr, /\/nonexistent\/s\.handles: No such file or directory/);
	assert.strictEqual((await handles(daemon)).lends_refused, 0);
});

scenario('a worker that stops reading is not waited for', async (start, t) => {
	const daemon = await start();
	const giver = await open(t, daemon, 'giverr');
	const stalled = await openRaw(daemon, 'stalld');
	t.after(() => stalled.destroy());
	stalled.pause();
	const [, socket] = await connection(t);
	for (let n = 0; giver.received.at(-1)?.[0].outcome !== 'slow'; n++) {
		assert.ok(n < 2000, 'the daemon queues without end');
		giver.handOver('stalld', n, socket);
		await until(() => giver.received.length === n + 1, 'outcome');
	}
	await (await daemon.member()).barrier();
	assert.ok((await handles(daemon)).waiting > 0);
	stalled.destroy();
	await daemon.until(({ overview }) => overview.handles.waiting === 0, 'end of what waits');
});
