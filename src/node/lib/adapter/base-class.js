'use strict';

/*
 * Finds the class to extend: `Adapter` of the host application's own
 * socket.io-adapter. A process may have several versions, each with a socket.io of
 * its own, so the choice is made for each namespace when it asks for its adapter:
 * the class of the adapter that it has (io.adapter() after construction replaces
 * an adapter), else the class that its server's socket.io requires, else the class
 * that this package finds.
 *
 * The versions of both packages are read from package.json files near the module
 * that made the server. A bundle has no such files; versions are unknown then.
 */

const { EventEmitter } = require('node:events');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const debug = require('debug')('socket.io-pm2adapter');
const { Pm2aError } = require('../client/errors');

const PACKAGE = 'socket.io-adapter';

/* Returns the in-memory class that an adapter extends, directly or not. */
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

/* Lists the classes of an object, its own first. */
function classesOf(object) {
	const classes = [];
	let prototype = Object.getPrototypeOf(object);
	while (prototype !== null && prototype !== Object.prototype) {
		classes.push(prototype.constructor);
		prototype = Object.getPrototypeOf(prototype);
	}
	return classes;
}

/* Whether a loaded module exports one of the classes. Does not call getters of
 * foreign modules. */
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

function tryRequire(file, name = PACKAGE) {
	try {
		return createRequire(file)(name);
	} catch {
		return null;
	}
}

/* Finds the module that made the server, and the adapter class that it requires.
 * Other modules may export its class too, but only socket.io has loaded an adapter
 * itself. */
function moduleBehind(server) {
	const classes = classesOf(server);
	for (const module of Object.values(require.cache)) {
		if (module && isExporting(module.exports, classes)) {
			const exported = tryRequire(module.filename);
			if (exported && module.children.some((child) => child.exports === exported)) {
				return { file: module.filename, Adapter: adapterOf(exported) };
			}
		}
	}
	return null;
}

/* The version of the package `name` that has the file; undefined if unknown. */
function versionAt(file, name) {
	for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
		try {
			const read = JSON.parse(fs.readFileSync(path.join(dir, 'package.json'), 'utf8'));
			if (read.name === name) {
				return String(read.version);
			}
		} catch {
			// Not every folder of a package has one.
		}
		if (dir === path.dirname(dir)) {
			return undefined;
		}
	}
}

function versionsAt(file) {
	return {
		'socket.io': versionAt(file, 'socket.io'),
		[PACKAGE]: versionAt(createRequire(file).resolve(PACKAGE), PACKAGE),
	};
}

const behind = new WeakMap(); // server → the result of hostBehind()

/* The class that this package finds. The name is a literal, by which a bundler finds
 * it; in a script that only emits there may be none. */
function ownAdapter() {
	try {
		return adapterOf(require('socket.io-adapter'));
	} catch (error) {
		throw new Pm2aError('PM2A_ERR_VERSION',
			'socket.io-adapter is not installed; install socket.io', error);
	}
}

/* Returns { Adapter, Encoder, versions } of the socket.io that made the server, or null.
 * Encoder: that of its own parser, if it is found. */
function hostBehind(server) {
	if (!behind.has(server)) {
		const found = moduleBehind(server);
		behind.set(server, found &&
			{
				Adapter: found.Adapter,
				Encoder: tryRequire(found.file, 'socket.io-parser')?.Encoder,
				versions: versionsAt(found.file),
			});
	}
	return behind.get(server);
}

/*
 * Returns { Adapter, versions }: the class that the adapter of `nsp` must extend,
 * and package name → version, if known.
 */
function hostOf(nsp) {
	const present = nsp.adapter ? rootOf(nsp.adapter) : null;
	const host = hostBehind(nsp.server);
	if (host === null) {
		debug('socket.io is not among the loaded modules');
	}
	return {
		Adapter: present ?? host?.Adapter ?? ownAdapter(),
		versions: host?.versions ?? {},
	};
}

/* Whether a server encodes with Socket.IO's own parser, as far as known. */
function hasOwnEncoder(server) {
	const { encoder } = server;
	const own = hostBehind(server)?.Encoder;
	return own !== undefined && encoder?.constructor === own && encoder.replacer === undefined;
}

module.exports = { hasOwnEncoder, hostOf };
