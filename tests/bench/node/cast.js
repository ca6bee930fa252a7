'use strict';

/*
 * The processes of one peer: its broker and three workers, one of which emits;
 * and what a run costs each of them.
 */

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const WORKERS = 3;
const CLIENTS_EACH = 10;
const RUN_LIMIT_MS = 60_000;
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

class Cast {
	#children = [];
	#control;
	#dir;
	#broker;
	#clients = []; // names of the processes that have them
	#ended; // rejected when a process ends

	/* control: of the director. dir: where the sockets are. broker: the command
	 * line of the peer's daemon with its socket's path, or null where it is the
	 * primary of a cluster. */
	constructor(peer, { control, dir, broker }) {
		this.peer = peer;
		this.#control = control;
		this.#dir = dir;
		this.#broker = broker;
		this.#ended = new Promise((resolve, reject) => { this.onEnd = reject; });
		this.#ended.catch(() => {}); // it is told by whoever waits
	}

	async start() {
		if (this.#broker)
			await this.#startBroker();
		const settings = Array.from({ length: WORKERS }, (_, index) => JSON.stringify({
			peer: this.peer, index, workers: WORKERS, broker: this.#broker?.socket,
			control: this.#control.path, progress: this.#progress,
		}));
		if (this.#broker)
			settings.forEach((text) => this.#node('worker.js', text));
		else
			this.#node('primary.js', ...settings);
		const names = settings.map((_, i) => `${this.peer}-${i}`);
		this.workers = await Promise.all(names.map((name) => this.#arrival(name)));
		this.brokerPid = this.#broker ?
			this.#broker.pid : (await this.#arrival(`${this.peer}-primary`)).pid;
		await Promise.all(names.map((name) => this.#order(name, 'see')));
		await Promise.all(names.slice(1).map((name) => this.#order(name, 'receive')));
		await this.#untilLedgers(WORKERS - 1);
	}

	/* Ten clients come to each of these workers. */
	async visit(workers) {
		const name = `${this.peer}-clients-${this.#clients.length}`;
		this.#node('clients.js', JSON.stringify({
			control: this.#control.path, name, progress: this.#progress,
		}));
		await this.#arrival(name);
		this.#clients.push(name);
		await this.#order(name, 'visit', {
			ports: workers.map((i) => this.workers[i].port),
			each: CLIENTS_EACH,
			first: await this.#order(`${this.peer}-0`, 'emitted') + 1,
		});
		await this.#untilLedgers(WORKERS - 1 + this.#clients.length);
	}

	/* One run. µs of the emitter and the broker per emit, of a receiver per
	 * message, of all together per delivery to a worker. */
	async run(load) {
		const before = this.#cpu();
		const { emits, ms } = await this.#order(`${this.peer}-0`, 'emit', load);
		const [broker, emitter, ...receivers] =
			this.#cpu().map((us, i) => (us - before[i]) / emits);
		await this.#count();
		const received = receivers.reduce((a, b) => a + b);
		return {
			emitter,
			receiver: received / receivers.length,
			broker,
			total: (emitter + broker + received) / receivers.length,
			rate: emits / ms * 1000,
		};
	}

	stop() {
		this.onEnd = () => {};
		for (const child of this.#children)
			child.kill('SIGKILL');
	}

	get #progress() {
		return path.join(this.#dir, `${this.peer}.progress`);
	}

	#cpu() {
		return [this.brokerPid, ...this.workers.map(({ pid }) => pid)].map(cpuOf);
	}

	/* Each has all that was emitted, and no more. */
	async #count() {
		const emitted = await this.#order(`${this.peer}-0`, 'emitted');
		const receivers = this.workers.slice(1).map(({ name }) => name);
		for (const name of [...receivers, ...this.#clients]) {
			const last = await this.#order(name, 'last');
			if (last.some((n) => n !== emitted))
				throw new Error(`${name} has got ${last} of ${emitted}`);
		}
	}

	async #untilLedgers(count) {
		while (await this.#order(`${this.peer}-0`, 'ledgers') !== count)
			await sleep(10);
	}

	#order(...args) {
		return within(Promise.race([this.#control.order(...args), this.#ended]),
			RUN_LIMIT_MS, `${this.peer}: '${args[1]}' for ${args[0]}`);
	}

	#arrival(name) {
		return Promise.race([this.#control.arrival(name), this.#ended]);
	}

	async #startBroker() {
		const log = fs.openSync(path.join(this.#dir, `${this.peer}.log`), 'w');
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

	#node(script, ...args) {
		this.#spawn([process.execPath, path.join(__dirname, script), ...args], 'inherit');
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

module.exports = { Cast, CLIENTS_EACH, WORKERS };
