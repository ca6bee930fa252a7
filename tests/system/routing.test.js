'use strict';

/* Receivers, order and number of deliveries: the promises of docs/PROTOCOL.md. */

const assert = require('node:assert');
const { once } = require('node:events');
const {
	AS_MEMBER, BY_PREFIX, TYPE, VOLATILE,
	hello, ping, publish, subscribe, unsubscribe, vectors,
} = require('./support/frames');
const { scenario, withChild } = require('./support/scenario');
const { decode, encode } = require('./support/msgpack');
const { until, within } = require('../support/wait');

const GOLDEN = vectors();
const ROOM = 'socket.io#/#room1#';
const NAMESPACE = 'socket.io#/#';

/* Exactly these frames wait at `peer`, byte for byte, and nothing else. */
async function expectExactly(peer, wanted) {
	for (const raw of wanted) {
		const frame = await peer.expect(TYPE.PUBLISH);
		assert.deepStrictEqual(frame.raw, raw);
	}
	await peer.barrier();
}

/* Resolves when the messages of `publisher` have been routed. */
async function send(publisher, ...messages) {
	publisher.write(Buffer.concat(messages));
	await publisher.barrier();
}

async function expectPresence(peer, wanted, topic) {
	const frame = await peer.expect(TYPE.PRESENCE);
	assert.strictEqual(frame.topic.toString(), topic);
	assert.deepStrictEqual(decode(frame.body), wanted);
}

scenario('each golden frame that goes to the daemon is taken', async (start) => {
	const daemon = await start();
	for (const vector of GOLDEN.values()) {
		if (vector.way === 'out')
			continue;
		const peer = await daemon.connect();
		const first = vector.type === TYPE.HELLO;
		peer.write(first ? vector.frame :
			Buffer.concat([hello(), vector.frame]));
		await peer.welcomed();
		if (vector.type === TYPE.SUBSCRIBE && vector.flags === AS_MEMBER)
			await peer.expect(TYPE.PRESENCE);
		if (vector.type === TYPE.PING) {
			const pong = await peer.expect(TYPE.PONG);
			assert.deepStrictEqual(pong.body, vector.body);
		}
		if (vector.type === TYPE.STATS) {
			const reply = await peer.map(TYPE.STATS_REPLY);
			assert.deepStrictEqual(Object.keys(reply),
				vector.json.sections);
		}
		if (vector.type === TYPE.ASK) {
			const [id, outcome] = await peer.map(TYPE.RESULT);
			assert.strictEqual(id, vector.json[0]);
			assert.strictEqual(outcome,
				vector.json[1] === 'first' ? 'unknown' : 'complete');
		}
		await peer.barrier();
		peer.destroy();
	}
	assert.strictEqual(daemon.rows('overview').errors['bad-body'] ?? 0, 0);
});

scenario('golden subscriptions receive the golden messages', async (start) => {
	const daemon = await start();
	const receives = {
		'subscribe-rooms': ['publish-room', 'publish-several'],
		'subscribe-member': ['publish-all', 'publish-volatile', 'publish-encoded'],
		'subscribe-prefix': ['publish-all', 'publish-room',
			'publish-volatile', 'publish-several', 'publish-utf8',
			'publish-encoded'],
		'subscribe-none': [],
	};
	const publisher = await daemon.member();
	const messages = [...GOLDEN.values()].filter(
		({ type }) => type === TYPE.PUBLISH);
	for (const [subscription, names] of Object.entries(receives)) {
		const peer = await daemon.member();
		peer.write(GOLDEN.get(subscription).frame);
		if (subscription === 'subscribe-member')
			await peer.expect(TYPE.PRESENCE);
		await peer.barrier();
		await send(publisher, ...messages.map(({ frame }) => frame));
		await expectExactly(peer, messages
			.filter(({ name }) => names.includes(name))
			.map(({ frame }) => frame));
		peer.destroy();
	}
});

