'use strict';

/*
 * The argument of io.adapter(): a constructor of namespaces' adapters, which
 * extend the class of the host application's own Socket.IO. Each server has a
 * connection of its own, which its namespaces share.
 */

const { adapter2 } = require('./v2');
const { adapter4 } = require('./v4');
const { hostOf } = require('./base-class');
const { Hub } = require('./hub');
const { boolean, clientOptions, integer, withMethods } = require('../client/options');
const { isModern, mustBeSupported } = require('./versions');

/* `anyWorker` is one of lib/engine. */
const OWN_OPTIONS = ['requestsTimeout', 'partial', 'parser', 'anyWorker'];

const classes = new WeakMap(); // class Adapter of a socket.io-adapter → our class
const ours = new WeakSet(); // adapters

/** Every adapter of pm2Adapter() is an instance, whatever class it extends. */
class PM2Adapter {
	static [Symbol.hasInstance](value) {
		return ours.has(value);
	}
}

function classOn(Base, nsp) {
	let Ours = classes.get(Base);
	if (Ours === undefined) {
		Ours = isModern(nsp) ? adapter4(Base) : adapter2(Base);
		classes.set(Base, Ours);
	}
	return Ours;
}

/* Returns the options of the connection. */
function connectionOptions(opts) {
	clientOptions(opts, OWN_OPTIONS);
	return Object.fromEntries(Object.entries(opts).filter(([name]) => !OWN_OPTIONS.includes(name)));
}

/**
 * @see index.d.ts for the options. onServer(server, client) is called once for each
 * Socket.IO server.
 */
function pm2Adapter(opts = {}, onServer = () => {}) {
	const connection = connectionOptions(opts);
	const parser = withMethods('parser', opts.parser, ['encode', 'decode']);
	const first = new Hub(connection, parser); // has the public client
	const shared = {
		parser,
		key: first.client.key,
		name: clientOptions(connection).name,
		requestsTimeout: integer('requestsTimeout', opts.requestsTimeout ?? 5000, 1, 300_000),
		partial: boolean('partial', opts.partial ?? false),
	};
	const hubs = new WeakMap(); // server → hub
	let isFirst = true;

	/* The daemon does not deliver to the sender, so servers do not share one. */
	function hubOf(server) {
		let hub = hubs.get(server);
		if (hub === undefined) {
			hub = isFirst ? first : new Hub(connection, parser);
			isFirst = false;
			hubs.set(server, hub);
			onServer(server, hub.client);
		}
		return hub;
	}

	function create(nsp) {
		const host = hostOf(nsp);
		mustBeSupported(nsp, host);
		const Ours = classOn(host.Adapter, nsp);
		if (nsp.adapter instanceof PM2Adapter) {
			nsp.adapter.close(); // otherwise it counts as another server
		}
		const adapter = new Ours(nsp, hubOf(nsp.server), shared);
		ours.add(adapter);
		return adapter;
	}
	create.client = first.client;
	return create;
}

module.exports = { PM2Adapter, pm2Adapter };
