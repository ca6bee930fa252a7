'use strict';

const assert = require('assert/strict');
const { once, EventEmitter } = require('node:events');
const { describe, test } = require('node:test');

const { Answerer } = require('../../../src/node/lib/adapter/answerer');
const { readTable } = require('../../../src/node/lib/adapter/socket-table');
const { tryDecode } = require('../../../src/node/lib/wire/msgpack');

const PACKET = { type: 2, data: ['event'], nsp: '/' };

/* An Answerer that is asked to broadcast to n clients, whose acknowledgements wait for at most
 * one millisecond. */
function ask(n) {
	const said = [];
	const events = new EventEmitter();
	let onAck;
	let forgotten = 0;
	const local = {
		broadcastWithAck(packet, opts, onCount, ack) {
			onAck = ack;
			onCount(n);
			return () => {
				forgotten++;
				events.emit('forgotten');
			};
		},
	};
	const question = {
		answer: (body) => said.push(['answer', tryDecode(body)]),
		more: (body) => said.push(['more', tryDecode(body)]),
		decline: () => said.push(['decline']),
	};
	new Answerer({}, local, assert.ifError).take(question, 'broadcast',
		[PACKET, { rooms: [], except: [], flags: { timeout: 1 } }]);
	return { said, events, ack: (...args) => onAck(...args), forgotten: () => forgotten };
}

/* Resolves when this answer is forgotten; the timers of those before were due earlier. */
async function forget({ events }) {
	const timer = setInterval(() => {}, 1000); // that of the answer keeps nothing alive
	await once(events, 'forgotten');
	clearInterval(timer);
}

/* The answer of a worker with two sockets to fetchSockets(). */
async function described(gather, opts) {
	const said = [];
	const data = { a: { n: 1 }, b: { bin: Buffer.of(1) } };
	const sockets = Object.keys(data).map((id) => ({ id }));
	const local = {
		sockets: () => sockets,
		socket: (id) => sockets.find((socket) => socket.id === id),
		details: ({ id }) => ({ id, handshake: {}, rooms: [id], data: data[id] }),
	};
	await new Promise((resolve) => {
		new Answerer({}, local, assert.ifError).take({
			gather,
			more: (body) => said.push(body),
			answer: (body) => {
				said.push(body);
				resolve();
			},
		}, 'fetchSockets', [{ rooms: [], except: [], ...opts }]);
	});
	return said.map((body) => (body[0] === 0x7b ? readTable(JSON.parse(body)) : tryDecode(body)));
}

describe('answers to fetchSockets()', () => {
	const A = { id: 'a', handshake: {}, rooms: ['a'], data: { n: 1 } };
	const B = { id: 'b', handshake: {}, rooms: ['b'], data: { bin: Buffer.of(1) } };

	test('an older asker gets one answer in msgpack', async () => {
		assert.deepEqual(await described('list'), [[A, B]]);
	});

	test('one that does not ask for JSON gets msgpack', async () => {
		assert.deepEqual(await described('stream'), [[A, B]]);
	});

	test('one that does gets JSON where there is no binary', async () => {
		assert.deepEqual(await described('stream', { json: true }), [[A], [B]]);
	});
});

describe('answers to an acknowledged broadcast', () => {
	test('the last acknowledgement ends it, and nothing is left to be forgotten', async () => {
		const { said, ack, forgotten } = ask(2);
		ack('a');
		ack('b');
		assert.deepEqual(said, [['more', 2], ['more', ['a']], ['answer', ['b']]]);
		await forget(ask(1));
		assert.equal(forgotten(), 0);
	});

	test('who does not acknowledge in time is forgotten', async () => {
		const { said, events, ack, forgotten } = ask(2);
		ack('a');
		await forget({ events });
		assert.equal(forgotten(), 1);
		assert.deepEqual(said, [['more', 2], ['more', ['a']]]);
	});

	test('without clients it is over at once', async () => {
		const { said, forgotten } = ask(0);
		assert.deepEqual(said, [['answer', 0]]);
		await forget(ask(1));
		assert.equal(forgotten(), 0);
	});
});
