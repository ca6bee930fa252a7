'use strict';

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { decode } = require('notepack.io');

const sender = require('../../../src/node/lib/wire/frame-writer');
const { vector, vectors } = require('../support/vectors');

const { FLAG, TYPE } = sender;
const NO_TOPIC = Buffer.alloc(0);
const ALL = 'socket.io#/#';
const ROOMS = ['socket.io#/#room1#', 'socket.io#/#room2#'];

/* An ASK or ANSWER from what a vector's body decodes to. */
const asked = (topics, subscribers, { json: [id, gather, timeout, { bin }] }) =>
	sender.ask(topics, subscribers, { id, gather, timeout }, Buffer.from(bin, 'hex'));
const answered = ({ json: [id, verdict, payload] }) =>
	sender.answer(id, verdict, payload && Buffer.from(payload.bin, 'hex'));

/* The frames of a client, made as client/client.js makes them. */
const MADE = {
	'hello-least': () => sender.hello({ name: 'app' }),
	'hello-full': () => sender.hello({
		name: 'chat',
		pid: 4711,
		client: 'socket.io-pm2adapter/0.1.0',
		role: 'member',
		pm_id: 3,
		key: 'socket.io',
		script: '/srv/chat/server.js',
	}),
	'hello-again': () =>
		sender.hello({ name: 'chat', previous: { epoch: 1_700_000_000_000, id: 7 } }),
	'hello-observer': () => sender.hello({ name: 'stats', role: 'observer' }),
	'subscribe-rooms': () =>
		sender.topics(TYPE.SUBSCRIBE, 0, ['socket.io#/#room1#', 'socket.io#/#room2#']),
	'subscribe-member': () => sender.topics(TYPE.SUBSCRIBE, FLAG.MEMBER, ['socket.io#/#']),
	'subscribe-prefix': () => sender.topics(TYPE.SUBSCRIBE, FLAG.PREFIX, ['socket.io#/#']),
	'subscribe-none': () => sender.topics(TYPE.SUBSCRIBE, 0, []),
	'unsubscribe-room': () => sender.topics(TYPE.UNSUBSCRIBE, 0, ['socket.io#/#room1#']),
	'publish-all': ({ body }) => sender.publish(['socket.io#/#'], body, false),
	'publish-room': ({ body }) => sender.publish(['socket.io#/#room1#'], body, false),
	'publish-several': ({ body }) =>
		sender.publish(['socket.io#/#room1#', 'socket.io#/#room2#'], body, false),
	'publish-volatile': ({ body }) => sender.publish(['socket.io#/#'], body, true),
	'publish-utf8': ({ body }) => sender.publish(['socket.io#/#räum#'], body, false),
	'publish-empty': ({ body }) => sender.publish(['t'], body, false),
	'ask-list': (golden) => asked([ALL], false, golden),
	'ask-union': (golden) => asked([ALL], false, golden),
	'ask-first': (golden) => asked([ALL], false, golden),
	'ask-room': (golden) => asked([ROOMS[0]], true, golden),
	'ask-several': (golden) => asked(ROOMS, true, golden),
	'answer-yes': answered,
	'answer-no': answered,
	'answer-more': answered,
	'answer-union': answered,
	ping: ({ body }) => sender.ping(body),
	'ping-empty': () => sender.ping(),
	pong: ({ body }) => sender.pong(body),
};

describe('sender: golden frames, byte for byte', () => {
	for (const [name, make] of Object.entries(MADE))
		test(name, () => {
			const golden = vector(name);
			assert.equal(make(golden).toString('hex'), golden.frame.toString('hex'));
		});

	test('each type that clients send is among them', () => {
		const types = (names) => [...new Set(names.map((name) => vector(name).type))].sort();
		assert.deepEqual(types(Object.keys(MADE)), types(vectors
			.filter(({ way, type }) => way !== 'out' && type !== TYPE.STATS)
			.map(({ name }) => name)));
	});

	test('frame() makes each from its parts', () => {
		for (const name of Object.keys(MADE)) {
			const { type, flags, topic, body, frame } = vector(name);
			assert.equal(sender.frame(type, flags, topic, body).toString('hex'),
				frame.toString('hex'), name);
		}
	});
});

