'use strict';

/*
 * Input of broken or hostile peers, as tables. A row:
 *   name     what is wrong
 *   hello    keys of the HELLO that goes before; null: nothing goes before
 *   send     bytes; or an async function (peer, witness) that does it all
 *   code     the ERROR that answers; null: none
 *   fatal    whether the connection ends with it
 *   reason   what --stats closed says of its end
 *   holds    how many subscriptions the connection has afterwards
 *   paused   it never reads
 */

const assert = require('node:assert');
const {
	AS_MEMBER, BY_PREFIX, MORE, NO, SEVERAL, TO_SUBSCRIBERS, TYPE, VOLATILE,
	YES, answer, ask, frame, hello, ping, publish, subscribe, unsubscribe,
	vectors,
} = require('./frames');
const { encode } = require('./msgpack');
const { pause } = require('../../support/wait');

const MAX_FRAME = 128 << 10;
const MAX_TOPICS = 65_536; // of a SUBSCRIBE
const MAX_SEVERAL = 4096; // of a PUBLISH
const TOO_MANY = ['witness', ...Array(MAX_SEVERAL).fill('t')];
const MAX_SUBSCRIPTIONS = 100;
const ARGS = ['--max-frame', '128k', '--queue-limit', '8m',
	'--queue-soft-limit', '1m',
	'--max-subscriptions', String(MAX_SUBSCRIPTIONS),
	'--hello-timeout', '3s'];

const hex = (text) => Buffer.from(text, 'hex');
const nested = (depth) => hex('91'.repeat(depth) + '90');
const body = (type, bytes, flags = 0) => frame(type, { body: bytes, flags });

/* One connection that ends with this ERROR. */
function fatal(code, name, send, keys = {}) {
	return { name, hello: keys, send, code, fatal: true, reason: code };
}

/* One that is told so and goes on, and then ends by itself. */
function refused(code, name, send, keys = {}, holds = 0) {
	return { name, hello: keys, send, code, fatal: false, reason: 'eof',
		holds };
}

/* One that is taken without a word. */
function taken(name, send, keys = {}, holds = 0) {
	return { name, hello: keys, send, code: null, fatal: false,
		reason: 'eof', holds };
}

/* Before HELLO. */
function first(code, name, send) {
	return fatal(code, name, send, null);
}

const BAD_BODIES = [
	['no body', ''],
	['a map32 of 4294967295 pairs in five bytes', hex('dfffffffff')],
	['an array32 of 4294967295 elements in five bytes', hex('ddffffffff')],
	['an array16 of 65535 elements in three bytes', hex('dcffff')],
	['a str32 longer than the body', hex('dbffffffff61')],
	['a bin32 longer than the body', hex('c6ffffffff61')],
	['an ext32 longer than the body', hex('c9ffffffff0161')],
	['arrays nested five thousand deep', nested(5000)],
	['the byte that msgpack never uses', hex('c1')],
	['a nil', hex('c0')],
	['an integer', hex('07')],
	['a str', encode('text')],
	['an ext', hex('d40100')],
];

const golden = vectors();
const FULL_HELLO = golden.get('hello-full').body;
const ROOMS = golden.get('subscribe-rooms').body;

