'use strict';

/* How the daemon starts, shares a path, runs out of things, and ends. */

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { needs } = require('../support/needs');
const { hello, publish, subscribe, TYPE } = require('./support/frames');
const { answers, folder, run } = require('../support/daemon');
const { scenario, withChild } = require('./support/scenario');
const { Peer } = require('./support/peer');
const { listens } = require('../support/listens');
const { pause, until, within } = require('../support/wait');

const DRAIN_LONG = ['--drain-timeout', '60s'];

function withFolder(name, body) {
	test(name, () => {
		const dir = folder();
		try {
			body(dir);
		} finally {
			fs.rmSync(dir, { recursive: true, force: true });
		}
	});
}

scenario('a second daemon on a live socket exits 69 and names the first',
	async (start) => {
		const daemon = await start();
		const peer = await daemon.member();
		const second = run(['--socket', daemon.socket]);
		assert.strictEqual(second.status, 69, second.stderr);
		assert.match(second.stderr, new RegExp(`\\b${daemon.pid}\\b`));
		assert.ok(second.stderr.includes(daemon.socket));
		await peer.barrier();
		await (await daemon.member()).barrier();
	});

scenario('a socket that a killed daemon left is replaced', async (start) => {
	const dead = await start();
	const { epoch } = (await dead.member()).welcome;
	dead.kill('SIGKILL');
	await dead.exited();
	assert.ok(fs.existsSync(dead.socket));
	const heir = await start({ dir: dead.dir });
	const peer = await heir.member();
	assert.notStrictEqual(peer.welcome.epoch, epoch);
});

scenario('the socket goes with the daemon', async (start) => {
	const daemon = await start();
	await daemon.stop();
	assert.ok(!fs.existsSync(daemon.socket));
});

withFolder('a path that is no socket is refused and left alone', (dir) => {
	const file = path.join(dir, 'precious');
	fs.writeFileSync(file, 'data');
	for (const taken of [file, dir]) {
		const { status, stderr } = run(['--socket', taken]);
		assert.strictEqual(status, 78, stderr);
		assert.ok(stderr.includes(taken), stderr);
	}
	assert.strictEqual(fs.readFileSync(file, 'utf8'), 'data');
	assert.deepStrictEqual(fs.readdirSync(dir), ['precious']);
});

withFolder('a path in no folder is refused', (dir) => {
	const lost = path.join(dir, 'none/s');
	const { status, stderr } = run(['--socket', lost]);
	assert.notStrictEqual(status, 0);
	assert.ok(stderr.includes(lost), stderr);
});

withFolder('a socket path that is too long is refused with the limit',
	(dir) => {
		const long = path.join(dir, 'x'.repeat(108 - dir.length));
		const { status, stderr } = run(['--socket', long]);
		assert.strictEqual(status, 78, stderr);
		assert.match(stderr, /\b107\b/);
	});

scenario('of two daemons started at once exactly one wins', async (start) => {
	for (let round = 0; round < 10; round++) {
		const dir = folder();
		if (round % 2 === 1) {
			const dead = await start({ dir });
			dead.kill('SIGKILL');
			await dead.exited();
		}
		const pair = [await start({ dir, settle: false }),
			await start({ dir, settle: false })];
		const loser = await within(Promise.race(pair.map((daemon) =>
			daemon.exit.then(() => daemon))), 'loser');
		assert.deepStrictEqual(loser.ended, { code: 69, signal: null });
		const winner = pair.find((daemon) => daemon !== loser);
		await winner.ready();
		await (await winner.member()).barrier();
		assert.match(loser.stderr, new RegExp(`\\b${winner.pid}\\b`));
		await winner.stop();
	}
});

for (const signal of ['SIGTERM', 'SIGINT']) {
	scenario(`${signal} drains: what was queued and what comes then arrives`,
		async (start) => {
			const daemon = await start({ args: DRAIN_LONG });
			const publisher = await daemon.member();
			const slow = await daemon.connect({ paused: true });
			slow.write(Buffer.concat([hello(), subscribe(['t'])]));
			await publisher.barrier();
			const messages = Array.from({ length: 200 },
				(_, i) => publish('t', Buffer.alloc(20000, `${i} `)));
			publisher.write(Buffer.concat(messages));
			await publisher.barrier();

			daemon.kill(signal);
			const { reason } = await publisher.map(TYPE.GOODBYE);
			assert.strictEqual(reason, 'shutdown');
			await assert.rejects(Peer.connect(daemon.socket));
			const late = publish('t', 'begun before the end');
			publisher.write(late);
			await publisher.barrier();
			publisher.end();

			slow.resume();
			await slow.welcomed();
			for (const message of messages) {
				const { raw } = await slow.expect(TYPE.PUBLISH);
				assert.deepStrictEqual(raw, message);
			}
			await slow.expect(TYPE.GOODBYE);
			assert.deepStrictEqual(
				(await slow.expect(TYPE.PUBLISH)).raw, late);
			slow.end();
			await slow.expectEnd();
			await publisher.expectEnd();
			assert.deepStrictEqual(await daemon.exited(),
				{ code: 0, signal: null });
		});
}