describe('sender: frames', () => {
	test('a topic is the same as text and as bytes', () => {
		const body = Buffer.of(1, 2, 3);
		assert.deepEqual(sender.frame(0x10, 0, 'räum', body),
			sender.frame(0x10, 0, Buffer.from('räum'), body));
	});

	test('the length counts bytes, not characters', () => {
		const out = sender.publish(['日本語'], Buffer.alloc(2), false);
		assert.equal(out.length, 8 + 9 + 2);
		assert.equal(out.readUInt32BE(0), out.length - 4);
		assert.equal(out.readUInt16BE(6), 9);
	});

	test('a body of any Uint8Array is copied, not kept', () => {
		const body = new Uint8Array([1, 2, 3]);
		const out = sender.publish(['t'], body, false);
		body.fill(9);
		assert.deepEqual([...out.subarray(-3)], [1, 2, 3]);
	});

	test('the payloads of a question and an answer are of any Uint8Array', () => {
		const bytes = new Uint8Array([0, 1, 2, 3]).subarray(1, 3);
		const payload = Buffer.of(1, 2);
		assert.deepEqual(
			sender.ask(['t'], false, { id: 1, gather: 'list', timeout: 0 }, bytes),
			sender.ask(['t'], false, { id: 1, gather: 'list', timeout: 0 }, payload));
		assert.deepEqual(sender.answer(1, 1, bytes), sender.answer(1, 1, payload));
		assert.deepEqual(decode(sender.answer(1, 1, bytes).subarray(8)), [1, 1, payload]);
	});

	test('hello leaves out what is undefined', () => {
		const out = sender.hello({ name: 'app', pm_id: undefined, key: undefined });
		assert.deepEqual(decode(out.subarray(8)), { protocol: 1, name: 'app' });
	});

	test('volatile and several together are both flags', () => {
		assert.equal(sender.publish(['a', 'b'], NO_TOPIC, true)[5],
			FLAG.VOLATILE | FLAG.SEVERAL);
	});
});

describe('sender: what fits a topic field', () => {
	const room = (n) => 'r'.repeat(n);
	// Of 65535 bytes the array's head takes 1, the long topic's 3, and the topic `a` 2.
	const LONG = 65535 - 1 - 3 - 2;

	test('several() up to 65535 bytes, and null beyond', () => {
		const fitting = sender.several([room(LONG), 'a']);
		assert.equal(fitting.length, 65535);
		assert.equal(decode(fitting)[1], 'a');
		assert.equal(sender.several([room(LONG), 'ab']), null);
	});

	test('ask gives null where they don\'t', () => {
		const question = { id: 1, gather: 'list', timeout: 5000 };
		const ask = (topics) => sender.ask(topics, true, question, NO_TOPIC);
		assert.equal(ask([room(LONG), 'a']).readUInt16BE(6), 65535);
		assert.equal(ask([room(LONG), 'ab']), null);
		assert.equal(ask([room(65535)]).readUInt16BE(6), 65535);
		assert.equal(ask([room(65536)]), null);
	});

	test('several() up to 4096 topics, and null beyond', () => {
		assert.notEqual(sender.several(Array(4096).fill('t')), null);
		assert.equal(sender.several(Array(4097).fill('t')), null);
	});

	test('publish to several gives null where several() does', () => {
		const rooms = Array.from({ length: 3000 }, (_, i) => `socket.io#/#a room, number ${i}#`);
		assert.equal(sender.publish(rooms, NO_TOPIC, false), null);
		const some = rooms.slice(0, 1000);
		const out = sender.publish(some, NO_TOPIC, false);
		assert.deepEqual(decode(out.subarray(8, 8 + out.readUInt16BE(6))), some);
	});

	test('publish to one topic of 65535 bytes, and null beyond', () => {
		const out = sender.publish([room(65535)], NO_TOPIC, false);
		assert.equal(out.readUInt16BE(6), 65535);
		assert.equal(sender.publish([room(65536)], NO_TOPIC, false), null);
		assert.equal(sender.publish(['ä'.repeat(32768)], NO_TOPIC, false), null);
	});
});
