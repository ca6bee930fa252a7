'use strict';

/* Commands for an operator's scripts: --healthz, --signal, --test, sorted --stats. */

const assert = require('node:assert');
const { execFileSync, spawn } = require('child_process');
const { once } = require('events');
const fs = require('fs');
const net = require('net');
const path = require('path');
const { publish } = require('./support/frames');
const { BINARY, folder, run } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { until } = require('../support/wait');

const NONE = path.join(__dirname, 'no-such-folder', 's');

/* [exit code, stdout, stderr] of a command whose peer is in this process. */
async function ended(socket, ...args) {
	const child = spawn(BINARY, ['--socket', socket, ...args]);
	const out = { stdout: '', stderr: '' };
	for (const name of Object.keys(out))
		child[name].setEncoding('utf8').on('data', (text) => { out[name] += text; });
	const [code] = await once(child, 'close');
	return [code, out.stdout, out.stderr];
}

const at = (daemon, ...args) => run(['--socket', daemon.socket, ...args]);

scenario('--healthz says in one line that the daemon is well', async (start) => {
	const daemon = await start();
	await daemon.member({ name: 'worker' });
	const { status, stdout, stderr } = at(daemon, '--healthz');
	assert.deepStrictEqual([status, stderr], [0, '']);
	assert.match(stdout, /^ok: pid \d+, up \S+, 1 workers\n$/);
	assert.ok(stdout.includes(`pid ${daemon.pid},`));
});

scenario('--healthz is 1 where nobody listens, and where nobody answers', async (start) => {
	const none = run(['--socket', NONE, '--healthz']);
	assert.deepStrictEqual([none.status, none.stdout],
		[1, `unhealthy: ${NONE}: no daemon is running there\n`]);
	const daemon = await start();
	daemon.kill('SIGSTOP');
	try {
		const { status, stdout } = at(daemon, '--healthz', '--timeout', '200');
		assert.deepStrictEqual([status, stdout],
			[1, `unhealthy: ${daemon.socket}: no answer from the daemon\n`]);
	} finally {
		daemon.kill('SIGCONT');
	}
	assert.strictEqual(at(daemon, '--healthz').status, 0);
});

scenario('what is no daemon is reported as such', async (start, t) => {
	const dir = folder();
	const socket = path.join(dir, 's');
	const server = net.createServer((peer) => {
		peer.on('error', () => {});
		peer.write('HTTP/1.1 400 Bad Request\r\n\r\n');
	});
	await new Promise((resolve) => { server.listen(socket, resolve); });
	t.after(() => {
		server.close();
		fs.rmSync(dir, { recursive: true });
	});
	const why = `${socket}: unexpected reply: is this a pm2adapterd socket?\n`;
	for (const [arg, code, stdout, stderr] of [
		['--healthz', 1, `unhealthy: ${why}`, ''],
		['--stats', 69, '', `pm2adapterd: ${why}`],
		['--watch', 69, '', `pm2adapterd: ${why}`],
	])
		assert.deepStrictEqual(await ended(socket, arg), [code, stdout, stderr]);
});

scenario('--stats is shown even if it is larger than max-frame', async (start) => {
	const daemon = await start({ args: ['--max-frame', '4k', '--max-topic', '1k'] });
	for (let n = 0; n < 20; n++)
		await daemon.member({ name: `${n}`.padEnd(128, 'x'), script: 'y'.repeat(1024) });
	const { status, stdout } = at(daemon, '--stats', 'clients', '--json');
	assert.strictEqual(status, 0);
	assert.strictEqual(JSON.parse(stdout).clients.length, 21);
});

scenario('--signal reload waits for the outcome and says it', async (start, t) => {
	const dir = folder();
	t.after(() => fs.rmSync(dir, { recursive: true }));
	const file = path.join(dir, 'c');
	fs.writeFileSync(file, 'max-questions 5\n');
	const daemon = await start({ args: ['--config', file] });
	fs.writeFileSync(file, 'max-questions 6\nmax-frame 8m\n');
	const done = at(daemon, '--signal', 'reload');
	assert.deepStrictEqual([done.status, done.stdout, done.stderr],
		[0, 'reloaded: 1 changed, 1 need a restart\n', '']);
	assert.strictEqual(daemon.stats('config').config['max-questions'], '6');

	fs.writeFileSync(file, 'max-questions 7\nlog-level loud\n');
	const refused = at(daemon, '--signal', 'reload');
	assert.strictEqual(refused.status, 78);
	assert.match(refused.stderr, /refused: .*c:2: log-level: 'loud'/);
	assert.strictEqual(daemon.stats('config').config['max-questions'], '6');
	const { reload, reload_said: said } = daemon.rows('overview');
	assert.deepStrictEqual(reload, { done: 1, refused: 1, last_refused: 1 });
	assert.match(said, /loud/);
});

