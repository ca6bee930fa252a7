'use strict';

/*
 * Watches a Socket.IO server for its Engine.IO, which it may get before its adapter
 * or after. A server that is attached to several HTTP servers has several.
 */

const { boolean } = require('../client/options');
const { warnOnce } = require('../client/warnings');
const { AnyWorker } = require('./any-worker');

const METHODS = ['attach', 'close', 'handleRequest', 'handleUpgrade', 'generateId',
	'prepare', 'onWebSocket'];

const warn = (text) => warnOnce('PM2A_WARN_ANY_WORKER', text, text);

const seen = new WeakSet(); // Engine.IO servers

/* Whether it is Engine.IO 3.2 to 6 on Node's HTTP server. */
function isSupported(engine) {
	return METHODS.every((name) => typeof engine[name] === 'function') &&
		typeof engine.clients === 'object';
}

function extend(engine, options) {
	if (engine === null || typeof engine !== 'object' || seen.has(engine)) {
		return;
	}
	seen.add(engine);
	if (!isSupported(engine)) {
		warn(`${engine.constructor?.name ?? 'this engine'} is not the Engine.IO of Node's ` +
			'HTTP server; requests that reach another worker than their session\'s are not forwarded');
		return;
	}
	if (engine.opts?.transports?.includes('webtransport')) {
		warn('WebTransport is not forwarded: a client stays with its other transport ' +
			'if another worker has its session');
	}
	new AnyWorker(engine, options);
}

/* Calls back with each Engine.IO that the server has and gets. */
function watchEngine(io, fn) {
	let engine = io.engine;
	Object.defineProperty(io, 'engine', {
		configurable: true,
		enumerable: true,
		get: () => engine,
		set(value) {
			engine = value;
			fn(value);
		},
	});
	fn(engine);
}

/*
 * Returns a function (io, client) to be called once for each Socket.IO server, with
 * the client of its adapter.
 *
 * @see index.d.ts for the option anyWorker.
 */
function anyWorker(opts) {
	const isOn = boolean('anyWorker', opts?.anyWorker ?? true);
	return (io, client) => {
		if (isOn) {
			Object.assign(client.stats, {
				forwarded: 0, tunnelled: 0, handedOver: 0, ownerGone: 0, upgrades: 'tunnelled',
			});
			watchEngine(io, (engine) => {
				/* Socket.IO 2 keeps its sockets in an object. */
				const isIdPublic = !(io.sockets?.sockets instanceof Map);
				extend(engine, { client, isIdPublic });
			});
		}
	};
}

module.exports = { anyWorker };
