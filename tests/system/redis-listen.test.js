'use strict';

/* Where the daemon listens for Redis's protocol, and who may speak there. */

const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { test } = require('node:test');
const { answers, folder, run } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { RespPeer, command } = require('./support/resp');
const { until } = require('../support/wait');
const { freePort } = require('../support/free-port');

const EX_CONFIG = 78;
const MIB = 1024 * 1024;
const PASSWORD = 'correct horse battery staple';

const isSanitized = /asan/.test(process.env.PM2ADAPTERD ?? '');

function resident(daemon) {
	const status = fs.readFileSync(`/proc/${daemon.child.pid}/status`, 'utf8');
	return Number(status.match(/VmRSS:\s+(\d+) kB/)[1]) * 1024;
}

/* The text of the one reply to args. */
async function ask(where, ...requests) {
	const peer = await RespPeer.connect(where);
	try {
		const texts = [];
		for (const args of requests) {
			peer.write(command(...args));
			await peer.wait(() => peer.replies.length > 0, args[0]);
			texts.push(...peer.taken().map(({ raw }) => raw.toString()));
		}
		return texts.join('');
	} finally {
		peer.destroy();
	}
}

const REFUSED = [
	['6379', 'neither a path with a / nor an address and a port'],
	['127.0.0.1', 'neither a path with a / nor an address and a port'],
	['127.0.0.1:0', 'neither a path with a / nor an address and a port'],
	['127.0.0.1:65536', 'neither a path with a / nor an address and a port'],
	['example.org:6379', 'neither a path with a / nor an address and a port'],
	['0.0.0.0:6379', '0.0.0.0:6379 is not a loopback address; ' +
		'set resp-password'],
	['[::]:6379', '[::]:6379 is not a loopback address'],
	['192.0.2.1:6379', '192.0.2.1:6379 is not a loopback address'],
];

for (const [address, words] of REFUSED) {
	test(`resp-listen ${address} is refused in words`, () => {
		const dir = folder();
		try {
			const { status, stderr } = run(['--socket', path.join(dir, 's'),
				'--resp-listen', address]);
			assert.strictEqual(status, EX_CONFIG, stderr);
			assert.ok(stderr.includes(words), stderr);
		} finally {
			fs.rmSync(dir, { recursive: true });
		}
	});
}

scenario('a file names several addresses, and a password that nobody is shown',
	async (start) => {
		const dir = folder();
		const file = path.join(dir, 'conf');
		const port = await freePort();
		const socket = path.join(dir, 'redis');
		fs.writeFileSync(file, `resp-listen ${socket}\n` +
			`resp-listen 127.0.0.1:${port}\nresp-password ${PASSWORD}\n`);
		const daemon = await start({ dir, args: ['--config', file] });
		await until(() => answers(socket), 'listener');
		for (const where of [{ path: socket }, { host: '127.0.0.1', port }]) {
			assert.match(await ask(where, ['PING']),
				/^-NOAUTH Authentication required/);
			assert.match(await ask(where, ['AUTH', 'wrong']), /^-WRONGPASS /);
			assert.match(await ask(where, ['AUTH', PASSWORD], ['PING']),
				/^\+OK\r\n\+PONG\r\n$/);
		}
		assert.strictEqual(daemon.rows('config')['resp-password'], '***');
		assert.strictEqual(daemon.rows('config')['resp-listen'],
			`${socket} 127.0.0.1:${port}`);
		assert.ok(!daemon.stderr.includes(PASSWORD));
		await daemon.stop();
		assert.ok(!fs.existsSync(socket), 'the socket is left');
	});

scenario('an address that is taken is named, and the daemon ends',
	async (start) => {
		const server = net.createServer();
		await new Promise((resolve) => {
			server.listen(0, '127.0.0.1', resolve);
		});
		const { port } = server.address();
		const daemon = await start({
			args: ['--resp-listen', `127.0.0.1:${port}`], settle: false,
		});
		const { code } = await daemon.exited();
		server.close();
		assert.notStrictEqual(code, 0);
		assert.match(daemon.stderr, new RegExp(`127\\.0\\.0\\.1:${port}`));
		assert.ok(!fs.existsSync(daemon.socket), 'the other socket is left');
	});

