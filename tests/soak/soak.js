'use strict';

/*
 * soak.js [--seconds N] [--steps N] [--seed N]
 *
 * A fuzzer over real sockets: attackers of all kinds against one daemon, and
 * witnesses whose messages must stay exact. It ends with an orderly shutdown.
 * A seed gives the same attackers and the same bytes; the kernel decides how
 * many of them the daemon reads at a time.
 *
 * If it fails, build/soak-SEED.log has the last bytes of the attackers.
 */

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { Chance } = require('../system/support/resp-traffic');
const { ROOT } = require('../support/daemon');
const { until } = require('../support/wait');
const { HttpAttacker } = require('./http');
const { NativeAttacker, Pool } = require('./native');
const { Offender } = require('./offender');
const { RespAttacker } = require('./resp');
const { PATIENCE_MS, Target } = require('./target');
const { Witnesses } = require('./witnesses');

const N_NATIVE = 72;
const N_RESP = 24;
const N_HTTP = 12;
const STEPS_A_TURN = 8;
const CHECK_MS = 2000; // between two looks at whether all is well
const WRITES_KEPT = 400;

const { values: options } = parseArgs({ options: {
	seconds: { type: 'string' },
	steps: { type: 'string' },
	seed: { type: 'string' },
} });
const seed = Number(options.seed ?? Math.floor(Math.random() * 2 ** 32));
const nSteps = Number(options.steps ?? Infinity);
const seconds = Number(options.seconds ?? (options.steps ? Infinity : 60));

/* Counts all steps, and keeps the last ones in full. */
class Record {
	steps = 0;
	frames = 0;
	bytes = 0;
	received = 0;
	connections = 0;
	#writes = [];

	wrote(name, bytes, n) {
		this.frames += n;
		this.bytes += bytes.length;
		this.#writes.push({ name, bytes });
		if (this.#writes.length > 2 * WRITES_KEPT)
			this.#writes.splice(0, WRITES_KEPT);
	}

	save(file) {
		fs.mkdirSync(path.dirname(file), { recursive: true });
		fs.writeFileSync(file, this.#writes.map(({ name, bytes }) =>
			`${name} ${bytes.toString('hex')}\n`).join(''));
	}
}

function attackers(target, pool, record) {
	const http = { addresses: [{ port: target.httpPort, host: '127.0.0.1' },
		{ port: target.httpPort, host: '127.0.0.1' },
		{ path: target.metrics }] };
	const resp = { password: target.password, addresses: [
		{ path: target.resp }, { port: target.respPort, host: '127.0.0.1' }] };
	const native = { path: target.socket, pool };
	return [[N_NATIVE, 'native', NativeAttacker, native],
		[N_RESP, 'resp', RespAttacker, resp],
		[N_HTTP, 'http', HttpAttacker, http]]
		.flatMap(([n, name, Kind, how]) => Array.from({ length: n }, (_, i) =>
			new Kind(`${name}-${i}`, new Chance(seed + 1000 * name.length + i),
				record, how)));
}

class Soak {
	#chance = new Chance(seed);
	/* With a password, wrong ones have all clients of an address wait: so half
	 * of the seeds have none. */
	#target = new Target({ password: seed % 2 ? 'soak' : null });
	#record = new Record();
	#pool = new Pool(this.#chance);
	#failure = null;
	#attackers = [];
	#witnesses;
	#offender = new Offender(this.#target, this.#chance,
		(err) => this.#fail(err));

	#fail = (err) => {
		this.#failure ??= err;
	};

	async run() {
		const target = this.#target;
		try {
			await target.start(this.#fail);
			this.#witnesses = new Witnesses(target, this.#chance, this.#fail);
			await this.#witnesses.open();
			this.#attackers = attackers(target, this.#pool, this.#record);
			await this.#attack();
			await this.#end();
			await target.stop();
		} catch (err) {
			this.#fail(err);
		}
		await this.#report();
		this.#witnesses?.destroy();
		for (const attacker of this.#attackers)
			attacker.destroy();
		await target.destroy();
		return this.#failure === null;
	}

	async #attack() {
		const end = performance.now() + 1000 * seconds;
		let check = performance.now() + CHECK_MS;
		while (!this.#failure && this.#record.steps < nSteps &&
			performance.now() < end) {
			this.#turn();
			await new Promise((resolve) => {
				setImmediate(resolve);
			});
			if (performance.now() > check) {
				await this.#check();
				check = performance.now() + CHECK_MS;
			}
		}
		this.#throw();
	}

	#turn() {
		for (let n = 0; n < STEPS_A_TURN; n++, this.#record.steps++)
			this.#chance.one(this.#attackers).step();
		this.#pool.stir();
		this.#witnesses.step();
		this.#offender.step();
	}

	#throw() {
		if (this.#failure)
			throw this.#failure;
	}

	/* The attackers hold still, and everything must answer. */
	async #check() {
		await this.#witnesses.alive();
		await this.#target.healthy();
		await this.#witnesses.settled();
		this.#target.reload(this.#chance);
	}

	/* With the attackers gone nothing of theirs is left. */
	async #end() {
		for (const attacker of this.#attackers)
			attacker.destroy();
		await this.#offender.settled();
		assert.ok(this.#offender.refused > 0, 'nobody was refused');
		await this.#witnesses.settled();
		await until(async () => {
			this.#throw();
			const rows = await this.#target.stats('clients');
			return rows.every(({ name, role }) =>
				role === 'observer' || this.#witnesses.has(name));
		}, 'end of the attackers', PATIENCE_MS);
		assert.deepStrictEqual(await this.#target.stats('requests'), [],
			'open questions');
		const topics = await this.#target.stats('topics');
		assert.deepStrictEqual(topics.map(({ topic }) => topic).sort(),
			this.#witnesses.topics, 'topics that somebody has subscribed to');
		this.#throw();
		this.#witnesses.closing();
	}

	async #report() {
		const { steps, frames, bytes, received, connections } = this.#record;
		console.log(`seed ${seed}: ${steps} steps, ${connections} connections, ` +
			`${frames} frames and requests, ${bytes} bytes sent, ` +
			`${received} received; ${this.#witnesses?.summary}, ` +
			`${this.#offender.refused} refusals as in the table`);
		if (this.#failure === null)
			return;
		const file = path.join(ROOT, `build/soak-${seed}.log`);
		this.#record.save(file);
		console.log(`failed: ${this.#failure.stack}\n` +
			`what was written last: ${file}\n` +
			`what the daemon said last:\n${this.#target.stderr}`);
	}
}

console.log(`seed ${seed}`);
new Soak().run().then((isWell) => {
	console.log(isWell ? '1 passed, 0 failed' : '0 passed, 1 failed');
	process.exitCode = isWell ? 0 : 1;
});
