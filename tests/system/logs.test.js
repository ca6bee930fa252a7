'use strict';

/* How the daemon writes its log: formats, a file, a pipe that nobody reads. */

const assert = require('node:assert');
const fs = require('fs');
const path = require('path');
const { TYPE, frame } = require('./support/frames');
const { encode } = require('./support/msgpack');
const { Peer } = require('./support/peer');
const { folder, run } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { until } = require('../support/wait');

const EVIL = 'a "b" event=forged\n\x1b[2J\u009b \\ \u{1f600}';

async function joined(daemon) {
	await daemon.member({ name: EVIL });
	await until(() => /joined|member|hello/.test(daemon.stderr), 'a line about it');
	return daemon.stderr.trimEnd().split('\n');
}

scenario('--log-format json gives one object a line, whatever peers call themselves', async (start) => {
	const daemon = await start({ args: ['--log-format', 'json', '--log-level', 'debug'] });
	const rows = (await joined(daemon)).map((line) => JSON.parse(line));
	for (const { ts, level, event } of rows) {
		assert.match(ts, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
		assert.ok(['debug', 'info', 'warn', 'error'].includes(level));
		assert.match(event, /^[a-z-]+$/);
	}
	assert.strictEqual(rows.find(({ event, socket }) => event === 'listening' && socket).pid, daemon.pid);
	assert.ok(rows.some(({ name }) => name === EVIL), JSON.stringify(rows));
});

scenario('what a refusal quotes of a peer makes no keys', async (start) => {
	const daemon = await start({ args: ['--log-format', 'json', '--log-level', 'debug'] });
	const peer = await daemon.member();
	const sort = '" event=forged x="';
	peer.write(frame(TYPE.STATS, { body: encode({ sections: ['clients'], sort }) }));
	await until(() => daemon.stderr.includes('forged'), 'the refusal');
	const rows = daemon.stderr.trimEnd().split('\n').map((line) => JSON.parse(line));
	const { message } = rows.find(({ event }) => event === 'refused');
	assert.ok(message.includes(`'${sort}'`), message);
});

scenario('--log-format logfmt names every field', async (start) => {
	const daemon = await start({ args: ['--log-format', 'logfmt', '--log-level', 'debug'] });
	for (const line of await joined(daemon)) {
		assert.match(line, /^ts=\S+ level=\w+ event=[a-z-]+( |$)/);
		assert.doesNotMatch(line, /[\x00-\x1f\x7f\u0080-\u009f]/);
	}
});

scenario('--log-format journal has priorities and no time', async (start) => {
	const daemon = await start({ args: ['--log-format', 'journal', '--log-level', 'debug'] });
	for (const line of await joined(daemon))
		assert.match(line, /^<[3467]>[a-z-]+( |$)/);
	assert.match(daemon.stderr, /^<6>listening socket=/m);
});

scenario('SIGUSR1 begins a new file where the old one was renamed', async (start, t) => {
	const dir = folder();
	t.after(() => fs.rmSync(dir, { recursive: true }));
	const file = path.join(dir, 'log');
	const daemon = await start({ args: ['--log-file', file] });
	await until(() => /listening/.test(fs.readFileSync(file, 'utf8')), 'the first line');
	assert.strictEqual(daemon.stderr, '');
	assert.strictEqual(fs.statSync(file).mode & 0o777, 0o640);
	fs.renameSync(file, `${file}.1`);
	const { status, stdout } = run(['--socket', daemon.socket, '--signal', 'reopen']);
	assert.deepStrictEqual([status, stdout], [0, 'the daemon reopens its log\n']);
	await until(() => fs.existsSync(file) && /log-reopened/.test(fs.readFileSync(file, 'utf8')),
		'the new file');
	assert.doesNotMatch(fs.readFileSync(`${file}.1`, 'utf8'), /log-reopened/);
});

scenario('a file that cannot be opened is said at once, and ends it', async () => {
	const dir = folder();
	try {
		const { status, stderr } = run(['--socket', path.join(dir, 's'), '--log-file', `${dir}/no/log`]);
		assert.strictEqual(status, 73);
		assert.match(stderr, /log-file: .*no\/log: No such file or directory/);
	} finally {
		fs.rmSync(dir, { recursive: true });
	}
});

scenario('lines of one event are limited, and the rest is counted', async (start) => {
	const daemon = await start();
	for (let i = 0; i < 300; i++) {
		const peer = await Peer.connect(daemon.socket);
		peer.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
		await peer.closed;
	}
	const { log_suppressed: suppressed, closes } = daemon.rows('overview');
	const lines = daemon.stderr.split('\n').filter((line) => / conn-closed /.test(line)).length;
	assert.ok(suppressed > 100, `${suppressed} suppressed`);
	assert.ok(lines < 200, `${lines} lines`);
	assert.ok(Object.values(closes).reduce((a, b) => a + b) >= 300);
});

scenario('a log that nobody reads costs lines, and stops nothing', async (start) => {
	const daemon = await start({ args: ['--log-level', 'debug'] });
	daemon.child.stderr.pause();
	const name = 'x'.repeat(120);
	await until(async () => {
		for (let i = 0; i < 40; i++) {
			const peer = await daemon.member({ name });
			peer.destroy();
		}
		const { log_dropped: dropped, log_suppressed: suppressed } = daemon.rows('overview');
		return dropped > 0 || suppressed > 0;
	}, 'dropped lines');
	daemon.child.stderr.resume();
	assert.strictEqual(run(['--socket', daemon.socket, '--healthz']).status, 0);
});
