'use strict';

/*
 * The frames that a client sends once the daemon has accepted it: published
 * messages, and the requests and answers that keep their place among them. Each is
 * sent at once, waits, or is dropped.
 *
 * While there is no connection, or while the kernel takes no more, messages wait
 * in a queue with limits in bytes and in time; beyond them the oldest are dropped,
 * so that nothing arrives that its receivers take for new hours later. A message
 * that was handed to the stream is never sent again, since it may have arrived:
 * the promise is at most once. So messages that a connection leaves unwritten
 * when it breaks are counted as dropped.
 */

const { FLAG, FRAME_MAX, LENGTH_SIZE, flagsOf } = require('../wire/frame-writer');
const { Drops } = require('./drops');
const { LIMITS_UNTOLD } = require('./limits');
const { OfflineQueue } = require('./offline-queue');
const { COPY_MAX } = require('./write-buffer');

const WRITE_AHEAD_BYTES = 1024 * 1024; // handed to the stream at a time

class Outgoing {
	#stats;
	#gate;
	#queue;
	#queueLimits;
	#drops;
	#warnings;
	#timer = null; // drops the oldest message that waits when its time is over
	#connection = null;

	/* stats, gate, warnings: the client's. queueMaxAge: ms. onDrop(drop): see
	 * Drops. */
	constructor(stats, gate, { queueMaxBytes, queueMaxAge, warnings, onDrop }) {
		this.#stats = stats;
		this.#gate = gate;
		this.#queueLimits = { queueMaxBytes, queueMaxAge };
		this.#queue = new OfflineQueue(queueMaxBytes);
		this.#warnings = warnings;
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
		this.#count(this.#queue.push(kept, performance.now()), 'queue-full');
		this.#watchAge();
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
		this.#dropExpired();
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
		this.#count({ messages: dropped.length, bytes }, 'volatile');
		this.#count(this.#queue.unshift(kept, performance.now()), 'queue-full');
		this.#watchAge();
	}

	/* Counts messages that were lost with a connection: { messages, bytes }. */
	onLost(lost) {
		this.#count(lost, 'disconnect');
	}

	/* Drops the messages that wait, since the client is closed. */
	clear() {
		this.#count(this.#queue.clear(), 'closed');
	}

	#sendMessage(frame) {
		if (this.isTooBig(frame)) {
			this.#drop(frame.length, 'too-big');
		} else {
			this.#connection.send(frame);
		}
	}

	#drop(bytes, reason) {
		this.#count({ messages: 1, bytes }, reason);
		return false;
	}

	#count(lost, reason) {
		if (lost.messages > 0) {
			this.#drops.add(lost, reason);
			this.#warnings.onDrop(reason, {
				bytes: lost.bytes, ...this.#queueLimits,
				maxFrame: this.limits === LIMITS_UNTOLD ? FRAME_MAX : this.limits.maxFrame,
				maxTopic: this.limits.maxTopic,
			});
		}
	}

	#dropExpired() {
		if (this.#queue.length > 0) {
			const { queueMaxAge } = this.#queueLimits;
			this.#count(this.#queue.dropBefore(performance.now() - queueMaxAge), 'expired');
		}
	}

	/* The timer is of the oldest at the time that it was set: it may find others. */
	#watchAge() {
		if (this.#timer !== null || this.#queue.length === 0) {
			return;
		}
		const age = performance.now() - this.#queue.oldest;
		this.#timer = setTimeout(() => {
			this.#timer = null;
			this.#dropExpired();
			this.#watchAge();
		}, Math.max(1, Math.ceil(this.#queueLimits.queueMaxAge - age))).unref();
	}
}

module.exports = { Outgoing };
