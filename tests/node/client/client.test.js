'use strict';

const assert = require('assert/strict');
const path = require('path');
const { describe, test } = require('node:test');

const { Client, Pm2aError } = require('../../../src/node');
const { TYPE } = require('../support/fake-daemon');
const { connected, pair } = require('../support/pair');
const { next, until, within } = require('../../support/wait');

const MEMBER = { member: true };

/* Runs `body` with these variables in the environment; undefined removes one. */
async function withEnv(variables, body) {
	const set = ([name, value]) => {
		if (value === undefined)
			delete process.env[name];
		else
			process.env[name] = value;
	};
	const saved = Object.keys(variables).map((name) => [name, process.env[name]]);
	Object.entries(variables).forEach(set);
	try {
		return await body();
	} finally {
		saved.forEach(set);
	}
}

/* Frames as short text: name, flags where there are any, topic, body. */
function told({ frames }) {
	return frames.map(({ name, flags, topic, body }) => [
		name + (flags ? `/${flags}` : ''),
		...(topic ? [topic] : []),
		...(name === 'HELLO' ? [] : [Buffer.isBuffer(body) ? String(body) : body.join(' ')]),
	].join(' '));
}

describe('client: what a connection begins with', () => {
	test('HELLO, members, exact topics, what waited, and PING, in this order', async (t) => {
		const { daemon, client } = await pair(t);
		client.publish('x', Buffer.from('1'));
		client.subscribe('room1');
		client.subscribe('all', MEMBER);
		client.publish(['x', 'y'], Buffer.from('2'));
		client.subscribe('room2');
		client.connect();
		await within(client.ready(), 'connection');
		assert.deepEqual(told(daemon.links[0]), [
			'HELLO', 'SUBSCRIBE/2 all', 'SUBSCRIBE room1 room2',
			'PUBLISH x 1', 'PUBLISH/2 \x92\xa1x\xa1y 2'.replace(/[\x80-\xff]/g, '\ufffd'),
			'PING ready',
		]);
		assert.deepEqual(client.queued, { messages: 0, bytes: 0 });
	});

	test('subscriptions don\'t wait for WELCOME, messages do', async (t) => {
		const { daemon, client } = await pair(t, { daemon: { welcome: null } });
		client.subscribe('all', MEMBER);
		client.publish('x', Buffer.from('waits'));
		client.connect();
		const link = await daemon.link(0);
		await link.count('SUBSCRIBE', 1);
		client.subscribe('later');
		client.publish('x', Buffer.from('waits too'));
		await link.count('SUBSCRIBE', 2);
		assert.equal(client.connected, false);
		assert.equal(client.queued.messages, 2);
		link.control(TYPE.WELCOME, { max_frame: 65536, max_topic: 100, id: 9 });
		await within(client.ready(), 'connection');
		assert.deepEqual(told(link), ['HELLO', 'SUBSCRIBE/2 all', 'SUBSCRIBE later',
			'PUBLISH x waits', 'PUBLISH x waits too', 'PING ready']);
		assert.equal(client.welcome.id, 9);
		assert.equal(client.maxTopic, 100);
	});

	test('HELLO and all subscriptions are one write', async (t) => {
		const { daemon, client } = await pair(t, { daemon: { welcome: null } });
		for (let i = 0; i < 20; i++)
			client.subscribe(`room${i}`);
		client.subscribe('all', MEMBER);
		client.connect();
		const link = await daemon.link(0);
		await link.count('SUBSCRIBE', 2);
		assert.equal(link.chunks, 1);
	});

	test('HELLO says who we are, by pm2\'s word where there is one', async (t) => {
		const { link } = await withEnv(
			{ pm_id: '7', name: 'chat', pm_exec_path: '/srv/chat/server.js' },
			() => connected(t, { name: undefined, key: 'shop', role: 'emitter' }));
		const { client: library, ...hello } = link.frames[0].body;
		assert.deepEqual(hello, {
			protocol: 1, name: 'chat', pid: process.pid, role: 'emitter', pm_id: 7,
			key: 'shop', script: '/srv/chat/server.js',
		});
		assert.match(library, /^socket\.io-pm2adapter\/\d+\.\d+\.\d+$/);
	});

	test('HELLO outside pm2 has no pm_id, and the script\'s name', async (t) => {
		const { link } = await withEnv(
			{ pm_id: undefined, pm_exec_path: undefined, name: 'of somebody else' },
			() => connected(t, { name: undefined }));
		assert.equal(link.frames[0].body.name, path.basename(process.argv[1] || 'node'));
		assert.equal('pm_id' in link.frames[0].body, false);
	});

	test('100,000 topics come in frames within max_frame, each once', async (t) => {
		const { daemon, client } = await pair(t, { daemon: { welcome: { max_frame: 65536 } } });
		const topics = Array.from({ length: 100_000 }, (_, i) => `socket.io#/#${i}#`);
		topics.forEach((topic) => client.subscribe(topic));
		client.connect();
		await within(client.ready(), 'connection');
		const frames = daemon.links[0].named('SUBSCRIBE');
		assert.deepEqual(frames.flatMap(({ body }) => body), topics);
		for (const { body } of frames)
			assert.ok(body.reduce((n, topic) => n + topic.length + 2, 9) <= 65536);
	});
});

