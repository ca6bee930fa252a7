'use strict';

/* The real daemon in a short folder of its own, which goes with it. */

const assert = require('assert/strict');
const { execFile, spawn } = require('child_process');
const fs = require('fs');
const net = require('net');
const os = require('os');
const path = require('path');
const { promisify } = require('util');

const { until, within } = require('./wait');

const BINARY = path.resolve(process.env.PM2ADAPTERD ||
	path.join(__dirname, '../../../build/release/pm2adapterd'));

const alive = new Set();
process.on('exit', () => {
	for (const child of alive)
		child.kill('SIGKILL');
});

function folder() {
	return fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-'));
}

function answers(socket) {
	return new Promise((resolve) => {
		const probe = net.connect(socket);
		probe.once('error', () => resolve(false));
		probe.once('connect', () => {
			probe.destroy();
			resolve(true);
		});
	});
}

class Daemon {
	#child = null;
	#args;

	/* `args` stand behind --socket, or give them for its folder; nothing runs before start(). */
	constructor({ args = [] } = {}) {
		assert.ok(fs.existsSync(BINARY), `no daemon at ${BINARY}: run make`);
		this.dir = folder();
		this.#args = typeof args === 'function' ? args(this.dir) : args;
		this.socket = path.join(this.dir, 's');
		this.stderr = '';
	}

	static start(options) {
		return new Daemon(options).start();
	}

	get pid() {
		return this.#child?.pid;
	}

	/* Also after kill() or stop(): a new process on the same socket. */
	async start() {
		const child = spawn(BINARY, ['--socket', this.socket, ...this.#args],
			{ stdio: ['ignore', 'ignore', 'pipe'] });
		alive.add(child);
		this.#child = child;
		this.ended = new Promise((resolve) => {
			child.once('close', (code, signal) => {
				alive.delete(child);
				resolve({ code, signal });
			});
		});
		child.stderr.setEncoding('utf8').on('data', (text) => { this.stderr += text; });
		await until(() => {
			assert.equal(child.exitCode, null, `the daemon ended: ${this.stderr}`);
			return answers(this.socket);
		}, 'daemon');
		return this;
	}

	/* What --stats --json says: { overview, clients, topics, closed }. */
	async stats() {
		const { stdout } = await promisify(execFile)(BINARY,
			['--stats', '--json', '--limit', '1000', '--socket', this.socket]);
		return JSON.parse(stdout);
	}

	/* Resolves with the stats for which `is` holds. */
	until(is, what) {
		return until(async () => {
			const stats = await this.stats();
			return is(stats) && stats;
		}, what);
	}

	signal(name) {
		this.#child.kill(name);
	}

	/* An orderly end. */
	async stop() {
		this.signal('SIGTERM');
		const ended = await within(this.ended, 'end of the daemon');
		assert.deepEqual(ended, { code: 0, signal: null }, this.stderr);
	}

	async kill() {
		this.signal('SIGKILL');
		await within(this.ended, 'end of the daemon');
	}

	/* The end of all, whatever the state. */
	async destroy() {
		if (this.#child !== null)
			await this.kill();
		fs.rmSync(this.dir, { recursive: true, force: true });
	}
}

module.exports = { BINARY, Daemon, answers, folder };
