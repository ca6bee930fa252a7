'use strict';

/* An observer is the first to lose messages, is told so, and causes no loss for others. */

const assert = require('node:assert');
const { spawn } = require('child_process');
const { TYPE, publish } = require('./support/frames');
const { BINARY } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { until } = require('../support/wait');

scenario('an observer that does not read loses messages, and nobody else does', async (start) => {
	const daemon = await start({ args: ['--queue-limit', '32m', '--queue-soft-limit', '4m',
		'--queue-soft-time', '10ms'] });
	const publisher = await daemon.member({ name: 'publisher' });
	const receiver = await daemon.member({ name: 'receiver' });
	const observer = await daemon.member({ name: 'watcher', role: 'observer' });
	await receiver.subscribe(['t']);
	await observer.subscribe(['t']);
	observer.socket.pause();
	const message = publish('t', Buffer.alloc(10000));
	const n = 2000;
	for (let i = 0; i < n; i += 50) {
		publisher.write(Buffer.concat(Array(50).fill(message)));
		for (let k = 0; k < 50; k++)
			await receiver.expect(TYPE.PUBLISH);
	}
	const { drops, closes } = daemon.rows('overview');
	assert.ok(drops.observed > n / 2, JSON.stringify(drops));
	assert.strictEqual(drops.volatile, 0);
	assert.strictEqual(closes['slow-consumer'], undefined);
	const row = daemon.rows('clients').find(({ name }) => name === 'watcher');
	assert.ok(row.queue_peak_bytes <= 2 << 20, `${row.queue_peak_bytes} bytes waited`);
	assert.strictEqual(row.drops, drops.observed);

	observer.resume();
	let frame = await observer.next();
	while (frame.type === TYPE.PUBLISH)
		frame = await observer.next();
	assert.strictEqual(frame.type, TYPE.ERROR);
	assert.ok(frame.body.includes('dropped'));
	assert.ok(frame.body.includes(`${drops.observed} messages were dropped`));
	publisher.write(message);
	await observer.expect(TYPE.PUBLISH);
});

scenario('--tail goes on and says how many messages it has lost', async (start) => {
	const daemon = await start();
	const publisher = await daemon.member({ name: 'publisher' });
	const tail = spawn(BINARY, ['--socket', daemon.socket, '--tail', 't']);
	let err = '';
	let out = 0;
	tail.stderr.setEncoding('utf8').on('data', (text) => { err += text; });
	try {
		await until(() => err.includes('connected to'), 'the tail');
		tail.stdout.pause();
		const message = publish('t', Buffer.alloc(30000, 'x'));
		await until(async () => {
			publisher.write(Buffer.concat(Array(100).fill(message)));
			await publisher.barrier();
			return daemon.rows('overview').drops.observed > 0;
		}, 'drops');
		tail.stdout.on('data', (data) => { out += data.length; }).resume();
		await until(() => /\d+ messages were dropped/.test(err), 'the news');
		assert.ok(out > 0);
		publisher.write(publish('t', 'last'));
		assert.strictEqual(tail.exitCode, null);
	} finally {
		tail.kill('SIGINT');
		const code = await new Promise((resolve) => { tail.once('exit', resolve); });
		assert.strictEqual(code, 0);
	}
});
