'use strict';

/*
 * The class to extend: `Adapter` of the host application's own socket.io-adapter,
 * whichever major that is. A process may have several, each with a socket.io
 * of its own, so nothing is chosen before a namespace asks for its adapter, and
 * then by that namespace: what it has already (io.adapter() after construction
 * replaces an adapter), else what the socket.io that made its server requires,
 * else what this package finds.
 */

const { EventEmitter } = require('node:events');
const { createRequire } = require('node:module');
const debug = require('debug')('socket.io-pm2adapter');

const PACKAGE = 'socket.io-adapter';

/* The in-memory class below an adapter, whatever else was put upon it. */
function rootOf(adapter) {
	let prototype = Object.getPrototypeOf(adapter);
	while (prototype !== null) {
		const below = Object.getPrototypeOf(prototype);
		if (below === EventEmitter.prototype) {
			return prototype.constructor;
		}
		prototype = below;
	}
	return null;
}

/* Version 1 exports the class itself. */
function adapterOf(exported) {
	return exported.Adapter ?? exported;
}

/* The classes of an object, its own first. */
function classesOf(object) {
	const classes = [];
	let prototype = Object.getPrototypeOf(object);
	while (prototype !== null && prototype !== Object.prototype) {
		classes.push(prototype.constructor);
		prototype = Object.getPrototypeOf(prototype);
	}
	return classes;
}

/* Whether a loaded module exports one of the classes. Its getters aren't
 * asked: what a foreign module does there is not known. */
function isExporting(exported, classes) {
	if (classes.includes(exported)) {
		return true;
	}
	if ((typeof exported !== 'object' && typeof exported !== 'function') ||
		exported === null) {
		return false;
	}
	return ['Server', 'default'].some((key) =>
		classes.includes(Object.getOwnPropertyDescriptor(exported, key)?.value));
}

function tryRequire(file) {
	try {
		return createRequire(file)(PACKAGE);
	} catch {
		return null;
	}
}

/* What the module that made the server has required. Others may export its
 * class too, but socket.io is the one that has loaded an adapter by itself. */
function adapterBehind(server) {
	const classes = classesOf(server);
	for (const module of Object.values(require.cache)) {
		if (module && isExporting(module.exports, classes)) {
			const exported = tryRequire(module.filename);
			if (exported && module.children.some((child) => child.exports === exported)) {
				return adapterOf(exported);
			}
		}
	}
	return null;
}

/* The class that the adapter of nsp must extend. */
function adapterClassOf(nsp) {
	const present = nsp.adapter ? rootOf(nsp.adapter) : null;
	const behind = present ?? adapterBehind(nsp.server);
	if (behind === null) {
		debug('socket.io is not among the loaded modules: %s as found', PACKAGE);
	}
	return behind ?? adapterOf(require(PACKAGE));
}

module.exports = { adapterClassOf };
