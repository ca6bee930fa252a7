'use strict';

/*
 * Starts `pm2adapterd --lend-channel`, which gives the daemon its end of the IPC
 * channel that Node makes for a child process, and ends. From then on this
 * process's end leads to the daemon: `child.send()` and its 'message' event pass
 * sockets as they do between Node's processes.
 */

const { spawn } = require('node:child_process');
const debug = require('debug')('socket.io-pm2adapter:engine');
const { files } = require('../daemon/binary');

/* Errors and exit codes of a file that is no pm2adapterd, or an old one. */
const UNSUITABLE = new Set(['ENOENT', 'EACCES', 'ENOEXEC', 64, 126, 127]);

let found = null; // files to try, the best first

/* Starts it. Calls back with (child, null), or with (null, code of an error or an
 * exit). */
function start(file, args, fn) {
	let child;
	try {
		child = spawn(file, args,
			{ stdio: ['ignore', 'ignore', 'ignore', 'ipc'], serialization: 'json' });
	} catch (error) {
		fn(null, error.code);
		return;
	}
	child.unref();
	child.channel?.unref();
	let hasFailed = false;
	child.on('error', (error) => {
		debug('channel: %s', error.message);
		if (child.pid === undefined && !hasFailed) {
			hasFailed = true;
			fn(null, error.code);
		}
	});
	child.once('exit', (code, signal) => {
		if (code === 0) {
			fn(child, null);
		} else {
			fn(null, code ?? signal);
		}
	});
}

/*
 * Calls back with the child process, or with null if there is none or the daemon
 * takes no channel now. Nothing of it keeps this process alive.
 */
function lend(socketPath, tag, fn) {
	found ??= files(process.env);
	const [file] = found;
	if (file === undefined) {
		debug('no channel: no pm2adapterd that lends one is found');
		found = null;
		fn(null);
		return;
	}
	start(file, ['--socket', socketPath, '--lend-channel', tag], (child, failure) => {
		if (UNSUITABLE.has(failure)) {
			found = found?.filter((other) => other !== file) ?? null;
			lend(socketPath, tag, fn);
			return;
		}
		if (child === null) {
			debug('no channel: %s: %s', file, failure);
		}
		fn(child);
	});
}

module.exports = { lend };
