'use strict';

/*
 * The tools and libraries that building the daemon needs, those that this machine
 * lacks, and the command that installs them. Libraries have names in pkg-config;
 * one of several names is enough.
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

/* Asks the shell: not every tool knows --version. */
const hasTool = (name) => runs('/bin/sh', '-c', `command -v ${name}`);
const hasLibrary = (names) => names.some((name) => runs('pkg-config', '--exists', name));

/* Returns why no daemon can be built on this system at all, or null. */
function unsupported(platform = process.platform, report = process.report.getReport()) {
	if (platform !== 'linux') {
		return `the daemon needs Linux; this is ${platform}`;
	}
	return report.header.glibcVersionRuntime ? null :
		'the daemon needs glibc, which this Linux has not';
}

/* Lists the needs that are not met. */
function missing() {
	return [
		...TOOLS.filter(({ name }) => !hasTool(name)),
		...LIBRARIES.filter(({ names }) => !hasLibrary(names))
			.map((library) => ({ ...library, name: library.names.join(' or ') })),
	];
}

/* Returns a text with the missing names, and the command that installs them if the
 * package manager is known. */
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
