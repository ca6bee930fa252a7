'use strict';

/* The brokers that are measured, and the load generator that does it (pump.c). */

const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { freePort } = require('../support/free-port');

const BUILD = path.join(__dirname, '../../build/release');
const PUMP = process.env.PUMP ?? path.join(BUILD, 'bench/pump');
const RUN_LIMIT_MS = 60000;
const START_LIMIT_MS = 10000;

/* Returns the output of the program, or false if it does not run. */
function runs(command, ...args) {
	const { error, status, stdout } =
		spawnSync(command, args, { encoding: 'utf8' });
	return !error && status === 0 && stdout.trim();
}

/* The broker has CPU 0 and the load has CPU 1, where there are two. */
const IS_PINNED = os.cpus().length > 1 && Boolean(runs('taskset', '--version'));

function pinned(cpu, line) {
	return IS_PINNED ? ['taskset', '-c', String(cpu), ...line] : line;
}

function answers(address) {
	return new Promise((resolve) => {
		const probe = net.connect(address, () => {
			probe.destroy();
			resolve(true);
		});
		probe.once('error', () => resolve(false));
	});
}

const started = new Set();

/*
 * kind: { title, protocol, command, about, args, env, isTcp, file }, where args is
 * called with the address and a folder. Without about, it is asked for its
 * version. Two with one protocol have each a name of its own for its file.
 */
class Broker {
	constructor(kind) {
		Object.assign(this, kind);
		this.version = kind.about ?? runs(kind.command, '--version');
	}

	async start(dir, ...more) {
		const port = this.isTcp && await freePort();
		this.address = port ? `127.0.0.1:${port}` :
			path.join(dir, `${this.file ?? this.protocol}.sock`);
		/* A file: nobody would read a pipe while spawnSync() waits. */
		const log = path.join(dir, `${this.file ?? this.protocol}.log`);
		const out = fs.openSync(log, 'w');
		const [command, ...args] = pinned(0,
			[this.command, ...this.args(this.address, dir), ...more]);
		this.child = spawn(command, args, {
			stdio: ['ignore', out, out],
			env: { ...process.env, ...this.env },
		});
		started.add(this.child);
		fs.closeSync(out);
		this.exit = new Promise((resolve) => {
			this.child.once('close', resolve);
			this.child.once('error', resolve);
		});
		const end = Date.now() + START_LIMIT_MS;
		while (!(await answers(port ? { port } : this.address))) {
			if (Date.now() > end || this.child.exitCode !== null) {
				throw new Error(`${this.title} does not start:\n` +
					fs.readFileSync(log, 'utf8'));
			}
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
	}

	async stop() {
		if (!this.child)
			return;
		this.child.kill('SIGKILL');
		await this.exit;
		started.delete(this.child);
	}

	/* Runs pump with the options of its usage; returns its output. */
	ask(mode, options) {
		const [command, ...args] = pinned(1, [PUMP, '--mode', mode,
			'--protocol', this.protocol, '--address', this.address,
			'--pid', this.child.pid,
			...Object.entries(options).flatMap(([key, value]) =>
				[`--${key}`, value])].map(String));
		const { status, stdout } = spawnSync(command, args, {
			encoding: 'utf8', timeout: RUN_LIMIT_MS,
			stdio: ['ignore', 'pipe', 'inherit'],
		});
		if (status !== 0) {
			throw new Error(`${this.title} failed: ${mode} ` +
				JSON.stringify(options));
		}
		return JSON.parse(stdout);
	}
}

const KINDS = {
	ours: {
		title: 'pm2adapterd',
		protocol: 'native',
		command: process.env.PM2ADAPTERD ?? path.join(BUILD, 'pm2adapterd'),
		args: (address) => ['--socket', address],
	},
	redis: {
		title: 'redis-server',
		protocol: 'resp',
		command: process.env.REDIS_SERVER ?? 'redis-server',
		args: (address, dir) => ['--port', '0', '--unixsocket', address,
			'--dir', dir, '--save', '', '--appendonly', 'no'],
	},
	resp: {
		title: 'pm2adapterd, resp-listen',
		protocol: 'resp',
		file: 'resp-listen',
		command: process.env.PM2ADAPTERD ?? path.join(BUILD, 'pm2adapterd'),
		args: (address) => ['--socket', `${address}.native`,
			'--resp-listen', address],
	},
	nats: {
		title: 'nats-server',
		protocol: 'nats',
		command: process.env.NATS_SERVER ?? 'nats-server',
		args: (address) => ['--addr', '127.0.0.1',
			'--port', address.split(':')[1]],
		env: { GOMAXPROCS: '1' },
		isTcp: true,
	},
	blind: {
		title: 'blind relay',
		protocol: 'blind',
		command: process.env.RELAY ?? path.join(BUILD, 'bench/relay'),
		about: 'looks at nothing; chunks of 64 KiB',
		args: (address) => [address],
	},
};

function stopAll() {
	for (const child of started)
		child.kill('SIGKILL');
}

/* Those of these names that are installed, in their order. */
function installed(...names) {
	return names.map((name) => new Broker(KINDS[name]))
		.filter(({ version }) => version);
}

module.exports = { Broker, IS_PINNED, installed, pinned, stopAll };