scenario('what the daemon says has the form of the golden frames',
	async (start) => {
		const daemon = await start();
		const peer = await daemon.connect();
		peer.write(hello({ name: 'chat' }));
		const welcome = await peer.expect(TYPE.WELCOME);
		const { epoch, id, server } = decode(welcome.body);
		peer.id = id;
		const golden = GOLDEN.get('welcome').json;
		/* The golden daemon passes no descriptors. */
		assert.deepStrictEqual(decode(welcome.body), { ...golden, epoch, id, server,
			features: [...golden.features, 'handles'] });
		assert.match(server, /^pm2adapterd\/\d+\.\d+\.\d+/);
		assert.ok(Math.abs(Date.now() - epoch) < 3600e3,
			`an epoch of ${epoch} is not the time of the start`);

		peer.write(GOLDEN.get('subscribe-member').frame);
		const { json, topic } = GOLDEN.get('presence-joined');
		const presence = await peer.expect(TYPE.PRESENCE);
		assert.deepStrictEqual(presence.topic, topic);
		assert.deepStrictEqual(presence.body,
			encode({ ...json, id, count: 1 }));

		peer.write(subscribe(['x'.repeat(5000)]));
		const [code, , fatal] = GOLDEN.get('error').json;
		const error = await peer.error();
		assert.deepStrictEqual([error[0], error[2]], [code, fatal]);

		const other = await daemon.member();
		other.write(Buffer.from('0000000410000009', 'hex'));
		const last = await other.error();
		assert.deepStrictEqual([last[0], last[2]], ['bad-frame', true]);
		await other.expectEnd();

		daemon.kill('SIGTERM');
		const goodbye = await peer.map(TYPE.GOODBYE);
		assert.deepStrictEqual(Object.keys(goodbye),
			Object.keys(GOLDEN.get('goodbye').json));
		assert.strictEqual(goodbye.reason, 'shutdown');
		assert.ok(Number.isInteger(goodbye.retry_after_ms));
		peer.end();
		assert.strictEqual((await daemon.exited()).code, 0);
	});

scenario('an exact topic matches itself and nothing else', async (start) => {
	const daemon = await start();
	const publisher = await daemon.member();
	const peer = await daemon.member();
	await peer.subscribe([ROOM, Buffer.from([0, 0xff, 0x23])]);
	const binary = publish(Buffer.from([0, 0xff, 0x23]), 'binary');
	await send(publisher, publish(NAMESPACE, 'no'), publish(`${ROOM}x`, 'no'),
		publish(ROOM.slice(0, -1), 'no'), publish(ROOM.toUpperCase(), 'no'),
		publish(ROOM, 'yes'), binary);
	await expectExactly(peer, [publish(ROOM, 'yes'), binary]);
});

scenario('a prefix matches what begins with it, the empty one everything',
	async (start) => {
		const daemon = await start();
		const publisher = await daemon.member();
		const some = await daemon.member();
		const all = await daemon.member();
		await some.subscribe([NAMESPACE], BY_PREFIX);
		await all.subscribe([''], BY_PREFIX);
		const inside = [publish(NAMESPACE, '1'), publish(ROOM, '2')];
		const outside = [publish('socket.io#/', '3'),
			publish('other', '4'), publish(Buffer.from([0]), '5')];
		await send(publisher, ...outside, ...inside);
		await expectExactly(some, inside);
		await expectExactly(all, [...outside, ...inside]);
		some.write(unsubscribe([NAMESPACE], BY_PREFIX));
		await some.barrier();
		await send(publisher, ...inside);
		await expectExactly(some, []);
	});

scenario('nested prefixes all match, and one that is unsubscribed no longer',
	async (start) => {
		const daemon = await start();
		const publisher = await daemon.member();
		const prefixes = ['', 'a', 'ab', 'abc', 'abcd', 'abx', 'b'];
		const peers = [];
		for (const prefix of prefixes) {
			const peer = await daemon.member();
			await peer.subscribe([prefix], BY_PREFIX);
			peers.push(peer);
		}
		for (const topic of ['a', 'abc', 'abcde', 'abxy', 'b', 'c']) {
			const message = publish(topic, 'x');
			await send(publisher, message);
			for (const [i, peer] of peers.entries()) {
				await expectExactly(peer,
					topic.startsWith(prefixes[i]) ? [message] : []);
			}
		}
		peers[2].write(unsubscribe(['ab'], BY_PREFIX));
		await peers[2].barrier();
		await send(publisher, publish('abc', 'y'));
		await expectExactly(peers[2], []);
		await expectExactly(peers[3], [publish('abc', 'y')]);
	});

