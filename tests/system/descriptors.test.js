'use strict';

/* Out of descriptors, no listener ends, spins or stays deaf; when there are some again, all serve. */

const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { once } = require('node:events');
const { frame, hello, ping, TYPE } = require('./support/frames');
const { folder, scenario } = require('./support/daemon');
const { encode } = require('./support/msgpack');
const { command } = require('./support/resp');
const { until, within } = require('./support/wait');

const LIMIT = 48;

function freePort() {
	return new Promise((resolve) => {
		const server = net.createServer().listen(0, '127.0.0.1', () => {
			const { port } = server.address();
			server.close(() => resolve(port));
		});
	});
}

/* Each listener: where it is, what a client asks, and what begins the answer. */
async function listeners(dir) {
	const at = (name) => path.join(dir, name);
	const [resp, http] = [await freePort(), await freePort()];
	const get = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n';
	const pong = frame(TYPE.PONG, { body: Buffer.from('x') });
	const all = {
		native: { where: at('s'), ask: Buffer.concat([hello(), ping('x')]), answer: pong },
		'resp-listen': { where: resp, ask: command('PING'), answer: '+PONG' },
		'resp socket': { where: at('r'), ask: command('PING'), answer: '+PONG' },
		'metrics-listen': { where: http, ask: get, answer: 'HTTP/1.1 200 ' },
		'metrics-socket': { where: at('m'), ask: '', answer: '# HELP ' },
	};
	const args = ['--resp-listen', `127.0.0.1:${resp}`, '--resp-listen', at('r'),
		'--metrics-listen', `127.0.0.1:${http}`, '--metrics-socket', at('m')];
	return { all, args };
}

function connect(t, { where, ask }) {
	const socket = net.connect(where);
	socket.said = Buffer.alloc(0);
	socket.on('error', () => {});
	socket.on('data', (data) => {
		socket.said = Buffer.concat([socket.said, data]);
	});
	t.after(() => socket.destroy());
	if (ask.length > 0)
		socket.write(ask);
	return socket;
}

const isAnswered = (socket, { answer }) => socket.said.includes(answer);
const pauses = (daemon) => daemon.stderr.match(/accept-paused/g)?.length ?? 0;

/* Takes every descriptor that the daemon may have. */
async function exhaust(t, daemon, where) {
	await until(() => daemon.stderr.includes(' http='), 'all listeners');
	const hogs = [];
	while (hogs.length < LIMIT)
		hogs.push(connect(t, { where, ask: '' }));
	await until(() => pauses(daemon) > 0, 'no descriptors');
	return hogs;
}

async function free(hogs) {
	for (const hog of hogs)
		hog.destroy();
	await within(Promise.all(hogs.map((hog) => hog.closed || once(hog, 'close'))), 'closed');
}

scenario('without descriptors all listeners wait, and then all of them serve', async (start, t) => {
	const dir = folder();
	t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
	const { all, args } = await listeners(dir);
	const daemon = await start({ dir, args: [...args, '--hello-timeout', '60s'],
		wrap: (line) => ['prlimit', `--nofile=${LIMIT}:${LIMIT}`, ...line] });
	const hogs = await exhaust(t, daemon, all.native.where);
	const clients = Object.entries(all).map(([name, kind]) =>
		({ name, kind, socket: connect(t, kind) }));
	await within(Promise.all(clients.map(({ socket }) =>
		!socket.connecting || once(socket, 'connect'))), 'backlogs');
	// Every listener has tried, and has a line of its own in the log.
	await until(() => pauses(daemon) >= clients.length, 'all paused');
	for (const { name, kind, socket } of clients)
		assert.ok(!isAnswered(socket, kind), name);
	await free(hogs);
	for (const { name, kind, socket } of clients)
		await until(() => isAnswered(socket, kind), `${name} from the backlog`);
	for (const { socket } of clients)
		socket.destroy();
	for (const [name, kind] of Object.entries(all)) {
		const socket = connect(t, kind);
		await until(() => isAnswered(socket, kind), `${name} again`);
		socket.destroy();
	}
	const { overview } = daemon.stats('overview');
	assert.ok(overview.accept_pauses >= clients.length, String(overview.accept_pauses));
	const peer = await daemon.member();
	peer.write(frame(TYPE.STATS, { body: encode({}) }));
	await peer.expect(TYPE.STATS_REPLY);
});

for (const name of ['resp-listen', 'resp socket', 'metrics-listen', 'metrics-socket'])
	scenario(`one connect at ${name} without descriptors costs nothing`, async (start, t) => {
		const dir = folder();
		t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
		const { all, args } = await listeners(dir);
		const daemon = await start({ dir, args: [...args, '--hello-timeout', '60s'],
			wrap: (line) => ['prlimit', `--nofile=${LIMIT}:${LIMIT}`, ...line] });
		const hogs = await exhaust(t, daemon, all.native.where);
		const before = pauses(daemon);
		const socket = connect(t, all[name]);
		await until(() => pauses(daemon) > before, 'a pause');
		await free(hogs);
		await until(() => isAnswered(socket, all[name]), name);
	});
