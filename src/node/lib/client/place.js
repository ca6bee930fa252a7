'use strict';

/*
 * Finds the daemon's socket: the one algorithm of both ends, which docs/PROTOCOL.md
 * describes and tests/vectors/places.txt has examples of. src/base/place.c is the
 * same in C.
 */

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const NAME = 'pm2adapterd';
const SOCKET_MAX = 107; // bytes: sun_path without its NUL
const TMP_MAX = 50; // bytes: a short path fits behind it
const OTHERS_WRITE = 0o022;

const PROBLEMS = {
	'no-home': 'HOME is not set and the user has no entry in passwd; set PM2_HOME, ' +
		'PM2ADAPTERD_SOCKET or the option socket',
	'no-cwd': 'the path is relative and the working directory is gone; set an absolute path',
	'no-folder': 'PM2_HOME is too long for a socket, and neither XDG_RUNTIME_DIR nor ' +
		`${NAME}-UID in the temporary folder is a folder of this user alone; set ` +
		'PM2ADAPTERD_SOCKET or the option socket',
};

class PlaceError extends Error {
	constructor(problem) {
		super(PROBLEMS[problem]);
		this.problem = problem;
	}
}

/* Returns an absolute path without . and .. */
function absolute(file, cwd) {
	if (path.isAbsolute(file)) {
		return path.resolve(file);
	}
	if (!cwd) {
		throw new PlaceError('no-cwd');
	}
	return path.resolve(cwd, file);
}

/*
 * A relative PM2_HOME is relative to where pm2 was started. An app of it may have
 * another working directory, and finds the folder in the path of its pid file,
 * FOLDER/pids/NAME.pid. Returns null if that has another form.
 */
function folderOfPidPath({ PM2_HOME: home, pm_pid_path: pidPath }) {
	if (!pidPath || !path.isAbsolute(pidPath)) {
		return null;
	}
	const pids = path.dirname(path.resolve(pidPath));
	const folder = path.dirname(pids);
	const end = path.resolve('/', home.replace(/^(\/*\.{1,2}(?=\/|$))+/, ''));
	return path.basename(pids) === 'pids' && (end === '/' || folder.endsWith(end)) ?
		folder : null;
}

function folderOf(env, { cwd, passwdHome }) {
	if (env.PM2_HOME) {
		return (!path.isAbsolute(env.PM2_HOME) && folderOfPidPath(env)) ||
			absolute(env.PM2_HOME, cwd);
	}
	const home = env.HOME || passwdHome;
	if (!home) {
		throw new PlaceError('no-home');
	}
	return path.join(absolute(home, cwd), '.pm2');
}

/* FNV-1a: keeps the sockets of two folders apart, and guards nothing. */
function digest(text) {
	let hash = 0xcbf29ce484222325n;
	for (const byte of Buffer.from(text)) {
		hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
	}
	return hash.toString(16).padStart(16, '0');
}

function shorterThan(folder, { XDG_RUNTIME_DIR: runtime, TMPDIR: tmp }, uid) {
	const isGood = tmp && path.isAbsolute(tmp) && path.resolve(tmp) !== '/' &&
		Buffer.byteLength(path.resolve(tmp)) <= TMP_MAX;
	const folders = [`${isGood ? path.resolve(tmp) : '/tmp'}/${NAME}-${uid}`];
	if (runtime && path.isAbsolute(runtime)) {
		folders.unshift(path.resolve(runtime));
	}
	return folders.map((each) => `${each}/${NAME}-${digest(folder)}.sock`)
		.filter((each) => Buffer.byteLength(each) <= SOCKET_MAX);
}

/*
 * Returns { folder, path, shorter }: pm2's folder, or null if PM2ADAPTERD_SOCKET
 * names the path; the path; and if that is too long, the paths to use instead, the
 * preferred one first. Throws a PlaceError. here: { cwd, passwdHome, uid }.
 */
function resolvePlace(env, here) {
	if (env.PM2ADAPTERD_SOCKET) {
		return { folder: null, path: absolute(env.PM2ADAPTERD_SOCKET, here.cwd), shorter: [] };
	}
	const folder = folderOf(env, here);
	const file = path.join(folder, `${NAME}.sock`);
	const isLong = Buffer.byteLength(file) > SOCKET_MAX;
	return { folder, path: file, shorter: isLong ? shorterThan(folder, env, here.uid) : [] };
}

function tryOr(fallback, act) {
	try {
		return act();
	} catch {
		return fallback;
	}
}

function canCreateIn(folder) {
	return tryOr(false, () => {
		fs.accessSync(folder, fs.constants.W_OK | fs.constants.X_OK);
		return true;
	});
}

/* Whether nobody else can put a socket at `file`, and this process can if there is
 * none. Creates the folder if `mayCreate`. */
function isUsable(file, owners, mayCreate) {
	const folder = path.dirname(file);
	if (mayCreate) {
		tryOr(null, () => fs.mkdirSync(folder, { mode: 0o700 }));
	}
	const stat = tryOr(null, () => fs.lstatSync(folder));
	return stat !== null && stat.isDirectory() && owners.includes(stat.uid) &&
		(stat.mode & OTHERS_WRITE) === 0 && (exists(file) || canCreateIn(folder));
}

function exists(file) {
	return tryOr(false, () => Boolean(fs.lstatSync(file)));
}

/* Returns the path of the daemon's socket, { path, instead }: instead of a path that
 * is too long, or null. Throws a PlaceError. */
function findPlace(env = process.env) {
	const uid = process.geteuid();
	const here = {
		cwd: tryOr(null, () => process.cwd()),
		passwdHome: env.HOME ? null : tryOr(null, () => os.userInfo().homedir),
	};
	const { folder } = resolvePlace(env, { ...here, uid });
	// The owner of pm2's folder, since root may use another user's daemon.
	const owner = tryOr(uid, () => fs.statSync(folder).uid);
	const place = resolvePlace(env, { ...here, uid: owner });
	if (place.shorter.length === 0) {
		return { path: place.path, instead: null };
	}
	const usable = place.shorter.filter((file, i) =>
		isUsable(file, [uid, owner, 0], i === place.shorter.length - 1));
	if (usable.length === 0) {
		throw new PlaceError('no-folder');
	}
	return { path: usable.find(exists) ?? usable[0], instead: place.path };
}

/* Returns the absolute path of a socket that the application names. */
function ownPlace(file) {
	return absolute(file, tryOr(null, () => process.cwd()));
}

module.exports = { PlaceError, SOCKET_MAX, findPlace, ownPlace, resolvePlace };
