#!/usr/bin/env node
'use strict';

/*
 * Finds, builds and runs the daemon for users of the npm package. Results go to
 * stdout, everything else to stderr.
 */

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { find } = require('../lib/daemon/binary');
const { build } = require('../lib/daemon/build');
const { EXIT, Failure } = require('../lib/daemon/failure');
const { advice, missing, unsupported } = require('../lib/daemon/needs');

const USAGE = `usage: socket.io-pm2adapter                   how to run the daemon pm2adapterd
       socket.io-pm2adapter build             build it from the package's sources
       socket.io-pm2adapter where [--build]   print its path, and build it if there is none
       socket.io-pm2adapter run -- OPTIONS    run it: --stats, --emit, --help and all else
`;

const LINES = `In ecosystem.config.js, beside your application:

  apps: [
    require('socket.io-pm2adapter/pm2')(),
    { name: 'app', script: 'server.js', exec_mode: 'cluster', instances: 4 },
  ]

In server.js:

  io.adapter(require('socket.io-pm2adapter')());

Then: pm2 start ecosystem.config.js
`;

const say = (text) => process.stderr.write(`${text}\n`);

function mustHaveNoMore(args) {
	if (args.length > 0) {
		throw new Failure(EXIT.usage, USAGE.trimEnd());
	}
}

async function buildIt() {
	say('building pm2adapterd from the sources in the package ...');
	const file = await build();
	say(`built ${file}`);
	return file;
}

function howToBuild() {
	const impossible = unsupported();
	if (impossible !== null) {
		return `pm2adapterd is not here, and can't be built: ${impossible}.`;
	}
	const needs = missing();
	return 'pm2adapterd is not built yet. pm2 does that when it first starts it; to do it now:\n\n' +
		'  npx socket.io-pm2adapter build' +
		(needs.length > 0 ? `\n\nThat needs what is not installed.\n${advice(needs)}` : '');
}

function tell() {
	const found = look();
	const state = found === null ? howToBuild() :
		`pm2adapterd ${found.version} is ${found.file}`;
	process.stdout.write(`${state}\n\n${LINES}`);
}

/* As find(), and says what is there and doesn't run. */
function look() {
	const broken = [];
	const found = find(process.env, broken);
	broken.forEach(({ file, why }) => say(`${file} does not run: ${why}`));
	return found;
}

async function where(args) {
	const mayBuild = args[0] === '--build';
	mustHaveNoMore(mayBuild ? args.slice(1) : args);
	const found = look();
	if (found === null && !mayBuild) {
		throw new Failure(EXIT.unavailable, howToBuild());
	}
	process.stdout.write(`${found?.file ?? await buildIt()}\n`);
}

/* Runs the daemon on this terminal, whose signals reach both processes. */
async function run([dashes, ...options]) {
	mustHaveNoMore(dashes === undefined || dashes === '--' ? [] : [dashes]);
	const found = look();
	if (found === null) {
		throw new Failure(EXIT.unavailable, howToBuild());
	}
	const child = spawn(found.file, options, { stdio: 'inherit' });
	process.on('SIGINT', () => {});
	for (const name of ['SIGTERM', 'SIGHUP']) {
		process.on(name, () => child.kill(name));
	}
	const [code, signal] = await once(child, 'close');
	if (signal !== null) {
		process.removeAllListeners(signal);
		process.kill(process.pid, signal);
	}
	process.exitCode = code;
}

const COMMANDS = {
	build: async (args) => {
		mustHaveNoMore(args);
		process.stdout.write(`${await buildIt()}\n`);
	},
	where,
	run,
};

async function main([command, ...args]) {
	if (command === undefined) {
		tell();
	} else if (command === '--help' || command === '-h') {
		process.stdout.write(USAGE);
	} else if (Object.hasOwn(COMMANDS, command)) {
		await COMMANDS[command](args);
	} else {
		throw new Failure(EXIT.usage, USAGE.trimEnd());
	}
}

main(process.argv.slice(2)).catch((error) => {
	if (!(error instanceof Failure)) {
		throw error;
	}
	say(error.message);
	process.exitCode = error.exitCode;
});
