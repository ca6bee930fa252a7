'use strict';

/*
 * What stands in the body of a published frame: msgpack `[uid, packet, opts]`,
 * as the Redis emitters write it. Whatever the bytes, decoding gives a payload
 * of the right shape or null.
 */

const { tryDecode } = require('./msgpack');
const { encode } = require('./writer');

const EVENT = 2; // packet types of the Socket.IO protocol
const BINARY_EVENT = 5;

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

/* Throws what the packet's data makes the encoder throw. */
function encodePayload(uid, packet, opts) {
	const { type, data, nsp, id } = packet;
	return encode([uid, { type, data, nsp, id }, {
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
