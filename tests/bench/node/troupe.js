'use strict';

/*
 * The processes of one peer: its broker, or the primary of its cluster, and its
 * workers.
 */

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const ORDER_LIMIT_MS = 60_000;
const START_LIMIT_MS = 10_000;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/* CPU time of a process in µs, that of all its threads. The scheduler's own
 * account: the ticks of /proc/PID/stat are 10 ms. */
function cpuOf(pid) {
	const tasks = `/proc/${pid}/task`;
	return fs.readdirSync(tasks)
		.map((task) => fs.readFileSync(`${tasks}/${task}/schedstat`, 'utf8'))
		.reduce((sum, text) => sum + Number(text.split(' ')[0]), 0) / 1000;
}

/* Rejects with a message when promise takes too long. */
function within(promise, ms, what) {
	let timer;
	const late = new Promise((resolve, reject) => {
		timer = setTimeout(() => reject(new Error(`${what} takes more than ${ms} ms`)), ms);
	});
	return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

class Troupe {
	#children = [];
	#control;
	#broker;
	#script;
	#count;
	#ended; // rejected when a process ends

	/*
	 * control: of the director. dir: where the sockets are. broker: the command
	 * line of the peer's daemon with its socket's path, or null where it is the
	 * primary of a cluster. script: of the workers. count: of workers.
	 */
	constructor(peer, { control, dir, broker, script, count }) {
		this.peer = peer;
		this.dir = dir;
		this.#control = control;
		this.#broker = broker;
		this.#script = script;
		this.#count = count;
		this.#ended = new Promise((resolve, reject) => { this.onEnd = reject; });
		this.#ended.catch(() => {}); // it is told by whoever waits
	}

	/* Starts the workers, which get `settings` besides. */
	async start(settings = {}) {
		if (this.#broker)
			await this.#startBroker();
		const all = Array.from({ length: this.#count }, (_, index) => JSON.stringify({
			peer: this.peer, index, workers: this.#count, broker: this.#broker?.socket,
			control: this.#control.path, ...settings,
		}));
		if (this.#broker)
			all.forEach((text) => this.node(this.#script, text));
		else
			this.node('primary.js', this.#script, ...all);
		const names = all.map((_, i) => `${this.peer}-${i}`);
		this.workers = await Promise.all(names.map((name) => this.arrival(name)));
		this.brokerPid = this.#broker ?
			this.#broker.pid : (await this.arrival(`${this.peer}-primary`)).pid;
		await this.orderAll('see');
	}

	/* Ends all processes; resolves when they are gone. */
	async stop() {
		this.onEnd = () => {};
		const children = this.#children.splice(0);
		children.reverse(); // workers before their broker
		const gone = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
			.map((child) => new Promise((resolve) => { child.once('exit', resolve); }));
		children.forEach((child) => child.kill('SIGKILL'));
		await Promise.all(gone);
		if (this.#broker)
			fs.rmSync(this.#broker.socket, { force: true });
	}

	/* Kills the broker and starts another one. Returns when the first was killed, in
	 * ms since 1970. */
	async replaceBroker() {
		const killed = this.#children.shift();
		killed.removeAllListeners('exit');
		const gone = new Promise((resolve) => { killed.once('exit', resolve); });
		killed.kill('SIGKILL');
		const at = Date.now();
		await gone;
		fs.rmSync(this.#broker.socket, { force: true });
		await this.#startBroker();
		this.#children.unshift(this.#children.pop());
		this.brokerPid = this.#broker.pid;
		return at;
	}

	/* The CPU time in µs of the broker and of each worker. */
	cpu() {
		return [this.brokerPid, ...this.workers.map(({ pid }) => pid)].map(cpuOf);
	}

	get socket() {
		return this.#broker.socket;
	}

	get controlPath() {
		return this.#control.path;
	}

	/* Orders a process of this name, or the worker of this number. */
	order(who, ...args) {
		const name = typeof who === 'number' ? `${this.peer}-${who}` : who;
		return within(Promise.race([this.#control.order(name, ...args), this.#ended]),
			ORDER_LIMIT_MS, `${this.peer}: '${args[0]}' for ${name}`);
	}

	/* Orders all workers at once. */
	orderAll(...args) {
		return Promise.all(this.workers.map((_, i) => this.order(i, ...args)));
	}

	arrival(name) {
		return Promise.race([this.#control.arrival(name), this.#ended]);
	}

	node(script, ...args) {
		this.#spawn([process.execPath, path.join(__dirname, script), ...args], 'inherit');
	}

	async #startBroker() {
		const log = fs.openSync(path.join(this.dir, `${this.peer}.log`), 'w');
		const child = this.#spawn(this.#broker.line, log);
		fs.closeSync(log);
		this.#broker.pid = child.pid;
		const end = Date.now() + START_LIMIT_MS;
		while (!fs.existsSync(this.#broker.socket)) {
			if (Date.now() > end)
				throw new Error(`${this.#broker.line[0]} does not start`);
			await Promise.race([sleep(10), this.#ended]);
		}
	}

	/* log: where what it says of itself goes. */
	#spawn([command, ...args], log) {
		const child = spawn(command, args, { stdio: ['ignore', 'ignore', log] });
		const onEnd = (why) => this.onEnd(new Error(`${command} ${args[0]}: ${why}`));
		child.once('error', (error) => onEnd(error.message));
		child.once('exit', (code, signal) => onEnd(`ended with ${signal ?? code}`));
		this.#children.push(child);
		return child;
	}
}

module.exports = { Troupe, sleep, cpuOf };
