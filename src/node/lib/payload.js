'use strict';

/*
 * What stands in the body of a published frame: msgpack `[uid, packet, opts]`,
 * as the Redis emitters write it. Whatever the bytes, decoding gives a payload
 * of the right shape or null.
 */

const { encode } = require('notepack.io');
const { DEPTH_MAX, tryDecode } = require('./msgpack');

const EVENT = 2; // packet types of the Socket.IO protocol
const BINARY_EVENT = 5;
const DEPTH_AROUND_DATA = 4; // the payload's own levels

/* Events that Socket.IO's clients take for a broken stream, and disconnect. */
const RESERVED = new Set([
	'connect', 'connect_error', 'disconnect', 'disconnecting',
	'newListener', 'removeListener',
]);

function isList(value) {
	return value === undefined || value === null || Array.isArray(value);
}

function isEventName(name) {
	return typeof name === 'number' ||
		(typeof name === 'string' && !RESERVED.has(name));
}

function isPacket(packet) {
	return typeof packet === 'object' && packet !== null &&
		(packet.type === EVENT || packet.type === BINARY_EVENT) &&
		Array.isArray(packet.data) && isEventName(packet.data[0]) &&
		(packet.id == null || (Number.isSafeInteger(packet.id) && packet.id >= 0)) &&
		(packet.nsp == null || typeof packet.nsp === 'string');
}

function isOptions(opts) {
	return typeof opts === 'object' && opts !== null && !Array.isArray(opts) &&
		isList(opts.rooms) && isList(opts.except) &&
		(opts.flags === undefined || opts.flags === null ||
			typeof opts.flags === 'object');
}

/* What travels of the flags of a broadcast: plain values. `local` has been
 * obeyed, and callbacks are of this process. */
function plainFlags(flags) {
	const plain = {};
	for (const [key, value] of Object.entries(flags ?? {})) {
		if (key !== 'local' && ['boolean', 'number', 'string'].includes(typeof value)) {
			plain[key] = value;
		}
	}
	return plain;
}

/*
 * The value as msgpack carries it whole. The local clients get what JSON and
 * the binary attachments make of a value, and the others must get the same: the
 * encoder would cut each element of a typed array to a byte, take an invalid
 * date for 1970, and refuse a function in an array. Copies only what changes.
 */
function portable(value, depth = DEPTH_AROUND_DATA) {
	if (typeof value === 'function' || typeof value === 'symbol') {
		return undefined;
	}
	if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) {
		return value;
	}
	if (depth > DEPTH_MAX) {
		throw new RangeError(`nested deeper than ${DEPTH_MAX}`);
	}
	if (ArrayBuffer.isView(value)) {
		return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
	}
	if (value instanceof Date) {
		return Number.isNaN(value.getTime()) ? null : value;
	}
	if (typeof value.toJSON === 'function') {
		return portable(value.toJSON(), depth + 1);
	}
	return value instanceof ArrayBuffer ? value : portableChildren(value, depth + 1);
}

function portableChildren(value, depth) {
	let copy = value;
	for (const key of Object.keys(value)) {
		const child = portable(value[key], depth);
		if (!Object.is(child, value[key])) {
			if (copy === value) {
				copy = Array.isArray(value) ? [...value] : { ...value };
			}
			copy[key] = child;
		}
	}
	return copy;
}

/* Throws what the packet's data makes the encoder throw. */
function encodePayload(uid, packet, opts) {
	const { type, data, nsp, id } = packet;
	return encode([uid, { type, data: portable(data), nsp, id }, {
		rooms: [...opts.rooms],
		except: [...(opts.except ?? [])],
		flags: plainFlags(opts.flags),
	}]);
}

/* { uid, packet, opts: { rooms: Set, except: Set, flags } }, or null. */
function decodePayload(bytes) {
	const payload = tryDecode(bytes);
	if (!Array.isArray(payload) || payload.length < 3) {
		return null;
	}
	const [uid, packet, opts] = payload;
	if (!isPacket(packet) || !isOptions(opts)) {
		return null;
	}
	const { data, nsp, id } = packet;
	return {
		uid,
		// Never BINARY_EVENT, whoever wrote it: the encoder finds binary itself,
		// and would write that type without its count of attachments.
		packet: { type: EVENT, data, nsp: nsp ?? '/', ...(id != null && { id }) },
		opts: {
			rooms: new Set(opts.rooms ?? []),
			except: new Set(opts.except ?? []),
			flags: opts.flags ?? {},
		},
	};
}

module.exports = { decodePayload, encodePayload };
