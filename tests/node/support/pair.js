'use strict';

/* A client and a daemon that is told what to do; both end with the test. */

const { Client } = require('../../../src/node');
const { FakeDaemon } = require('./fake-daemon');
const { within } = require('../../support/wait');

/* `daemon` are its options, or null where it is not to be started; the rest are the client's. */
async function pair(t, { daemon: daemonOptions, ...options } = {}) {
	const daemon = new FakeDaemon(daemonOptions ?? {});
	if (daemonOptions !== null)
		await daemon.start();
	const client = new Client({
		socket: daemon.socket, name: 'tested', reconnectDelay: 1, reconnectDelayMax: 10, ...options,
	});
	t.after(async () => {
		client.destroy();
		await daemon.destroy();
	});
	return { daemon, client };
}

/* The same, connected, with the daemon's end of the connection. */
async function connected(t, options) {
	const { daemon, client } = await pair(t, options);
	client.connect();
	await within(client.ready(), 'connection');
	return { daemon, client, link: daemon.links[0] };
}

module.exports = { connected, pair };
