'use strict';

/* Tests with daemons, and connections of raw bytes that end with them. */

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { test } = require('node:test');
const { Daemon } = require('../../support/daemon');
const { PATIENCE_MS, within } = require('../../support/wait');
const { Peer } = require('./peer');

/* A member in a process of its own, until `body` is through. */
async function withChild(daemon, keys, topic, options, body) {
	const child = spawn(process.execPath,
		[path.join(__dirname, 'child.js'), daemon.socket,
			JSON.stringify(keys), topic],
		{ stdio: ['ignore', 'pipe', 'inherit'], ...options });
	const kill = () => child.kill('SIGKILL');
	process.once('exit', kill);
	const closed = once(child, 'close');
	try {
		await within(once(child.stdout, 'data'), 'child');
		await body(child);
	} finally {
		kill();
		await within(closed, 'end of the child');
		process.off('exit', kill);
	}
}

class PeerDaemon extends Daemon {
	peers = [];

	/* A connection that has been welcomed. */
	async member(keys, options) {
		return this.own(await Peer.member(this.socket, keys, options));
	}

	/* A connection that has sent nothing. */
	async connect(options) {
		return this.own(await Peer.connect(this.socket, options));
	}

	/* The connection ends with the daemon. */
	own(peer) {
		this.peers.push(peer);
		return peer;
	}

	#destroyPeers() {
		for (const peer of this.peers)
			peer.destroy();
	}

	/* With nobody to wait for. */
	stop(signal) {
		this.#destroyPeers();
		return super.stop(signal);
	}

	destroy() {
		this.#destroyPeers();
		return super.destroy();
	}
}

/*
 * A test with daemons. `body` gets start(options), which gives a daemon: ready, unless `settle` is
 * false; and checked for a clean end if it still runs when the body is through.
 */
function scenario(name, body, options = {}) {
	const limits = { timeout: 10 * PATIENCE_MS, ...options };
	test(name, limits, async (t) => {
		const daemons = [];
		const start = async (options = {}) => {
			const daemon = new PeerDaemon(options);
			daemons.push(daemon);
			return options.settle === false ? daemon.launch() : daemon.start();
		};
		try {
			await body(start, t);
			for (const daemon of daemons) {
				if (!daemon.ended)
					await daemon.stop();
				daemon.assertClean();
			}
		} catch (err) {
			for (const { pid, stderr } of daemons)
				console.error(`stderr of daemon ${pid}:\n${stderr}`);
			throw err;
		} finally {
			for (const daemon of daemons)
				await daemon.destroy();
		}
	});
}

module.exports = { scenario, withChild };
