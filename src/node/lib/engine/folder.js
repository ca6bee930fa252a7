'use strict';

/*
 * The folder of the workers' Unix sockets: `pm2adapterd.workers` beside the
 * daemon's socket. A worker that cannot use it uses one in the folder for
 * temporary files, whose name all workers of the same user and daemon derive. They
 * may choose differently, for instance when the first folder appears later, so a
 * socket is looked for in both.
 *
 * A folder is used only if it belongs to this user and nobody else can enter it:
 * whoever can connect to a worker's socket can claim any client's address.
 */

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const debug = require('debug')('socket.io-pm2adapter:engine');
const { isTag } = require('./session-id');

const FOLDER_MAX = 90; // bytes; sun_path has 107, of which `/<tag>.sock` takes 12
const SUFFIX = '.sock';
const STALE_MS = 10_000; // a younger socket may not listen yet
const STALE_MAX = 64; // files to look at

/* Lists the folders for the workers of a daemon, the best first. */
function foldersFor(daemonSocket) {
	const home = path.dirname(path.resolve(daemonSocket));
	const hash = createHash('sha256').update(home).digest('hex').slice(0, 12);
	return [
		path.join(home, 'pm2adapterd.workers'),
		path.join(os.tmpdir(), `pm2a-${process.getuid()}-${hash}`),
	];
}

function socketIn(folder, tag) {
	return path.join(folder, `${tag}${SUFFIX}`);
}

/* Makes the folder if it does not exist. Throws if it cannot be used, with a
 * reason. */
function claim(folder) {
	if (Buffer.byteLength(folder) > FOLDER_MAX) {
		throw new Error(`${folder} is longer than ${FOLDER_MAX} bytes`);
	}
	try {
		fs.mkdirSync(folder, { mode: 0o700 });
	} catch (error) {
		if (error.code !== 'EEXIST') {
			throw error;
		}
	}
	const found = fs.lstatSync(folder);
	if (!found.isDirectory()) {
		throw new Error(`${folder} is not a folder`);
	}
	if (found.uid !== process.getuid() || (found.mode & 0o077) !== 0) {
		throw new Error(`${folder} is not private: its owner must be user ` +
			`${process.getuid()} and its mode 0700`);
	}
}

/* Calls back with whether the socket exists but has no listener. */
function ifDead(file, fn) {
	const probe = net.connect(file);
	probe.once('connect', () => probe.destroy());
	probe.once('error', (error) => {
		if (error.code === 'ECONNREFUSED') {
			fn();
		}
	});
	probe.unref();
}

function isOldSocket(file) {
	const found = fs.lstatSync(file, { throwIfNoEntry: false });
	return found !== undefined && found.isSocket() &&
		found.mtimeMs < Date.now() - STALE_MS;
}

/* Removes sockets of workers that were killed. Never throws. */
function removeStale(folder) {
	try {
		fs.readdirSync(folder)
			.filter((name) => name.endsWith(SUFFIX) && isTag(name.slice(0, -SUFFIX.length)))
			.map((name) => path.join(folder, name))
			.filter(isOldSocket)
			.slice(0, STALE_MAX)
			.forEach((file) => ifDead(file, () => fs.rmSync(file, { force: true })));
	} catch (error) {
		debug('%s: old sockets stay: %s', folder, error.message);
	}
}

module.exports = { claim, foldersFor, removeStale, socketIn };
