'use strict';

/*
 * Requests in the form of the Redis adapters: JSON, or msgpack, on the topic
 * `key-request#namespace#`. The Redis emitters send commands that way. It is
 * data from outside, so nothing of it is taken that isn't of its form.
 *
 * There are two numberings of types. The one of socket.io-redis up to version 5
 * is known by its key `requestid`; the one of its successors has `requestId`, or
 * neither. Both have commands for one socket, of which the sender awaits an
 * answer: they are obeyed, but nobody answers over Redis. What is nothing but a
 * question is understood and left alone.
 */

const { tryDecode } = require('../wire/msgpack');
const { isRoom, isServerEvent } = require('./payload');

const BRACE = 0x7b;
const QUESTION = { command: null, opts: null };

function isMap(value) {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readRooms(value) {
	const rooms = Array.isArray(value) ? value : [value];
	return rooms.every(isRoom) ? rooms : null;
}

/* A list that may be missing: none. */
function readTargets(value) {
	return value == null ? [] : Array.isArray(value) && readRooms(value);
}

/* Which sockets are meant, all of `opts` or one of `sid`; null: unclear. */
function readOptions({ opts, sid }) {
	if (!isMap(opts)) {
		return opts === undefined && typeof sid === 'string' ?
			{ rooms: new Set([sid]), except: new Set() } : null;
	}
	const own = { ...opts };
	const rooms = readTargets(own.rooms);
	const except = readTargets(own.except);
	return rooms && except && { rooms: new Set(rooms), except: new Set(except) };
}

function onSockets(request, command) {
	const opts = readOptions(request);
	return command && opts && { command, opts };
}

function onRooms(cmd) {
	return (request) => {
		const rooms = readRooms(request.rooms ?? request.room);
		return onSockets(request, rooms && { cmd, rooms });
	};
}

function disconnect(request) {
	const close = request.close ?? false;
	return onSockets(request, typeof close === 'boolean' &&
		{ cmd: 'disconnectSockets', close });
}

function serverSideEmit({ data, requestId }) {
	if (!isServerEvent(data)) {
		return null;
	}
	return requestId === undefined ? {
		command: { cmd: 'serverSideEmit', args: data },
		opts: { rooms: new Set(), except: new Set() },
	} : QUESTION;
}

const question = () => QUESTION;
const join = onRooms('socketsJoin');
const leave = onRooms('socketsLeave');

/* By their numbers. The last of the new is a broadcast with acknowledgements. */
const OLD = [question, question, question, join, leave, question, disconnect];
const NEW = [
	question, question, join, leave, disconnect, question, serverSideEmit, question,
];

function parse(body) {
	if (body[0] !== BRACE) {
		return tryDecode(body);
	}
	try {
		return JSON.parse(body.toString());
	} catch {
		return undefined;
	}
}

/*
 * What a request wants: { command, opts } as for adapter.obey(), with a command
 * of null where it wants an answer; null where it isn't understood. body: bytes.
 */
function readRequest(body) {
	const parsed = parse(body);
	if (!isMap(parsed)) {
		return null;
	}
	const request = { ...parsed }; // what it has itself, and nothing else
	const isOld = request.requestid !== undefined;
	if (isOld && request.requestId !== undefined) {
		return null;
	}
	const types = isOld ? OLD : NEW;
	const read = Number.isInteger(request.type) ? types[request.type] : undefined;
	return (read && read(request)) || null;
}

/**
 * Does what a request says, in this process.
 *
 * @param adapter has obey(command, opts), and guard(act) for what that throws
 * @param body bytes
 * @returns false where it isn't understood, for the caller to count
 */
function obeyRedisRequest(adapter, body) {
	const request = readRequest(body);
	if (request?.command) {
		adapter.guard(() => adapter.obey(request.command, request.opts));
	}
	return request !== null;
}

module.exports = { obeyRedisRequest, readRequest };
