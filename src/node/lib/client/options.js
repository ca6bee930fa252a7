'use strict';

/* Validates options: errors have the option's name, its value and its range. */

const path = require('node:path');
const { Pm2aError } = require('./errors');
const { PlaceError, SOCKET_MAX, findPlace, ownPlace } = require('./place');
const { warnOnce } = require('./warnings');

const SHOWN_MAX = 100; // characters of a refused value

/* Returns a text for any value; never throws. */
function described(value) {
	let text;
	if (value === '' || (Array.isArray(value) && value.length === 0)) {
		return value === '' ? 'an empty string' : 'an empty array';
	}
	try {
		text = String(value);
	} catch { // a list with a Symbol, or toString() throws
		return typeof value === 'function' ? 'a function' : 'an object';
	}
	return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}

function refuse(name, value, wanted) {
	throw new Pm2aError('PM2A_ERR_OPTION',
		`${name}: ${described(value)} is not ${wanted}`);
}

function mustBeBytes(name, value) {
	return value instanceof Uint8Array ? value : refuse(name, value, 'a Uint8Array');
}

function isTopic(value) {
	return typeof value === 'string' && value !== '';
}

function mustBeTopic(value) {
	return isTopic(value) ? value :
		refuse('topic', value, 'a topic: a string that is not empty');
}

/* Returns one topic or several as an array. */
function topicList(value) {
	const list = Array.isArray(value) ? [...value] : [value];
	return list.length > 0 && list.every(isTopic) ? list :
		refuse('topics', value, 'a topic or an array of one topic or more');
}

function string(name, value, min, max) {
	const length = typeof value === 'string' ? Buffer.byteLength(value) : -1;
	if (length < min || length > max) {
		refuse(name, value, `a string of ${min} to ${max} bytes`);
	}
	return value;
}

function integer(name, value, min, max) {
	if (!Number.isSafeInteger(value) || value < min || value > max) {
		refuse(name, value, `an integer from ${min} to ${max}`);
	}
	return value;
}

function boolean(name, value) {
	if (typeof value !== 'boolean') {
		refuse(name, value, 'a boolean');
	}
	return value;
}

function oneOf(name, value, list) {
	if (!list.includes(value)) {
		refuse(name, value, `one of ${list.join(', ')}`);
	}
	return value;
}

/* Returns the absolute path of the socket: that of the option, or else of the daemon
 * that the same pm2 runs. Refuses what can't be one. */
function socketOf(option) {
	try {
		if (option !== undefined && option !== null) {
			const isPath = typeof option === 'string' && option !== '';
			return string('socket', isPath ? ownPlace(option) : option, 1, SOCKET_MAX);
		}
		const { path: file, instead } = findPlace();
		if (instead !== null) {
			warnOnce('PM2A_WARN_SOCKET', instead, `${instead} is longer than the ${SOCKET_MAX} ` +
				`bytes of a socket's path, so the socket is ${file}; the daemon uses the same`);
		}
		return string('socket', file, 1, SOCKET_MAX);
	} catch (error) {
		throw error instanceof PlaceError ?
			new Pm2aError('PM2A_ERR_OPTION', `socket: ${error.message}`) : error;
	}
}

/* Under pm2, process.argv[1] is pm2's, and the script is in the environment. */
function defaultScript(env = process.env) {
	return env.pm_exec_path || process.argv[1] || '';
}

function defaultName(env = process.env) {
	const script = path.basename(defaultScript(env));
	return (env.pm_id !== undefined && env.name) || script || 'node';
}

/* Shortens text that only people read, so that it is not refused. */
function clip(text, max) {
	const bytes = Buffer.from(text);
	return bytes.length <= max ? text :
		bytes.subarray(0, max).toString().replace(/\ufffd+$/, '');
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function object(name, value) {
	return typeof value === 'object' && value !== null ? value :
		refuse(name, value, 'an object');
}

/* An object that has these methods; undefined if there is none. */
function withMethods(name, value, methods) {
	const isGood = (each) => typeof value?.[each] === 'function';
	return value === undefined || methods.every(isGood) ? value :
		refuse(name, value, `an object with ${methods.map((each) => `${each}()`).join(' and ')}`);
}

/* A misspelt option would silently be without effect. */
function mustBeKnown(opts, known) {
	for (const key of Object.keys(opts)) {
		if (!known.includes(key)) {
			throw new Pm2aError('PM2A_ERR_OPTION',
				`${described(key)}: no such option; there are ${known.join(', ')}`);
		}
	}
}

/* others: options that `opts` may have in addition. */
function clientOptions(opts = {}, others = []) {
	object('options', opts);
	const all = {
		socket: socketOf(opts.socket),
		name: opts.name ?? clip(defaultName(), 128),
		key: opts.key ?? 'socket.io',
		role: opts.role ?? 'member',
		ref: opts.ref ?? false,
		queueMaxBytes: opts.queueMaxBytes ?? 16 * 1024 * 1024,
		queueMaxAge: opts.queueMaxAge ?? 30_000,
		reconnectDelay: opts.reconnectDelay ?? 50,
		reconnectDelayMax: opts.reconnectDelayMax ?? 2000,
		connectTimeout: opts.connectTimeout ?? 5000,
	};
	mustBeKnown(opts, [...Object.keys(all), ...others]);
	string('name', all.name, 1, 128);
	string('key', all.key, 1, 256);
	if (all.key.includes('#')) {
		refuse('key', all.key, 'a string without #, which ends it in topics');
	}
	oneOf('role', all.role, ['member', 'emitter', 'observer']);
	boolean('ref', all.ref);
	integer('queueMaxBytes', all.queueMaxBytes, 0, Number.MAX_SAFE_INTEGER);
	integer('queueMaxAge', all.queueMaxAge, 1, 24 * HOUR);
	integer('reconnectDelay', all.reconnectDelay, 1, 10 * MINUTE);
	integer('reconnectDelayMax', all.reconnectDelayMax,
		all.reconnectDelay, 10 * MINUTE);
	integer('connectTimeout', all.connectTimeout, 10, 10 * MINUTE);
	return all;
}

module.exports = {
	boolean, clientOptions, clip, defaultScript, described, integer,
	mustBeBytes, mustBeTopic, object, oneOf, refuse, topicList, withMethods,
};