const STRANGERS = [
	['an HTTP request', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'],
	['a TLS ClientHello', hex(`1603010200010001fc0303${'5a'.repeat(64)}`)],
	['a Redis PING', '*1\r\n$4\r\nPING\r\n'],
	['an inline Redis PING', 'PING\r\nPING\r\n'],
	['bytes 0xff', Buffer.alloc(64, 0xff)],
	['an SSH banner', 'SSH-2.0-OpenSSH_9.2p1\r\n'],
	['a JSON line', '{"type":"axm:monitor"}\n'],
];

const beforeHello = [
	...STRANGERS.map(([name, bytes]) =>
		first('hello-expected', `${name} first`, bytes)),
	first('bad-frame', 'zero bytes first', Buffer.alloc(64)),
	...Object.entries({
		ping: ping('hi'), publish: publish('t', 'x'),
		subscribe: subscribe(['t']), unsubscribe: unsubscribe(['t']),
		stats: body(TYPE.STATS, encode({})),
		'a WELCOME': golden.get('welcome').frame,
		'an unknown type': frame(0x7f),
	}).map(([name, bytes]) =>
		first('hello-expected', `${name} first`, bytes)),
	...[0, 1, 2, 3].map((length) => first('bad-frame',
		`HELLO with a length of ${length}`,
		frame(TYPE.HELLO, { length, body: FULL_HELLO }))),
	first('bad-frame', 'HELLO with a topic longer than the frame',
		frame(TYPE.HELLO, { topicLength: 65535, body: FULL_HELLO })),
	first('bad-topic', 'HELLO with a topic',
		frame(TYPE.HELLO, { topic: 't', body: FULL_HELLO })),
	first('bad-flags', 'HELLO with flags',
		body(TYPE.HELLO, FULL_HELLO, 0x80)),
	first('frame-too-big', 'HELLO of more than 4096 bytes',
		hello({ padding: 'x'.repeat(4096) })),
	first('frame-too-big', 'HELLO that says it has 4 GiB',
		frame(TYPE.HELLO, { length: 0xffffffff, body: FULL_HELLO })),
	...BAD_BODIES.filter(([name]) => !name.includes('five thousand'))
		.map(([name, bytes]) => first('bad-body',
			`HELLO whose body is ${name}`, body(TYPE.HELLO, bytes))),
	first('bad-body', 'HELLO nested five deep', body(TYPE.HELLO,
		Buffer.concat([hex('81a161'), nested(4)]))),
	first('bad-body', 'HELLO with a byte behind the map',
		body(TYPE.HELLO, Buffer.concat([FULL_HELLO, hex('c0')]))),
	first('bad-body', 'HELLO whose map promises a pair more',
		body(TYPE.HELLO,
			Buffer.concat([hex('89'), FULL_HELLO.subarray(1)]))),
];

const BAD_HELLOS = {
	'protocol missing': { protocol: undefined },
	'protocol a str': { protocol: '1' },
	'protocol a float': { protocol: 1.5 },
	'protocol nil': { protocol: null },
	'name missing': { name: undefined },
	'name empty': { name: '' },
	'name of 129 bytes': { name: 'n'.repeat(129) },
	'name an integer': { name: 7 },
	'name a bin': { name: Buffer.from('bin') },
	'name with a zero byte': { name: 'a\0b' },
	'name a map': { name: { a: 1 } },
	'pid a str': { pid: '1' },
	'pid negative': { pid: -1 },
	'client of 65 bytes': { client: 'c'.repeat(65) },
	'client an integer': { client: 1 },
	'role unknown': { role: 'admin' },
	'role an integer': { role: 1 },
	'role empty': { role: '' },
	'pm_id negative': { pm_id: -1 },
	'pm_id a str': { pm_id: '3' },
	'pm_id of 64 bits': { pm_id: 2n ** 64n - 1n },
	'key of 257 bytes': { key: 'k'.repeat(257) },
	'key an array': { key: ['k'] },
	'script of 1025 bytes': { script: 's'.repeat(1025) },
	'script a boolean': { script: true },
	'previous an integer': { previous: 1 },
	'previous empty': { previous: {} },
	'previous without an epoch': { previous: { id: 1 } },
	'previous without an id': { previous: { epoch: 1 } },
	'previous of id 0': { previous: { epoch: 1, id: 0 } },
	'previous of a negative id': { previous: { epoch: 1, id: -1 } },
	'previous of a negative epoch': { previous: { epoch: -1, id: 1 } },
	'previous of an id of 64 bits':
		{ previous: { epoch: 1, id: 2n ** 64n - 1n } },
};

function helloWithout(keys) {
	const all = { protocol: 1, name: 'test', ...keys };
	return body(TYPE.HELLO, encode(Object.fromEntries(
		Object.entries(all).filter(([, value]) => value !== undefined))));
}

const badHellos = [
	...Object.entries(BAD_HELLOS).map(([name, keys]) =>
		first('bad-hello', `HELLO with ${name}`, helloWithout(keys))),
	...[0, 2, -1, 2n ** 64n - 1n].map((protocol) => first('bad-version',
		`HELLO of protocol ${protocol}`, hello({ protocol }))),
	fatal('bad-state', 'a second HELLO', hello()),
	taken('HELLO with unknown keys of every type', '', {
		a: null, b: true, c: -5, d: 1.5, e: 'str', f: Buffer.from('bin'),
		g: [1, [2]], h: { i: {} },
	}),
	taken('HELLO with each string as long as it may be', '', {
		name: 'n'.repeat(128), client: 'c'.repeat(64),
		key: 'k'.repeat(256), script: 's'.repeat(1024),
	}),
	taken('HELLO of 4096 bytes', '', {
		padding: 'x'.repeat(4096 - hello({ padding: 'x'.repeat(2048) })
			.readUInt32BE() + 2048),
	}),
	taken('HELLO with the least previous there is', '',
		{ previous: { epoch: 0, id: 1 } }),
];

const NAMES = Object.fromEntries(
	Object.entries(TYPE).map(([name, type]) => [type, name]));
const UNKNOWN = [0x00, 0x05, 0x0f, 0x11, 0x1f, 0x25, 0x2f,
	0x42, 0x52, 0x62, 0x7f, 0x80, 0x90, 0xff];
const REVERSED = [TYPE.WELCOME, TYPE.QUESTION, TYPE.RESULT, TYPE.PART,
	TYPE.PRESENCE, TYPE.STATS_REPLY, TYPE.ERROR, TYPE.GOODBYE];
const FLAGS = [
	[TYPE.SUBSCRIBE, [0x03, 0x04, 0x40, 0x80]],
	[TYPE.UNSUBSCRIBE, [0x03, 0x04, 0x81]],
	[TYPE.PUBLISH, [0x04, 0x08, 0x80, 0xff]],
	[TYPE.ASK, [0x02, 0x04, 0x80, 0xff]],
	[TYPE.ANSWER, [0x01, 0x02, 0x80]],
	[TYPE.PING, [0x01, 0x80]],
	[TYPE.PONG, [0x02]],
	[TYPE.STATS, [0x01]],
];
const BODY = {
	[TYPE.SUBSCRIBE]: encode(['t']),
	[TYPE.UNSUBSCRIBE]: encode(['t']),
	[TYPE.ASK]: encode([1, 'list', 0, 'q']),
	[TYPE.ANSWER]: encode([1, 0]),
	[TYPE.STATS]: encode({}),
};
const TAKES_TOPIC = [TYPE.PUBLISH, TYPE.ASK];

const headers = [
	...[0, 1, 2, 3].flatMap((length) => [TYPE.PING, TYPE.PUBLISH].map(
		(type) => fatal('bad-frame',
			`${NAMES[type]} with a length of ${length}`,
			frame(type, { length, body: 'abcd' })))),
	...[TYPE.PUBLISH, TYPE.SUBSCRIBE, TYPE.PING].map((type) => fatal(
		'bad-frame', `${NAMES[type]} with a topic longer than the frame`,
		frame(type, { topicLength: 9, body: '12345678' }))),
	fatal('bad-frame', 'a topic one byte longer than its frame',
		frame(TYPE.PUBLISH, { topic: 'topic', topicLength: 6 })),
	...UNKNOWN.map((type) => fatal('unknown-type',
		`type 0x${type.toString(16).padStart(2, '0')}`, frame(type))),
	...REVERSED.map((type) => fatal('unknown-type',
		`${NAMES[type]}, which goes the other way`, frame(type))),
	...FLAGS.flatMap(([type, list]) => list.map((flags) => fatal('bad-flags',
		`${NAMES[type]} with flags 0x${flags.toString(16)}`,
		frame(type, { flags, body: BODY[type],
			topic: TAKES_TOPIC.includes(type) ? 't' : '' })))),
	...[TYPE.SUBSCRIBE, TYPE.UNSUBSCRIBE, TYPE.ANSWER, TYPE.PING, TYPE.PONG,
		TYPE.STATS].map((type) => fatal('bad-topic',
		`${NAMES[type]} with a topic`,
		frame(type, { topic: 't', body: BODY[type] }))),
	fatal('bad-frame', 'zero bytes', Buffer.alloc(64)),
	fatal('frame-too-big', 'bytes 0xff', Buffer.alloc(64, 0xff)),
	fatal('bad-frame', 'a good message, then zeros', Buffer.concat(
		[publish('t', 'good'), Buffer.alloc(8)])),
];

const BAD_TOPICS = [
	['a map', encode({ t: 1 })],
	['an array of integers', encode([1, 2])],
	['an array with a nil', encode(['t', null])],
	['an array in an array', encode([['t']])],
	['an array with an ext', hex('91d40100')],
	['an array that promises one topic more', hex('93a174a175')],
	['an array with a byte behind it', hex('91a174c0')],
	['a topic that says it has 255 bytes', hex('91d9ff74')],
	['a topic that says it has 4 GiB', hex('91dbffffffff74')],
];

/* `whole` cut at every byte, the length field going with it. */
function cuts(code, what, whole, wrap, keys) {
	return Array.from({ length: whole.length }, (_, n) => fatal(code,
		`${what} cut after ${n} of ${whole.length} bytes`,
		wrap(whole.subarray(0, n)), keys));
}

const subscriptions = [
	...[TYPE.SUBSCRIBE, TYPE.UNSUBSCRIBE].flatMap((type) =>
		[...BAD_BODIES, ...BAD_TOPICS].map(([name, bytes]) =>
			fatal('bad-body', `${NAMES[type]} whose body is ${name}`,
				body(type, bytes)))),
	...[TYPE.SUBSCRIBE, TYPE.UNSUBSCRIBE].map((type) => fatal('bad-body',
		`${NAMES[type]} of one topic more than a frame may have`,
		body(type, encode(Array(MAX_TOPICS + 1).fill('')), BY_PREFIX))),
	taken('SUBSCRIBE to as many topics as a frame may have',
		subscribe(Array(MAX_TOPICS).fill(''), BY_PREFIX), {}, 1),
	fatal('frame-too-big', 'SUBSCRIBE above max-frame',
		frame(TYPE.SUBSCRIBE, { length: MAX_FRAME + 1, body: '\xdd' })),
	refused('topic-too-long', 'SUBSCRIBE to a topic of 4097 bytes',
		subscribe(['x'.repeat(4097), 'taken']), {}, 1),
	refused('topic-too-long', 'SUBSCRIBE to a prefix of 4097 bytes',
		subscribe(['x'.repeat(4097)], BY_PREFIX)),
	taken('SUBSCRIBE to a topic of 4096 bytes',
		subscribe(['x'.repeat(4096)]), {}, 1),
	refused('bad-topic', 'SUBSCRIBE to an empty topic',
		subscribe(['taken', '', 'also']), {}, 2),
	refused('bad-topic', 'SUBSCRIBE as a member of an empty topic',
		subscribe([''], AS_MEMBER)),
	refused('too-many-subscriptions', 'one subscription more than allowed',
		subscribe(Array.from({ length: MAX_SUBSCRIPTIONS + 1 },
			(_, i) => `t${i}`)), {}, MAX_SUBSCRIPTIONS),
	refused('too-many-prefix-lengths', 'prefixes of 33 lengths',
		subscribe(Array.from({ length: 33 }, (_, i) => 'x'.repeat(i)),
			BY_PREFIX), {}, 32),
	taken('as many subscriptions as allowed, twice',
		Buffer.concat(Array(2).fill(subscribe(Array.from(
			{ length: MAX_SUBSCRIPTIONS }, (_, i) => `t${i}`)))),
		{}, MAX_SUBSCRIPTIONS),
	refused('forbidden', 'an observer that subscribes as a member',
		subscribe(['t'], AS_MEMBER), { role: 'observer' }),
	refused('forbidden', 'an emitter that subscribes as a member',
		subscribe(['t'], AS_MEMBER), { role: 'emitter' }),
	taken('an emitter that subscribes and publishes', Buffer.concat(
		[subscribe(['t']), publish('u', 'x')]), { role: 'emitter' },
	1),
	taken('an observer that subscribes', subscribe(['t'], BY_PREFIX),
		{ role: 'observer' }, 1),
	taken('SUBSCRIBE to no topic', subscribe([])),
	taken('UNSUBSCRIBE from no topic', unsubscribe([])),
	taken('PONG that nobody asked for', frame(TYPE.PONG, { body: 'x' })),
];

const publications = [
	refused('topic-too-long', 'PUBLISH to a topic of 4097 bytes',
		publish('x'.repeat(4097), 'x')),
	refused('bad-topic', 'PUBLISH to an empty topic', publish('', 'x')),
	refused('topic-too-long', 'PUBLISH to several, one of 4097 bytes',
		publish(['t', 'x'.repeat(4097)], 'x')),
	refused('bad-topic', 'PUBLISH to several, one empty',
		publish(['witness', ''], 'x')),
	refused('bad-topic', 'PUBLISH to several, an empty array',
		publish([], 'x')),
	refused('bad-topic', 'a volatile PUBLISH to an empty array16',
		frame(TYPE.PUBLISH, { flags: SEVERAL | VOLATILE,
			topic: hex('dc0000'), body: 'x' })),
	refused('too-many-topics', 'PUBLISH to 4097 topics', publish(TOO_MANY, 'x')),
	fatal('bad-topic', 'PUBLISH to several without a topic field',
		frame(TYPE.PUBLISH, { flags: SEVERAL, body: 'x' })),
	...[...BAD_BODIES.slice(1), ...BAD_TOPICS].map(([name, topic]) =>
		fatal('bad-topic', `PUBLISH to several: ${name}`,
			frame(TYPE.PUBLISH, { flags: SEVERAL, topic, body: 'x' }))),
	refused('forbidden', 'an observer that publishes',
		publish('witness', 'x'), { role: 'observer' }),
	refused('forbidden', 'an observer that publishes to several',
		publish(['witness', 't'], 'x'), { role: 'observer' }),
	refused('frame-too-big', 'PUBLISH one byte above max-frame, then more',
		Buffer.concat([
			publish('witness', Buffer.alloc(MAX_FRAME - 4 - 7 + 1)),
			subscribe(['after'])]), {}, 1),
	refused('frame-too-big', 'volatile PUBLISH of 1 MiB, then more',
		Buffer.concat([
			publish('witness', Buffer.alloc(1 << 20, 0), VOLATILE),
			subscribe(['after'])]), {}, 1),
	taken('PUBLISH of max-frame to nobody',
		publish('t', Buffer.alloc(MAX_FRAME - 4 - 1))),
	{
		name: 'PUBLISH that says it has 4 GiB and ends',
		hello: {},
		send: async (peer) => {
			peer.write(frame(TYPE.PUBLISH,
				{ topic: 'witness', length: 0xffffffff, body: 'x' }));
			assert.strictEqual((await peer.error())[0], 'frame-too-big');
			peer.end();
			await peer.expectEnd();
		},
		reason: 'eof',
	},
];

const asking = (value) =>
	frame(TYPE.ASK, { topic: 't', body: encode(value) });
const answering = (value) => body(TYPE.ANSWER, encode(value));
const WRONG_ASKS = [[], [1], [1, 'list'], [1, 'list', 0], ['1', 'list', 0, 'q'],
	[-1, 'list', 0, 'q'], [2n ** 64n - 1n, 'list', 0, 'q'],
	[null, 'list', 0, 'q'], [1, 'lists', 0, 'q'], [1, '', 0, 'q'],
	[1, 0, 0, 'q'], [1, 'list', '5', 'q'], [1, 'list', null, 'q'],
	[1, 'list', 0, 'q', 0], [1, 'list', 0, 'q', -1], [1, 'list', 0, 'q', 'x'],
	[1, 'list', 0, 7], [1, 'list', 0, null], [1, 'list', 0, ['q']],
	{ id: 1 }];
const WRONG_ANSWERS = [[], [1], ['1', 0], [null, 0], [-1, 0], [1, -1], [1, 3], [1, 3, 7], [1, 4, 'x'],
	[1, 'yes'], [1, null], [1, 1], [1, 2], [1, 1, 7], [1, 1, null],
	[1, 1, ['x']], { question: 1 }];

const questions = [
	...BAD_BODIES.map(([name, bytes]) => fatal('bad-body',
		`ASK whose body is ${name}`,
		frame(TYPE.ASK, { topic: 't', body: bytes }))),
	...WRONG_ASKS.map((value) => fatal('bad-body',
		`ASK ${Array.isArray(value) ? value.join() : 'as a map'}`,
		asking(value))),
	...BAD_BODIES.map(([name, bytes]) => fatal('bad-body',
		`ANSWER whose body is ${name}`, body(TYPE.ANSWER, bytes))),
	...WRONG_ANSWERS.map((value) => fatal('bad-body',
		`ANSWER ${Array.isArray(value) ? value.join() : 'as a map'}`,
		answering(value))),
	fatal('bad-topic', 'ASK several without a topic field', frame(TYPE.ASK,
		{ flags: SEVERAL | TO_SUBSCRIBERS, body: BODY[TYPE.ASK] })),
	...[...BAD_BODIES.slice(1), ...BAD_TOPICS].map(([name, topic]) =>
		fatal('bad-topic', `ASK several: ${name}`, frame(TYPE.ASK, {
			flags: SEVERAL | TO_SUBSCRIBERS, topic,
			body: BODY[TYPE.ASK],
		}))),
	fatal('frame-too-big', 'ASK above max-frame',
		frame(TYPE.ASK, { length: MAX_FRAME + 1, body: 'x' })),
	fatal('frame-too-big', 'ANSWER above max-frame',
		frame(TYPE.ANSWER, { length: MAX_FRAME + 1, body: 'x' })),
	...[-1, 300_001, 2n ** 40n].map((timeout) => refused('bad-timeout',
		`ASK for ${timeout} ms`, asking([1, 'list', timeout, 'q']))),
	...[ask('witness', 7, 'list'), ask('', 7, 'list'),
		asking([7, 'list', 300_001, 'q'])].map((again, n) => ({
		name: `ASK ${n + 1} with the ask id of an open question`,
		hello: {},
		send: async (peer, witness) => {
			const owing = `owing ${n}`;
			witness.write(subscribe([owing], AS_MEMBER));
			await witness.expect(TYPE.PRESENCE);
			peer.write(Buffer.concat([ask(owing, 7, 'list'), again]));
			const [code, message, isFatal, id] = await peer.error();
			assert.deepStrictEqual([code, isFatal, id],
				['bad-state', true, undefined]);
			assert.match(message, /ask id 7 /);
			await peer.expectEnd();
			await witness.expect(TYPE.QUESTION);
			witness.write(unsubscribe([owing], AS_MEMBER));
			await witness.barrier();
		},
		reason: 'bad-state',
	})),
	refused('bad-topic', 'ASK an empty topic', ask('', 1, 'list')),
	refused('bad-topic', 'ASK several, one empty',
		ask(['witness', ''], 1, 'list')),
	...['90', 'dc0000', 'dd00000000'].map((topic) => refused('bad-topic',
		`ASK several, an empty array ${topic}`, frame(TYPE.ASK, {
			flags: SEVERAL | TO_SUBSCRIBERS, topic: hex(topic),
			body: BODY[TYPE.ASK],
		}))),
	refused('too-many-topics', 'ASK 4097 topics', ask(TOO_MANY, 1, 'list')),
	refused('topic-too-long', 'ASK a topic of 4097 bytes',
		ask('x'.repeat(4097), 1, 'list')),
	refused('topic-too-long', 'ASK several, one of 4097 bytes',
		ask(['t', 'x'.repeat(4097)], 1, 'list')),
	refused('forbidden', 'an observer that asks', ask('t', 1, 'list'),
		{ role: 'observer' }),
	taken('ANSWER to a question that never was', Buffer.concat(
		[answer(1, YES, 'x'), answer(0, NO), answer(2 ** 40, MORE, 'x')])),
	taken('ANSWER that fails a question that never was', Buffer.concat(
		['too-big', '', 'x'.repeat(1000)].map((why) => answering([1, 3, why])))),
];

const others = [
	fatal('frame-too-big', 'PING above max-frame',
		frame(TYPE.PING, { length: MAX_FRAME + 1, body: 'x' })),
	fatal('bad-body', 'PING of 1025 bytes', ping(Buffer.alloc(1025))),
	{
		name: 'PING of 1024 bytes',
		hello: {},
		send: async (peer) => {
			peer.write(ping(Buffer.alloc(1024, 'p')));
			const pong = await peer.expect(TYPE.PONG);
			assert.deepStrictEqual(pong.body, Buffer.alloc(1024, 'p'));
			peer.end();
			await peer.expectEnd();
		},
		reason: 'eof',
	},
	...BAD_BODIES.map(([name, bytes]) => fatal('bad-body',
		`STATS whose body is ${name}`, body(TYPE.STATS, bytes))),
	fatal('bad-body', 'STATS of 4097 bytes', body(TYPE.STATS,
		Buffer.concat([hex('81a161da0ffa'), Buffer.alloc(4091, 'x')]))),
	...[{ sections: 'overview' }, { sections: [1] }, { limit: -1 },
		{ limit: 0 }, { limit: 1001 }, { limit: 'all' },
		{ sections: ['clients'], sort: 's'.repeat(33) },
		{ sections: ['clients'], sort: 1 }].map((wish) => fatal('bad-body',
		`STATS ${JSON.stringify(wish)}`, body(TYPE.STATS, encode(wish)))),
	refused('bad-body', 'STATS of an unknown section',
		body(TYPE.STATS, encode({ sections: ['overview', 'secrets'] }))),
];

/* The peer closes, one way or another, and is told nothing. */
function silent(name, keys, reason, leave) {
	return { name, hello: keys, reason, send: leave };
}

async function halfCloseBehind(peer, bytes) {
	peer.write(bytes);
	peer.end();
	await peer.expectEnd();
}

const endings = [
	silent('nothing, then EOF', null, 'eof',
		(peer) => halfCloseBehind(peer, '')),
	...[1, 3, 4, 5, 7, 8, 12].map((n) => silent(
		`${n} bytes of HELLO, then EOF`, null, 'eof',
		(peer) => halfCloseBehind(peer, hello().subarray(0, n)))),
	...[1, 4, 7, 8, 9, 20].map((n) => silent(
		`${n} bytes of PUBLISH, then EOF`, {}, 'eof',
		(peer) => halfCloseBehind(peer,
			publish('witness', 'half a message').subarray(0, n)))),
	{
		name: 'close with bytes of the daemon unread',
		reason: 'reset',
		paused: true,
		hello: {},
		send: async (peer, witness) => {
			peer.write(ping());
			await witness.barrier();
			peer.destroy();
		},
	},
	{
		name: 'HELLO that does not come',
		hello: null,
		code: 'hello-timeout',
		fatal: true,
		reason: 'hello-timeout',
		send: '',
	},
	{
		name: 'HELLO that comes a byte at a time and never ends',
		hello: null,
		reason: 'hello-timeout',
		send: async (peer) => {
			const bytes = hello({ padding: 'x'.repeat(1000) });
			for (let at = 0; peer.frames.length === 0; at++) {
				assert.ok(at < bytes.length, 'HELLO took its time');
				peer.write(bytes.subarray(at, at + 1));
				await pause(50);
			}
			const [code, , isFatal] = await peer.error();
			assert.deepStrictEqual([code, isFatal],
				['hello-timeout', true]);
			await peer.expectEnd();
		},
	},
];

const TABLES = {
	'before HELLO': beforeHello,
	'the keys of HELLO': badHellos,
	'headers': headers,
	'SUBSCRIBE and UNSUBSCRIBE': subscriptions,
	'PUBLISH': publications,
	'ASK and ANSWER': questions,
	'PING and STATS': others,
	'HELLO cut at every byte': cuts('bad-body', 'HELLO', FULL_HELLO,
		(bytes) => body(TYPE.HELLO, bytes), null),
	'SUBSCRIBE cut at every byte': cuts('bad-body', 'SUBSCRIBE', ROOMS,
		(bytes) => body(TYPE.SUBSCRIBE, bytes)),
	'the topics of PUBLISH cut at every byte': cuts('bad-topic', 'topics',
		golden.get('publish-several').topic,
		(topic) => frame(TYPE.PUBLISH, { flags: SEVERAL, topic })),
	'ASK cut at every byte': cuts('bad-body', 'ASK',
		golden.get('ask-list').body,
		(bytes) => frame(TYPE.ASK, { topic: 't', body: bytes })),
	'ANSWER cut at every byte': cuts('bad-body', 'ANSWER',
		golden.get('answer-yes').body,
		(bytes) => body(TYPE.ANSWER, bytes)),
	'ends': endings,
};

/*
 * On the socket for handles. A row: name; send, bytes; channel: on a channel that
 * was lent, or else in place of lending one; counter: that grows by one, or null if
 * the connection goes on.
 */
const handle = (keys, msg = { to: 'giverr', id: 1, bytes: '' }) =>
	`${JSON.stringify({ cmd: 'NODE_HANDLE', type: 'net.Socket', msg, ...keys })}\n`;
const LINE_MAX = 65_536;
const LEND_MAX = 256;

const lent = (name, send) => ({ name, send, channel: false, counter: 'lends_refused' });
const line = (name, send, counter = 'malformed') => ({ name, send, channel: true, counter });

const HANDLES = [
	lent('an empty line', '\n'),
	lent('a frame', hello()),
	lent('an HTTP request', 'GET / HTTP/1.1\r\n\r\n'),
	lent('no line in 256 bytes', ' '.repeat(LEND_MAX)),
	lent('a tag that is a path', '{"cmd":"PM2A_LEND","tag":"../../"}\n'),
	lent('a tag of seven', '{"cmd":"PM2A_LEND","tag":"aaaaaaa"}\n'),
	lent('no descriptor', '{"cmd":"PM2A_LEND","tag":"aaaaaa"}\n'),
	lent('a handle', handle()),
	line('an empty line', '\n'),
	line('bytes', Buffer.from([0, 1, 2, 255, 10])),
	line('a NUL inside', '{}\0{}\n'),
	line('invalid UTF-8', Buffer.from('{"a":"\xff"}\n', 'latin1')),
	line('nested 32,000 deep', `${'['.repeat(32_000)}\n`),
	line('nested 1000 deep and closed', `${'['.repeat(1000)}${']'.repeat(1000)}\n`),
	line('half a line of 64 KiB', `"${'a'.repeat(LINE_MAX)}`),
	line('a number that is too large', `${'9'.repeat(1000)}\n`),
	line('30,000 numbers', `[${'1,'.repeat(30_000)}1]\n`, null),
	line('a handle of another type', handle({ type: 'net.Server' })),
	line('a handle without a message', handle({ msg: null })),
	line('a receiver __proto__', handle({}, { to: '__proto__', id: 1, bytes: '' })),
	line('a receiver that is an array', handle({}, { to: ['aaaaaa'], id: 1, bytes: '' })),
	line('an id that is a fraction', handle({}, { to: 'aaaaaa', id: 1.5, bytes: '' })),
	line('bytes that end the string', handle({}, { to: 'aaaaaa', id: 1, bytes: '"}}\n' })),
	line('bytes that are no text', handle({}, { to: 'aaaaaa', id: 1, bytes: 1 })),
	line('a channel to lend', '{"cmd":"PM2A_LEND","tag":"../../"}\n'),
	line('a handle without a descriptor', handle(), null),
	line('acknowledgements', '{"cmd":"NODE_HANDLE_ACK"}\n{"cmd":"NODE_HANDLE_NACK"}\n', null),
	line('a message', '"text"\n', null),
];

module.exports = { ARGS, HANDLES, TABLES };
