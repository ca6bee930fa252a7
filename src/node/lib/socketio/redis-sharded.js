'use strict';

/*
 * What workers on Socket.IO's sharded Redis adapter publish: a map `{ type, data,
 * uid, nsp }` as JSON or msgpack, on the topics that native workers have too. It
 * is read into the form of a payload of ours.
 */

const { tryDecode } = require('../wire/msgpack');
const { isMap, readBroadcast } = require('./payload');

const BRACE = 0x7b;
const FIXMAP = 0x80;
const MAP_16 = 0xde;
const MAP_32 = 0xdf;

const QUESTION = { packet: null };

/* Readers of data by type: a packet, or null for questions and answers, and
 * opts. */
const READERS = {
	3: ({ packet, opts, requestId }) => (requestId === undefined ?
		{ packet, opts } : QUESTION),
	4: ({ opts, rooms }) => ({ packet: { cmd: 'socketsJoin', rooms }, opts }),
	5: ({ opts, rooms }) => ({ packet: { cmd: 'socketsLeave', rooms }, opts }),
	6: ({ opts, close }) => ({ packet: { cmd: 'disconnectSockets', close }, opts }),
	7: () => QUESTION,
	8: () => QUESTION,
	9: ({ packet, requestId }) => (requestId === undefined ?
		{ packet: { cmd: 'serverSideEmit', args: packet }, opts: {} } : QUESTION),
	10: () => QUESTION,
	11: () => QUESTION,
	12: () => QUESTION,
};

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

/* Whether the bytes begin as such a message does, and no payload of ours. */
function isSharded(first) {
	return first === BRACE || (first & 0xf0) === FIXMAP || first === MAP_16 ||
		first === MAP_32;
}

/* As decodePayload() gives it, with a packet of null for what is between workers
 * of the other kind; null where it is malformed. */
function readSharded(body) {
	const parsed = parse(body);
	const { type, data, uid, nsp } = isMap(parsed) ? parsed : {};
	if (!isMap(data) || !Object.hasOwn(READERS, type) || typeof nsp !== 'string') {
		return null;
	}
	const { packet, opts } = READERS[type]({ ...data });
	if (packet === null) {
		return { uid, packet, opts };
	}
	const read = isMap(packet) ? readBroadcast({ ...packet, nsp }, opts) : null;
	return read && { uid, ...read };
}

module.exports = { isSharded, readSharded };