describe('client: one tick', () => {
	test('all its messages and subscriptions leave in one write', async (t) => {
		const { client, link } = await connected(t);
		const before = link.chunks;
		for (let i = 0; i < 100; i++) {
			client.subscribe(`room${i}`);
			client.publish('x', Buffer.from(`${i}`));
		}
		const sent = await link.count('PUBLISH', 100);
		assert.deepEqual(sent.map(({ body }) => Number(body)), Array.from(Array(100).keys()));
		assert.equal(link.chunks, before + 1);
	});

	test('topics in a row share a frame, changes keep their order', async (t) => {
		const { client, link } = await connected(t);
		link.frames.length = 0;
		client.subscribe('a');
		client.subscribe('b');
		client.unsubscribe('a');
		client.subscribe('c', MEMBER);
		client.subscribe('a');
		client.unsubscribe('c');
		client.unsubscribe('unknown');
		await link.count('UNSUBSCRIBE', 2);
		assert.deepEqual(told(link), ['SUBSCRIBE a b', 'UNSUBSCRIBE a', 'SUBSCRIBE/2 c',
			'SUBSCRIBE a', 'UNSUBSCRIBE/2 c']);
	});

	test('who subscribes and then publishes has subscribed, and the other way round', async (t) => {
		const { client, link } = await connected(t);
		link.frames.length = 0;
		client.subscribe('a');
		client.publish('x', Buffer.from('joined a'));
		client.unsubscribe('a');
		client.publish('x', Buffer.from('left a'));
		await link.count('PUBLISH', 2);
		assert.deepEqual(told(link), ['SUBSCRIBE a', 'PUBLISH x joined a', 'UNSUBSCRIBE a',
			'PUBLISH x left a']);
	});

	test('small and large messages keep their order', async (t) => {
		const { client, link } = await connected(t);
		const sizes = [1, 100_000, 2, 16_384, 3, 4, 3_000_000, 5];
		for (const size of sizes)
			assert.equal(client.publish('x', Buffer.alloc(size)), true);
		const sent = await link.count('PUBLISH', sizes.length);
		assert.deepEqual(sent.map(({ body }) => body.length), sizes);
		assert.equal(client.stats.dropped, 0);
	});
});

