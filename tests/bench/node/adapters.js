'use strict';

/*
 * The adapters that are compared: how a worker gets each, as its README says,
 * and how what comes from other workers is seen without any client. In the
 * peers that is the call that hands a packet to the local clients; ours hands
 * on bytes where nobody wants the packet, so its connection is listened to,
 * which costs it an event and a search more.
 */

const { Adapter } = require('socket.io-adapter');

const { MARK, numberAt } = require('./ledger');

/* Calls took(number) for each packet that is handed to the local clients. */
function watchBroadcasts(took) {
	const { broadcast } = Adapter.prototype;
	Adapter.prototype.broadcast = function broadcastWatched(packet, opts) {
		took(Number(packet.data[1].slice(MARK.length)));
		return broadcast.call(this, packet, opts);
	};
}

async function redisClients(path) {
	const { createClient } = require('redis');
	const publisher = createClient({ socket: { path } });
	const subscriber = publisher.duplicate();
	for (const client of [publisher, subscriber])
		client.on('error', (error) => { throw error; });
	await Promise.all([publisher.connect(), subscriber.connect()]);
	return [publisher, subscriber];
}

/* `settle`, where there is one, resolves when all subscriptions are in force. */
const PEERS = {
	pm2adapter: {
		title: 'pm2adapter',
		create(socket) {
			const pm2Adapter = require('../../../src/node');
			return pm2Adapter({ socket });
		},
		settle: (io) => io.of('/').adapter.client.barrier(),
		watch(io, took) {
			io.of('/').adapter.client.on('message', (topics, body) =>
				took(numberAt(body, body.indexOf(MARK))));
		},
	},
	redis: {
		title: 'redis-adapter',
		async create(path) {
			const { createAdapter } = require('@socket.io/redis-adapter');
			return createAdapter(...await redisClients(path));
		},
		watch: (io, took) => watchBroadcasts(took),
	},
	sharded: {
		title: 'sharded',
		async create(path) {
			const { createShardedAdapter } = require('@socket.io/redis-adapter');
			const [publisher, subscriber] = await redisClients(path);
			PEERS.sharded.settle = () => subscriber.ping();
			return createShardedAdapter(publisher, subscriber);
		},
		watch: (io, took) => watchBroadcasts(took),
	},
	cluster: {
		title: 'cluster-adapter',
		create() {
			const { createAdapter } = require('@socket.io/cluster-adapter');
			return createAdapter();
		},
		watch: (io, took) => watchBroadcasts(took),
	},
};

/* Each process sees all the others, or its messages don't reach them. */
async function seeOthers(io, count) {
	while (await io.of('/').adapter.serverCount() !== count)
		await new Promise((resolve) => setTimeout(resolve, 20));
}

module.exports = { PEERS, seeOthers };
