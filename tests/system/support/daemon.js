'use strict';

/*
 * The real daemon in a folder of its own. Whatever happens to a test, its daemon
 * ends with it, its folder goes, and its stderr is kept and shown.
 */

const assert = require('node:assert');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { Peer } = require('./peer');
const { PATIENCE_MS, until, within } = require('./wait');

const ROOT = path.join(__dirname, '../../..');
const BINARY = path.resolve(process.env.PM2ADAPTERD ??
	path.join(ROOT, 'build/release/pm2adapterd'));
const SANITIZER = /(Address|Leak|Thread|Memory)Sanitizer|runtime error:/;

const alive = new Set();
process.on('exit', () => {
	for (const child of alive)
		child.kill('SIGKILL');
});

function folder() {
	return fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-'));
}

/*
 * Runs the binary to its end: {status, stdout, stderr}. Where no socket is
 * named, it is one that can't be: no test listens in the home of who runs it.
 */
function run(args, options = {}) {
	const env = { ...process.env, PM2ADAPTERD_SOCKET: '/nonexistent/s' };
	const result = spawnSync(BINARY, args,
		{ encoding: 'utf8', env, timeout: PATIENCE_MS, ...options });
	assert.ifError(result.error);
	assert.doesNotMatch(String(result.stderr), SANITIZER);
	return result;
}

/* Resolves when somebody answers at `socket`. */
function answers(socket) {
	return new Promise((resolve) => {
		const probe = net.connect(socket);
		probe.once('connect', () => {
			probe.destroy();
			resolve(true);
		});
		probe.once('error', () => resolve(false));
	});
}

/* A member in a process of its own, until `body` is through. */
async function withChild(daemon, keys, topic, options, body) {
	const child = spawn(process.execPath,
		[path.join(__dirname, 'child.js'), daemon.socket,
			JSON.stringify(keys), topic],
		{ stdio: ['ignore', 'pipe', 'inherit'], ...options });
	alive.add(child);
	const closed = once(child, 'close');
	try {
		await within(once(child.stdout, 'data'), 'child');
		await body(child);
	} finally {
		child.kill('SIGKILL');
		await within(closed, 'end of the child');
		alive.delete(child);
	}
}

class Daemon {
	/*
	 * `args` go behind --socket; `wrap` turns [command, ...args] into another
	 * command line; `settle: false` does not wait for the socket.
	 */
	constructor({ args = [], wrap, dir = folder(), socket } = {}) {
		this.dir = dir;
		this.socket = socket ?? path.join(dir, 's');
		this.peers = [];
		this.stderr = '';
		this.stdout = '';
		const line = [BINARY, '--socket', this.socket, ...args];
		const [command, ...rest] = wrap ? wrap(line) : line;
		this.child = spawn(command, rest,
			{ stdio: ['ignore', 'pipe', 'pipe'] });
		alive.add(this.child);
		this.child.stderr.setEncoding('utf8').on('data', (text) => {
			this.stderr += text;
		});
		this.child.stdout.setEncoding('utf8').on('data', (text) => {
			this.stdout += text;
		});
		this.exit = new Promise((resolve) => {
			this.child.once('error', (err) => {
				this.stderr += String(err);
			});
			this.child.once('close', (code, signal) => {
				alive.delete(this.child);
				this.ended = { code, signal };
				resolve(this.ended);
			});
		});
	}

	get pid() {
		return this.child.pid;
	}

	async ready() {
		await until(async () => {
			if (this.ended) {
				throw new Error(
					`the daemon ended: ${JSON.stringify(this.ended)}`);
			}
			return answers(this.socket);
		}, 'daemon');
		return this;
	}

	/* A welcome connection, destroyed with the daemon. */
	async member(keys, options) {
		return this.own(await Peer.member(this.socket, keys, options));
	}

	/* A connection that has said nothing yet. */
	async connect(options) {
		return this.own(await Peer.connect(this.socket, options));
	}

	own(peer) {
		this.peers.push(peer);
		return peer;
	}

	stats(section) {
		const args = ['--stats', ...(section ? [section] : []),
			'--json', '--limit', '1000'];
		const { status, stdout, stderr } =
			run(['--socket', this.socket, ...args]);
		assert.strictEqual(status, 0, stderr);
		return JSON.parse(stdout);
	}

	/* A section, whether it comes bare or under its name. */
	rows(section) {
		const reply = this.stats(section);
		return reply[section] ?? reply;
	}

	/* How the connection with this id ended. */
	async reasonOf(id) {
		const row = await until(() =>
			this.rows('closed').find((closed) => closed.id === id),
		`closed connection ${id}`);
		return row.reason;
	}

	kill(signal) {
		this.killed = signal === 'SIGKILL';
		this.child.kill(signal);
	}

	exited() {
		return within(this.exit, 'end of the daemon');
	}

	/* An orderly end, with everybody gone: nothing to wait for. */
	async stop(signal = 'SIGTERM') {
		for (const peer of this.peers)
			peer.destroy();
		if (!this.ended)
			this.kill(signal);
		assert.deepStrictEqual(await this.exited(),
			{ code: 0, signal: null });
		this.assertClean();
	}

	/* No sanitizer spoke, and no signal ended it but our own SIGKILL. */
	assertClean() {
		assert.doesNotMatch(this.stderr, SANITIZER);
		assert.strictEqual(this.ended.signal,
			this.killed ? 'SIGKILL' : null);
	}

	async destroy() {
		for (const peer of this.peers)
			peer.destroy();
		if (!this.ended)
			this.kill('SIGKILL');
		await this.exited();
		fs.rmSync(this.dir, { recursive: true, force: true });
	}
}

/*
 * A test with daemons. `body` gets start(options), which gives a daemon that is
 * ready, and is checked for a clean end if it still runs when the body is through.
 */
function scenario(name, body, options = {}) {
	const limits = { timeout: 10 * PATIENCE_MS, ...options };
	test(name, limits, async (t) => {
		const daemons = [];
		const start = async (options = {}) => {
			const daemon = new Daemon(options);
			daemons.push(daemon);
			return options.settle === false ? daemon : daemon.ready();
		};
		try {
			await body(start, t);
			for (const daemon of daemons) {
				if (!daemon.ended)
					await daemon.stop();
				daemon.assertClean();
			}
		} catch (err) {
			for (const { pid, stderr } of daemons)
				console.error(`stderr of daemon ${pid}:\n${stderr}`);
			throw err;
		} finally {
			for (const daemon of daemons)
				await daemon.destroy();
		}
	});
}

module.exports = { BINARY, ROOT, answers, folder, run, scenario, withChild };
