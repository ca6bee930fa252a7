'use strict';

/*
 * One connection after the other that does what it likes: writes whole requests
 * and parts of them, stalls, closes one side or both, ends in the middle. Its
 * subclasses choose the bytes; they have:
 *
 *   address()  where to connect, as net.connect() wants it
 *   greeting() the bytes that a connection begins with
 *   burst()    {bytes, n}: bytes of n requests, good or bad
 *   large()    bytes that begin a large request, which is never finished
 */

const net = require('node:net');

const WAITING_MAX = 256 << 10; // bytes that wait to be written
const WAITED_MAX = 50; // steps for which a connection may write nothing

class Attacker {
	#rest = null; // the bytes of a request that has been cut
	#waited = 0;
	#isEnded = false;

	constructor(name, chance, record) {
		this.name = name;
		this.chance = chance;
		this.record = record;
		this.socket = null;
	}

	step() {
		if (this.socket === null)
			this.#open();
		else if (this.socket.writableLength > WAITING_MAX)
			this.#wait();
		else if (this.#isEnded)
			this.#leave();
		else
			this.#act();
	}

	/* For subclasses that read. */
	onData() {}

	destroy() {
		this.socket?.destroy();
	}

	#open() {
		const socket = net.connect({ ...this.address(), allowHalfOpen: true });
		this.socket = socket;
		this.#rest = null;
		this.#waited = 0;
		this.#isEnded = false;
		socket.on('data', (chunk) => {
			this.record.received += chunk.length;
			this.onData(chunk);
		});
		socket.on('error', () => {});
		socket.on('end', () => {
			if (this.chance.below(4) > 0)
				socket.destroy();
		});
		socket.on('close', () => {
			if (this.socket === socket)
				this.socket = null;
		});
		this.record.connections++;
		this.#write(this.greeting(), 1);
	}

	#wait() {
		if (++this.#waited > WAITED_MAX)
			this.socket.destroy();
		else if (this.chance.below(4) === 0)
			this.socket.resume();
	}

	/* The sending side is closed: reads on for a while. */
	#leave() {
		if (this.chance.below(8) === 0)
			this.socket.destroy();
	}

	#act() {
		const dice = this.chance.below(100);
		this.#waited = 0;
		if (this.#rest !== null && dice < 90)
			this.#finish();
		else if (dice < 80)
			this.#say(this.burst());
		else if (dice < 87)
			this.#stall();
		else if (dice < 90)
			this.#write(this.large(), 0);
		else if (dice < 95)
			this.#end();
		else if (dice < 97)
			this.socket.destroy();
	}

	#stall() {
		if (this.socket.isPaused())
			this.socket.resume();
		else
			this.socket.pause();
	}

	#end() {
		if (this.chance.below(3) === 0)
			this.#write(this.large(), 0);
		this.socket.end();
		this.#isEnded = true;
	}

	/* Whole, or cut anywhere. */
	#say({ bytes, n }) {
		if (bytes.length < 2 || this.chance.below(3) > 0)
			return this.#write(bytes, n);
		const at = 1 + this.chance.below(bytes.length - 1);
		this.#rest = bytes.subarray(at);
		return this.#write(bytes.subarray(0, at), n);
	}

	/* The rest of what was cut: all, some, or none of it ever. */
	#finish() {
		const rest = this.#rest;
		const dice = this.chance.below(20);
		if (dice === 0) {
			this.#rest = null;
		} else if (dice < 6 && rest.length > 1) {
			const at = 1 + this.chance.below(Math.min(rest.length - 1, 64));
			this.#rest = rest.subarray(at);
			this.#write(rest.subarray(0, at), 0);
		} else {
			this.#rest = null;
			this.#write(rest, 0);
		}
	}

	#write(bytes, n) {
		if (bytes.length === 0)
			return;
		this.record.wrote(this.name, bytes, n);
		this.socket.write(bytes);
	}
}

module.exports = { Attacker };
