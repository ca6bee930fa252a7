'use strict';

/*
 * A worker among peers that send anything: random values, in the places of those that are read,
 * through all that arrives from others. Nothing throws, no prototype changes, each question that is
 * asked is answered once and each that the worker asks ends; and it works as before.
 */

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { encode } = require('notepack.io');

const { Pm2aError } = require('../../../src/node');
const { FakeDaemon, NOTHING, TYPE } = require('../support/fake-daemon');
const { Random, tree } = require('../support/hostile');
const { MAJORS, MajorServer, Visitor } = require('../support/majors');
const { until, within } = require('../../support/wait');

const ROUNDS = 400;
const ALL = 'socket.io#/#';
const ROOM = 'socket.io#/#room#';
const REQUESTS = 'socket.io-request#/#';
const KINDS = ['clients', 'allRooms', 'clientRooms', 'remoteJoin', 'remoteLeave', 'remoteDisconnect',
	'customRequest', 'fetchSockets', 'serverSideEmit', 'broadcast', 'sync', '__proto__', 'constructor'];
const COMMANDS = ['socketsJoin', 'socketsLeave', 'serverSideEmit', 'toString', '__proto__'];
const LOOK_ALIKES = ['{"_placeholder":true,"num":0}', '{"_placeholder":true,"num":"__proto__"}',
	'{"__proto__":{"isAdmin":true}}', '{"toJSON":1,"then":1,"length":-1}', `${'['.repeat(300)}${
		']'.repeat(300)}`, '}'];
const PROTOTYPES = [Object, Array, Function, String, Number, Buffer, Map, Set, Error, Promise]
	.map(({ prototype }) => prototype);

/* msgpack of an array, and of a map, whose elements are bytes already. */
const list = (...elements) => Buffer.concat([Buffer.of(0x90 | elements.length), ...elements]);
const map = (entries) => Buffer.concat([Buffer.of(0x80 | Object.keys(entries).length),
	...Object.entries(entries).flatMap(([key, value]) => [encode(key), value])]);

function prototypes() {
	return PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype).map(String).sort());
}

/* All that peers make a worker read. */
class Hostile {
	#random;

	constructor(seed) {
		this.#random = new Random(seed);
	}

	of(values) {
		return this.#random.of(values);
	}

	/* A value of that form mostly, or any. */
	or(value) {
		return this.#random.below(4) > 0 ? value : this.any();
	}