describe('client: what comes', () => {
	test('messages with their topics, bodies and flags', async (t) => {
		const { client, link } = await connected(t);
		const got = [];
		client.on('message', (topics, body, flags) => got.push([topics, String(body), flags]));
		link.frame(TYPE.PUBLISH, 0, 'räum', Buffer.from('one'));
		link.frame(TYPE.PUBLISH, 1, 'b', Buffer.from('two'));
		link.frame(TYPE.PUBLISH, 2, Buffer.from('93a161c40162a163', 'hex'), Buffer.from('three'));
		await until(() => got.length === 3, 'three messages');
		assert.deepEqual(got,
			[[['räum'], 'one', 0], [['b'], 'two', 1], [['a', 'b', 'c'], 'three', 2]]);
		assert.equal(client.stats.received, 3);
		assert.equal(client.stats.receivedBytes, 'onetwothree'.length);
	});

	test('a message as large as max_frame allows', async (t) => {
		const { client, link } = await connected(t);
		const body = Buffer.alloc(16 * 1024 * 1024 - 5, 'x');
		const heard = next(client, 'message');
		link.frame(TYPE.PUBLISH, 0, 't', body);
		assert.ok((await heard)[1].equals(body));
	});

	test('PING is answered with its body', async (t) => {
		const { link } = await connected(t);
		link.frame(TYPE.PING, 0, '', Buffer.from('are you there?'));
		link.frame(TYPE.PING);
		const pongs = await link.count('PONG', 2);
		assert.deepEqual(pongs.map(({ body }) => String(body)), ['are you there?', '']);
	});

	test('presence', async (t) => {
		const { client, link } = await connected(t);
		const heard = next(client, 'presence');
		link.control(TYPE.PRESENCE, { event: 'joined', id: 7, name: 'chat', count: 4 }, 'socket.io#/#');
		assert.deepEqual(await heard,
			[{ topic: 'socket.io#/#', event: 'joined', id: 7, name: 'chat', count: 4 }]);
	});

	test('an ERROR that isn\'t fatal is told, and the connection stays', async (t) => {
		const { client, link, daemon } = await connected(t);
		const heard = next(client, 'daemon_error');
		link.control(TYPE.ERROR, ['topic-too-long', 'a topic of 5000 bytes', false, 'new element']);
		const [error, detail] = await heard;
		assert.ok(error instanceof Pm2aError);
		assert.equal(error.code, 'PM2A_ERR_DAEMON');
		assert.equal(error.message, 'topic-too-long: a topic of 5000 bytes');
		assert.deepEqual(detail,
			{ code: 'topic-too-long', message: 'a topic of 5000 bytes', fatal: false });
		client.publish('x', Buffer.from('still here'));
		await link.count('PUBLISH', 1);
		assert.equal(client.stats.errors, 1);
		assert.equal(daemon.links.length, 1);
	});

	test('unknown keys, elements and types are ignored', async (t) => {
		const { client, link, daemon } = await connected(t,
			{ daemon: { welcome: { features: ['later'], new_limit: { deep: [1] } } } });
		link.control(0x7f, { of: 'a later version' });
		link.control(TYPE.PRESENCE, { event: 'joined', id: 1, name: 'n', count: 1, more: 1 }, 't');
		link.control(TYPE.STATS_REPLY, { overview: {} });
		link.frame(TYPE.PONG, 0, '', Buffer.from('unasked'));
		link.frame(TYPE.PUBLISH, 0x80, 't', Buffer.from('of a later version'));
		await next(client, 'message');
		assert.equal(client.connected, true);
		assert.equal(client.stats.malformed, 0);
		assert.equal(daemon.links.length, 1);
	});
});

const K256 = 'k'.repeat(256);

