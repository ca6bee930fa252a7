'use strict';

/* Requests of the Redis emitters and adapters on `key-request#namespace#`, obeyed and ignored ones. */

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { Emitter } = require('@socket.io/redis-emitter');
const { encode } = require('notepack.io');

const { obeyRedisRequest } = require('../../../src/node/lib/socketio/redis-requests');

/* Stands for the adapter of a namespace. */
class Adapter {
	constructor() {
		this.obeyed = [];
	}

	obey(command, { rooms, except }) {
		this.obeyed.push({ command, rooms: [...rooms], except: [...except] });
	}

	guard(act) {
		act();
	}
}

/* Returns the adapter's calls for a body: null if it reports that it does not understand. */
function made(body) {
	const adapter = new Adapter();
	const isUnderstood = obeyRedisRequest(adapter, body);
	assert.equal(typeof isUnderstood, 'boolean');
	if (!isUnderstood)
		assert.deepEqual(adapter.obeyed, []);
	return isUnderstood ? adapter.obeyed : null;
}

const json = (value) => Buffer.from(JSON.stringify(value));
const ask = (value) => made(json(value));

/* Returns the messages that the real emitter publishes. */
function published(act) {
	const bodies = [];
	act(new Emitter({ publish: (channel, body) => bodies.push({ channel, body }) }));
	assert.equal(bodies.length, 1);
	assert.equal(bodies[0].channel, 'socket.io-request#/#');
	return Buffer.from(bodies[0].body);
}

const ALL = { rooms: [], except: [] };

describe('what @socket.io/redis-emitter sends is obeyed', () => {
	const cases = {
		'socketsJoin, everyone': [
			(emitter) => emitter.socketsJoin('r'),
			{ command: { cmd: 'socketsJoin', rooms: ['r'] }, ...ALL },
		],
		'socketsJoin, several rooms, some sockets': [
			(emitter) => emitter.in(['a', 'b']).except('c').socketsJoin(['r', 's']),
			{ command: { cmd: 'socketsJoin', rooms: ['r', 's'] }, rooms: ['a', 'b'], except: ['c'] },
		],
		'socketsLeave': [
			(emitter) => emitter.in('a').socketsLeave('r'),
			{ command: { cmd: 'socketsLeave', rooms: ['r'] }, rooms: ['a'], except: [] },
		],
		'disconnectSockets': [
			(emitter) => emitter.in('a').disconnectSockets(),
			{ command: { cmd: 'disconnectSockets', close: false }, rooms: ['a'], except: [] },
		],
		'disconnectSockets with the connection': [
			(emitter) => emitter.disconnectSockets(true),
			{ command: { cmd: 'disconnectSockets', close: true }, ...ALL },
		],
		'serverSideEmit': [
			(emitter) => emitter.serverSideEmit('event', 1, { two: ['3'] }, null),
			{ command: { cmd: 'serverSideEmit', args: ['event', 1, { two: ['3'] }, null] }, ...ALL },
		],
		'rooms that are numbers': [
			(emitter) => emitter.in(7).socketsJoin([8, 'r']),
			{ command: { cmd: 'socketsJoin', rooms: [8, 'r'] }, rooms: [7], except: [] },
		],
	};
	for (const [name, [act, wanted]] of Object.entries(cases))
		test(name, () => assert.deepEqual(made(published(act)), [wanted]));
});

describe('what others send', () => {
	test('lists may be missing, and one room be no list', () => {
		assert.deepEqual(ask({ type: 2, opts: {}, rooms: 'r' }),
			[{ command: { cmd: 'socketsJoin', rooms: ['r'] }, ...ALL }]);
		assert.deepEqual(ask({ type: 3, opts: { rooms: null, except: null }, rooms: ['r'] }),
			[{ command: { cmd: 'socketsLeave', rooms: ['r'] }, ...ALL }]);
		assert.deepEqual(ask({ type: 4, opts: { rooms: ['a'] } }),
			[{ command: { cmd: 'disconnectSockets', close: false }, rooms: ['a'], except: [] }]);
	});

	test('msgpack in the place of JSON', () => {
		const body = encode({ type: 3, opts: { rooms: ['a'], except: [] }, rooms: ['r'] });
		assert.deepEqual(made(body),
			[{ command: { cmd: 'socketsLeave', rooms: ['r'] }, rooms: ['a'], except: [] }]);
	});

	const ONE = { rooms: ['id'], except: [] };

	test('a command for one socket, by the numbers of today', () => {
		const request = { uid: 'u', requestId: 'q', sid: 'id', room: 'r' };
		assert.deepEqual(ask({ ...request, type: 2 }),
			[{ command: { cmd: 'socketsJoin', rooms: ['r'] }, ...ONE }]);
		assert.deepEqual(ask({ ...request, type: 3 }),
			[{ command: { cmd: 'socketsLeave', rooms: ['r'] }, ...ONE }]);
		assert.deepEqual(ask({ requestId: 'q', type: 4, sid: 'id', close: true }),
			[{ command: { cmd: 'disconnectSockets', close: true }, ...ONE }]);
	});

	test('and by those of socket.io-redis 5, which has `requestid`', () => {
		const request = { requestid: 'q', sid: 'id', room: 'r' };
		assert.deepEqual(ask({ ...request, type: 3 }),
			[{ command: { cmd: 'socketsJoin', rooms: ['r'] }, ...ONE }]);
		assert.deepEqual(ask({ ...request, type: 4 }),
			[{ command: { cmd: 'socketsLeave', rooms: ['r'] }, ...ONE }]);
		assert.deepEqual(ask({ requestid: 'q', type: 6, sid: 'id', close: false }),
			[{ command: { cmd: 'disconnectSockets', close: false }, ...ONE }]);
	});

	test('questions are understood and left alone', () => {
		for (const type of [0, 1, 5, 7])
			assert.deepEqual(ask({ uid: 'u', requestId: 'q', type, rooms: ['r'] }), [], type);
		for (const type of [0, 1, 2, 5])
			assert.deepEqual(ask({ requestid: 'q', type, rooms: ['r'], sid: 'id' }), [], type);
		assert.deepEqual(ask({ uid: 'u', requestId: 'q', type: 6, data: ['event'] }), []);
		assert.deepEqual(made(encode({
			uid: 'u', requestId: 'q', type: 7, packet: { type: 2, data: ['e'] }, opts: { rooms: [] },
		})), []);
	});
});

