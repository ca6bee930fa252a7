'use strict';

/*
 * A private pm2: stock pm2 with a PM2_HOME in a temporary folder, driven by its command line. The
 * demo and the tests use it. They must neither touch the user's pm2 nor leave anything behind: so
 * no variables of an outer pm2 are inherited, and kill() ends processes that survive `pm2 kill`.
 */

const { execFile, spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { setTimeout: sleep } = require('timers/promises');

const REPO = path.join(__dirname, '../..');
const ECOSYSTEM = path.join(REPO, 'conf/ecosystem.config.js');
const DAEMON = path.resolve(
	process.env.PM2ADAPTERD_BIN || path.join(REPO, 'build/release/pm2adapterd'));
const COMMAND_MS = 40000;
const KILL_MS = 20000;
const POLL_MS = 60;
// sun_path has 108 bytes, for the folder, the longest name in it and a NUL.
const HOME_MAX = 107 - '/pm2adapterd.sock'.length;

function makeHome() {
	const make = (folder) => fs.mkdtempSync(path.join(folder, 'pm2a-'));
	let home = make(os.tmpdir());
	if (home.length > HOME_MAX) {
		fs.rmdirSync(home);
		home = make('/tmp');
	}
	// Without this file pm2 assumes a new installation, and reports it to its makers.
	fs.writeFileSync(path.join(home, 'touch'), '');
	return home;
}

/* pm2 gives its children many variables, which a nested pm2 would take for its own. */
function cleanEnv() {
	const own = /^(PM2_|PM2ADAPTERD_|pm_|NODE_APP_INSTANCE$|NODE_CHANNEL_|name$|instances$|unique_id$)/;
	return Object.fromEntries(Object.entries(process.env).filter(([key]) => !own.test(key)));
}

/* The command of an installed package, which may have an alias. */
const commandOf = (name) => path.join(path.dirname(require.resolve(`${name}/package.json`)), 'bin/pm2');

function isAlive(pid) {
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
}

async function waitUntil(what, timeoutMs, probe) {
	const deadline = Date.now() + timeoutMs;
	let why = null;
	for (;;) {
		try {
			const value = await probe();
			if (value)
				return value;
		} catch (err) {
			why = err;
		}
		if (Date.now() > deadline)
			throw new Error(`${what}: not within ${timeoutMs / 1000} s`, { cause: why });
		await sleep(POLL_MS);
	}
}

class PrivatePm2 {
	#commands = new Set();
	#ended = null;
	#pm2;
	#ecosystem;

	constructor({ daemon = DAEMON, env = {}, pm2 = 'pm2', ecosystem = ECOSYSTEM } = {}) {
		this.#pm2 = commandOf(pm2);
		this.#ecosystem = ecosystem;
		this.daemon = path.resolve(daemon);
		this.home = makeHome();
		this.env = {
			...cleanEnv(),
			PM2_HOME: this.home,
			PM2_DISABLE_VERSION_CHECK: 'true',
			PM2ADAPTERD_BIN: this.daemon,
			...env,
		};
	}

	/* Promises the output of a command; rejected with it if the command fails. */
	run(...args) {
		return this.#command(args, COMMAND_MS);
	}

	/*
	 * Promises the output of an action. Does not wait for the end of the command: pm2 waits for ever
	 * if the answer of the app comes to it before its own acknowledgement.
	 */
	trigger(app, ...args) {
		return this.#command(['trigger', app, ...args], COMMAND_MS,
			(output) => output.split('\n').slice(0, -1).some((line) => line.startsWith(`[${app}:`)));
	}

	start(...args) {
		return this.run('start', this.#ecosystem, ...args);
	}

	async list() {
		const lines = (await this.run('jlist')).trim().split('\n');
		return JSON.parse(lines.at(-1)).map((app) => ({
			name: app.name,
			id: app.pm_id,
			pid: app.pid,
			status: app.pm2_env.status,
			restarts: app.pm2_env.restart_time,
		}));
	}

	async pids(name) {
		const apps = await this.list();
		return apps.filter((app) => app.name === name).map((app) => app.pid);
	}

	/* Promises the output of --stats --json, which finds the socket as the adapter does. */
	stats() {
		return new Promise((resolve, reject) => {
			execFile(this.daemon, ['--stats', '--json'], { env: this.env, timeout: 5000 },
				(err, stdout, stderr) => (err
					? reject(new Error(stderr.trim() || err.message))
					: resolve(JSON.parse(stdout))));
		});
	}

	async members() {
		const { clients } = await this.stats();
		return clients.filter((client) => client.role === 'member');
	}

	/* Waits until all workers are connected; from then on they receive each other's messages. */
	async whenJoined(workers, timeoutMs = 15000) {
		return waitUntil(`${workers} workers at the daemon`, timeoutMs, async () => {
			const members = await this.members();
			return members.length === workers && members;
		});
	}

	/* Returns the last lines of the apps' error logs, without the daemon's messages. */
	complaints(lines = 12) {
		const logs = path.join(this.home, 'logs');
		const files = fs.existsSync(logs) ? fs.readdirSync(logs) : [];
		return files.filter((file) => file.includes('-error')).flatMap((file) => {
			const text = fs.readFileSync(path.join(logs, file), 'utf8').split('\n')
				.filter((line) => line && !/^\S+ (info|debug) /.test(line)).slice(-lines);
			return text.length ? [`${file}:`, ...text.map((line) => `  ${line}`)] : [];
		}).join('\n');
	}

	isRunning() {
		return isAlive(this.#pidIn(path.join(this.home, 'pm2.pid')));
	}

	kill() {
		this.#ended ||= this.#end();
		return this.#ended;
	}

	async #end() {
		// A command that is still running would start pm2 again.
		for (const command of this.#commands)
			command.kill('SIGKILL');
		const pids = this.#allPids();
		try {
			await this.#command(['kill'], KILL_MS);
		} catch {
			// Processes that survive are ended below, by id.
		}
		for (const pid of new Set([...pids, ...this.#allPids()]))
			if (isAlive(pid))
				process.kill(pid, 'SIGKILL');
		fs.rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
	}

	#pidIn(file) {
		try {
			return Number(fs.readFileSync(file, 'utf8')) || NaN;
		} catch {
			return NaN;
		}
	}

	#allPids() {
		const folder = path.join(this.home, 'pids');
		const files = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
		return [path.join(this.home, 'pm2.pid'), ...files.map((file) => path.join(folder, file))]
			.map((file) => this.#pidIn(file)).filter((pid) => pid > 1);
	}

	/* isEnough(output): the command need not go on. */
	#command(args, timeoutMs, isEnough = () => false) {
		return new Promise((resolve, reject) => {
			// In its own session: a Ctrl-C in the terminal reaches the caller, which ends this.
			const child = spawn(process.execPath, [this.#pm2, ...args],
				{ env: this.env, cwd: REPO, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
			const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
			let output = '';
			let isDone = false;
			this.#commands.add(child);
			for (const stream of [child.stdout, child.stderr])
				stream.setEncoding('utf8').on('data', (text) => {
					output += text;
					isDone ||= isEnough(output);
					if (isDone)
						child.kill('SIGKILL');
				});
			child.once('error', reject);
			// 'exit': pm2 may have inherited the pipes, and would delay 'close'.
			child.once('exit', (code, signal) => {
				clearTimeout(timer);
				this.#commands.delete(child);
				setImmediate(() => (code === 0 || isDone
					? resolve(output)
					: reject(new Error(`pm2 ${args[0]} ended with ${signal || code}\n${output.trim()}`))));
			});
		});
	}
}

module.exports = { DAEMON, PrivatePm2, waitUntil };
