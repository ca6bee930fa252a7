'use strict';

/*
 * Three workers of one peer, of which one emits, their clients, and what a run
 * costs each process.
 */

const path = require('node:path');

const { Troupe, sleep } = require('./troupe');

const WORKERS = 3;
const CLIENTS_EACH = 10;

class Cast extends Troupe {
	#clients = []; // names of the processes that have them

	constructor(peer, settings) {
		super(peer, { ...settings, script: 'worker.js', count: WORKERS });
	}

	async start() {
		await super.start({ progress: this.#progress });
		for (let i = 1; i < WORKERS; i++)
			await this.order(i, 'receive');
		await this.#untilLedgers(WORKERS - 1);
	}

	/* Ten clients come to each of these workers. */
	async visit(workers) {
		const name = `${this.peer}-clients-${this.#clients.length}`;
		this.node('clients.js', JSON.stringify({
			control: this.controlPath, name, progress: this.#progress,
		}));
		await this.arrival(name);
		this.#clients.push(name);
		await this.order(name, 'visit', {
			ports: workers.map((i) => this.workers[i].port),
			each: CLIENTS_EACH,
			first: await this.order(0, 'emitted') + 1,
		});
		await this.#untilLedgers(WORKERS - 1 + this.#clients.length);
	}

	/* One run. µs of the emitter and the broker per emit, of a receiver per
	 * message, of all together per delivery to a worker. */
	async run(load) {
		const before = this.cpu();
		const { emits, ms } = await this.order(0, 'emit', load);
		const [broker, emitter, ...receivers] =
			this.cpu().map((us, i) => (us - before[i]) / emits);
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

	get #progress() {
		return path.join(this.dir, `${this.peer}.progress`);
	}

	/* Each has all that was emitted, and no more. */
	async #count() {
		const emitted = await this.order(0, 'emitted');
		const receivers = this.workers.slice(1).map(({ name }) => name);
		for (const name of [...receivers, ...this.#clients]) {
			const last = await this.order(name, 'last');
			if (last.some((n) => n !== emitted))
				throw new Error(`${name} has got ${last} of ${emitted}`);
		}
	}

	async #untilLedgers(count) {
		while (await this.order(0, 'ledgers') !== count)
			await sleep(10);
	}
}

module.exports = { Cast, CLIENTS_EACH, WORKERS };