scenario('SIGINT twice ends at once', async (start) => {
	const daemon = await start({ args: ['--drain-timeout', '10m'] });
	const peer = await daemon.member();
	daemon.kill('SIGINT');
	await peer.expect(TYPE.GOODBYE);
	assert.ok(!daemon.ended);
	daemon.kill('SIGINT');
	const { code, signal } = await daemon.exited();
	assert.deepStrictEqual({ code, signal }, { code: 130, signal: null });
	await peer.expectEnd();
	assert.ok(!fs.existsSync(daemon.socket));
});

scenario('the drain timeout ends a client that never closes',
	async (start) => {
		const daemon = await start({ args: ['--drain-timeout', '300ms'] });
		const peer = await daemon.member();
		const stalled = await daemon.connect({ paused: true });
		stalled.write(hello());
		await peer.barrier();
		daemon.kill('SIGTERM');
		await peer.expect(TYPE.GOODBYE);
		await peer.expectEnd();
		assert.deepStrictEqual(await daemon.exited(),
			{ code: 0, signal: null });
	});

scenario('an observer that stays does not hold up the end', async (start) => {
	const daemon = await start({ args: DRAIN_LONG });
	const observer = await daemon.member({ role: 'observer' });
	const peer = await daemon.member();
	daemon.kill('SIGTERM');
	await peer.expect(TYPE.GOODBYE);
	peer.end();
	await peer.expectEnd();
	await observer.expect(TYPE.GOODBYE);
	await observer.expectEnd();
	assert.strictEqual((await daemon.exited()).code, 0);

	const idle = await start({ args: DRAIN_LONG });
	const alone = await idle.member({ role: 'observer' });
	idle.kill('SIGTERM');
	await alone.expect(TYPE.GOODBYE);
	await alone.expectEnd();
	assert.strictEqual((await idle.exited()).code, 0);
});

scenario('a message and the end of its publisher in one go arrive while draining',
	async (start) => {
		const daemon = await start({ args: DRAIN_LONG });
		const publisher = await daemon.member();
		const peers = [];
		for (let n = 0; n < 5; n++) {
			peers.push(await daemon.member());
			await peers[n].subscribe(['t']);
		}
		daemon.kill('SIGTERM');
		for (const peer of [publisher, ...peers])
			await peer.expect(TYPE.GOODBYE);
		for (const peer of peers)
			peer.end();
		publisher.socket.end(publish('t', 'last words'));
		for (const peer of peers) {
			await peer.expect(TYPE.PUBLISH);
			await peer.expectEnd();
		}
		assert.strictEqual((await daemon.exited()).code, 0);
	});

