'use strict';

/*
 * A Socket.IO server of the comparison: worker 0 emits, the others receive.
 * argv: the settings as JSON (see cast.js).
 */

const http = require('node:http');

const { Server } = require('socket.io');

const { PEERS, seeOthers } = require('./adapters');
const { obey } = require('./control');
const { Ledger, Progress, STEP, stamp } = require('./ledger');

const DAY_MS = 86_400_000;

/* Emits a burst in each turn of the event loop, or after each pause, while fewer
 * than `window` messages are under way. */
class Emitter {
	#io;
	#progress;
	#emitted = 0;
	#run = null;

	constructor(io, path) {
		this.#io = io;
		this.#progress = new Progress(path, () => this.#onProgress());
	}

	get emitted() {
		return this.#emitted;
	}

	get ledgers() {
		return this.#progress.ledgers;
	}

	/* For about ms. Resolves to { emits, ms } when all have received all. */
	emit({ ms, size, burst, pauseMs, window }) {
		return new Promise((resolve) => {
			const start = performance.now();
			this.#run = {
				payload: 'x'.repeat(size), burst, pauseMs, window, start, resolve,
				first: this.#emitted, end: start + ms, isWaiting: false, isOver: false,
			};
			this.#turn();
		});
	}

	#turn() {
		const run = this.#run;
		const room = run.window - (this.#emitted - this.#progress.slowest);
		for (let n = Math.min(run.burst, room); n > 0 && !run.isOver; n--) {
			this.#io.emit('event', stamp(++this.#emitted), run.payload);
			run.isOver = this.#emitted % STEP === 0 && performance.now() > run.end;
		}
		run.isWaiting = run.isOver || room <= run.burst;
		if (!run.isWaiting)
			this.#nextTurn();
	}

	#nextTurn() {
		if (this.#run.pauseMs > 0)
			setTimeout(() => this.#turn(), this.#run.pauseMs);
		else
			setImmediate(() => this.#turn());
	}

	#onProgress() {
		const run = this.#run;
		if (!run?.isWaiting)
			return;
		if (!run.isOver) {
			run.isWaiting = false;
			this.#nextTurn();
		} else if (this.#progress.slowest === this.#emitted) {
			this.#run = null;
			run.resolve({
				emits: this.#emitted - run.first,
				ms: performance.now() - run.start,
			});
		}
	}
}

async function main() {
	const settings = JSON.parse(process.argv[2]);
	const { peer, index, workers, broker, control, progress } = settings;
	const server = http.createServer();
	const io = new Server(server, { pingInterval: DAY_MS });
	io.adapter(await PEERS[peer].create(broker));
	// exclusive: in a cluster the primary would take the connections.
	await new Promise((resolve) => {
		server.listen({ host: '127.0.0.1', port: 0, exclusive: true }, resolve);
	});
	const emitter = index === 0 ? new Emitter(io, progress) : null;
	let ledger = null;
	const fault = obey(control, `${peer}-${index}`, {
		see: () => seeOthers(io, workers),
		receive() {
			ledger = new Ledger({ sources: 1, first: 1, path: progress, fault });
			PEERS[peer].watch(io, (n) => ledger.took(0, n));
		},
		ledgers: () => emitter.ledgers,
		emitted: () => emitter.emitted,
		emit: (run) => emitter.emit(run),
		last: () => ledger.last,
	}, { port: server.address().port });
}

main();
