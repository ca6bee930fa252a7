'use strict';

/* Socket.IO's Redis adapters over the daemon, for Servers. */

const { LIBRARIES } = require('./redis');
const { within } = require('../../support/wait');

/*
 * For `create` of Servers: an adapter over two connections, and its barrier. make: createAdapter or
 * createShardedAdapter.
 */
async function redisAdapter(daemon, library, make, options) {
	const [publisher, hearer] = await Promise.all([0, 1].map(async () => {
		const client = LIBRARIES[library]({ path: daemon.redis });
		await within(client.connect(), 'connection');
		return client;
	}));
	// A connection's subscriptions are in force when it answers a later PING.
	const barrier = () => Promise.all([publisher, hearer].map(({ native }) => native.ping()));
	return Object.assign(make(publisher.native, hearer.native, options), {
		client: {
			ready: async () => {},
			barrier,
			/* A server that is closed unsubscribes, and doesn't wait for it. */
			async destroy() {
				await within(barrier(), 'answers');
				publisher.close();
				hearer.close();
			},
		},
	});
}

module.exports = { redisAdapter };
