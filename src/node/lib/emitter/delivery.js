'use strict';

/*
 * Publishes from a process without a Socket.IO server, and keeps the process alive
 * until the daemon has the messages.
 *
 * Such a process may be a script of three lines that ends when nothing keeps it
 * alive. A Client does not, and connecting takes longer than the script, so its
 * messages would be lost silently and always. A PONG proves that the daemon has
 * the messages before it; a finished write proves only that the kernel has them.
 *
 * A cron job may wait for a daemon that never starts, and is started again each
 * minute. So, `timeout` ms after the last sign of the daemon, the process may end
 * and all promises are rejected. The messages still wait for as long as something
 * else keeps the process alive.
 *
 * Messages are counted, not kept: the first `settled` of those that the client has
 * taken are at the daemon or lost. Messages under way on a connection that breaks
 * may have arrived, and are reported as lost; an orderly end loses none.
 */

const { countDrop } = require('../client/stats');
const { Pm2aError } = require('../client/errors');
const { warn } = require('../client/warnings');

const LOST = 'messages were dropped, or the connection broke before the daemon had them';

class Delivery {
	#client;
	#timeout;
	#taken = 0; // messages that the client has taken
	#settled = 0; // of them, see above
	#isLost = false; // a message was lost since flush() last reported it
	#seen = 0; // drops that publish() has seen and `drop` reports again
	#isSettling = false;
	#waiters = new Set(); // { upTo, resolve, reject }
	#timer = null; // set while the process is kept alive
	#hasWarned = false;
	#closing = null; // the promise of close()

	/* client: a Client. timeout: ms that the daemon may be silent. */
	constructor(client, timeout) {
		this.#client = client;
		this.#timeout = timeout;
		client.on('disconnect', (reason) => this.#onBreak(reason === 'goodbye'));
		client.on('connect_error', () => this.#onBreak(false));
		client.on('drop', (drop) => this.#onDrop(drop));
	}

	get client() {
		return this.#client;
	}

	/* As Client.publish(); drops messages after close(). */
	publish(topics, body, options) {
		if (this.#closing !== null) {
			return this.#dropClosed(body.length);
		}
		const { stats } = this.#client;
		const before = stats.dropped;
		const wasTaken = this.#client.publish(topics, body, options);
		const dropped = stats.dropped - before;
		this.#seen += dropped;
		this.#isLost ||= dropped > 0 && !options?.volatile;
		if (wasTaken) {
			this.#taken++;
			this.#settle();
		}
		return wasTaken;
	}

	/* Fulfilled when connected; rejected with PM2A_ERR_TIMEOUT or PM2A_ERR_CLOSED. */
	ready() {
		return this.#client.connected ? Promise.resolve() :
			this.#wait(Infinity, this.#client.ready());
	}

	/*
	 * Fulfilled when the daemon has all messages that were published before. Rejected
	 * with PM2A_ERR_TIMEOUT or PM2A_ERR_CLOSED, or with PM2A_ERR_LOST if one of the
	 * messages since the last flush() is lost.
	 */
	async flush() {
		if (this.#settled < this.#taken) {
			await this.#wait(this.#taken);
		}
		if (this.#isLost) {
			this.#isLost = false;
			throw new Pm2aError('PM2A_ERR_LOST', LOST);
		}
	}

	/* Sends all messages, then ends the connection. Never rejected. */
	close() {
		this.#closing ??= this.#close();
		return this.#closing;
	}

	/* Ends at once; messages that wait are dropped and counted. */
	destroy() {
		this.#closing ??= Promise.resolve();
		this.#client.destroy();
		this.#letGo(new Pm2aError('PM2A_ERR_CLOSED'));
		this.#isLost ||= this.#settled < this.#taken;
		this.#settled = this.#taken;
	}

	async #close() {
		try {
			await this.#wait(this.#taken);
		} catch (error) {
			if (error.code === 'PM2A_ERR_TIMEOUT') {
				this.#warn(error);
			}
			this.destroy();
			return;
		}
		await this.#client.close();
	}

	#dropClosed(bytes) {
		const { stats } = this.#client;
		stats.published++;
		countDrop(stats, { messages: 1, bytes }, 'closed');
		return false;
	}

	/*
	 * Fulfilled when `upTo` messages are settled, or with `promise`. Keeps the process
	 * alive until then.
	 */
	#wait(upTo, promise) {
		if (this.#settled >= upTo) {
			return Promise.resolve();
		}
		this.#keepAlive();
		return new Promise((resolve, reject) => {
			const waiter = { upTo, resolve, reject };
			const end = (settle) => (value) => {
				this.#waiters.delete(waiter);
				settle(value);
				this.#restIfDone();
			};
			this.#waiters.add(waiter);
			promise?.then(end(resolve), end(reject));
		});
	}

	/* Waits until all messages are settled; only one call is active at a time. */
	async #settle() {
		this.#keepAlive();
		if (this.#isSettling) {
			return;
		}
		this.#isSettling = true;
		try {
			while (this.#settled < this.#taken) {
				await this.#client.ready();
				await this.#confirm();
			}
		} catch (error) {
			this.#letGo(error);
		}
		this.#isSettling = false;
	}

	/* Settles the messages that were sent before a PING which the daemon answers. */
	async #confirm() {
		const sent = this.#taken - this.#client.queued.messages;
		await this.#client.barrier();
		if (this.#client.connected) {
			this.#timer?.refresh();
			this.#advance(sent);
		}
	}

	#advance(settled) {
		this.#settled = Math.max(settled, this.#settled);
		for (const waiter of this.#waiters) {
			if (waiter.upTo <= this.#settled) {
				this.#waiters.delete(waiter);
				waiter.resolve();
			}
		}
		this.#restIfDone();
	}

	#onBreak(isOrderly) {
		const sent = this.#taken - this.#client.queued.messages;
		if (sent > this.#settled) {
			this.#isLost ||= !isOrderly;
			this.#advance(sent);
		}
	}

	/* Notes drops that publish() did not see. Messages that were lost with a
	 * connection are known from its end, and are reported here again. */
	#onDrop({ messages, reason }) {
		const isNew = messages > this.#seen;
		this.#seen = 0;
		this.#isLost ||= isNew && reason !== 'disconnect';
	}

	#keepAlive() {
		this.#timer ??= setTimeout(() => this.#expire(), this.#timeout);
	}

	#expire() {
		const error = new Pm2aError('PM2A_ERR_TIMEOUT', `${
			this.#client.socketPath}: the daemon took nothing for ${this.#timeout} ms`);
		if (this.#waiters.size === 0) {
			this.#warn(error);
		}
		this.#letGo(error);
	}

	/* Warns, once, if no promise reports it: the process may end now, and the messages
	 * that wait would be lost silently. */
	#warn({ message }) {
		if (!this.#hasWarned) {
			this.#hasWarned = true;
			warn('PM2A_WARN_UNSENT',
				`${message}; messages that wait: ${this.#taken - this.#settled}`);
		}
	}

	#restIfDone() {
		if (this.#settled >= this.#taken && this.#waiters.size === 0) {
			clearTimeout(this.#timer);
			this.#timer = null;
		}
	}

	/* Lets the process end, and rejects all promises. */
	#letGo(error) {
		clearTimeout(this.#timer);
		this.#timer = null;
		const waiters = [...this.#waiters];
		this.#waiters.clear();
		waiters.forEach(({ reject }) => reject(error));
	}
}

module.exports = { Delivery };
