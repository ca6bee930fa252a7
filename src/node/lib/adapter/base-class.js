'use strict';

/*
 * The class to extend: `Adapter` of the host application's own socket.io-adapter,
 * whichever major that is. A process may have several, each with a socket.io
 * of its own, so nothing is chosen before a namespace asks for its adapter, and
 * then by that namespace: what it has already (io.adapter() after construction
 * replaces an adapter), else what the socket.io that made its server requires,
 * else what this package finds.
 *
 * The versions of both packages are read from the files beside the module that
 * made the server. A bundle has no such files; versions are unknown then.
 */

const { EventEmitter } = require('node:events');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
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

/* The module that made the server, and the adapter that it has required. Others
 * may export its class too, but socket.io is the one that has loaded an adapter
 * by itself. */
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

/* Of the package `name` that the file belongs to; undefined if it is of another. */
function versionAt(file, name) {
	for (let dir = path.dirname(file); ; dir = path.dirname(dir)) {
		try {
			const read = JSON.parse(fs.readFileSync(path.join(dir, 'package.json'), 'utf8'));
			if (read.name === name) {
				return String(read.version);
			}
		} catch {
			// Packages have folders without one.
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

const behind = new WeakMap(); // server → what hostBehind() gives

/* { Adapter, versions } of the socket.io that made the server, or null. */
function hostBehind(server) {
	if (!behind.has(server)) {
		const found = moduleBehind(server);
		behind.set(server, found &&
			{ Adapter: found.Adapter, versions: versionsAt(found.file) });
	}
	return behind.get(server);
}

/*
 * { Adapter, versions }: the class that the adapter of nsp must extend, and
 * package name → version, where it is known.
 */
function hostOf(nsp) {
	const present = nsp.adapter ? rootOf(nsp.adapter) : null;
	const host = hostBehind(nsp.server);
	if (host === null) {
		debug('socket.io is not among the loaded modules');
	}
	return {
		Adapter: present ?? host?.Adapter ?? adapterOf(require(PACKAGE)),
		versions: host?.versions ?? {},
	};
}

module.exports = { hostOf };
