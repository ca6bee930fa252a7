'use strict';

/*
 * What a process without a Socket.IO server publishes, until the daemon has it.
 *
 * Such a process may be a script of three lines that ends when nothing keeps it
 * alive. A Client doesn't, so what such a script emits would be lost with it,
 * silently and always, since connecting takes longer than the script. So the
 * process is kept alive while something that was published isn't known to be
 * with the daemon. It is known by a PONG: a write only tells that the kernel
 * has it.
 *
 * There is an end to that, for a cron job that waits for a daemon that never
 * comes is started again each minute: `timeout` ms after the daemon last gave a
 * sign the process is let go, and whoever waits hears of it. The messages go on
 * waiting then, for as long as something else keeps the process alive.
 *
 * Messages are counted, not kept: of those that were taken, the first `settled`
 * ones are with the daemon or lost. What a connection had when it broke may have
 * arrived or not, and is said to be lost; an orderly end loses nothing.
 */

const { countDrop } = require('../client/stats');
const { Pm2aError } = require('../client/errors');

const LOST = 'messages were dropped, or the connection broke before the daemon had them';

class Outlet {
	#client;
	#timeout;
	#taken = 0; // messages, by the client
	#settled = 0;
	#isLost = false; // something, since the last flush() that said so
	#seen = 0; // dropped messages that publish() saw, and 'drop' tells again
	#isSettling = false;
	#waiters = new Set(); // { upTo, resolve, reject }
	#timer = null; // is there while the process is kept alive
	#hasWarned = false;
	#closing = null; // the promise of close()

	/* client: a Client. timeout: ms that the daemon may be silent, see above. */
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

	/* As Client.publish(); after close() everything is dropped. */
	publish(topics, body, options) {
		if (this.#closing !== null) {
			return this.#refuse(body.length);
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

	/* Fulfilled when connected; rejected with PM2A_ERR_TIMEOUT or _CLOSED. */
	ready() {
		return this.#client.connected ? Promise.resolve() :
			this.#wait(Infinity, this.#client.ready());
	}

	/*
	 * Fulfilled when the daemon has all that was published before. Rejected with
	 * PM2A_ERR_TIMEOUT or _CLOSED, or with PM2A_ERR_LOST where something of what
	 * was published since the last flush() is lost.
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

	/* Sends what was published, then ends the connection. Never rejected. */
	close() {
		this.#closing ??= this.#close();
		return this.#closing;
	}

	/* Ends at once; what waits is dropped and counted. */
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

	#refuse(bytes) {
		const { stats } = this.#client;
		stats.published++;
		countDrop(stats, { messages: 1, bytes }, 'closed');
		return false;
	}

	/*
	 * Fulfilled when so many are settled, or with the promise, and keeps the
	 * process alive until then.
	 */
	#wait(upTo, promise) {
		if (this.#settled >= upTo) {
			return Promise.resolve();
		}
		this.#hold();
		return new Promise((resolve, reject) => {
			const waiter = { upTo, resolve, reject };
			const end = (settle) => (value) => {
				this.#waiters.delete(waiter);
				settle(value);
				this.#rest();
			};
			this.#waiters.add(waiter);
			promise?.then(end(resolve), end(reject));
		});
	}

	/* Until all that was taken is settled; one is at work at a time. */
	async #settle() {
		this.#hold();
		if (this.#isSettling) {
			return;
		}
		this.#isSettling = true;
		try {
			while (this.#settled < this.#taken) {
				await this.#client.ready();
				await this.#ask();
			}
		} catch (error) {
			this.#letGo(error);
		}
		this.#isSettling = false;
	}

	async #ask() {
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
		this.#rest();
	}

	#onBreak(isOrderly) {
		const gone = this.#taken - this.#client.queued.messages;
		if (gone > this.#settled) {
			this.#isLost ||= !isOrderly;
			this.#advance(gone);
		}
	}

	/* What goes later than publish() saw. What a connection had is known by its
	 * end, and is told again here by its writes. */
	#onDrop({ messages, reason }) {
		const isNew = messages > this.#seen;
		this.#seen = 0;
		this.#isLost ||= isNew && reason !== 'disconnect';
	}

	#hold() {
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

	/* Once, where nobody is told otherwise: the process may end now, and what
	 * waits would be lost without a word. */
	#warn({ message, code }) {
		if (!this.#hasWarned) {
			this.#hasWarned = true;
			process.emitWarning(`${message}; messages that wait: ${
				this.#taken - this.#settled}`, { code });
		}
	}

	#rest() {
		if (this.#settled >= this.#taken && this.#waiters.size === 0) {
			clearTimeout(this.#timer);
			this.#timer = null;
		}
	}

	/* The process may end, and nobody waits any longer. */
	#letGo(error) {
		clearTimeout(this.#timer);
		this.#timer = null;
		const waiters = [...this.#waiters];
		this.#waiters.clear();
		waiters.forEach(({ reject }) => reject(error));
	}
}

module.exports = { Outlet };
