'use strict';

/* The two workers of forwarding.js and handing-over.js: the owner of the sessions, and the other. */

const { spawn } = require('node:child_process');
const path = require('node:path');

const OWNER = 'fw-owner';
const OTHER = 'fw-other';

class Workers {
	#children = [];
	#control;
	#dir;

	constructor(dir, control) {
		this.#dir = dir;
		this.#control = control;
		this.ports = {};
	}

	async start(...names) {
		for (const name of names) {
			this.#children.push(spawn(process.execPath, ['--expose-gc', '--no-warnings',
				path.join(__dirname, 'forwarding-worker.js'), name, this.#dir, this.#control.path],
			{ stdio: ['ignore', 'inherit', 'inherit'] }));
			this.ports[name] = (await this.#control.arrival(name)).port;
		}
		return this;
	}

	order(name, order) {
		return this.#control.order(name, order);
	}

	async cpu() {
		return await this.order(OWNER, 'cpu') + await this.order(OTHER, 'cpu');
	}

	stop() {
		for (const child of this.#children)
			child.kill('SIGKILL');
		this.#children = [];
	}
}

/* Each client makes one round after the other. Resolves to the times of the rounds, in ms. */
async function rounds(clients, text, ms) {
	const times = [];
	const end = performance.now() + ms;
	await Promise.all(clients.map(async (client) => {
		for (let start = performance.now(); start < end;) {
			await client.round(text);
			const now = performance.now();
			times.push(now - start);
			start = now;
		}
	}));
	return times;
}

module.exports = { OTHER, OWNER, Workers, rounds };