/* CPU time of a process so far, in seconds. */
function cpuSeconds(pid) {
	const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
	const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
	return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function cpuInASecond({ pid }) {
	const before = cpuSeconds(pid);
	await pause(1000);
	return cpuSeconds(pid) - before;
}

scenario('a client that has closed its side while others drain costs nothing',
	async (start) => {
		const daemon = await start({ args: DRAIN_LONG });
		const peers = [await daemon.member(), await daemon.member()];
		daemon.kill('SIGTERM');
		for (const peer of peers)
			await peer.expect(TYPE.GOODBYE);
		peers[0].end();
		await peers[1].barrier();
		const spent = await cpuInASecond(daemon);
		assert.ok(spent < 0.3, `${spent} s of CPU in a second of waiting`);
		peers[1].end();
		for (const peer of peers)
			await peer.expectEnd();
		assert.strictEqual((await daemon.exited()).code, 0);
	});

/* Milliseconds until a new member is in after `n` strangers have left. */
async function untilBack(daemon, n) {
	const strangers = await Promise.all(Array.from({ length: n }, () => daemon.connect()));
	const start = performance.now();
	strangers.forEach((peer) => peer.destroy());
	const member = await daemon.member();
	await member.barrier();
	member.destroy();
	return performance.now() - start;
}

/* With a pause of 100 ms for each 40 strangers, it takes 2.5 s. */
scenario('descriptors that become free are used at once', async (start) => {
	const daemon = await start({
		wrap: (line) => ['sh', '-c', 'ulimit -n 48; exec "$0" "$@"', ...line],
	});
	const times = [];
	for (let i = 0; i < 3 && !(Math.min(...times) < 1500); i++)
		times.push(await untilBack(daemon, 1000));
	assert.ok(Math.min(...times) < 1500, `ms: ${times}`);
});

scenario('out of descriptors it pauses, says so once, and serves again',
	async (start) => {
		const daemon = await start({
			wrap: (line) =>
				['sh', '-c', 'ulimit -n 32; exec "$0" "$@"', ...line],
		});
		const peers = await Promise.all(
			Array.from({ length: 64 }, () => daemon.connect()));
		const welcome = [];
		for (const peer of peers) {
			peer.write(hello());
			peer.welcomed().then(() => welcome.push(peer), () => {});
		}
		const complaints = () =>
			daemon.stderr.split('Too many open files').length - 1;
		await until(complaints, 'word in the log');
		await until(() => welcome.length > 8, 'first welcomes');

		const spent = await cpuInASecond(daemon);
		assert.ok(spent < 0.3, `${spent} s of CPU in a second of waiting`);
		assert.ok(welcome.length < 32);
		assert.strictEqual(complaints(), 1, daemon.stderr);

		for (let left = peers.length; left > 0; left = peers.length) {
			const peer = await until(() => welcome.shift(), 'welcome');
			await peer.barrier();
			peer.destroy();
			peers.splice(peers.indexOf(peer), 1);
		}
		await (await daemon.member()).barrier();
		assert.strictEqual(complaints(), 1, daemon.stderr);
	});

scenario('one connection more than allowed is told so, the others stay',
	async (start) => {
		const daemon = await start({ args: ['--max-connections', '8'] });
		const peers = [];
		for (let n = 0; n < 8; n++)
			peers.push(await daemon.member());
		const late = await daemon.connect();
		const [code, message, fatal] = await late.error();
		assert.deepStrictEqual([code, fatal],
			['too-many-connections', true]);
		assert.match(message, /\b8\b/);
		await late.expectEnd();
		for (const peer of peers)
			await peer.barrier();
		peers[0].destroy();
		await until(async () => {
			const again = await daemon.connect();
			again.write(hello());
			return (await again.next()).type === TYPE.WELCOME;
		}, 'free place');
		peers[1].destroy();
		await until(() => daemon.rows('closed').some(({ reason }) =>
			reason === 'too-many-connections'), 'reason');
	});

scenario('a thousand connections at the same instant all get in',
	async (start) => {
		const daemon = await start();
		const peers = Array.from({ length: 1024 },
			() => daemon.own(new Peer(daemon.socket)));
		await Promise.all(peers.map(async (peer) => {
			await within(peer.connected, 'connection');
			peer.write(hello());
			await peer.welcomed();
		}));
		const ids = new Set(peers.map(({ id }) => id));
		assert.strictEqual(ids.size, 1024);
		for (const peer of peers)
			await peer.barrier();
	});

scenario('the socket file has the mode that was asked for', async (start) => {
	const mode = ({ socket }) => fs.statSync(socket).mode & 0o7777;
	assert.strictEqual(mode(await start()), 0o600);
	for (const wish of ['0660', '0666', '0600']) {
		const daemon = await start({ args: ['--socket-mode', wish] });
		assert.strictEqual(mode(daemon), parseInt(wish, 8));
	}
});

scenario('the kernel says who a client is, whatever its HELLO says',
	async (start) => {
		const daemon = await start();
		const peer = await daemon.member({ pid: 1, pm_id: 5 });
		const row = daemon.rows('clients')
			.find(({ id }) => id === peer.id);
		assert.deepStrictEqual([row.pid, row.uid, row.pm_id],
			[process.pid, process.getuid(), 5]);
	});

const NOBODY = 65534;
const asRoot = process.getuid() === 0 ? {} :
	{ skip: 'only root can start a client of another uid' };

scenario('another user gets in where the mode lets them', async (start) => {
	const daemon = await start({ args: ['--socket-mode', '0666'] });
	fs.chmodSync(daemon.dir, 0o755);
	await withChild(daemon, { name: 'nobody' }, 't', { uid: NOBODY },
		(child) => {
			const row = daemon.rows('clients')
				.find(({ name }) => name === 'nobody');
			assert.deepStrictEqual([row.pid, row.uid],
				[child.pid, NOBODY]);
		});
}, asRoot);

const ACTIVATE = 'systemd-socket-activate';

scenario('systemd can hand it the socket', async (start) => {
	const environment = ['ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS']
		.filter((name) => name in process.env)
		.flatMap((name) => ['-E', name]);
	const daemon = await start({
		settle: false,
		wrap: (line) => [ACTIVATE, '-l', line[2], ...environment, ...line],
	});
	await until(() => listens(daemon.socket), 'socket of systemd');
	const peer = await daemon.member();
	await peer.subscribe(['t']);
	const other = await daemon.member();
	other.write(publish('t', 'x'));
	await peer.expect(TYPE.PUBLISH);
	await daemon.stop();
	assert.ok(fs.existsSync(daemon.socket),
		'a socket that systemd owns is gone');
}, needs(ACTIVATE));

scenario('who connects in the last moment is refused or served, never hung',
	async (start) => {
		const daemon = await start();
		const endings = [];
		const timer = setInterval(() => {
			const peer = daemon.own(new Peer(daemon.socket));
			peer.write(hello());
			endings.push(peer.connected.then(() => peer.closed, () => {}));
		}, 1);
		await until(() => endings.length > 20, 'connections');
		daemon.kill('SIGTERM');
		assert.deepStrictEqual(await daemon.exited(),
			{ code: 0, signal: null });
		clearInterval(timer);
		await within(Promise.all(endings), 'end of each connection');
		assert.strictEqual(await answers(daemon.socket), false);
	});

withFolder('--stats without a daemon exits 69', (dir) => {
	const socket = path.join(dir, 's');
	const { status, stderr } = run(['--socket', socket, '--stats']);
	assert.strictEqual(status, 69, stderr);
	assert.ok(stderr.includes(socket), stderr);
});