scenario('several matching subscriptions and several topics make one copy',
	async (start) => {
		const daemon = await start();
		const publisher = await daemon.member();
		const peer = await daemon.member();
		peer.write(Buffer.concat([
			subscribe(['a1', 'a2', 'a3']), subscribe(['a', ''], BY_PREFIX),
			subscribe(['a1', 'a2'], AS_MEMBER)]));
		await peer.expect(TYPE.PRESENCE);
		await peer.expect(TYPE.PRESENCE);
		await peer.barrier();
		const messages = [publish('a1', '1'), publish(['a1', 'a2'], '2'),
			publish(['a1', 'a1', 'zzz'], '3'), publish(['a9', 'b'], '4')];
		await send(publisher, ...messages);
		await expectExactly(peer, messages);
	});

scenario('a publisher never receives its own message', async (start) => {
	const daemon = await start();
	const publisher = await daemon.member();
	const peer = await daemon.member();
	publisher.write(Buffer.concat([
		subscribe([''], BY_PREFIX), subscribe(['t']),
		subscribe(['t'], AS_MEMBER)]));
	await publisher.expect(TYPE.PRESENCE);
	await peer.subscribe(['t']);
	const messages = [publish('t', '1'), publish(['t', 'u'], '2')];
	await send(publisher, ...messages);
	await expectExactly(peer, messages);
	await send(peer, ...messages);
	await expectExactly(publisher, messages);
});

scenario('thousands of topics fit into one frame', async (start) => {
	const daemon = await start(
		{ args: ['--max-subscriptions', '6000'] });
	const publisher = await daemon.member();
	const peer = await daemon.member();
	const topics = Array.from({ length: 5000 }, (_, i) => `room ${i}#`);
	await peer.subscribe(topics);
	const messages = topics.map((topic) => publish(topic, topic));
	await send(publisher, ...messages, publish('room 5000#', 'no'));
	await expectExactly(peer, messages);
	const several = publish(topics.slice(0, 1000), 'once');
	await send(publisher, several);
	await expectExactly(peer, [several]);
	peer.write(unsubscribe(topics.slice(1)));
	await peer.barrier();
	await send(publisher, ...messages);
	await expectExactly(peer, [messages[0]]);
});

scenario('to subscribe twice is to subscribe once, kind by kind',
	async (start) => {
		const daemon = await start();
		const publisher = await daemon.member();
		const peer = await daemon.member();
		peer.write(Buffer.concat([
			unsubscribe(['t']), unsubscribe(['t'], BY_PREFIX),
			unsubscribe(['t'], AS_MEMBER),
			subscribe(['t', 't']), subscribe(['t']),
			subscribe(['t', 't'], AS_MEMBER), subscribe(['t'], AS_MEMBER),
			subscribe(['t', 't'], BY_PREFIX)]));
		await expectPresence(peer, { event: 'joined', id: peer.id,
			name: 'test', count: 1 }, 't');
		await peer.barrier();
		const message = publish('t', 'x');
		for (const flags of [0, BY_PREFIX, AS_MEMBER]) {
			await send(publisher, message);
			await expectExactly(peer, [message]);
			peer.write(unsubscribe(['t'], flags));
			await peer.barrier();
		}
		await send(publisher, message);
		await expectExactly(peer, []);
		const row = daemon.rows('clients').find(({ id }) => id === peer.id);
		assert.strictEqual(row.subscriptions, 0);
	});

