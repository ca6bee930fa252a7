'use strict';

/*
 * A Socket.IO server with many namespaces, which notes when it is connected.
 * argv: the settings as JSON (see troupe.js), with `namespaces`: how many.
 */

const { Server } = require('socket.io');

const { PEERS, seeOthers } = require('./adapters');
const { obey } = require('./control');

const { peer, index, workers, broker, control, namespaces } = JSON.parse(process.argv[2]);
const io = new Server();
let connectedAt = 0;

io.adapter(PEERS[peer].create(broker));
for (let i = 0; i < namespaces; i++)
	io.of(`/namespace-${i}`);
const { client } = io.of('/').adapter;
client.on('connect', () => { connectedAt = Date.now(); });
obey(control, `${peer}-${index}`, {
	see: () => seeOthers(io, workers),
	/* When its last connection was in force, in ms since 1970; 0 if it is away. */
	connected: ({ after }) => client.connected && connectedAt > after ? connectedAt : 0,
});
