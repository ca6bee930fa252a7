'use strict';

/* Large messages, which go through pipes: whole, in order, to everybody. */

const assert = require('node:assert');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const { TYPE, publish, subscribe } = require('./support/frames');
const { scenario } = require('./support/scenario');
const { until, within } = require('../support/wait');

const TOPIC = 'socket.io#/#';
const KIB = 1024;
/* Descriptors that the daemon keeps: four pipes, the transit pipe, /dev/null. */
const KEPT = 11;
const ROOMY = ['--queue-limit', '1g', '--queue-soft-limit', '1g'];

/* As base/piped has it: before Linux 6.5 the same messages are copied. */
const [MAJOR, MINOR] = os.release().split('.').map(Number);
const IS_SPLICING = MAJOR > 6 || (MAJOR === 6 && MINOR >= 5);
const spliced = (daemon) => daemon.stats('overview').overview.spliced;
const nDescriptors = (daemon) => fs.readdirSync(`/proc/${daemon.pid}/fd`).length;
const digest = (bytes) => crypto.createHash('sha1').update(bytes).digest('hex');

/* A body that says who sent it as number what; behind that no two are alike. */
function bodyOf(from, number, size) {
	const body = Buffer.allocUnsafe(Math.max(size, 5));
	const pattern = crypto.randomBytes(251);
	body.fill(pattern);
	body[0] = from;
	body.writeUInt32BE(number, 1);
	return body;
}

/* Gathers what each publisher sent; with `delay` it reads a chunk at a time. */
async function openReceiver(daemon, delay) {
	const got = [];
	const peer = await daemon.member({}, {
		onFrame: ({ topic, body }) => {
			assert.strictEqual(topic.toString(), TOPIC);
			(got[body[0]] ??= []).push(
				[body.readUInt32BE(1), body.length, digest(body)]);
		},
	});
	await peer.subscribe([TOPIC]);
	if (delay) {
		peer.socket.on('data', () => {
			peer.socket.pause();
			setTimeout(() => peer.socket.resume(), delay);
		});
	}
	return { peer, got };
}

async function mixRound(daemon, nPublishers) {
	const receivers = await Promise.all(
		[0, 0, 1].map((delay) => openReceiver(daemon, delay)));
	const sent = [];
	const publishers = [];
	for (let from = 0; from < nPublishers; from++) {
		const publisher = await daemon.member();
		publishers.push(publisher);
		sent.push([]);
		for (let number = 0; number < 40; number++) {
			/* As many small ones as large: the logarithm is even. */
			const size = Math.floor(2 ** (Math.random() * 21));
			const body = bodyOf(from, number, size);
			sent[from].push([number, body.length, digest(body)]);
			publisher.write(publish(TOPIC, body));
		}
	}
	await Promise.all(publishers.map((publisher) => publisher.barrier()));
	for (const { got } of receivers) {
		await until(() => got.flat().length === sent.flat().length,
			'all messages');
		assert.deepStrictEqual(got, sent);
	}
	for (const peer of [...publishers, ...receivers.map((r) => r.peer)])
		peer.destroy();
	await until(() => daemon.stats('overview').overview.members === 0,
		'everybody gone');
}

scenario('any mix of sizes arrives whole, at a slow receiver too', async (start) => {
	const daemon = await start({ args: ROOMY });
	await until(() => daemon.stats('overview').overview.members === 0, 'nobody');
	const before = nDescriptors(daemon);
	for (let round = 0; round < 3; round++)
		await mixRound(daemon, 3);
	const { messages, bytes, failed } = spliced(daemon);
	if (IS_SPLICING)
		assert.ok(messages > 20 && bytes > 20 * 16 * KIB, `${messages}, ${bytes}`);
	else
		assert.deepStrictEqual([messages, bytes], [0, 0]);
	assert.strictEqual(failed, 0);
	await until(() => nDescriptors(daemon) <= before + KEPT, 'few descriptors');
	assert.ok(daemon.stats('overview').overview.blob_bytes <= 256 * KIB);
});

scenario('with splice-above 0 nothing is spliced', async (start) => {
	const daemon = await start({ args: [...ROOMY, '--splice-above', '0'] });
	const before = nDescriptors(daemon);
	await mixRound(daemon, 2);
	assert.deepStrictEqual(spliced(daemon),
		{ messages: 0, bytes: 0, settled: 0, failed: 0 });
	/* That of --stats may still be open. */
	await until(() => nDescriptors(daemon) <= before, 'few descriptors');
});

/* Large ones one after the other, so that those behind the first are spliced. */
async function sendLarge(publisher, receiver, n, from = 0) {
	for (let number = from; number < from + n; number++) {
		const body = bodyOf(0, number, 70 * KIB);
		publisher.write(publish(TOPIC, body));
		const frame = await receiver.expect(TYPE.PUBLISH);
		assert.ok(frame.body.equals(body), `number ${number} is another`);
	}
}

scenario('one that is too large is refused, and those around it are not', async (start) => {
	const daemon = await start({ args: ['--max-frame', '1m'] });
	const receiver = await daemon.member();
	const publisher = await daemon.member();
	await receiver.subscribe([TOPIC]);
	await sendLarge(publisher, receiver, 4);
	publisher.write(publish(TOPIC, Buffer.alloc(3 << 20)));
	const [code, , fatal] = await publisher.error();
	assert.deepStrictEqual([code, fatal], ['frame-too-big', false]);
	await sendLarge(publisher, receiver, 4, 4);
	assert.ok(spliced(daemon).messages >= (IS_SPLICING ? 4 : 0));
	await receiver.barrier();
});

scenario('a publisher that dies in the middle has sent nothing', async (start) => {
	const daemon = await start();
	const receiver = await daemon.member();
	await receiver.subscribe([TOPIC]);
	const before = nDescriptors(daemon);
	for (let i = 0; i < 10; i++) {
		const publisher = await daemon.member();
		await sendLarge(publisher, receiver, 2);
		await publisher.written(
			publish(TOPIC, Buffer.alloc(100 * KIB)).subarray(0, -1));
		publisher.destroy();
		await within(daemon.reasonOf(publisher.id), 'end of the publisher');
	}
	await receiver.barrier();
	await until(() => nDescriptors(daemon) <= before + KEPT, 'few descriptors');
});

scenario('who has joined before a large message was sent gets it', async (start) => {
	const daemon = await start();
	const publisher = await daemon.member();
	const first = await daemon.member();
	await first.subscribe([TOPIC]);
	await sendLarge(publisher, first, 2);
	for (let i = 0; i < 50; i++) {
		const joiner = await daemon.member();
		await joiner.written(subscribe([TOPIC]));
		publisher.write(publish(TOPIC, bodyOf(1, i, 70 * KIB)));
		const frame = await joiner.expect(TYPE.PUBLISH);
		assert.strictEqual(frame.body.readUInt32BE(1), i);
		await first.expect(TYPE.PUBLISH);
		joiner.destroy();
	}
});