scenario('who joins a room and then tells anyone gets what they emit to it',
	async (start) => {
		const daemon = await start();
		const joiner = await daemon.member();
		const emitter = await daemon.member();
		await emitter.subscribe(['go']);
		for (let i = 0; i < 300; i++) {
			const room = `room ${i}`;
			joiner.write(Buffer.concat(
				[subscribe([room]), publish('go', room)]));
			const heard = await emitter.expect(TYPE.PUBLISH);
			emitter.write(publish(heard.body.toString(), 'welcome'));
			const got = await joiner.expect(TYPE.PUBLISH);
			assert.strictEqual(got.topic.toString(), room);
		}
	});

scenario('a PONG says that all before it has been routed', async (start) => {
	const daemon = await start();
	const publisher = await daemon.member();
	const peer = await daemon.member();
	await peer.subscribe(['t']);
	for (let round = 0; round < 50; round++) {
		const messages = Array.from({ length: 40 },
			(_, i) => publish('t', `${round} ${i}`));
		await send(publisher, ...messages);
		await expectExactly(peer, messages);
	}
});

scenario('members of a topic hear who joins and who leaves', async (start) => {
	const daemon = await start();
	const first = await daemon.member({ name: 'first' });
	const second = await daemon.member({ name: 'second' });
	const listener = await daemon.member({ name: 'listener' });
	await listener.subscribe([NAMESPACE]);
	await listener.subscribe([''], BY_PREFIX);
	const event = (what, peer, name, count) =>
		({ event: what, id: peer.id, name, count });

	first.write(subscribe([NAMESPACE], AS_MEMBER));
	const joined = event('joined', first, 'first', 1);
	await expectPresence(first, joined, NAMESPACE);
	second.write(subscribe([NAMESPACE, 'apart'], AS_MEMBER));
	for (const peer of [first, second]) {
		await expectPresence(peer,
			event('joined', second, 'second', 2), NAMESPACE);
	}
	await expectPresence(second,
		event('joined', second, 'second', 1), 'apart');
	first.write(subscribe([NAMESPACE], AS_MEMBER));
	await first.barrier();
	await second.barrier();

	second.write(unsubscribe([NAMESPACE], AS_MEMBER));
	await expectPresence(first,
		event('left', second, 'second', 1), NAMESPACE);
	second.write(subscribe([NAMESPACE], AS_MEMBER));
	await expectPresence(first,
		event('joined', second, 'second', 2), NAMESPACE);
	second.destroy();
	await expectPresence(first,
		event('left', second, 'second', 1), NAMESPACE);
	await listener.barrier();
});

scenario('a member that is killed has left, and is closed as eof or reset',
	async (start) => {
		const daemon = await start();
		const watcher = await daemon.member();
		watcher.write(subscribe(['t'], AS_MEMBER));
		await watcher.expect(TYPE.PRESENCE);
		await withChild(daemon, { name: 'victim' }, 't', {}, async (child) => {
			const { id } = await watcher.map(TYPE.PRESENCE);
			child.kill('SIGKILL');
			await expectPresence(watcher,
				{ event: 'left', id, name: 'victim', count: 1 }, 't');
			assert.match(await daemon.reasonOf(id), /^(eof|reset)$/);
		});
	});

/*
 * A stream of everything, cut. The witness's PONG comes at the end of a turn of
 * the daemon's loop that began after the piece was there: so the daemon has read
 * that piece alone, and nothing was joined in the kernel.
 */
async function driveInPieces(daemon, witness, receiver, stream, cuts) {
	const peer = await daemon.connect();
	for (let at = 0, i = 0; at < stream.length; i++) {
		const end = Math.min(stream.length, cuts(i, at));
		peer.write(stream.subarray(at, end));
		await witness.barrier();
		at = end;
	}
	await peer.welcomed();
	const replies = [await peer.expect(TYPE.PONG),
		await peer.expect(TYPE.PRESENCE), await peer.error(),
		await peer.expect(TYPE.PONG)];
	assert.deepStrictEqual(replies[3].body, Buffer.from('last'));
	await expectExactly(receiver, CUT_MESSAGES);
	peer.destroy();
}

const CUT_MESSAGES = [
	publish('t', 'one'), publish('t', ''),
	publish(['t', 'tt'], Buffer.from([0, 255])), publish('t', 'three'),
];

