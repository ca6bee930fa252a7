'use strict';

/* A member in a process of its own, for tests that kill it or give it another uid. */

const { Peer } = require('./peer');
const { AS_MEMBER, subscribe } = require('./frames');

const [, , socket, keys, topic] = process.argv;

async function main() {
	const peer = await Peer.member(socket, JSON.parse(keys));
	peer.write(subscribe([topic], AS_MEMBER));
	process.stdout.write(`${peer.id}\n`);
}

main().catch((err) => {
	process.stderr.write(`${err.stack}\n`);
	process.exitCode = 1;
});
