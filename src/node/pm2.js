'use strict';

/*
 * The daemon's entry in an ecosystem file. Its script is a launcher and not the
 * binary: the entry in pm2's dump must stay valid after `npm ci` has emptied the
 * package, and the place of the binary is known only when it starts.
 */

const path = require('node:path');
const { refuse } = require('./lib/client/options');

const SCRIPT = path.join(__dirname, 'bin/pm2adapterd.sh');
const KILL_TIMEOUT_MS = 3000; // more than the daemon's drain-timeout, 1 s
const BUILD_MS = 60_000; // of waiting for it; it goes on building beyond that

function text(name, value) {
	return typeof value === 'string' && value !== '' ? value :
		refuse(name, value, 'a string that is not empty');
}

function pathOption(name, value) {
	return value === undefined ? [] : [`--${name}`, path.resolve(text(name, value))];
}

function optionsOf(args) {
	const isText = (arg) => typeof arg === 'string';
	return Array.isArray(args) && args.every(isText) ? args :
		refuse('args', args, 'an array of strings');
}

/** @see pm2.d.ts for the options. */
function pm2App(opts = {}) {
	if (typeof opts !== 'object' || opts === null) {
		refuse('options', opts, 'an object');
	}
	const { name = 'pm2adapterd', args = [], socket, config } = opts;
	return {
		name: text('name', name),
		script: SCRIPT,
		args: [
			...pathOption('config', config), ...pathOption('socket', socket),
			...optionsOf(args),
		],
		interpreter: 'none',
		exec_mode: 'fork',
		instances: 1,
		wait_ready: true,
		listen_timeout: BUILD_MS,
		kill_timeout: KILL_TIMEOUT_MS,
		stop_exit_codes: [64, 78],
		env: { PM2ADAPTERD_NODE: process.execPath },
	};
}

module.exports = pm2App;