scenario('--signal drain waits until the daemon has ended', async (start) => {
	const daemon = await start();
	const { status, stdout } = at(daemon, '--signal', 'drain');
	assert.deepStrictEqual([status, stdout], [0, 'ended\n']);
	const again = at(daemon, '--signal', 'drain');
	assert.strictEqual(again.status, 69);
	assert.match(again.stderr, /no daemon is running there/);
});

scenario('--test looks at the configuration and touches nothing', async (start) => {
	const daemon = await start();
	const good = at(daemon, '--test');
	assert.deepStrictEqual([good.status, good.stdout], [0, 'configuration ok\n']);
	const bad = at(daemon, '--test', '--max-topic', '5');
	assert.strictEqual(bad.status, 78);
	assert.match(bad.stderr, /max-topic: 5 is out of range/);
	assert.strictEqual(at(daemon, '--healthz').status, 0);
});

scenario('--sort gives the first rows in that order', async (start) => {
	const daemon = await start();
	const peers = [];
	for (const name of ['quiet', 'loud', 'middle'])
		peers.push(await daemon.member({ name }));
	for (const [n, peer] of peers.entries()) {
		peer.write(Buffer.concat(Array(n === 1 ? 20 : n + 1).fill(publish('t', 'x'))));
		await peer.barrier();
	}
	const { stdout } = at(daemon, '--stats', 'clients', '--json', '--sort', 'messages_in',
		'--limit', '2');
	assert.deepStrictEqual(JSON.parse(stdout).clients.map(({ name }) => name),
		['loud', 'middle']);
	const refused = at(daemon, '--stats', 'topics', '--sort', 'messages_in');
	assert.strictEqual(refused.status, 69);
	assert.match(refused.stderr, /no section that is wanted has a column 'messages_in'/);
});

for (const [args, why] of [
	[['--signal', 'stop'], "'stop' is none of reload drain reopen"],
	[['--sort', 'id'], '--sort goes with --stats and --watch'],
	[['--interval', '500'], '--interval goes with --watch'],
	[['--watch', '--interval', '5'], 'the range is 100 to 60000'],
	[['--watch', '--healthz'], '--watch goes with --stats, or alone'],
	[['--stats', '--sort', 'x'.repeat(33)], '--sort wants a key of --json'],
])
	scenario(`${args.join(' ').slice(0, 40)} is refused with a reason`, async () => {
		const { status, stderr } = run(args);
		assert.strictEqual(status, 64, stderr);
		assert.ok(stderr.includes(why), stderr);
	});

/* The file is a pipe, so the daemon waits in its reload until the test has written. */
scenario('a reload that takes long is a slow turn', async (start, t) => {
	const dir = folder();
	t.after(() => fs.rmSync(dir, { recursive: true }));
	const file = path.join(dir, 'c');
	fs.writeFileSync(file, '');
	const daemon = await start({ args: ['--config', file, '--slow-turn', '50ms'] });
	fs.unlinkSync(file);
	execFileSync('mkfifo', [file]);
	daemon.kill('SIGHUP');
	let fd;
	await until(() => {
		try {
			fd = fs.openSync(file, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
		} catch (error) {
			assert.strictEqual(error.code, 'ENXIO');
		}
		return fd !== undefined;
	}, 'the daemon to read');
	await new Promise((resolve) => setTimeout(resolve, 200));
	fs.writeSync(fd, 'max-topic 1000\n');
	fs.closeSync(fd);
	await until(() => daemon.rows('overview').reload.done === 1, 'the reload');
	assert.ok(daemon.rows('slow').some(({ kind, took_us: us }) => kind === 'turn' && us >= 199000),
		JSON.stringify(daemon.rows('slow')));
});
