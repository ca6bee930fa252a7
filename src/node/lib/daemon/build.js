'use strict';

/*
 * Builds the daemon from the sources in the package, with their own Makefile. Each
 * build has a temporary folder next to the binary's place, so concurrent builds do
 * not collide, and the binary appears complete or not at all. The folder has links
 * to the sources, since make(1) fails if a path has spaces.
 */

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { NAME, SOURCES, SOURCE_NAMES, hasSources, look, places } = require('./binary');
const { EXIT, Failure } = require('./failure');
const { advice, missing, unsupported } = require('./needs');

const TARGET = `build/release/${NAME}`;
const WORKSHOP = '.build-';
const STALE_MS = 3_600_000; // older folders are left from killed builds
const JOBS_MAX = 4; // leaves cores to other processes
const TAIL = 30; // lines of a failed build's output to show
const DENIED = new Set(['EACCES', 'EPERM', 'EROFS']);

function mustBePossible() {
	const why = unsupported();
	if (why !== null) {
		throw new Failure(EXIT.unavailable, why);
	}
	if (!hasSources()) {
		throw new Failure(EXIT.unavailable, `${path.dirname(SOURCES)} has no sources of the ` +
			'daemon: in a checkout, run make, and set PM2ADAPTERD_BIN');
	}
	const needs = missing();
	if (needs.length > 0) {
		throw new Failure(EXIT.config,
			`the daemon can't be built here; ${advice(needs)}`);
	}
}

function removeStale(folder) {
	for (const name of fs.readdirSync(folder)) {
		const old = path.join(folder, name);
		if (name.startsWith(WORKSHOP) && Date.now() - fs.statSync(old).mtimeMs > STALE_MS) {
			fs.rmSync(old, { recursive: true, force: true });
		}
	}
}

/* Makes a temporary folder in the first of `folders` that is writable. */
function openWorkshop(folders) {
	let denied;
	for (const folder of folders) {
		try {
			fs.mkdirSync(folder, { recursive: true, mode: 0o755 });
			const workshop = fs.mkdtempSync(path.join(folder, WORKSHOP));
			removeStale(folder);
			return workshop;
		} catch (error) {
			if (!DENIED.has(error.code)) {
				throw error;
			}
			denied = error;
		}
	}
	throw new Failure(EXIT.config, `nowhere to build: ${denied.message}`);
}

/* The environment without variables of npm and make, which would change the build. */
function cleanEnv() {
	const other = /^(npm_|MAKE|MFLAGS$|NODE_CHANNEL_|VARIANT$|V$|B$)/;
	return Object.fromEntries(
		Object.entries(process.env).filter(([name]) => !other.test(name)));
}

async function make(workshop) {
	for (const name of SOURCE_NAMES) {
		fs.symlinkSync(path.join(SOURCES, name), path.join(workshop, name));
	}
	const jobs = Math.min(os.cpus().length || 1, JOBS_MAX);
	const child = spawn('make', [`-j${jobs}`, TARGET],
		{ cwd: workshop, env: cleanEnv(), stdio: ['ignore', 'pipe', 'pipe'] });
	let output = '';
	for (const stream of [child.stdout, child.stderr]) {
		stream.setEncoding('utf8').on('data', (text) => { output += text; });
	}
	const [code] = await once(child, 'close');
	if (code !== 0) {
		throw new Failure(EXIT.config, 'the build has failed:\n' +
			output.trim().split('\n').slice(-TAIL).join('\n'));
	}
}

/* Puts the binary into a folder, completely or not at all. */
function install(built, folder) {
	const beside = path.join(folder, `${WORKSHOP}${process.pid}`);
	fs.copyFileSync(built, beside);
	fs.renameSync(beside, path.join(folder, NAME));
}

/* Keeps a copy for the next `npm ci`; fails silently if the folder is read-only. */
function keepCopy(built, folder) {
	try {
		fs.mkdirSync(folder, { recursive: true });
		install(built, folder);
	} catch (error) {
		if (!DENIED.has(error.code)) {
			throw error;
		}
	}
}

/* Promises the binary's path; rejected with a Failure. */
async function build() {
	mustBePossible();
	const folders = places();
	const workshop = openWorkshop(folders);
	const folder = path.dirname(workshop);
	try {
		await make(workshop);
		const built = path.join(workshop, TARGET);
		const { why } = look(built);
		if (why !== undefined) {
			throw new Failure(EXIT.config, `what was built does not run: ${why}`);
		}
		install(built, folder);
		folders.filter((other) => other !== folder && folder === SOURCES)
			.forEach((other) => keepCopy(built, other));
	} finally {
		fs.rmSync(workshop, { recursive: true, force: true });
	}
	return path.join(folder, NAME);
}

module.exports = { build };
