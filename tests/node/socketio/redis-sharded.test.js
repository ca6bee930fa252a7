'use strict';

/* Messages of the sharded Redis adapter, as they are read. */

const assert = require('assert/strict');
const { test } = require('node:test');

const { isSharded, readSharded } = require('../../../src/node/lib/socketio/redis-sharded');
const { encode } = require('../../../src/node/lib/wire/msgpack-writer');

const OPTS = { rooms: ['r'], except: [], flags: { volatile: true } };
const READ = { rooms: new Set(['r']), except: new Set(), flags: { volatile: true } };
const NONE = { rooms: new Set(), except: new Set(), flags: {} };
const EVENT = { packet: { type: 2, data: ['hello', 1] }, opts: OPTS };

const json = (value) => Buffer.from(JSON.stringify(value));
const message = (type, data) => ({ type, data, uid: 'u', nsp: '/chat' });

const GOOD = [
	[message(3, EVENT), { type: 2, data: ['hello', 1], nsp: '/chat' }, READ],
	[message(4, { opts: OPTS, rooms: ['a', 1] }), { cmd: 'socketsJoin', rooms: ['a', 1], nsp: '/chat' }, READ],
	[message(5, { opts: OPTS, rooms: ['a'] }), { cmd: 'socketsLeave', rooms: ['a'], nsp: '/chat' }, READ],
	[message(6, { opts: OPTS, close: true }), { cmd: 'disconnectSockets', close: true, nsp: '/chat' }, READ],
	[message(9, { packet: ['hi', 1] }), { cmd: 'serverSideEmit', args: ['hi', 1], nsp: '/chat' }, NONE],
];

test('broadcasts and commands, as JSON and as msgpack', () => {
	for (const [value, packet, opts] of GOOD) {
		for (const bytes of [json(value), encode(value)]) {
			assert.ok(isSharded(bytes[0]));
			assert.deepEqual(readSharded(bytes), { uid: 'u', packet, opts });
		}
	}
});

test('questions and answers are for others', () => {
	const questions = [
		message(3, { ...EVENT, requestId: '1' }), message(7, { opts: OPTS, requestId: '1' }),
		message(9, { packet: ['hi'], requestId: '1' }),
		...[8, 10, 11, 12].map((type) => message(type, { requestId: '1' })),
	];
	for (const value of questions)
		assert.equal(readSharded(json(value)).packet, null);
});

test('what is malformed', () => {
	const bad = [
		null, 1, 'text', [], {}, message(3), message(3, {}), message(99, EVENT),
		message('toString', EVENT), message(null, EVENT), { ...message(3, EVENT), nsp: 1 },
		message(3, { packet: 1, opts: OPTS }), message(3, { packet: EVENT.packet }),
		message(3, { packet: { type: 0, data: ['x'] }, opts: OPTS }),
		message(3, { packet: { type: 2, data: ['disconnect'] }, opts: OPTS }),
		message(4, { opts: OPTS, rooms: 'a' }), message(4, { rooms: ['a'] }),
		message(9, { packet: ['connection'] }), message(9, {}),
	];
	for (const value of bad)
		assert.equal(readSharded(json(value)), null, JSON.stringify(value));
	assert.equal(readSharded(Buffer.from('{')), null);
	assert.equal(readSharded(Buffer.from('dfffffffff', 'hex')), null);
});
