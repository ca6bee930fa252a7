'use strict';

/*
 * What building the daemon needs, what of it this machine lacks, and the command
 * that installs it. Libraries are known by their names in pkg-config; of several
 * names one is enough, and of several packages the first that there is.
 */

const { spawnSync } = require('node:child_process');

const TOOLS = [
	{ name: 'bash', apt: ['bash'], dnf: ['bash'] },
	{ name: 'cc', apt: ['gcc', 'libc6-dev'], dnf: ['gcc'] },
	{ name: 'ld', apt: ['binutils'], dnf: ['binutils'] },
	{ name: 'make', apt: ['make'], dnf: ['make'] },
	{ name: 'pkg-config', apt: ['pkg-config'], dnf: ['pkgconf-pkg-config'] },
];

const LIBRARIES = [
	{ names: ['libevent_core'], apt: ['libevent-dev'], dnf: ['libevent-devel'] },
	{ names: ['msgpack-c', 'msgpack'], apt: ['libmsgpack-dev'], dnf: ['msgpack-devel'] },
	{ names: ['libbsd'], apt: ['libbsd-dev'], dnf: ['libbsd-devel'] },
	{ names: ['jansson'], apt: ['libjansson-dev'], dnf: ['jansson-devel'] },
];

const MANAGERS = [
	{ name: 'apt', command: 'apt-get', install: 'apt-get install' },
	{ name: 'dnf', command: 'dnf', install: 'dnf install' },
];

function runs(command, ...args) {
	return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/* sh knows what it would run, whatever that says to --version. */
const hasTool = (name) => runs('/bin/sh', '-c', `command -v ${name}`);
const hasLibrary = (names) => names.some((name) => runs('pkg-config', '--exists', name));

/* Why no daemon can be built on this system at all, or null. */
function unsupported(platform = process.platform, report = process.report.getReport()) {
	if (platform !== 'linux') {
		return `the daemon needs Linux; this is ${platform}`;
	}
	return report.header.glibcVersionRuntime ? null :
		'the daemon needs glibc, which this Linux has not';
}

/* The needs that are not met, with what they are called. */
function missing() {
	return [
		...TOOLS.filter(({ name }) => !hasTool(name)),
		...LIBRARIES.filter(({ names }) => !hasLibrary(names))
			.map((library) => ({ ...library, name: library.names.join(' or ') })),
	];
}

/* What is missing, and the line that installs it where that is known. */
function advice(needs) {
	const lines = [`missing: ${needs.map(({ name }) => name).join(', ')}`];
	const manager = MANAGERS.find(({ command }) => hasTool(command));
	if (manager !== undefined) {
		const packages = new Set(needs.flatMap((need) => need[manager.name]));
		const root = process.getuid() === 0 ? '' : 'sudo ';
		lines.push(`  ${root}${manager.install} ${[...packages].join(' ')}`);
	}
	return lines.join('\n');
}

module.exports = { LIBRARIES, TOOLS, advice, missing, unsupported };
