'use strict';

/* The real daemon in a short folder of its own. Whatever happens to a test, its daemon ends with it. */

const assert = require('node:assert');
const { execFile, spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');

const { PATIENCE_MS, until, within } = require('./wait');

const ROOT = path.join(__dirname, '../..');
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
 * Runs the binary to its end: {status, stdout, stderr}. Without a socket in
 * `args` it uses a path that cannot exist, and never one in the user's home.
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

class Daemon {
	#line;

	/*
	 * Nothing runs before start(). `args` follow --socket, or are given for the folder; `wrap`
	 * turns [command, ...args] into another command line. With `pm2` this process is its pm2: `child`
	 * has send() and 'message'.
	 */
	constructor({ args = [], wrap = (line) => line, dir = folder(), socket, pm2 = false } = {}) {
		assert.ok(fs.existsSync(BINARY), `no daemon at ${BINARY}: run make`);
		this.dir = dir;
		this.socket = socket ?? path.join(dir, 's');
		this.#line = wrap([BINARY, '--socket', this.socket, ...typeof args === 'function' ? args(dir) : args]);
		this.isOfPm2 = pm2;
		this.stderr = '';
		this.stdout = '';
	}

	static start(options) {
		return new this(options).start();
	}

	get pid() {
		return this.child?.pid;
	}

	/* Starts the process; also after its end, on the same socket. */
	launch() {
		const [command, ...args] = this.#line;
		const stdio = ['ignore', 'pipe', 'pipe'];
		const env = { ...process.env };
		if (this.isOfPm2) {
			fs.writeFileSync(path.join(this.dir, 'pm2.pid'), String(process.pid));
			stdio.push('ipc');
			Object.assign(env, { PM2_HOME: this.dir, pm_id: '0' });
		}
		const child = spawn(command, args, { stdio, env });
		alive.add(child);
		this.child = child;
		this.killed = false;
		this.ended = null; // then { code, signal }
		child.stderr.setEncoding('utf8').on('data', (text) => { this.stderr += text; });
		child.stdout.setEncoding('utf8').on('data', (text) => { this.stdout += text; });
		this.exit = new Promise((resolve) => {
			child.once('error', (err) => { this.stderr += String(err); });
			child.once('close', (code, signal) => {
				alive.delete(child);
				this.ended = { code, signal };
				resolve(this.ended);
			});
		});
		return this;
	}

	/* Resolves when it accepts connections. */
	async ready() {
		await until(() => {
			assert.ok(!this.ended, `the daemon ended: ${JSON.stringify(this.ended)} ${this.stderr}`);
			return answers(this.socket);
		}, 'daemon');
		return this;
	}

	start() {
		return this.launch().ready();
	}

	#statsArgs(section) {
		return ['--stats', ...(section ? [section] : []), '--json', '--limit', '1000', '--socket', this.socket];
	}

	/* What --stats --json prints: { overview, clients, topics, closed, … }, or one section. */
	stats(section) {
		const { status, stdout, stderr } = run(this.#statsArgs(section));
		assert.strictEqual(status, 0, stderr);
		return JSON.parse(stdout);
	}

	/* stats() for a test that serves clients of the daemon itself: its event loop goes on. */
	async statsAsync() {
		const { stdout } = await promisify(execFile)(BINARY, this.#statsArgs());
		return JSON.parse(stdout);
	}

	/* Resolves with the stats for which `is` holds. */
	until(is, what) {
		return until(async () => {
			const stats = await this.statsAsync();
			return is(stats) && stats;
		}, what);
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

	/* Sends a signal; the result resolves when the process has ended. */
	kill(signal = 'SIGKILL') {
		this.killed = signal === 'SIGKILL';
		this.child.kill(signal);
		return this.exit;
	}

	exited() {
		return within(this.exit, 'end of the daemon');
	}

	/* An orderly end. */
	async stop(signal = 'SIGTERM') {
		if (!this.ended)
			this.kill(signal);
		assert.deepStrictEqual(await this.exited(), { code: 0, signal: null }, this.stderr);
		this.assertClean();
	}

	/* No sanitizer spoke, and no signal ended it but our own SIGKILL. */
	assertClean() {
		assert.doesNotMatch(this.stderr, SANITIZER);
		assert.strictEqual(this.ended.signal, this.killed ? 'SIGKILL' : null);
	}

	/* The end of all, whatever the state. */
	async destroy() {
		if (this.child && !this.ended) {
			this.kill();
			await this.exited();
		}
		fs.rmSync(this.dir, { recursive: true, force: true });
	}
}

module.exports = { BINARY, Daemon, ROOT, answers, folder, run };
