'use strict';

/*
 * Builds the daemon from the sources in the package, with their own Makefile, in
 * a folder of its own beside where the binary goes: two that build at once don't
 * meet, and the binary is there whole or not at all. The folder has links to the
 * sources, since make(1) can't live with spaces in paths, which are the user's.
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
const STALE_MS = 3_600_000; // older ones were left by who was killed
const JOBS_MAX = 4; // others work on this machine as well
const TAIL = 30; // lines that are shown of what failed
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

/* A new folder in the first place that takes one. */
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

/* Of whoever runs us: npm's and make's own would change the build. */
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

/* Into a folder, whole or not at all. */
function install(built, folder) {
	const beside = path.join(folder, `${WORKSHOP}${process.pid}`);
	fs.copyFileSync(built, beside);
	fs.renameSync(beside, path.join(folder, NAME));
}

/* For the next `npm ci`; what was built is there without it. */
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

/* Resolves with the binary's path; rejected with a Failure. */
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
