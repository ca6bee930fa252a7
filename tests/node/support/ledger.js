'use strict';

/*
 * A Socket.IO server that numbers its messages to the other servers and keeps a ledger of those that
 * it receives, so that each missing message is accounted for. Between two servers messages are in
 * order and complete as long as both are connected, so a gap must lie around an end of the receiver's
 * connection that `missed` has reported. `cuts` counts those ends.
 *
 * The servers speak by serverSideEmit(), which takes the way of all broadcasts and needs no
 * browsers.
 */

const http = require('http');

const { Server } = require('socket.io');

const pm2Adapter = require('../../../src/node');

const EVERY_MS = 2;

class Ledger {
	#timer = null;
	#sent = 0;
	#cuts = 0;
	#missed = 0;
	#returns = []; // [epoch of the daemon, ms from that until all was in force again]
	#heard = new Map(); // pid → { first, last, cuts, gaps, repeats, bye }

	constructor(options) {
		// No client connects: messages go between servers alone.
		this.io = new Server(http.createServer(), { serveClient: false, adapter: pm2Adapter(options) });
		this.client = this.io.of('/').adapter.client;
		this.client.on('disconnect', () => { this.#cuts++; });
		this.client.on('missed', () => {
			this.#missed++;
			const { epoch } = this.client.welcome;
			this.#returns.push([epoch, Date.now() - epoch]);
		});
		this.io.on('number', (pid, number) => this.#take(pid, number));
		this.io.on('bye', (pid, sent) => { this.#of(pid, sent).bye = sent; });
		this.io.on('pause', (answer) => {
			this.stop();
			answer(null);
		});
		this.io.on('go', () => this.go());
		this.io.on('report', (answer) => answer(this.report()));
	}

	go() {
		this.#timer ??= setInterval(() => {
			this.io.serverSideEmit('number', process.pid, this.#sent++);
		}, EVERY_MS);
	}

	stop() {
		clearInterval(this.#timer);
		this.#timer = null;
	}

	report() {
		return {
			pid: process.pid,
			sent: this.#sent,
			cuts: this.#cuts,
			missed: this.#missed,
			returns: this.#returns,
			dropped: this.client.stats.dropped,
			heard: Object.fromEntries(this.#heard),
		};
	}

	/* In good order: the others hear how much there was. */
	async close() {
		this.stop();
		this.io.serverSideEmit('bye', process.pid, this.#sent);
		await new Promise((resolve) => { this.io.close(resolve); });
	}

	#of(pid, number) {
		if (!this.#heard.has(pid))
			this.#heard.set(pid, {
				first: number, last: number - 1, cuts: this.#cuts, gaps: [], repeats: [], bye: null,
			});
		return this.#heard.get(pid);
	}

	#take(pid, number) {
		const from = this.#of(pid, number);
		if (number <= from.last)
			from.repeats.push(number);
		else if (number > from.last + 1)
			from.gaps.push({ after: from.last, before: number, cuts: this.#cuts - from.cuts });
		from.last = number;
		from.cuts = this.#cuts;
	}
}

module.exports = Ledger;