scenario('who does not read delays the end until the drain timeout, no longer',
	async (start) => {
		const dir = folder();
		const socket = path.join(dir, 'redis');
		const daemon = await start({ dir, args: ['--resp-listen', socket,
			'--drain-timeout', '50ms'] });
		const idle = net.connect(socket);
		daemon.own(idle).on('error', () => {});
		idle.write(command('SUBSCRIBE', 't'));
		await until(() => daemon.rows('overview').subscriptions === 1,
			'subscription');
		const big = 'x'.repeat(4 * MIB);
		assert.strictEqual(
			await ask({ path: socket }, ['PUBLISH', 't', big]), ':1\r\n');
		assert.ok(daemon.rows('overview').queue_bytes > MIB);
		daemon.kill('SIGTERM');
		assert.deepStrictEqual(await daemon.exited(),
			{ code: 0, signal: null });
	});

scenario('a million arguments and a long reply leave no memory behind',
	async (start, t) => {
		const dir = folder();
		const socket = path.join(dir, 'redis');
		const daemon = await start({ dir, args: ['--resp-listen', socket] });
		const peer = daemon.own(await RespPeer.connect({ path: socket }));
		const before = resident(daemon);
		peer.write(Buffer.from(`*1000000\r\n${'$0\r\n\r\n'.repeat(1e6)}`));
		await peer.wait(() => peer.replies.length === 1, 'reply to many');
		assert.strictEqual(peer.taken()[0].type, '-');
		const long = 'x'.repeat(8 * MIB);
		peer.write(command('ECHO', long));
		await peer.wait(() => peer.replies.length === 1, 'echo');
		assert.strictEqual(peer.taken()[0].value.length, long.length);
		if (isSanitized)
			t.diagnostic('resident memory is a sanitizer\'s, and not looked at');
		else
			await until(() => resident(daemon) < before + 4 * MIB,
				'memory to be given back');
	});

scenario('STATS tells of who speaks Redis\'s protocol', async (start) => {
	const dir = folder();
	const socket = path.join(dir, 'redis');
	const daemon = await start({ dir, args: ['--resp-listen', socket] });
	const peer = daemon.own(await RespPeer.connect({ path: socket }));
	const requests = [['HELLO', '3', 'SETNAME', 'emitter'],
		['SUBSCRIBE', 'a'], ['PSUBSCRIBE', 'b*d'], ['SSUBSCRIBE', 'c'], ['NO']];
	for (const args of requests)
		peer.write(command(...args));
	await peer.wait(() => peer.replies.length >= requests.length, 'replies');
	// The second begins as the pattern does, which doesn't match it.
	assert.strictEqual(await ask({ path: socket },
		['PUBLISH', 'a', 'x'], ['PUBLISH', 'bc', 'x']), ':1\r\n:0\r\n');
	const counters = { clients: 1, errors: 1, published: 2, delivered: 1,
		patterns: 1 };
	const { redis } = await until(() => {
		const overview = daemon.rows('overview');
		return overview.redis.clients === 1 && overview;
	}, 'the other to be gone');
	for (const [key, n] of Object.entries(counters))
		assert.strictEqual(redis[key], n, key);
	const row = daemon.rows('clients').find(({ role }) => role === 'redis');
	assert.strictEqual(row.name, 'emitter');
	assert.strictEqual(row.client, 'RESP3');
	assert.strictEqual(row.subscriptions, 3);
	assert.strictEqual(row.errors, 1);
	assert.strictEqual(row.messages_out, 1);
	const closed = daemon.rows('closed');
	assert.ok(closed.some(({ reason }) => reason === 'eof'));
});
