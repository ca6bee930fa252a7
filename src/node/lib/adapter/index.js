'use strict';

/*
 * What io.adapter() takes: a constructor that makes the adapter of a namespace
 * when it is asked for it, on the class that the host application's Socket.IO
 * has. Each server has a connection of its own, which its namespaces share.
 */

const { adapter2 } = require('./v2');
const { adapter4 } = require('./v4');
const { hostOf } = require('./base-class');
const { Hub } = require('./hub');
const { boolean, clientOptions, integer } = require('../client/options');
const { isModern, mustBeSupported } = require('./versions');

const classes = new WeakMap(); // Adapter of a socket.io-adapter → ours on it
const ours = new WeakSet();

/** Of this class is what pm2Adapter() makes, whatever else it extends. */
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

/**
 * @see index.d.ts for the options.
 */
function pm2Adapter(opts = {}) {
	const first = new Hub(opts); // judges the options, and can be listened to
	const shared = {
		key: first.client.key,
		name: clientOptions(opts).name,
		requestsTimeout: integer('requestsTimeout', opts.requestsTimeout ?? 5000, 1, 300_000),
		partial: boolean('partial', opts.partial ?? false),
	};
	const hubs = new WeakMap(); // server → hub
	let isFirst = true;

	/* Servers that shared a connection would not hear each other. */
	function hubOf(server) {
		let hub = hubs.get(server);
		if (hub === undefined) {
			hub = isFirst ? first : new Hub(opts);
			isFirst = false;
			hubs.set(server, hub);
		}
		return hub;
	}

	function create(nsp) {
		const host = hostOf(nsp);
		mustBeSupported(nsp, host);
		const Ours = classOn(host.Adapter, nsp);
		if (nsp.adapter instanceof PM2Adapter) {
			nsp.adapter.close(); // or it would count as one more server
		}
		const adapter = new Ours(nsp, hubOf(nsp.server), shared);
		ours.add(adapter);
		return adapter;
	}
	create.client = first.client;
	return create;
}

module.exports = { PM2Adapter, pm2Adapter };
