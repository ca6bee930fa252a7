'use strict';

/*
 * Sees a daemon come. Who is away for long tries seldom, and would find a new
 * daemon seconds after it began to listen; all that time is time in which
 * messages are missed. A socket that appears is a name that appears in a folder,
 * which the kernel tells to who watches the folder (inotify on Linux). The
 * folder, since nobody can watch a file that isn't there.
 *
 * It only hurries: a folder that can't be watched (it isn't there, or the limit
 * of inotify is reached) leaves whoever waits with the attempts that he makes.
 */

const fs = require('node:fs');
const path = require('node:path');
const debug = require('debug')('socket.io-pm2adapter:client');

class Arrival {
	#path;
	#tell;
	#watcher = null;

	/* path: of the socket. tell() is called when it appears, or changes. */
	constructor(socketPath, tell) {
		this.#path = path.resolve(socketPath);
		this.#tell = tell;
	}

	/* Watches from now on, and anew if it did: the folder may be another one. */
	watch() {
		const before = this.#watcher;
		this.#watcher = this.#open();
		before?.close();
	}

	close() {
		this.#watcher?.close();
		this.#watcher = null;
	}

	#open() {
		const name = path.basename(this.#path);
		try {
			const watcher = fs.watch(path.dirname(this.#path), { persistent: false });
			watcher.on('change', (type, changed) => {
				if (changed === name && fs.existsSync(this.#path)) {
					this.#tell();
				}
			});
			watcher.on('error', (error) => debug('not watching: %s', error.message));
			return watcher;
		} catch (error) {
			debug('not watching: %s', error.message);
			return null;
		}
	}
}

module.exports = { Arrival };
