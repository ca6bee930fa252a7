'use strict';

/*
 * The worst that is gathered and told: answers and replies as large as may be, and a topic
 * with two thousand members. None makes a turn of the loop take more than 20 ms of CPU time.
 */

const assert = require('node:assert');
const net = require('node:net');
const path = require('node:path');
const { AS_MEMBER, TYPE, YES, ...frames } = require('./support/frames');
const { decode, encode } = require('./support/msgpack');
const { folder } = require('../support/daemon');
const { command } = require('./support/resp');
const { scenario } = require('./support/scenario');
const { within } = require('../support/wait');

const isSanitized = /asan/.test(process.env.PM2ADAPTERD ?? '');
const N_MEMBERS = isSanitized ? 200 : 2000;
const N_STRINGS = isSanitized ? 20000 : 1 << 20;
const TURN_MAX_US = 20000;
const ANSWERS = {
	'strings': encode(Array.from({ length: N_STRINGS }, (_, i) => `r${i}`)),
	'one string': encode(['x'.repeat(7 << 20)]),
};

async function until(peer, ...types) {
	let frame;
	do
		frame = await peer.next();
	while (!types.includes(frame.type));
	return frame;
}

async function joined(peer, topic) {
	peer.write(frames.subscribe([topic], AS_MEMBER));
	peer.write(frames.ping());
	await until(peer, TYPE.PONG);
}

/* Both members give the answer. Returns the body of the RESULT. */
async function gathered(asker, members, gather, value) {
	asker.write(frames.ask(['asked'], 7, gather, 'q', { timeout: 60000 }));
	for (const member of members) {
		const { body } = await until(member, TYPE.QUESTION);
		member.write(frames.answer(decode(body)[0], YES, value));
	}
	return (await until(asker, TYPE.RESULT)).body;
}

function echoed(where, bytes) {
	return within(new Promise((resolve, reject) => {
		const socket = net.connect(where).once('error', reject);
		let n = 0;
		socket.on('data', (data) => {
			n += data.length;
			if (n > bytes.length) {
				socket.destroy();
				resolve();
			}
		});
		socket.write(command('ECHO', bytes));
	}), 'ECHO');
}

async function attempt(start, t) {
	const dir = folder();
	const where = path.join(dir, 'redis');
	const daemon = await start({ dir, args: ['--resp-listen', where, '--max-connections', '20000', '--log-level', 'warn'] });
	const step = async (name, body) => {
		const result = await body();
		const { turn_cpu_max_us: us } = daemon.rows('overview');
		t.diagnostic(`${name}: longest turn ${us} us so far`);
		assert.ok(isSanitized || us < TURN_MAX_US, `${name}: a turn took ${us} us`);
		return result;
	};
	const asker = await daemon.member();
	const members = [await daemon.member({ name: 'm1' }), await daemon.member({ name: 'm2' })];

	for (const member of members)
		await joined(member, 'asked');
	for (const [what, value] of Object.entries(ANSWERS)) {
		for (const gather of ['list', 'stream', 'first', 'union']) {
			const body = await step(`${gather} of ${what}`,
				() => gathered(asker, members, gather, value));
			if (gather === 'union')
				assert.ok(body.subarray(-value.length + 5).equals(value.subarray(5)), 'each string once');
			if (gather === 'list')
				assert.ok(body.subarray(-value.length).equals(value), 'the last answer');
		}
	}
	await step('members', async () => {
		for (let i = 0; i < N_MEMBERS; i += 4)
			await Promise.all(Array.from({ length: 4 }, async () => {
				const peer = await daemon.member({ name: 'n'.repeat(100) });
				peer.write(frames.subscribe(['crowd'], AS_MEMBER));
				await peer.next();
				peer.onFrame = () => {};
			}));
	});
	await step('one more', async () => {
		const one = await daemon.member();
		await joined(one, 'crowd');
		one.destroy();
	});
	await step('a question to all', async () => {
		asker.write(frames.ask(['crowd'], 8, 'list', 'q', { timeout: 300 }));
		const [, outcome, expected] = decode((await until(asker, TYPE.RESULT)).body);
		assert.deepStrictEqual([outcome, expected], ['timeout', N_MEMBERS]);
	});
	await step('ECHO', () => echoed(where, Buffer.alloc(15 << 20, 'x')));
}

/* As in turns.test.js: CPU time has outliers while other programs have the caches. */
scenario('no answer and no news makes a turn long', async (start, t) => {
	for (let n = 1; ; n++)
		try {
			await attempt(start, t);
			return;
		} catch (err) {
			if (n === 3 || !/: a turn took /.test(err.message))
				throw err;
			t.diagnostic(`again: ${err.message}`);
		}
}, { timeout: 600000 });
