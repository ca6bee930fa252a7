'use strict';

/*
 * The bodies of frames between Socket.IO processes: msgpack `[uid, packet, opts]`
 * in published messages, as the Redis emitters write it, and `[uid, nsp, kind,
 * argument…]` in questions. A packet is for clients, or with `cmd` a command for
 * the workers. Decoding any bytes returns a value of the right shape or null.
 */

const { tryDecode } = require('../wire/msgpack');
const { BINARY_EVENT, EVENT, isEventName } = require('./packets');
const writer = require('../wire/msgpack-writer');

const { encode } = writer;

/* Names of events that a namespace itself emits. */
const OF_NAMESPACES = new Set([
	'connect', 'connection', 'new_namespace', 'newListener', 'removeListener',
]);

/* Whether it is a list of rooms, or missing. An application's name of a room may
 * have become nil. */
function isList(value) {
	return value === undefined || value === null || (Array.isArray(value) &&
		value.every((room) => typeof room !== 'object' || room === null));
}

function isRoom(room) {
	return typeof room === 'string' || typeof room === 'number';
}

function isMap(value) {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/* Each kind of command: returns its valid fields, or null. */
const COMMANDS = {
	socketsJoin: ({ rooms }) => readRooms(rooms),
	socketsLeave: ({ rooms }) => readRooms(rooms),
	disconnectSockets: ({ close }) => ({ close: close === true }),
	serverSideEmit: ({ args }) => (isServerEvent(args) ? { args } : null),
};

function readRooms(rooms) {
	return Array.isArray(rooms) && rooms.every(isRoom) ? { rooms } : null;
}

/* args: the name and the arguments of an event for a namespace's listeners. */
function isServerEvent(args) {
	return Array.isArray(args) && isEventName(args[0], OF_NAMESPACES);
}

function isEvent({ type, data, id }) {
	return (type === EVENT || type === BINARY_EVENT) &&
		Array.isArray(data) && isEventName(data[0]) &&
		(id == null || (Number.isSafeInteger(id) && id >= 0));
}

function isOptions(opts) {
	return typeof opts === 'object' && opts !== null && !Array.isArray(opts) &&
		isList(opts.rooms) && isList(opts.except) &&
		(opts.flags === undefined || opts.flags === null ||
			typeof opts.flags === 'object');
}

/* Selects the flags of a broadcast to send: plain values. Not `local`, which the
 * sender obeys, and no functions. */
function plainFlags(flags) {
	const plain = {};
	for (const [key, value] of Object.entries(flags ?? {})) {
		if (key !== 'local' && ['boolean', 'number', 'string'].includes(typeof value)) {
			plain[key] = value;
		}
	}
	return plain;
}

/* Selects the fields of a packet to send. */
function plainPacket({ type, data, nsp, id, ...rest }) {
	return rest.cmd === undefined ? { type, data, nsp, id } : { nsp, ...rest };
}

function plainOptions({ rooms, except, flags }) {
	return {
		rooms: [...(rooms ?? [])],
		except: [...(except ?? [])],
		flags: plainFlags(flags),
	};
}

/* Throws what the encoder throws because of the packet's data. */
function encodePayload(uid, packet, opts) {
	return encode([uid, plainPacket(packet), plainOptions(opts)]);
}

/* As encodePayload(), for a packet whose ArrayBuffers the sender's own clients get as
 * such: parsers other than Socket.IO's may tell them from Buffers. */
function encodeEvent(uid, packet, opts) {
	return writer.encodeEvent([uid, plainPacket(packet), plainOptions(opts)]);
}

/* Validates a packet and its options. Returns both, with Sets of rooms, or null. */
function readBroadcast(packet, opts) {
	if (!isMap(packet) || !isOptions(opts) ||
		(packet.nsp != null && typeof packet.nsp !== 'string')) {
		return null;
	}
	const read = packet.cmd === undefined ? readEvent(packet) : readCommand(packet);
	return read && {
		packet: { nsp: packet.nsp ?? '/', ...read },
		opts: {
			rooms: new Set(opts.rooms ?? []),
			except: new Set(opts.except ?? []),
			flags: plainFlags(opts.flags),
		},
	};
}

function readEvent(packet) {
	const { data, id } = packet;
	// Never BINARY_EVENT: the encoder finds binary itself, and would write that type
	// without its count of attachments.
	return isEvent(packet) ? { type: EVENT, data, ...(id != null && { id }) } : null;
}

function readCommand(packet) {
	const { cmd } = packet;
	const isKnown = typeof cmd === 'string' && Object.hasOwn(COMMANDS, cmd);
	const read = isKnown ? COMMANDS[cmd](packet) : null;
	return read && { cmd, ...read };
}

/* As encodePayload(), in the form of the option `parser`. */
function formatPayload(parser, uid, packet, opts) {
	const body = parser.encode([uid, plainPacket(packet), plainOptions(opts)]);
	if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
		throw new TypeError('parser.encode() returns neither a string nor bytes');
	}
	return typeof body === 'string' ? Buffer.from(body) : body;
}

/* Returns { uid, packet, opts: { rooms: Set, except: Set, flags } }, or null. */
function decodePayload(bytes) {
	return readPayload(tryDecode(bytes));
}

/* As decodePayload(), in the form of the option `parser`. */
function parsePayload(parser, bytes) {
	try {
		return readPayload(parser.decode(bytes));
	} catch {
		return null;
	}
}

function readPayload(payload) {
	if (!Array.isArray(payload) || payload.length < 3) {
		return null;
	}
	const [uid, packet, opts] = payload;
	const read = readBroadcast(packet, opts);
	return read && { uid, ...read };
}

/* Throws as encodePayload(). kind: see docs/PROTOCOL.md. */
function encodeQuestion(uid, nsp, kind, args) {
	return (kind === 'broadcast' ? writer.encodeEvent : encode)([uid, nsp, kind, ...args]);
}

/* Returns { uid, nsp, kind, args }, or null. */
function decodeQuestion(bytes) {
	const question = tryDecode(bytes);
	if (!Array.isArray(question)) {
		return null;
	}
	const [uid, nsp, kind, ...args] = question;
	return typeof nsp === 'string' && typeof kind === 'string' ?
		{ uid, nsp, kind, args } : null;
}

module.exports = {
	decodePayload, decodeQuestion, encodeEvent, encodePayload, encodeQuestion,
	formatPayload, isMap, isOptions, isRoom, isServerEvent, parsePayload, plainOptions, plainPacket,
	readBroadcast,
};
