'use strict';

const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');
const { folder } = require('../../support/daemon');
const { until } = require('../../support/wait');

/* A terminal of so many columns and lines, in which a shell runs, made by tmux. */
class Terminal {
	#socket;

	constructor(dir, { columns, lines, env = {}, shell = ['sh'] }) {
		this.#socket = path.join(dir, 'tmux');
		this.#tmux(['-f', '/dev/null', 'new-session', '-d', '-x', String(columns), '-y', String(lines),
			'env', '-i', 'TERM=tmux-256color', 'LANG=C.UTF-8', 'PS1=$ ',
			...Object.entries(env).map(([key, value]) => `${key}=${value}`), ...shell]);
	}

	#tmux(args) {
		return execFileSync('tmux', ['-u', '-S', this.#socket, ...args], { encoding: 'utf8' });
	}

	type(text) {
		this.#tmux(['send-keys', '-l', text]);
	}

	key(name) {
		this.#tmux(['send-keys', name]);
	}

	enter() {
		this.key('Enter');
	}

	/* The text on the screen; with `colours`, including their sequences. */
	text({ colours = false } = {}) {
		return this.#tmux(['capture-pane', '-p', ...(colours ? ['-e'] : [])]);
	}

	resize(columns, lines) {
		this.#tmux(['resize-window', '-x', String(columns), '-y', String(lines)]);
	}

	end() {
		this.#tmux(['kill-server']);
	}
}

async function withTerminal(options, body) {
	const dir = folder();
	const terminal = new Terminal(dir, options);
	try {
		// Input before the shell has set its terminal up may be lost.
		await until(() => /\S/.test(terminal.text()), 'a prompt');
		await body(terminal);
	} finally {
		terminal.end();
		fs.rmSync(dir, { recursive: true, force: true });
	}
}

module.exports = { withTerminal };