describe('client: options', () => {
	const WRONG = [
		[null, /^options: null is not an object/],
		['/run/s', /^options: \/run\/s is not an object/],
		[{ socket: '' }, /^socket: .* a string of 1 to 107 bytes/],
		[{ socket: 17 }, /^socket: 17 is not/],
		[{ socket: '/'.padEnd(108, 'x') }, /^socket: .* 1 to 107 bytes/],
		[{ socket: '/'.padEnd(55, 'ä') }, /^socket: .* 1 to 107 bytes/],
		[{ name: '' }, /^name: .* 1 to 128 bytes/],
		[{ name: 'n'.repeat(129) }, /^name: .* 1 to 128 bytes/],
		[{ key: '' }, /^key: .* 1 to 256 bytes/],
		[{ key: `${K256}k` }, /^key: .* 1 to 256 bytes/],
		[{ key: 'a#b' }, /^key: a#b is not .*#/],
		[{ key: Symbol('k') }, /^key: Symbol\(k\) is not/],
		[{ role: 'god' }, /^role: god is not one of member, emitter, observer/],
		[{ ref: 1 }, /^ref: 1 is not a boolean/],
		[{ queueMaxBytes: -1 }, /^queueMaxBytes: -1 is not an integer from 0/],
		[{ queueMaxBytes: 1.5 }, /^queueMaxBytes: 1.5 is not an integer/],
		[{ queueMaxBytes: '16m' }, /^queueMaxBytes: 16m is not an integer/],
		[{ queueMaxBytes: Infinity }, /^queueMaxBytes: Infinity is not an integer/],
		[{ queueMaxAge: 0 }, /^queueMaxAge: 0 is not an integer from 1 to 86400000/],
		[{ queueMaxAge: 86_400_001 }, /^queueMaxAge: 86400001 is not/],
		[{ reconnectDelay: 0 }, /^reconnectDelay: 0 is not an integer from 1 to 600000/],
		[{ reconnectDelay: NaN }, /^reconnectDelay: NaN is not/],
		[{ reconnectDelay: 100, reconnectDelayMax: 99 },
			/^reconnectDelayMax: 99 is not an integer from 100/],
		[{ reconnectDelayMax: 600_001 }, /^reconnectDelayMax: 600001 is not/],
		[{ connectTimeout: 9 }, /^connectTimeout: 9 is not an integer from 10 to 600000/],
		[{ connectTimeout: 600_001 }, /^connectTimeout: 600001 is not/],
	];
	for (const [options, message] of WRONG)
		test(`refused: ${message.source.slice(0, 60)}`, () => {
			assert.throws(() => new Client(options),
				{ name: 'Pm2aError', code: 'PM2A_ERR_OPTION', message });
		});

	const TOPICS = 'a topic or an array of one topic or more';
	const TOPIC = 'a topic: a string that is not empty';
	for (const [verb, topics, message] of [
		['publish', [], `topics: an empty array is not ${TOPICS}`],
		['publish', '', `topics: an empty string is not ${TOPICS}`],
		['publish', ['a', ''], `topics: a, is not ${TOPICS}`],
		['ask', [], `topics: an empty array is not ${TOPICS}`],
		['subscribe', [], `topic: an empty array is not ${TOPIC}`],
		['subscribe', ['a'], `topic: a is not ${TOPIC}`],
		['unsubscribe', [], `topic: an empty array is not ${TOPIC}`],
	]) {
		test(`refused before it is sent: ${verb}(${JSON.stringify(topics)})`, async (t) => {
			const { daemon, client } = await connected(t);
			const before = daemon.links[0].frames.length;
			const body = verb.endsWith('subscribe') ? undefined : Buffer.from('x');
			const refused = { name: 'Pm2aError', code: 'PM2A_ERR_OPTION', message };
			await assert.rejects(async () => client[verb](topics, body), refused);
			await within(client.barrier(), 'barrier');
			assert.deepEqual(daemon.links[0].frames.slice(before)
				.map(({ name }) => name), ['PING']);
			assert.equal(client.stats.published, 0);
		});
	}

	test('taken at their bounds', () => {
		for (const options of [{}, undefined, { socket: '/'.padEnd(107, 'x') }, { key: K256 },
			{ name: 'n'.repeat(128) }, { queueMaxBytes: 0 }, { queueMaxAge: 1 }, { queueMaxAge: 86_400_000 }, { reconnectDelay: 1 },
			{ reconnectDelay: 2000 }, { reconnectDelay: 600_000, reconnectDelayMax: 600_000 },
			{ connectTimeout: 10 }, { connectTimeout: 600_000 }, { ref: true }])
			assert.doesNotThrow(() => new Client(options));
	});

	test('the socket: the option, $PM2ADAPTERD_SOCKET, $PM2_HOME, the home', async () => {
		const pathWith = (env, options) => withEnv(
			{ HOME: '/home/somebody', PM2_HOME: undefined, PM2ADAPTERD_SOCKET: '', ...env },
			() => new Client(options).socketPath);
		const all = { PM2ADAPTERD_SOCKET: '/run/named', PM2_HOME: '/srv/pm2' };
		assert.equal(await pathWith(all, { socket: '/run/option' }), '/run/option');
		assert.equal(await pathWith(all), '/run/named');
		assert.equal(await pathWith({ PM2_HOME: '/srv/pm2' }), '/srv/pm2/pm2adapterd.sock');
		assert.equal(await pathWith({}), '/home/somebody/.pm2/pm2adapterd.sock');
	});

	test('a name that pm2 gave is cut, not refused', async () => {
		await withEnv({ pm_id: '0', name: 'ä'.repeat(100) }, () =>
			assert.doesNotThrow(() => new Client()));
	});
});
