'use strict';

/* A hostile client must not harm others, nor a dying process the daemon. */

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { frame, hello, ping, publish, subscribe, TYPE } =
	require('./support/frames');
const { scenario } = require('./support/scenario');
const { encode } = require('./support/msgpack');
const { until } = require('../support/wait');

const MIB = 1024 * 1024;

function memory(pid) {
	const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
	return Number(status.match(/VmRSS:\s+(\d+) kB/)[1]) * 1024;
}

const isSanitized = /asan/.test(process.env.PM2ADAPTERD ?? '');

scenario('the reader of the log may go: lines are lost, and nothing else',
	async (start) => {
		const daemon = await start();
		const peer = await daemon.member();
		daemon.child.stderr.destroy();
		for (let n = 0; n < 3; n++)
			(await daemon.member()).destroy();
		await peer.barrier();
		await until(() => daemon.stats('overview').overview.log_dropped > 0,
			'dropped lines');
	});

scenario('what follows a fatal mistake is not obeyed', async (start) => {
	const daemon = await start();
	const witness = await daemon.member();
	await witness.subscribe(['t']);
	const peer = await daemon.member();
	peer.write(Buffer.concat([ping(Buffer.alloc(1025)), publish('t', 'x'),
		frame(0x77)]));
	const [code, , fatal] = await peer.error();
	assert.deepStrictEqual([code, fatal], ['bad-body', true]);
	await peer.expectEnd();
	await witness.barrier();
	const row = daemon.rows('closed').find(({ id }) => id === peer.id);
	assert.strictEqual(row.reason, 'bad-body');
	assert.match(row.detail, /PING/);
});

scenario('the answer to the last frame comes before the end', async (start) => {
	const daemon = await start();
	const peer = await daemon.member();
	process.kill(daemon.pid, 'SIGSTOP');
	await peer.written(Buffer.concat([ping('last'), subscribe([''])]));
	peer.end();
	process.kill(daemon.pid, 'SIGCONT');
	await peer.expect(TYPE.PONG);
	assert.strictEqual((await peer.error())[0], 'bad-topic');
	await peer.expectEnd();
});

scenario('who asks for statistics without end is told to wait',
	async (start) => {
		const daemon = await start();
		const peer = await daemon.member();
		const ask = frame(TYPE.STATS, { body: encode({}) });
		peer.write(Buffer.concat([ask, ask, ask, ping('end')]));
		let replies = 0;
		let refusals = 0;
		for (;;) {
			const { type } = await peer.next();
			if (type === TYPE.PONG)
				break;
			replies += type === TYPE.STATS_REPLY;
			refusals += type === TYPE.ERROR;
		}
		assert.ok(replies >= 1);
		assert.strictEqual(replies + refusals, 3);
		assert.strictEqual(
			daemon.stats('overview').overview.errors.busy ?? 0, refusals);
	});

scenario('pings that nobody reads answers to cost what the queue may hold',
	async (start) => {
		const daemon = await start({ args: ['--queue-limit', '32m',
			'--queue-soft-limit', '32m'] });
		const before = memory(daemon.pid);
		const peer = await daemon.member({}, { paused: true });
		const many = Buffer.concat(Array(8192).fill(ping('12345678')));
		let peak = 0;
		while (!peer.ended && !peer.error) {
			peer.write(many);
			await new Promise((resolve) => { setImmediate(resolve); });
			if (daemon.ended)
				break;
			peak = Math.max(peak, memory(daemon.pid) - before);
			if (daemon.rows('closed').some(({ reason }) =>
				reason === 'slow-consumer'))
				break;
		}
		if (!isSanitized)
			assert.ok(peak < 96 * MIB, `${peak} bytes`);
		await (await daemon.member()).barrier();
	});

scenario('a queue of 4 KiB slices does not hold what they were cut from',
	async (start) => {
		const daemon = await start();
		const before = memory(daemon.pid);
		const slow = await daemon.member({}, { paused: true });
		slow.write(subscribe(['small']));
		const publisher = await daemon.member();
		await publisher.barrier();
		const pair = Buffer.concat([publish('big', Buffer.alloc(250000)),
			publish('small', Buffer.alloc(4300))]);
		for (let n = 0; n < 1000; n++)
			await publisher.written(pair);
		await publisher.barrier();
		if (!isSanitized)
			assert.ok(memory(daemon.pid) - before < 40 * MIB,
				`${memory(daemon.pid) - before} bytes`);
	});

scenario('a reload that does not go with what stays is refused whole',
	async (start) => {
		const seed = await start();
		const file = path.join(seed.dir, 'c');
		fs.writeFileSync(file, 'max-topic 1000\n');
		const daemon = await start({ args: ['--config', file] });
		fs.writeFileSync(file, 'max-frame 512k\nqueue-limit 1m\n' +
			'queue-soft-limit 1m\nhello-timeout 1s\n');
		daemon.kill('SIGHUP');
		await until(() => daemon.stderr.includes('config-refused'), 'refusal');
		const { config } = daemon.stats('config');
		assert.deepStrictEqual([config['queue-limit'], config['hello-timeout']],
			['64m', '5s']);
		const receiver = await daemon.member();
		await receiver.subscribe(['t']);
		const publisher = await daemon.member();
		publisher.write(publish('t', Buffer.alloc(3 * MIB)));
		assert.strictEqual((await receiver.expect(TYPE.PUBLISH)).body.length,
			3 * MIB);
	});

scenario('a drain of very many is over as soon as they are', async (start) => {
	const daemon = await start({ args: ['--drain-timeout', '60s'] });
	const peers = [];
	for (let n = 0; n < 1000; n++) {
		const peer = await daemon.connect();
		peer.write(Buffer.concat([hello(), subscribe(['everyone'], 2)]));
		peers.push(peer);
	}
	await Promise.all(peers.map((peer) => peer.welcomed()));
	daemon.kill('SIGTERM');
	for (const peer of peers)
		peer.end();
	assert.strictEqual((await daemon.exited()).code, 0);
});