	any() {
		return Buffer.from(tree(this.#random, {}));
	}

	#rooms() {
		return this.or(list(this.or(encode(this.of(['room', '__proto__', 7, '']))), this.any()));
	}

	opts() {
		return this.or(map({
			rooms: this.or(this.of([list(), this.#rooms()])), except: this.or(list()),
			flags: this.or(map({ timeout: this.or(encode(20)), compress: this.any() })),
		}));
	}

	#event() {
		return this.or(list(this.or(encode(this.of(['event', 'connect', 7]))), this.any(), this.any()));
	}

	packet() {
		return this.or(map({ type: this.or(encode(2)), data: this.#event(), nsp: this.or(encode('/')),
			id: this.of([Buffer.of(0xc0), this.any()]) }));
	}

	#command() {
		return map({ cmd: this.or(encode(this.of(COMMANDS))), nsp: this.or(encode('/')),
			rooms: this.#rooms(), args: this.#event(), close: this.any() });
	}

	#encoded() {
		const json = `["event",${this.of(LOOK_ALIKES)},{"_placeholder":true,"num":0}]`;
		const [text, ...attachments] = this.of([[`2${json}`],
			[`51-${json}`, Buffer.from('x')], [`2/,7${json}`], ['2["connect"]'], ['51-[]', Buffer.of(1)]]);
		return list(this.or(encode('peer')), Buffer.of(0xc0),
			this.of([Buffer.of(0xc0), list(), list(this.#rooms(), this.any(), this.any())]),
			encode(text), ...attachments.map((one) => encode(one)));
	}

	payload() {
		return this.of([
			() => this.any(),
			() => list(this.or(encode('peer')), this.packet(), this.opts()),
			() => list(this.or(encode('peer')), this.#command(), this.opts()),
			() => this.#encoded(),
		])();
	}

	request() {
		const json = { type: this.of([1, 2, 3, 4, 6, '__proto__', -1]), rooms: ['room', 7],
			opts: { rooms: [], except: [] }, data: ['event', { a: 1 }] };
		return this.of([
			() => this.any(),
			() => map({ type: encode(json.type), rooms: this.#rooms(), opts: this.opts(),
				data: this.#event(), close: this.any() }),
			() => Buffer.from(JSON.stringify(json).replace('{"a":1}', this.of(LOOK_ALIKES))),
		])();
	}

	kind() {
		return this.of(KINDS);
	}

	question(kind) {
		const args = kind === 'broadcast' ? [this.packet(), this.opts()] :
			kind === 'serverSideEmit' ? [this.#event()] : [this.or(this.opts()), this.any()];
		return this.or(list(encode('peer'), this.or(encode('/')), this.or(encode(kind)), ...args));
	}

	/* Returns the answer of a member. */
	answer() {
		const details = map({ id: this.or(encode('id')), handshake: this.or(map({})),
			rooms: this.#rooms(), data: this.any() });
		return this.of([() => this.any(), () => list(details, this.or(details)), () => NOTHING])();
	}
}

/* Answers what the worker asks, with what hostile members have said. */
function answerAll(link, hostile) {
	for (const frame of link.named('ASK')) {
		if (frame.isAnswered)
			continue;
		frame.isAnswered = true;
		const [id, gather] = frame.body;
		if (gather === 'stream')
			for (const part of [encode(2), hostile.answer(), encode([1]), hostile.answer()])
				link.control(TYPE.PART, [id, 9, part]);
		const rows = [[9, 'peer', hostile.answer()], [10, 'another', hostile.answer()]];
		const answers = { union: ['a', '__proto__'], stream: [], list: rows, first: rows.slice(0, 1) };
		link.control(TYPE.RESULT,
			[id, gather === 'first' ? 'found' : 'complete', 2, 2, [], answers[gather]]);
	}
}

function walk(value) {
	if (typeof value !== 'object' || value === null)
		return;
	if (!Buffer.isBuffer(value) && !Array.isArray(value) && !(value instanceof Date) &&
		!(value instanceof ArrayBuffer)) {
		assert.equal(Object.getPrototypeOf(value), Object.prototype);
		assert.equal(Object.hasOwn(value, 'isAdmin') || value.isAdmin === undefined, true);
	}
	for (const inner of Buffer.isBuffer(value) ? [] : Object.values(value))
		walk(inner);
}

/* A server that reads all it can of what comes: { server, nsp, told, link }. */
async function ground(t, major) {
	const daemon = await FakeDaemon.start();
	t.after(() => daemon.destroy());
	const server = await new MajorServer(major, {
		adapter: { socket: daemon.socket, requestsTimeout: 300 },
	}).listen();
	t.after(() => server.end());
	const nsp = server.io.of('/');
	const told = [];
	nsp.adapter.client.on('receive_error', (error) => told.push(error));
	nsp.on('event', (...args) => {
		args.forEach(walk);
		const done = args.at(-1);
		if (typeof done === 'function')
			done(args[0]);
	});
	nsp.adapter.customHook = (data, cb) => {
		walk(data);
		cb(data);
	};
	nsp.on('connection', (socket) => {
		socket.onAnyOutgoing?.((...args) => args.forEach(walk));
		socket.join('room');
	});
	await within(nsp.adapter.client.ready(), 'connection');
	const visitor = await Visitor.connect(major, server.port);
	t.after(() => visitor.end());
	return { server, nsp, told, link: await daemon.link(0) };
}

/* All methods that ask, as promises. */
function askAll(nsp, major) {
	const { adapter } = nsp;
	const called = (act) => new Promise((resolve, reject) => {
		act((error, value) => (error ? reject(error) : resolve(value)));
	});
	return [
		adapter.allRooms(), adapter.clients(), adapter.clientRooms('id'), adapter.remoteJoin('id', 'r'),
		adapter.remoteLeave('id', 'r'), adapter.remoteDisconnect('id', true), adapter.customRequest('x'),
		major === 4 ? nsp.fetchSockets() : adapter.fetchSockets({ rooms: new Set() }),
		called((fn) => adapter.serverSideEmit(['event', fn])),
		...(major === 4 ? [called((fn) => nsp.timeout(200).emit('event', 1, fn)).catch(() => {})] : []),
	];
}

/* A peer's message arrives at a client, and its question is answered. */
async function worksAsBefore(t, { server, nsp, link }) {
	const visitor = await Visitor.connect(server.major, server.port);
	t.after(() => visitor.end());
	const opts = { rooms: [visitor.id], except: [], flags: {} };
	link.frame(TYPE.PUBLISH, 0, `${ALL}${visitor.id}#`,
		encode(['peer', { type: 2, data: ['event', 'honest'], nsp: '/' }, opts]));
	await until(() => visitor.of().got.some(([value]) => value === 'honest'), 'message');
	link.control(TYPE.QUESTION,
		[0, encode(['peer', '/', 'customRequest', 'honest']), 'list'], ALL);
	await until(() => link.named('ANSWER').some(({ body: [id, verdict, body] }) =>
		id === 0 && verdict === 1 && body.equals(encode('honest'))), 'answer');
	const asked = nsp.adapter.customRequest('honest');
	await until(() => link.named('ASK').some(({ isAnswered }) => !isAnswered), 'question');
	const { body: [id] } = link.named('ASK').find(({ isAnswered }) => !isAnswered);
	link.control(TYPE.RESULT, [id, 'complete', 1, 1, [], [[9, 'peer', encode('also')]]]);
	assert.deepEqual(await within(asked, 'result'), ['honest', 'also']);
}

describe('hostile peers', { timeout: 240_000 }, () => {
	for (const major of MAJORS)
		test(`Socket.IO ${major}: whatever comes, nothing breaks`, async (t) => {
			const { server, nsp, link, told } = await ground(t, major);
			const before = prototypes();
			const hostile = new Hostile(major);
			const owed = [];
			for (let i = 1; i <= ROUNDS; i++) {
				for (const topic of [ALL, ROOM])
					link.frame(TYPE.PUBLISH, 0, topic, hostile.payload());
				link.frame(TYPE.PUBLISH, 0, REQUESTS, hostile.request());
				const kind = hostile.kind();
				link.control(TYPE.QUESTION,
					[i, hostile.question(kind), hostile.of(['list', 'union', 'first', 'stream'])], ALL);
				// Clients have no acknowledgement to give.
				if (kind !== 'broadcast')
					owed.push(i);
			}
			for (let i = 0; i < 20; i++) {
				const asked = askAll(nsp, major).map((promise) =>
					promise.catch((error) => assert(error instanceof Pm2aError, error)));
				const timer = setInterval(() => answerAll(link, hostile), 5).unref();
				await within(Promise.all(asked), 'end of all questions');
				clearInterval(timer);
			}
			const last = () => link.named('ANSWER').filter(({ body }) => body[1] !== 2)
				.map(({ body }) => body[0]);
			await until(() => {
				const answered = new Set(last());
				return owed.every((id) => answered.has(id));
			}, 'an answer to each question');
			assert.equal(new Set(last()).size, last().length, 'answered twice');
			assert.deepEqual(prototypes(), before);
			assert.equal({}.isAdmin, undefined);
			assert.equal(nsp.adapter.client.openQuestions, 0);
			assert(nsp.adapter.client.stats.malformed > ROUNDS);
			assert.equal(nsp.adapter.client.stats.connects, 1);
			for (const { cause } of told)
				assert(!(cause instanceof assert.AssertionError), cause);
			await worksAsBefore(t, { server, nsp, link });
		});

	for (const major of MAJORS)
		test(`Socket.IO ${major}: an answer of another form is left out, and its member named`, async (t) => {
			const { nsp: { adapter }, link } = await ground(t, major);
			const details = { id: 'far', handshake: {}, rooms: ['far'], data: { a: 1 } };
			const rubbish = [encode(7), encode(null), encode([null]), encode([details, undefined]),
				encode([{ ...details, id: 5 }]), encode([{ ...details, rooms: 5 }]), NOTHING, Buffer.of(0xc1),
				...['[', '[{"id":5}]', '[{"__proto__":{}}]', '[]x', '{}', '{"templates":[]',
					'{"templates":[{}],"values":[],"ids":[5],"rooms":[[]],"data":[{}],"changes":[0,0]}',
					'{"templates":[{}],"values":[],"ids":["a"],"rooms":[[]],"data":[{}],"changes":[1,0]}'].map((text) => Buffer.from(text))];
			let n = 0;
			for (const body of rubbish)
				for (const partial of [true, false]) {
					const asked = adapter.fetchSockets({ rooms: new Set(), flags: { partial } });
					const ask = (await link.count('ASK', ++n)).at(-1);
					const [id, gather, , , maxBytes] = ask.body;
					assert.deepEqual([gather, maxBytes > 1], ['stream', true]);
					link.control(TYPE.PART, [id, 9, body]);
					link.control(TYPE.PART, [id, 10, n % 4 < 2 ? encode([details]) :
						Buffer.from(JSON.stringify([details]))]);
					link.control(TYPE.RESULT, [id, 'complete', 2, 2, [], []]);
					if (partial) {
						assert.deepEqual((await within(asked, 'sockets')).at(-1), details);
						continue;
					}
					await assert.rejects(within(asked, 'end'), (error) => {
						assert.deepEqual([error.code, error.reason], ['PM2A_ERR_REFUSED', 'malformed']);
						assert.deepEqual(error.missing, [{ id: 9, name: '', reason: 'malformed' }]);
						assert.deepEqual(error.responses.at(-1), details);
						return true;
					});
				}
			assert.equal(adapter.client.stats.malformed, 2 * rubbish.length);
		});
});
