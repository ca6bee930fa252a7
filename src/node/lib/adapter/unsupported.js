'use strict';

/*
 * Warns of what an application uses and this package cannot do: HTTP long-polling
 * in workers that share a port, if requests are not forwarded to the worker that has
 * their session, and connectionStateRecovery. Without a warning the former fails for
 * a part of the clients, and the latter never recovers.
 *
 * With a listener of @socket.io/sticky or sticky-session the workers have sticky
 * sessions; under stock pm2 they cannot have any.
 */

const cluster = require('node:cluster');
const { warnOnce } = require('../client/warnings');

const seen = new WeakSet(); // servers, and Engine.IO's servers

function hasStickySessions() {
	return process.listeners('message').some((listener) => /sticky/.test(String(listener)));
}

/* Warns when a client polls while another worker has the namespace. */
function watchPolling(engine, serverCount) {
	const onConnection = ({ transport }) => {
		if (transport?.name === 'polling' && serverCount() > 1 && !hasStickySessions()) {
			engine.off('connection', onConnection);
			warnOnce('PM2A_WARN_POLLING', '', 'a client polls, and its requests reach any ' +
				'worker, so that most connections fail; leave out anyWorker: false, or set ' +
				'transports: [\'websocket\'] in the server and in the client');
		}
	};
	engine.on('connection', onConnection);
	Object.values(engine.clients ?? {}).forEach(onConnection);
}

/*
 * adapter: one of a namespace that is being made. serverCount(): the number of
 * workers with the namespace, as far as known.
 */
function warnOfUnsupported(adapter, serverCount) {
	const { server } = adapter.nsp;
	if (seen.has(server)) {
		return;
	}
	seen.add(server);
	if (server.opts?.connectionStateRecovery) {
		warnOnce('PM2A_WARN_RECOVERY', '', 'connectionStateRecovery is set, but this ' +
			'adapter recovers no connection: clients must load again what they missed');
	}
	const isForwarding = adapter.client.stats.forwarded !== undefined;
	if (cluster.isWorker && !isForwarding) {
		// Engine.IO's server may be attached later, but before the first room.
		adapter.once('create-room', () => {
			const engine = server.engine ?? server.eio;
			if (engine !== undefined && !seen.has(engine)) {
				seen.add(engine);
				watchPolling(engine, serverCount);
			}
		});
	}
}

module.exports = { warnOfUnsupported };