const CUT_STREAM = Buffer.concat([
	hello({ pid: 1, role: 'member' }),
	ping('first'), CUT_MESSAGES[0],
	subscribe(['own', 'other']), CUT_MESSAGES[1],
	subscribe(['own'], AS_MEMBER), CUT_MESSAGES[2],
	subscribe([''], 0), unsubscribe(['own']),
	CUT_MESSAGES[3], ping('last'),
]);

scenario('a stream cut in two at any byte gives the same result',
	async (start) => {
		const daemon = await start();
		const witness = await daemon.member();
		const receiver = await daemon.member();
		await receiver.subscribe(['t', 'tt']);
		for (let cut = 1; cut <= CUT_STREAM.length; cut++) {
			await driveInPieces(daemon, witness, receiver, CUT_STREAM,
				(i) => (i === 0 ? cut : CUT_STREAM.length));
		}
	});

scenario('a stream in pieces of any size gives the same result',
	async (start) => {
		const daemon = await start();
		const witness = await daemon.member();
		const receiver = await daemon.member();
		await receiver.subscribe(['t', 'tt']);
		for (const size of [1, 2, 3, 4, 5, 7, 8, 9, 11, 16, 31]) {
			await driveInPieces(daemon, witness, receiver, CUT_STREAM,
				(i, at) => at + size);
		}
	});

/* A receiver that checks a sequence and keeps no frame. */
async function counter(daemon, count) {
	const tally = { received: 0, faults: [] };
	let finish;
	tally.done = new Promise((resolve) => {
		finish = resolve;
	});
	const onFrame = ({ body }) => {
		const sequence = body.readUInt32BE();
		if (sequence !== tally.received)
			tally.faults.push([tally.received, sequence]);
		if (++tally.received === count)
			finish();
	};
	const peer = await daemon.member({}, { onFrame });
	await peer.subscribe(['t']);
	return { peer, tally };
}

scenario('a hundred thousand pipelined messages arrive in order, once each',
	async (start) => {
		const daemon = await start();
		const count = 100000;
		const receivers = await Promise.all(
			[0, 1, 2, 3].map(() => counter(daemon, count)));
		const publisher = await daemon.member();
		for (let n = 0; n < count;) {
			const batch = [];
			for (const end = n + 1000; n < end; n++) {
				const body = Buffer.alloc(16 + n % 50);
				body.writeUInt32BE(n);
				batch.push(publish('t', body));
			}
			if (!publisher.socket.write(Buffer.concat(batch)))
				await within(once(publisher.socket, 'drain'), 'drain');
		}
		for (const { peer, tally } of receivers) {
			await within(tally.done, 'last message');
			await peer.barrier();
			assert.strictEqual(tally.received, count);
			assert.deepStrictEqual(tally.faults, []);
		}
		const { published, delivered } = daemon.rows('overview');
		assert.deepStrictEqual([published, delivered],
			[count, 4 * count]);
	});

scenario('messages of 1 byte to 1 MiB arrive byte for byte', async (start) => {
	const daemon = await start();
	const publisher = await daemon.member();
	const peers = [await daemon.member(), await daemon.member()];
	for (const peer of peers)
		await peer.subscribe(['t']);
	const sizes = [0];
	for (let size = 1; size <= 1 << 20; size *= 2)
		sizes.push(size - 1, size, size + 1);
	const messages = sizes.map((size, i) =>
		publish('t', Buffer.alloc(size, `${i} of ${size} `)));
	for (const order of [messages, [...messages].reverse()]) {
		for (const message of order)
			publisher.write(message);
		for (const peer of peers)
			await expectExactly(peer, order);
	}
});

scenario('messages of two publishers mix, each in its own order',
	async (start) => {
		const daemon = await start();
		const peer = await daemon.member();
		await peer.subscribe(['t']);
		const publishers = [await daemon.member(), await daemon.member()];
		for (let n = 0; n < 2000; n++) {
			for (const [i, publisher] of publishers.entries())
				publisher.write(publish('t', Buffer.from([i, n >> 8, n])));
		}
		const next = [0, 0];
		for (let n = 0; n < 4000; n++) {
			const { body } = await peer.expect(TYPE.PUBLISH);
			assert.strictEqual(body.readUInt16BE(1), next[body[0]]++);
		}
		await peer.barrier();
	});

