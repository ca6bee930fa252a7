'use strict';

/* The daemon that is attacked, in a folder of its own, with limits so low that
 * the attackers reach them. */

const { execFile, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { BINARY, answers, folder } = require('../support/daemon');
const { until, within } = require('../support/wait');
const { freePort } = require('../support/free-port');

const PATIENCE_MS = 60_000; // a busy machine, a sanitizer
const STDERR_KEPT = 64 << 10; // bytes
const SANITIZER = /(Address|Leak|Thread|Memory)Sanitizer|runtime error:|Assertion/;

const LIMITS = {
	'max-connections': 100, 'max-frame': '128k', 'max-topic': 256,
	'max-subscriptions': 500, 'max-questions': 50, 'max-questions-all': 400,
	'max-answer': '16k', 'max-gather': '32k', 'max-gather-all': '1m',
	'hello-timeout': '500ms', 'drain-timeout': '10s', 'ping-interval': '1s',
	'queue-limit': '1m', 'queue-soft-limit': '384k', 'queue-soft-time': '2s',
	'memory-limit': '64m',
};

/* Options that a reload may change. */
const RELOADS = {
	'splice-above': ['0', '1k', '16k'],
	'log-level': ['debug', 'info', 'info'],
	'slow-turn': ['0ms', '1ms', '50ms'],
	'slow-question': ['0ms', '10ms', '1s'],
	'max-questions': ['50', '60'],
	'memory-limit': ['32m', '64m', '128m'],
};

class Target {
	#dir = folder();
	#child;
	#stderr = '';
	#exit;
	#isEnding = false;
	socket = path.join(this.#dir, 's');
	resp = path.join(this.#dir, 'r');
	metrics = path.join(this.#dir, 'm');
	ended = null; // {code, signal}

	/* password: of resp-listen; null: none is wanted */
	constructor({ password }) {
		this.password = password;
	}

	async start(onEnd) {
		this.respPort = await freePort();
		this.httpPort = await freePort();
		this.#writeConfig({});
		this.#child = spawn(BINARY, ['--config', path.join(this.#dir, 'c')],
			{ stdio: ['ignore', 'ignore', 'pipe'] });
		process.once('exit', this.#kill);
		this.#child.stderr.setEncoding('utf8').on('data', (text) => {
			const all = this.#stderr + text;
			this.#stderr = SANITIZER.test(this.#stderr) ? all :
				all.slice(-STDERR_KEPT);
		});
		this.#exit = once(this.#child, 'close').then(([code, signal]) => {
			this.ended = { code, signal };
			if (!this.#isEnding)
				onEnd(new Error(`the daemon ended: ${code ?? signal}`));
		});
		for (const where of [this.socket, this.resp,
			{ port: this.respPort, host: '127.0.0.1' }]) {
			await until(() => {
				if (this.ended)
					throw new Error(`no start: ${this.#stderr}`);
				return answers(where);
			}, 'daemon', PATIENCE_MS);
		}
		await this.healthy();
	}

	#kill = () => this.#child?.kill('SIGKILL');

	#writeConfig(changes) {
		const lines = Object.entries({ ...LIMITS, ...changes,
			socket: this.socket,
			'metrics-socket': this.metrics,
			'metrics-listen': `127.0.0.1:${this.httpPort}`,
			...this.password && { 'resp-password': this.password },
		}).map((pair) => pair.join(' '));
		lines.push(`resp-listen ${this.resp}`,
			`resp-listen 127.0.0.1:${this.respPort}`);
		fs.writeFileSync(path.join(this.#dir, 'c'), `${lines.join('\n')}\n`);
	}

	/* SIGHUP, with some options changed. */
	reload(chance) {
		this.#writeConfig(Object.fromEntries(Object.entries(RELOADS)
			.map(([key, values]) => [key, chance.one(values)])));
		this.#child.kill('SIGHUP');
	}

	/* Resolves when /healthz has said that all is well. */
	async healthy() {
		const url = `http://127.0.0.1:${this.httpPort}/healthz`;
		await until(() => new Promise((resolve) => {
			http.get(url, { agent: false }, (response) => {
				response.resume();
				response.on('error', () => resolve(false));
				response.on('close', () =>
					resolve(response.statusCode === 200));
			}).on('error', () => resolve(false));
		}), '/healthz', PATIENCE_MS);
	}

	/* --stats SECTION as an object. */
	stats(section) {
		const args = ['--socket', this.socket, '--stats', section, '--json',
			'--limit', '1000'];
		return new Promise((resolve, reject) => {
			execFile(BINARY, args, { maxBuffer: 64 << 20 }, (err, stdout) =>
				(err ? reject(err) : resolve(JSON.parse(stdout)[section])));
		});
	}

	/* An orderly end, or an error that says what else it was. */
	async stop() {
		this.#isEnding = true;
		if (!this.ended)
			this.#child.kill('SIGTERM');
		await within(this.#exit, 'end of the daemon', PATIENCE_MS);
		if (this.ended.code !== 0)
			throw new Error(`exit ${JSON.stringify(this.ended)}`);
		if (SANITIZER.test(this.#stderr))
			throw new Error('a sanitizer reported');
	}

	/* The end of its output. */
	get stderr() {
		return this.#stderr;
	}

	async destroy() {
		this.#isEnding = true;
		this.#kill();
		await this.#exit;
		process.removeListener('exit', this.#kill);
		fs.rmSync(this.#dir, { recursive: true, force: true });
	}
}

module.exports = { PATIENCE_MS, Target };
