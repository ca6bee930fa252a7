'use strict';

/*
 * Finds the daemon's binary. A build puts it into the package, where every user of
 * an image that root built has it, and a copy into the cache of its user: `npm ci`
 * empties only the former. The key of the cache is a digest of the sources, so it
 * never returns the binary of another version.
 *
 * A binary must run to count: after an upgrade of the system its libraries may be
 * missing.
 */

const { spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { EXIT, Failure } = require('./failure');

const NAME = 'pm2adapterd';
const SOURCES = path.join(__dirname, '../../daemon');
const SOURCE_NAMES = ['Makefile', 'include', 'src'];
const SYSTEM = ['/usr/local/bin', '/usr/local/sbin', '/usr/bin', '/usr/sbin'];
const RUN_MS = 10_000;

/* Whether the package has the sources: `npm pack` adds them, a checkout has none. */
function hasSources() {
	return fs.existsSync(path.join(SOURCES, 'Makefile'));
}

function* filesIn(name) {
	const file = path.join(SOURCES, name);
	if (fs.statSync(file).isDirectory()) {
		for (const entry of fs.readdirSync(file).sort()) {
			yield* filesIn(path.join(name, entry));
		}
	} else {
		yield name;
	}
}

function digest() {
	const hash = crypto.createHash('sha256');
	for (const name of SOURCE_NAMES.flatMap((top) => [...filesIn(top)])) {
		hash.update(`${name}\0`).update(fs.readFileSync(path.join(SOURCES, name)));
	}
	return hash.digest('hex').slice(0, 16);
}

/* Returns undefined for a user without a home directory. */
function cacheFolder(env) {
	try {
		return env.XDG_CACHE_HOME || path.join(env.HOME || os.homedir(), '.cache');
	} catch {
		return undefined;
	}
}

/* Folders for what is built, the preferred one first. */
function places(env = process.env) {
	if (!hasSources()) {
		return [];
	}
	const cache = cacheFolder(env);
	return cache === undefined ? [SOURCES] :
		[SOURCES, path.join(cache, 'socket.io-pm2adapter', `${process.arch}-${digest()}`)];
}

/* Runs a binary: returns { version }, or { why } if it does not run. */
function look(file) {
	const { error, status, signal, stdout, stderr } = spawnSync(file, ['--version'],
		{ encoding: 'utf8', timeout: RUN_MS });
	const version = /^pm2adapterd (\S+)/.exec(stdout ?? '')?.[1];
	if (status === 0 && version !== undefined) {
		return { version };
	}
	return { why: error?.message ??
		(stderr.trim().split('\n')[0] || `it ended with ${signal ?? status}`) };
}

function* candidates(env) {
	for (const folder of places(env)) {
		yield { file: path.join(folder, NAME), isOurs: true };
	}
	for (const folder of [...(env.PATH ?? '').split(':'), ...SYSTEM]) {
		yield { file: path.resolve(folder, NAME), isOurs: false };
	}
}

/* Lists the files of which find() returns the first that runs. */
function files(env) {
	if (env.PM2ADAPTERD_BIN) {
		return [path.resolve(env.PM2ADAPTERD_BIN)];
	}
	const all = [...candidates(env)].map(({ file }) => file);
	return [...new Set(all)].filter((file) => fs.existsSync(file));
}

/*
 * Returns the binary to run, { file, version, isOurs }, or null. isOurs: it was
 * built from this package. broken: gets { file, why } of binaries that do not run.
 * Throws a Failure if $PM2ADAPTERD_BIN names a binary that does not run.
 */
function find(env = process.env, broken = []) {
	if (env.PM2ADAPTERD_BIN) {
		const file = path.resolve(env.PM2ADAPTERD_BIN);
		const { version, why } = look(file);
		if (version === undefined) {
			throw new Failure(EXIT.config, `PM2ADAPTERD_BIN: ${file}: ${why}`);
		}
		return { file, version, isOurs: false };
	}
	for (const { file, isOurs } of candidates(env)) {
		if (!fs.existsSync(file)) {
			continue;
		}
		const { version, why } = look(file);
		if (version !== undefined) {
			return { file, version, isOurs };
		}
		broken.push({ file, why });
	}
	return null;
}

module.exports = { NAME, SOURCES, SOURCE_NAMES, files, find, hasSources, look, places };
