'use strict';

/*
 * The socket and its lock in a folder that others can write to, and two daemons
 * that meet there.
 */

const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { test } = require('node:test');
const { answers, folder, run } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { until } = require('../support/wait');

const EX_CONFIG = 78;
const NOBODY = 65534;
const PRECIOUS = 'root:x:0:0:root:/root:/bin/bash\n';

const asRoot = process.getuid() === 0 ? {} :
	{ skip: 'only root can give a file away' };

/* Files that a stranger puts at `lock`; `target` is a file of the daemon's user. */
const TRAPS = [
	['a symbolic link', (lock, target) => fs.symlinkSync(target, lock),
		/: a link, not a lock file of its own; remove it, or put the socket/],
	['a hard link', (lock, target) => {
		fs.writeFileSync(target, '1');
		fs.linkSync(target, lock);
	}, /: a link, not a lock file of its own/],
	['a file that is no lock', (lock) => fs.writeFileSync(lock, PRECIOUS),
		/: not a lock file/],
	['a folder', (lock) => fs.mkdirSync(lock), /: not a lock file/],
	['a file of another user', (lock) => {
		fs.writeFileSync(lock, '1');
		fs.chownSync(lock, NOBODY, NOBODY);
	}, /: a file of another user/, asRoot],
];

function contents(dir) {
	return fs.readdirSync(dir).sort().map((name) => {
		const file = path.join(dir, name);
		const kind = fs.lstatSync(file);
		return [name, kind.isFile() ? fs.readFileSync(file, 'latin1') :
			kind.isSymbolicLink() && fs.readlinkSync(file)];
	});
}

for (const [what, put, words, options = {}] of TRAPS) {
	test(`${what} in place of the lock is refused and left alone`, options, () => {
		const dir = folder();
		const socket = path.join(dir, 's');
		try {
			const target = path.join(dir, 'passwd');
			fs.writeFileSync(target, PRECIOUS);
			put(`${socket}.pid`, target);
			const before = contents(dir);
			const { status, stderr } = run(['--socket', socket]);
			assert.strictEqual(status, EX_CONFIG, stderr);
			assert.match(stderr, words);
			assert.ok(stderr.includes(`${socket}.pid: `), stderr);
			assert.deepStrictEqual(contents(dir), before);
		} finally {
			fs.rmSync(dir, { recursive: true });
		}
	});
}

scenario('the end of a daemon whose files were removed leaves its heir\'s alone',
	async (start) => {
		const first = await start();
		first.child.kill('SIGSTOP'); // or it would take its path again
		fs.rmSync(first.socket);
		fs.rmSync(`${first.socket}.pid`);
		const heir = await start({ dir: first.dir });
		first.child.kill('SIGCONT');
		const pid = () => fs.readFileSync(`${first.socket}.pid`, 'utf8');
		assert.strictEqual(pid(), String(heir.pid));
		await first.stop();
		assert.strictEqual(pid(), String(heir.pid));
		await (await heir.member()).barrier();
		const { status, stderr } = run(['--socket', first.socket]);
		assert.strictEqual(status, 69, stderr);
		assert.match(stderr, new RegExp(`\\b${heir.pid}\\b`));
		await heir.stop();
		assert.deepStrictEqual(fs.readdirSync(first.dir), []);
	});

scenario('a daemon that has lost its lock alone still keeps its socket',
	async (start) => {
		const daemon = await start();
		fs.rmSync(`${daemon.socket}.pid`);
		const { status, stderr } = run(['--socket', daemon.socket]);
		assert.strictEqual(status, 69, stderr);
		assert.match(stderr, new RegExp(`\\b${daemon.pid}\\b`));
		await (await daemon.member()).barrier();
	});

/* The lines are written as the daemon begins to listen. */
scenario('nobody is let in by a daemon that can\'t have all its sockets',
	async (start) => {
		const server = net.createServer();
		await new Promise((resolve) => {
			server.listen(0, '127.0.0.1', resolve);
		});
		const taken = `127.0.0.1:${server.address().port}`;
		const wishes = [
			['--resp-listen', 'nonsense'], ['--resp-listen', taken],
			['--metrics-listen', taken], ['--metrics-listen', '[::]:80'],
			['--metrics-socket', '/nonexistent/folder/s'],
		];
		try {
			for (const args of wishes) {
				const daemon = await start({ args, settle: false });
				assert.notStrictEqual((await daemon.exited()).code, 0);
				assert.ok(daemon.stderr.includes(args[1]), daemon.stderr);
				assert.doesNotMatch(daemon.stderr, /\blistening\b/);
				assert.deepStrictEqual(fs.readdirSync(daemon.dir), []);
			}
		} finally {
			server.close();
		}
		const daemon = await start();
		await until(() => /\blistening\b.*socket=/.test(daemon.stderr), 'line of the log');
		assert.ok(await answers(daemon.socket));
	});
