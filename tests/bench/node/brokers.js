'use strict';

/* The brokers of the compared adapters. PM2ADAPTERD and REDIS_SERVER name the
 * binaries. */

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const ROOT = path.join(__dirname, '../../..');
const DAEMON = process.env.PM2ADAPTERD ?? path.join(ROOT, 'build/release/pm2adapterd');
const REDIS = process.env.REDIS_SERVER ?? 'redis-server';

function redisAt(socket, dir) {
	return { socket, line: [REDIS, '--port', '0', '--unixsocket', socket,
		'--dir', dir, '--save', '', '--appendonly', 'no'] };
}

/* Returns peer → { socket, line }, the command line of its broker; null for the
 * peer that has a primary instead. Leaves out peers whose broker is missing. */
function brokersIn(dir, peers) {
	const ours = path.join(dir, 'pm2adapter.sock');
	const all = {
		pm2adapter: { socket: ours, line: [DAEMON, '--socket', ours] },
		redis: redisAt(path.join(dir, 'redis.sock'), dir),
		sharded: redisAt(path.join(dir, 'sharded.sock'), dir),
		cluster: null,
	};
	const hasRedis = spawnSync(REDIS, ['--version']).status === 0;
	if (!hasRedis)
		console.log(`${REDIS} does not run: its adapters are not compared`);
	return Object.fromEntries(peers.filter((peer) => hasRedis || !all[peer]?.line.includes(REDIS))
		.map((peer) => [peer, all[peer]]));
}

module.exports = { brokersIn };
