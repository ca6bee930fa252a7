'use strict';

/*
 * Requests in the form of the Redis adapters: JSON or msgpack, on the topic
 * `key-request#namespace#`. The Redis emitters send commands that way. They come
 * from other programs, so each field is validated.
 *
 * There are two numberings of types. A request of socket.io-redis up to version 5
 * has the key `requestid`; one of its successors has `requestId` or neither. Both
 * have commands for one socket, whose sender waits for an answer: workers obey
 * them but do not answer over Redis. Requests that only ask are recognized and
 * ignored.
 */

const { tryDecode } = require('../wire/msgpack');
const { isRoom, isServerEvent } = require('./payload');
const json = require('../wire/json-reader');

const BRACE = 0x7b;
const QUESTION = { command: null, opts: null };

function isMap(value) {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readRooms(value) {
	const rooms = Array.isArray(value) ? value : [value];
	return rooms.every(isRoom) ? rooms : null;
}

/* Returns a list of rooms; empty if it is missing. */
function readTargets(value) {
	return value == null ? [] : Array.isArray(value) && readRooms(value);
}

/* Returns the options that select the sockets of `opts`, or the one of `sid`; null if
 * malformed. */
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

/* Readers by type. The last one of NEW is a broadcast with acknowledgements. */
const OLD = [question, question, question, join, leave, question, disconnect];
const NEW = [
	question, question, join, leave, disconnect, question, serverSideEmit, question,
];

function parse(body) {
	if (body[0] !== BRACE) {
		return tryDecode(body);
	}
	try {
		return json.parse(body.toString());
	} catch {
		return undefined;
	}
}

/*
 * Returns { command, opts } for Namespace.obey(); the command is null if the request
 * only asks. Returns null if it is malformed. body: bytes.
 */
function readRequest(body) {
	const parsed = parse(body);
	if (!isMap(parsed)) {
		return null;
	}
	const request = { ...parsed }; // own properties only
	const isOld = request.requestid !== undefined;
	if (isOld && request.requestId !== undefined) {
		return null;
	}
	const types = isOld ? OLD : NEW;
	const read = Number.isInteger(request.type) ? types[request.type] : undefined;
	return (read && read(request)) || null;
}

/**
 * Obeys a request in this process.
 *
 * @param namespace has obey(command, opts), and guard(act) for what that throws
 * @param body bytes
 * @returns false if it is malformed
 */
function obeyRedisRequest(namespace, body) {
	const request = readRequest(body);
	if (request?.command) {
		namespace.guard(() => namespace.obey(request.command, request.opts));
	}
	return request !== null;
}

module.exports = { obeyRedisRequest, readRequest };