describe('what is not of the form does nothing, and is said', () => {
	const opts = { rooms: [], except: [] };
	const cases = {
		'a number': 1,
		'a list': [2],
		'null': null,
		'no type': { opts, rooms: ['r'] },
		'a type that there is not': { type: 8, opts, rooms: ['r'] },
		'a negative type': { type: -1, opts },
		'a type that is text': { type: '2', opts, rooms: ['r'] },
		'a type that every array has': { type: 'length', opts },
		'a type of no number': { type: 2.5, opts, rooms: ['r'] },
		'a type beyond the old ones': { requestid: 'q', type: 7, sid: 'id' },
		'both numberings at once': { requestid: 'q', requestId: 'q', type: 3, sid: 'id', room: 'r' },
		'nobody is meant': { type: 4 },
		'opts that are text': { type: 4, opts: 'r' },
		'opts that are a list': { type: 4, opts: [] },
		'opts of null beside a socket': { type: 4, opts: null, sid: 'id' },
		'the rooms of opts are text': { type: 4, opts: { rooms: 'r' } },
		'a room of opts is an object': { type: 4, opts: { rooms: [{}] } },
		'an excepted room is null': { type: 4, opts: { rooms: [], except: [null] } },
		'a close that is text': { type: 4, opts, close: 'no' },
		'no rooms to join': { type: 2, opts },
		'a room to join is a list': { type: 2, opts, rooms: [['r']] },
		'rooms to join are an object': { type: 2, opts, rooms: { 0: 'r' } },
		'a socket whose id is a number': { type: 2, sid: 7, room: 'r' },
		'a socket without a room to leave': { type: 3, sid: 'id' },
		'an old one for a socket whose id is missing': { requestid: 'q', type: 3, room: 'r' },
		'no data': { type: 6 },
		'data without a name': { type: 6, data: [] },
		'data that are text': { type: 6, data: 'event' },
		'an event whose name is an object': { type: 6, data: [{}] },
		'an event of the namespace itself': { type: 6, data: ['connection', {}] },
		'another of those': { type: 6, data: ['new_namespace'] },
	};
	for (const [name, value] of Object.entries(cases)) {
		test(name, () => {
			assert.equal(ask(value), null, 'as JSON');
			assert.equal(made(encode(value)), null, 'as msgpack');
		});
	}

	test('bytes that are neither', () => {
		for (const text of ['', '{', '{"type":2', '{]', 'type=2', '\ufeff{"type":4,"opts":{}}'])
			assert.equal(made(Buffer.from(text)), null, text);
		assert.equal(made(Buffer.from([0xc1])), null);
		assert.equal(made(Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff])), null);
	});

	test('a nesting that no stack has room for', () => {
		const deep = `{"type":6,"data":["event",${'['.repeat(1e6)}${']'.repeat(1e6)}]}`;
		assert.doesNotThrow(() => made(Buffer.from(deep)));
	});
});

describe('a prototype has no say', () => {
	const inner = { type: 4, opts: { rooms: [] }, close: true };

	test('of the request', () => {
		assert.equal(made(Buffer.from(`{"__proto__":${JSON.stringify(inner)}}`)), null);
		assert.equal(made(encode({ ['__proto__']: inner })), null);
	});

	test('of its options', () => {
		const opts = '{"__proto__":{"rooms":["r"]},"except":["s"]}';
		assert.deepEqual(made(Buffer.from(`{"type":4,"opts":${opts}}`)),
			[{ command: { cmd: 'disconnectSockets', close: false }, rooms: [], except: ['s'] }]);
		const packed = Buffer.concat([
			Buffer.from([0x82]), encode('type'), encode(4), encode('opts'),
			Buffer.from([0x81]), encode('__proto__'), encode({ rooms: ['r'] }),
		]);
		assert.deepEqual(made(packed),
			[{ command: { cmd: 'disconnectSockets', close: false }, ...ALL }]);
	});

	test('and gets nothing', () => {
		ask({ type: 6, data: ['event', JSON.parse('{"__proto__":{"polluted":1}}')] });
		made(Buffer.from('{"type":2,"opts":{"constructor":{"prototype":{"polluted":1}}},"rooms":"r"}'));
		assert.equal({}.polluted, undefined);
	});
});

test('what the adapter throws is for its guard', () => {
	const adapter = new Adapter();
	const caught = [];
	adapter.obey = () => { throw new Error('of a listener'); };
	adapter.guard = (act) => {
		try {
			act();
		} catch (error) {
			caught.push(error.message);
		}
	};
	assert.equal(obeyRedisRequest(adapter, json({ type: 6, data: ['event'] })), true);
	assert.deepEqual(caught, ['of a listener']);
});
