'use strict';

/*
 * Counts what each process receives. Each message carries its number; each
 * receiver keeps a ledger, finds messages that are lost, doubled or out of order, and
 * tells the emitter after each STEP of messages, so that no more than a window
 * of them is ever under way and nobody has a reason to drop any.
 */

const net = require('node:net');

const STEP = 200;
const MARK = 'seq=';
const DIGITS = 10;
const REPORT_SIZE = 4;

/* The argument that carries number n. */
function stamp(n) {
	return MARK + String(n).padStart(DIGITS, '0');
}

/* The number in the bytes that follow the mark at offset. */
function numberAt(bytes, offset) {
	let n = 0;
	for (let i = offset + MARK.length; i < offset + MARK.length + DIGITS; i++)
		n = n * 10 + bytes[i] - 48;
	return n;
}

/* Of a process with several sources, each of which gets all messages. */
class Ledger {
	#last; // of each source: the number that came last
	#there = new Map(); // number at the end of a step → sources that are there
	#socket;
	#fault;

	/* sources: how many. first: the number that each will get first. path: where
	 * the emitter listens. fault(text) is called when something is wrong. */
	constructor({ sources, first, path, fault }) {
		this.#last = new Array(sources).fill(first - 1);
		this.#fault = fault;
		this.#socket = net.connect(path);
		this.#report(first - 1);
	}

	took(source, n) {
		if (n !== this.#last[source] + 1)
			this.#fault(`message ${n} after ${this.#last[source]}`);
		this.#last[source] = n;
		if (n % STEP === 0)
			this.#onStep(n);
	}

	/* The number that came last, at each source. */
	get last() {
		return this.#last;
	}

	/* Sources go ahead of each other by several steps. */
	#onStep(n) {
		const there = (this.#there.get(n) ?? 0) + 1;
		if (there === this.#last.length) {
			this.#there.delete(n);
			this.#report(n);
		} else {
			this.#there.set(n, there);
		}
	}

	#report(n) {
		const bytes = Buffer.alloc(REPORT_SIZE);
		bytes.writeUInt32BE(n);
		this.#socket.write(bytes);
	}
}

/* Of the emitter: how far the slowest ledger is. */
class Progress {
	#reached = new Map(); // socket → number
	#onProgress;

	constructor(path, onProgress) {
		this.#onProgress = onProgress;
		net.createServer((socket) => {
			this.#reached.set(socket, 0);
			socket.on('error', () => {});
			socket.on('close', () => this.#reached.delete(socket));
			let rest = Buffer.alloc(0);
			socket.on('data', (chunk) => { rest = this.#take(socket, rest, chunk); });
		}).listen(path);
	}

	/* How many ledgers there are. */
	get ledgers() {
		return this.#reached.size;
	}

	get slowest() {
		return Math.min(...this.#reached.values());
	}

	/* The last whole report is what counts. Returns what is not yet whole. */
	#take(socket, rest, chunk) {
		const bytes = Buffer.concat([rest, chunk]);
		const end = bytes.length - bytes.length % REPORT_SIZE;
		if (end > 0) {
			this.#reached.set(socket, bytes.readUInt32BE(end - REPORT_SIZE));
			this.#onProgress();
		}
		return bytes.subarray(end);
	}
}

module.exports = { Ledger, MARK, Progress, STEP, numberAt, stamp };
