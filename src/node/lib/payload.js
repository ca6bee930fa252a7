'use strict';

/*
 * What stands in the body of a published frame: msgpack `[uid, packet, opts]`,
 * as the Redis emitters write it. Whatever the bytes, decoding gives a payload
 * of the right shape or null.
 *
 * The bytes are walked once before they are decoded. The decoder allocates by
 * the lengths that it reads, and a few bytes can declare gigabytes.
 */

const { decode, encode } = require('notepack.io');

const EVENT = 2; // packet types of the Socket.IO protocol
const BINARY_EVENT = 5;
const DEPTH_MAX = 512;

/* Heads 0xc0 to 0xdf: [bytes behind the head, width of a length field that
 * counts bytes, width of one that counts values, values for each]. */
const HEADS = [
	[0], null, [0], [0], [0, 1], [0, 2], [0, 4], [1, 1], [1, 2], [1, 4],
	[4], [8], [1], [2], [4], [8], [1], [2], [4], [8],
	[2], [3], [5], [9], [17], [0, 1], [0, 2], [0, 4],
	[0, 0, 2, 1], [0, 0, 4, 1], [0, 0, 2, 2], [0, 0, 4, 2],
];

/* Whether bytes are exactly one msgpack value that lies inside them. */
function isWhole(bytes) {
	const left = [1]; // values still to come, a level each
	let at = 0;
	while (left.length > 0) {
		if (left[left.length - 1]-- === 0) {
			left.pop();
			continue;
		}
		if (at >= bytes.length || left.length > DEPTH_MAX) {
			return false;
		}
		const head = bytes[at++];
		let skip = 0;
		let children = 0;
		if (head >= 0xc0 && head < 0xe0) {
			const shape = HEADS[head - 0xc0];
			if (shape === null) {
				return false;
			}
			const width = shape[1] || shape[2] || 0;
			if (at + width > bytes.length) {
				return false;
			}
			const n = width > 0 ? bytes.readUIntBE(at, width) : 0;
			at += width;
			skip = shape[0] + (shape[1] ? n : 0);
			children = shape[2] ? n * shape[3] : 0;
		} else if (head >= 0xa0 && head < 0xc0) {
			skip = head & 0x1f;
		} else if (head >= 0x90 && head < 0xa0) {
			children = head & 0x0f;
		} else if (head >= 0x80 && head < 0x90) {
			children = 2 * (head & 0x0f);
		}
		at += skip;
		if (at > bytes.length || children > bytes.length - at) {
			return false;
		}
		if (children > 0) {
			left.push(children);
		}
	}
	return at === bytes.length;
}

function isList(value) {
	return value === undefined || value === null || Array.isArray(value);
}

function isPacket(packet) {
	return typeof packet === 'object' && packet !== null &&
		(packet.type === EVENT || packet.type === BINARY_EVENT) &&
		Array.isArray(packet.data) && packet.data.length > 0 &&
		(packet.nsp === undefined || typeof packet.nsp === 'string');
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
	return encode([uid, packet, {
		rooms: [...opts.rooms],
		except: [...(opts.except ?? [])],
		flags: plainFlags(opts.flags),
	}]);
}

/* { uid, packet, opts: { rooms: Set, except: Set, flags } }, or null. */
function decodePayload(bytes) {
	let payload;
	try {
		payload = isWhole(bytes) ? decode(bytes) : null;
	} catch {
		return null;
	}
	if (!Array.isArray(payload) || payload.length < 3) {
		return null;
	}
	const [uid, packet, opts] = payload;
	if (!isPacket(packet) || !isOptions(opts)) {
		return null;
	}
	return {
		uid,
		packet,
		opts: {
			rooms: new Set(opts.rooms ?? []),
			except: new Set(opts.except ?? []),
			flags: opts.flags ?? {},
		},
	};
}

module.exports = { decodePayload, encodePayload, isWhole };
