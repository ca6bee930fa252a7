'use strict';

/*
 * Notices a daemon that begins to listen. A client that has been away for long
 * tries to connect seldom; it would find a new daemon seconds later, and miss
 * messages until then. So it watches the folder of the socket (inotify on Linux);
 * a file that does not exist cannot be watched.
 *
 * Only a hint: if the folder cannot be watched, because it does not exist or
 * because the limit of inotify is reached, the regular attempts go on.
 */

const fs = require('node:fs');
const path = require('node:path');
const debug = require('debug')('socket.io-pm2adapter:client');

class SocketWatch {
	#path;
	#tell;
	#watcher = null;

	/* tell(): called when the socket appears or changes. */
	constructor(socketPath, tell) {
		this.#path = path.resolve(socketPath);
		this.#tell = tell;
	}

	/* Starts to watch; again if it does already, since the folder may be new. */
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

module.exports = { SocketWatch };