const TIGHT = ['--max-frame', '64k', '--queue-limit', '2m',
	'--queue-soft-limit', '256k', '--queue-soft-time', '60s'];

/* Publishes until the daemon holds `bytes` for the stalled connection. */
async function fill(daemon, publisher, reader, stalled, bytes) {
	const message = publish('t', Buffer.alloc(32 << 10, 'x'));
	return until(async () => {
		await send(publisher, message);
		await expectExactly(reader, [message]);
		const row = daemon.rows('clients')
			.find(({ id }) => id === stalled.id);
		return row.queue_bytes > bytes && row;
	}, 'full queue');
}

async function stalledPeer(daemon) {
	const stalled = await daemon.connect({ paused: true });
	stalled.write(Buffer.concat([hello({ name: 'stalled' }),
		subscribe(['t'])]));
	const row = await until(() => daemon.rows('clients')
		.find(({ name, subscriptions }) =>
			name === 'stalled' && subscriptions === 1), 'stalled client');
	stalled.id = row.id;
	return stalled;
}

scenario('who never reads loses volatile messages, then the connection, alone',
	async (start) => {
		const daemon = await start({ args: TIGHT });
		const publisher = await daemon.member();
		const reader = await daemon.member();
		await reader.subscribe(['t']);
		const stalled = await stalledPeer(daemon);
		await fill(daemon, publisher, reader, stalled, 256 << 10);

		const loose = publish('t', Buffer.alloc(1000, 'v'), VOLATILE);
		await send(publisher, ...Array(100).fill(loose));
		await expectExactly(reader, Array(100).fill(loose));
		const full = daemon.rows('clients')
			.find(({ id }) => id === stalled.id);
		assert.strictEqual(full.drops, 100);
		assert.strictEqual(daemon.rows('overview').drops.volatile, 100);

		const message = publish('t', Buffer.alloc(60 << 10, 'y'));
		for (let n = 0; n < 64; n++) {
			await send(publisher, message);
			await expectExactly(reader, [message]);
		}
		const [closed] = daemon.rows('closed')
			.filter(({ id }) => id === stalled.id);
		assert.strictEqual(closed.reason, 'slow-consumer');
		assert.ok(closed.queue_peak_bytes > 256 << 10 &&
			closed.queue_peak_bytes <= 2 << 20,
		`a queue peak of ${closed.queue_peak_bytes}`);
		const { closes } = daemon.rows('overview');
		assert.strictEqual(closes['slow-consumer'], 1);
	});

scenario('who stays above the soft limit too long is cut', async (start) => {
	const daemon = await start({ args: ['--max-frame', '64k',
		'--queue-limit', '64m', '--queue-soft-limit', '64k',
		'--queue-soft-time', '3s'] });
	const publisher = await daemon.member();
	const reader = await daemon.member();
	await reader.subscribe(['t']);
	const stalled = await stalledPeer(daemon);
	await fill(daemon, publisher, reader, stalled, 64 << 10);
	assert.strictEqual(await daemon.reasonOf(stalled.id), 'slow-consumer');
	await reader.barrier();
});

scenario('who reads again before the soft time is over gets everything',
	async (start) => {
		const daemon = await start({ args: ['--max-frame', '64k',
			'--queue-limit', '64m', '--queue-soft-limit', '64k',
			'--queue-soft-time', '60s'] });
		const publisher = await daemon.member();
		const stalled = await stalledPeer(daemon);
		const messages = Array.from({ length: 200 },
			(_, i) => publish('t', Buffer.alloc(20000, `${i} `)));
		await send(publisher, ...messages);
		stalled.resume();
		await stalled.welcomed();
		await expectExactly(stalled, messages);
		const row = daemon.rows('clients')
			.find(({ id }) => id === stalled.id);
		assert.strictEqual(row.queue_bytes, 0);
		assert.ok(row.queue_peak_bytes > 1 << 20);
	});
