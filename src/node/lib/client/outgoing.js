'use strict';

/*
 * The frames that a client sends once the daemon has accepted it: published
 * messages, and the requests and answers that keep their place among them. Each is
 * sent at once, waits, or is dropped.
 *
 * While there is no connection, or while the kernel takes no more, messages wait
 * in a queue with a limit in bytes; beyond it the oldest are dropped. A message
 * that was handed to the stream is never sent again, since it may have arrived:
 * the promise is at most once. So messages that a connection leaves unwritten
 * when it breaks are counted as dropped.
 */

const { FLAG, LENGTH_SIZE, flagsOf } = require('../wire/frame-writer');
const { Drops } = require('./drops');
const { LIMITS_UNTOLD } = require('./limits');
const { OfflineQueue } = require('./offline-queue');
const { COPY_MAX } = require('./write-buffer');

const WRITE_AHEAD_BYTES = 1024 * 1024; // handed to the stream at a time

class Outgoing {
	#stats;
	#gate;
	#queue;
	#drops;
	#connection = null;

	/* stats, gate: the client's. onDrop(drop): see Drops. */
	constructor(stats, gate, { queueMaxBytes, onDrop }) {
		this.#stats = stats;
		this.#gate = gate;
		this.#queue = new OfflineQueue(queueMaxBytes);
		this.#drops = new Drops(stats, onDrop);
		this.limits = LIMITS_UNTOLD; // of the last WELCOME
	}

	/* The connection that is in use, or null. */
	get connection() {
		return this.#connection;
	}

	set connection(connection) {
		this.#connection = connection;
	}

	/* Messages that wait. */
	get queued() {
		return { messages: this.#queue.length, bytes: this.#queue.bytes };
	}

	/* Requests and answers that wait for their turn. */
	get turns() {
		return this.#queue.turns;
	}

	/* Whether nothing waits. */
	get isEmpty() {
		return this.#queue.isEmpty;
	}

	/* Whether a frame can go to the connection at once, and overtakes nothing. */
	isFree() {
		return this.#queue.isEmpty && !this.#gate.isShut && this.#hasRoom();
	}

	/* A tick may publish more than fits into memory, so the stream gets a part of it
	 * before the tick is over. */
	#hasRoom() {
		const connection = this.#connection;
		if (connection === null || !connection.isOpen) {
			return false;
		}
		if (connection.pending >= WRITE_AHEAD_BYTES) {
			connection.flush();
		}
		return connection.pending < WRITE_AHEAD_BYTES;
	}

	/* False before the first WELCOME; sendQueue() checks again. */
	isTooBig(frame) {
		return this.limits !== LIMITS_UNTOLD &&
			frame.length - LENGTH_SIZE > this.limits.maxFrame;
	}

	/*
	 * Sends or keeps a published frame. The caller may change a frame of up to
	 * COPY_MAX bytes afterwards. Returns false if it is dropped.
	 */
	publish(frame, isVolatile) {
		this.#stats.published++;
		if (this.isTooBig(frame)) {
			return this.#drop(frame.length, 'too-big');
		}
		if (this.isFree()) {
			this.#connection.send(frame);
			return true;
		}
		if (isVolatile) {
			return this.#drop(frame.length, 'volatile');
		}
		const kept = frame.length > COPY_MAX ? frame : Buffer.from(frame);
		this.#drops.add(this.#queue.push(kept), 'queue-full');
		return this.#queue.length > 0;
	}

	/* Counts a message of which no frame can be made. Returns false. */
	dropUnsent(size, reason) {
		this.#stats.published++;
		return this.#drop(size, reason);
	}

	/* Calls `run` when the messages that wait now have left the queue. */
	wait(run) {
		this.#queue.wait(run);
	}

	clearTurns() {
		this.#queue.clearTurns();
	}

	/* Hands what waits to the stream, until that has about maxBytes. */
	sendQueue(maxBytes = WRITE_AHEAD_BYTES) {
		while (!this.#gate.isShut && !this.#queue.isEmpty &&
			this.#connection.isOpen && this.#connection.pending < maxBytes) {
			const turn = this.#queue.nextTurn();
			if (turn === null) {
				this.#sendMessage(this.#queue.shift());
			} else {
				turn();
			}
		}
	}

	/* Queues messages again that a connection took but did not begin to send. */
	requeue(frames) {
		const isVolatile = (frame) => flagsOf(frame) & FLAG.VOLATILE;
		const dropped = frames.filter(isVolatile);
		const bytes = dropped.reduce((n, frame) => n + frame.length, 0);
		const kept = frames.filter((frame) => !isVolatile(frame));
		this.#drops.add({ messages: dropped.length, bytes }, 'volatile');
		this.#drops.add(this.#queue.unshift(kept), 'queue-full');
	}

	/* Counts messages that were lost with a connection: { messages, bytes }. */
	onLost(lost) {
		this.#drops.add(lost, 'disconnect');
	}

	/* Drops the messages that wait, since the client is closed. */
	clear() {
		this.#drops.add(this.#queue.clear(), 'closed');
	}

	#sendMessage(frame) {
		if (this.isTooBig(frame)) {
			this.#drop(frame.length, 'too-big');
		} else {
			this.#connection.send(frame);
		}
	}

	#drop(bytes, reason) {
		this.#drops.add({ messages: 1, bytes }, reason);
		return false;
	}
}

module.exports = { Outgoing };
