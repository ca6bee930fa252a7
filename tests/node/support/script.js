'use strict';

/* A client in a process of its own. */

const { spawn } = require('child_process');
const { once } = require('events');
const path = require('path');

const { within } = require('../../support/wait');

const LIBRARY = path.join(__dirname, '../../../src/node');

/*
 * Runs the code with `client` and `Client` at hand: { child, out, err, ended }, where ended is
 * fulfilled with the exit code or the signal. It is killed with the test.
 */
function script(t, options, code) {
	const child = spawn(process.execPath, ['-e', `
		const { Client } = require(${JSON.stringify(LIBRARY)});
		const client = new Client(${JSON.stringify({ reconnectDelay: 1, ...options })});
		${code}`], { stdio: ['ignore', 'pipe', 'pipe'] });
	const run = { child, out: '', err: '' };
	child.stdout.on('data', (text) => { run.out += text; });
	child.stderr.on('data', (text) => { run.err += text; });
	run.ended = within(once(child, 'close').then(([status, signal]) => status ?? signal), 'end');
	t.after(() => child.kill('SIGKILL'));
	return run;
}

module.exports = { script };
