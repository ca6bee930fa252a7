'use strict';

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { encode } = require('notepack.io');

const sender = require('../../../src/node/lib/wire/frame-writer');
const { NOTHING, TYPE, WELCOME } = require('../support/fake-daemon');
const { connected, pair } = require('../support/pair');
const { next, within } = require('../../support/wait');

describe('client: what no daemon sends', () => {
	const hex = (text) => Buffer.from(text, 'hex');
	const frame = (type, body, flags = 0, topic = NOTHING) =>
		sender.frame(type, flags, topic, body);
	const BODIES = {
		nothing: NOTHING,
		'no msgpack': hex('c1'),
		'half a map': hex('82a161'),
		nil: hex('c0'),
		'a number': hex('07'),
		text: hex('a3616263'),
		'an array of 2^32-1': hex('ddffffffff'),
		'a map of 2^32-1': hex('dfffffffff'),
		'a str of 2^32-1': hex('dbffffffff'),
		'a bin of 2^32-1': hex('c6ffffffff'),
		'an ext of 2^32-1': hex('c9ffffffff00'),
		'10,000 arrays in each other': Buffer.alloc(10_000, 0x91),
		'10,000 maps in each other': Buffer.alloc(20_000, hex('81c0')),
	};
	const WRONG = {
		'a length of 0': hex('00000000'),
		'a length of 3': hex('00000003000000'),
		'a length above max_frame': hex('01000001100000000000'),
		'a topic longer than its frame': hex('0000000410000001'),
		'a second WELCOME': frame(TYPE.WELCOME, encode(WELCOME)),
		'an ERROR that is a map': frame(TYPE.ERROR, hex('80')),
		'a PRESENCE that is an array': frame(TYPE.PRESENCE, hex('90'), 0, 't'),
		'a GOODBYE that is an array': frame(TYPE.GOODBYE, hex('90')),
		'topics that are no msgpack': frame(TYPE.PUBLISH, NOTHING, 2, hex('c1')),
		'topics that are no array': frame(TYPE.PUBLISH, NOTHING, 2, hex('a161')),
		'topics that are too many': frame(TYPE.PUBLISH, NOTHING, 2, hex('ddffffffff')),
	};
	// Values that throw where they are taken for text or numbers.
	const trap = { toString: 1, valueOf: 1 };
	for (const [name, fields] of Object.entries({
		WELCOME: ['server', 'max_frame', 'max_topic', 'ping_interval_ms'],
		PRESENCE: ['count'],
		GOODBYE: ['retry_after_ms'],
	}))
		for (const field of fields)
			WRONG[`${name} with a map as ${field}`] = frame(TYPE[name],
				encode({ ...(name === 'WELCOME' && WELCOME), [field]: trap }));
	WRONG['an ERROR with maps'] = frame(TYPE.ERROR, encode([trap, trap, false]));
	WRONG['an ERROR of nothing'] = frame(TYPE.ERROR, hex('90'));
	WRONG['a PRESENCE without count'] = frame(TYPE.PRESENCE, hex('80'), 0, 't');
	for (const [what, body] of Object.entries(BODIES))
		for (const name of ['WELCOME', 'PRESENCE', 'ERROR', 'GOODBYE'])
			WRONG[`${name} with ${what}`] = frame(TYPE[name], body);

	for (const [what, bytes] of Object.entries(WRONG))
		test(what, async (t) => {
			const { client, daemon, link } = await connected(t);
			const ended = next(client, 'disconnect');
			link.write(bytes);
			link.frame(TYPE.PUBLISH, 0, 't', Buffer.from('unheard'));
			client.once('message', () => assert.fail('nothing behind it is heard'));
			const [reason, error] = await ended;
			assert.equal(reason, 'PM2A_ERR_PROTOCOL');
			assert.equal(error.code, 'PM2A_ERR_PROTOCOL');
			assert.equal(client.stats.malformed, 1);
			await within(client.ready(), 'connection');
			client.removeAllListeners('message');
			const heard = next(client, 'message');
			daemon.links[1].frame(TYPE.PUBLISH, 0, 't', Buffer.from('heard'));
			assert.equal(String((await heard)[1]), 'heard');
		});

	test('a first frame that is no WELCOME with limits', async (t) => {
		for (const welcome of [{}, { max_frame: 0, max_topic: 100 }, { max_frame: 'much' },
			{ max_frame: 65536 }, { max_frame: 65536, max_topic: -1 },
			{ ...WELCOME, server: trap }, { ...WELCOME, max_frame: trap }, { ...WELCOME, max_topic: trap }]) {
			const { client, daemon } = await pair(t, { daemon: { welcome: null } });
			client.connect();
			const ended = next(client, 'connect_error');
			const link = await daemon.link(0);
			daemon.welcome = WELCOME;
			link.control(TYPE.WELCOME, welcome);
			const [error] = await ended;
			assert.equal(error.code, 'PM2A_ERR_PROTOCOL', JSON.stringify(welcome));
			await within(client.ready(), 'connection');
		}
	});

	test('a GOODBYE or a PONG before WELCOME changes nothing', async (t) => {
		const { client, daemon } = await pair(t, { daemon: { welcome: null } });
		client.connect();
		const link = await daemon.link(0);
		link.frame(TYPE.PONG, 0, '', Buffer.from('ready'));
		link.control(TYPE.GOODBYE, { reason: 'shutdown' });
		link.control(TYPE.WELCOME, WELCOME);
		await within(client.ready(), 'connection');
		assert.equal(daemon.links.length, 1);
	});
});
