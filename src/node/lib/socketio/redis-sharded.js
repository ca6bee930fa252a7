'use strict';

/*
 * Messages of workers on Socket.IO's sharded Redis adapter: a map `{ type, data,
 * uid, nsp }` as JSON or msgpack, on the topics that native workers use too.
 */

const { tryDecode } = require('../wire/msgpack');
const { isMap, readBroadcast } = require('./payload');
const json = require('../wire/json-reader');

const BRACE = 0x7b;
const FIXMAP = 0x80;
const MAP_16 = 0xde;
const MAP_32 = 0xdf;

const QUESTION = { packet: null };

/* Readers of `data` by type: return { packet, opts }; the packet is null for
 * questions and answers. */
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
		return json.parse(body.toString());
	} catch {
		return undefined;
	}
}

/* Whether the first byte is that of such a message; ours are arrays. */
function isSharded(first) {
	return first === BRACE || (first & 0xf0) === FIXMAP || first === MAP_16 ||
		first === MAP_32;
}

/* Returns a payload as decodePayload() does, or null if it is malformed. The packet
 * is null if the message concerns only workers of the other kind. */
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
