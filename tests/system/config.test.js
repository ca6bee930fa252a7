'use strict';

/* The command line and the configuration file. */

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { subscribe } = require('./support/frames');
const { ROOT, folder, run } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { until } = require('../support/wait');

function withFile(name, text, body) {
	test(name, () => {
		const dir = folder();
		const file = path.join(dir, 'test.conf');
		try {
			fs.writeFileSync(file, text);
			body(file, dir);
		} finally {
			fs.rmSync(dir, { recursive: true, force: true });
		}
	});
}

/* What --dump-config says: name → value, comments left out. */
function settings(text) {
	return new Map(text.split('\n')
		.filter((line) => line && !line.startsWith('#'))
		.map((line) => {
			const [, name, value] = line.match(/^(\S+)\s+(.*)$/);
			return [name, value];
		}));
}

function dump(...args) {
	const { status, stdout, stderr } = run(['--dump-config', ...args]);
	assert.strictEqual(status, 0, stderr);
	return stdout;
}

const OPTIONS = ['socket', 'socket-mode', 'config', 'log-level', 'max-frame',
	'max-topic', 'max-connections', 'max-subscriptions', 'hello-timeout',
	'drain-timeout', 'queue-limit', 'queue-soft-limit', 'queue-soft-time', 'splice-above',
	'memory-limit',
	'ping-interval', 'stats', 'json', 'version', 'help', 'dump-config', 'emit',
	'ask', 'tail', 'key', 'namespace', 'timeout'];

test('--help names each option', () => {
	const { status, stdout, stderr } = run(['--help']);
	assert.deepStrictEqual([status, stderr], [0, '']);
	for (const name of OPTIONS)
		assert.match(stdout, new RegExp(`--${name}\\b`), name);
	for (const name of settings(dump()).keys())
		assert.match(stdout, new RegExp(`--${name}\\b`), name);
	for (const line of stdout.split('\n'))
		assert.ok(line.length <= 80, `wider than 80 columns: ${line}`);
});

test('--version names itself and its libraries', () => {
	const { status, stdout } = run(['--version']);
	assert.strictEqual(status, 0);
	assert.match(stdout, /^pm2adapterd \d+\.\d+\.\d+/);
	for (const library of ['libevent', 'msgpack', 'libbsd', 'jansson'])
		assert.match(stdout, new RegExp(`${library}\\S* \\d+\\.\\d+`));
});

test('--dump-config without more is the file in conf/', () => {
	const env = { PM2ADAPTERD_SOCKET: '/run/pm2adapterd/pm2adapterd.sock' };
	const { stdout } = run(['--dump-config'], { env });
	assert.strictEqual(stdout, fs.readFileSync(
		path.join(ROOT, 'conf/pm2adapterd.conf'), 'utf8'));
});

withFile('what --dump-config says can be read again and says the same', '',
	(file) => {
		const changed = ['--max-frame', '1m', '--log-level', 'debug',
			'--hello-timeout', '1500ms', '--socket-mode', '0660',
			'--queue-soft-time', '1m', '--ping-interval', '0ms',
			'--socket', '/run/a path/with spaces'];
		const text = dump(...changed);
		const said = settings(text);
		for (let i = 0; i < changed.length; i += 2)
			assert.ok(said.has(changed[i].slice(2)), text);
		assert.strictEqual(said.get('socket'), '/run/a path/with spaces');
		assert.strictEqual(said.get('max-frame'), '1m');
		fs.writeFileSync(file, text);
		assert.strictEqual(dump('--config', file), text);
		fs.writeFileSync(file, [...settings(text)]
			.map(([name, value]) => `${name} ${value}\n`).join(''));
		assert.strictEqual(dump('--config', file), text);
	});

withFile('the command line wins over the file, the file over the defaults',
	'# a comment\n\nmax-frame 1m\n\tmax-topic\t512\nlog-level warn\n',
	(file) => {
		const get = (...args) => settings(dump(...args));
		const defaults = get();
		const fromFile = get('--config', file);
		assert.strictEqual(fromFile.get('max-frame'), '1m');
		assert.strictEqual(fromFile.get('max-topic'), '512');
		assert.strictEqual(fromFile.get('log-level'), 'warn');
		assert.strictEqual(fromFile.get('hello-timeout'),
			defaults.get('hello-timeout'));
		for (const args of [
			['--config', file, '--max-frame', '2m'],
			['--max-frame', '2m', '--config', file],
			['--max-frame=2m', `--config=${file}`],
		]) {
			const both = get(...args);
			assert.strictEqual(both.get('max-frame'), '2m');
			assert.strictEqual(both.get('max-topic'), '512');
		}
	});

scenario('a running daemon obeys the file and the command line',
	async (start) => {
		const dir = folder();
		const file = path.join(dir, 'test.conf');
		fs.writeFileSync(file, 'max-topic 100\nmax-frame 1m\n' +
			'ping-interval 7s\n');
		const daemon = await start({ dir,
			args: ['--config', file, '--max-frame', '2m'] });
		const { welcome } = await daemon.member();
		assert.deepStrictEqual(
			[welcome.max_topic, welcome.max_frame,
				welcome.ping_interval_ms],
			[100, 2 << 20, 7000]);
	});

scenario('SIGHUP takes from the file what can change, and says what cannot',
	async (start) => {
		const dir = folder();
		const file = path.join(dir, 'test.conf');
		fs.writeFileSync(file, 'max-subscriptions 1\nmax-topic 100\n');
		const daemon = await start({ dir,
			args: ['--config', file, '--drain-timeout', '2s'] });
		const config = () => daemon.stats('config').config;
		assert.strictEqual(config()['max-subscriptions'], '1');
		const peer = await daemon.member();
		peer.write(subscribe(['a', 'b']));
		assert.strictEqual((await peer.error())[0],
			'too-many-subscriptions');

		fs.writeFileSync(file, 'max-subscriptions 2\nmax-topic 200\n' +
			'drain-timeout 3s\n');
		daemon.kill('SIGHUP');
		await until(() => config()['max-subscriptions'] === '2', 'reload');
		assert.strictEqual(config()['max-topic'], '100');
		assert.strictEqual(config()['drain-timeout'], '2s');
		await until(() => /max-topic\b.*restart/.test(daemon.stderr),
			'word that max-topic needs a restart');
		await peer.subscribe(['b']);

		fs.writeFileSync(file, 'max-subscriptions 3\nmax-topics 1\n');
		daemon.kill('SIGHUP');
		await until(() => daemon.stderr.includes(`${file}:2:`), 'refusal');
		assert.strictEqual(config()['max-subscriptions'], '2');
		await peer.barrier();
	});

/* [line, the text that the message must contain besides file and line] */
const BAD_LINES = [
	['max-frmae 1m', 'max-frmae'],
	['Max-Frame 1m', 'Max-Frame'],
	['max-frame', 'max-frame'],
	['max-frame 1m 2m', 'max-frame'],
	['max-frame 1x', 'max-frame', '1x'],
	['max-frame 1mm', 'max-frame', '1mm'],
	['max-frame -1', 'max-frame', '-1'],
	['max-frame 0', 'max-frame', '0', 'range'],
	['max-frame 4000g', 'max-frame', '4000g', 'range'],
	['max-frame 99999999999999999999', 'max-frame', 'range'],
	['max-topic 0', 'max-topic', '0', 'range'],
	['max-topic 70000', 'max-topic', '70000', 'range'],
	['max-connections 0', 'max-connections', 'range'],
	['max-connections many', 'max-connections', 'many'],
	['hello-timeout 5 s', 'hello-timeout'],
	['hello-timeout 5', 'hello-timeout', '5'],
	['hello-timeout 5k', 'hello-timeout', '5k'],
	['hello-timeout 5min', 'hello-timeout', '5min'],
	['hello-timeout 1e3s', 'hello-timeout', '1e3s'],
	['drain-timeout 1000h', 'drain-timeout', 'range'],
	['log-level loud', 'log-level', 'loud', 'debug', 'info', 'warn', 'error'],
	['socket-mode 0999', 'socket-mode', '0999'],
	['socket-mode 07777', 'socket-mode', '07777', 'range'],
	['socket-mode rw', 'socket-mode', 'rw'],
	['= 1', '='],
	['max-frame=1m', 'max-frame=1m'],
];

for (const [line, ...names] of BAD_LINES) {
	withFile(`in a file: ${line}`, `# first\nmax-topic 100\n${line}\n`,
		(file) => {
			const { status, stdout, stderr } =
				run(['--config', file, '--dump-config']);
			assert.strictEqual(status, 78, stdout);
			assert.ok(stderr.includes(`${file}:3:`), stderr);
			for (const name of names)
				assert.ok(stderr.includes(name), stderr);
			assert.strictEqual(stdout, '');
		});
}

for (const [one, other] of [
	['queue-limit 20m', 'max-frame 16m'],
	['queue-soft-limit 65m', 'queue-limit 64m'],
	['max-topic 8k', 'max-frame 4k'],
	['memory-limit 63m', 'max-frame 16m'],
]) {
	withFile(`values that contradict each other: ${one}, ${other}`,
		`${one}\n${other}\n`, (file) => {
			const { status, stderr } =
				run(['--config', file, '--dump-config']);
			assert.strictEqual(status, 78);
			for (const line of [one, other])
				assert.ok(stderr.includes(line.split(' ')[0]), stderr);
		});
}

withFile('bytes that are no text are refused, not obeyed',
	Buffer.from('max-frame 1m\x00\nmax-topic 5\x000\n', 'latin1'), (file) => {
		const { status, stderr } = run(['--config', file, '--dump-config']);
		assert.strictEqual(status, 78);
		assert.ok(stderr.includes(`${file}:1:`), stderr);
	});

withFile('a last line without an end counts, and so do CR and blanks',
	'max-topic 100 \r\n  max-frame 1m', (file) => {
		const read = settings(dump('--config', file));
		assert.strictEqual(read.get('max-topic'), '100');
		assert.strictEqual(read.get('max-frame'), '1m');
	});

withFile('a file that is not there is an error', '', (file, dir) => {
	for (const lost of [path.join(dir, 'lost.conf'), dir]) {
		const { status, stderr } = run(['--config', lost]);
		assert.strictEqual(status, 78, stderr);
		assert.ok(stderr.includes(lost), stderr);
	}
});

/* [status, args, the text that the message must contain] */
const BAD_LINES_OF_COMMAND = [
	[64, ['--max-frmae', '1m'], 'max-frmae'],
	[64, ['--max-frame'], 'max-frame'],
	[64, ['-x']],
	[64, ['stray'], 'stray'],
	[64, ['--config']],
	[64, ['--json'], 'json'],
	[64, ['--stats', '--limit', '0'], 'limit', '1000'],
	[64, ['--stats', '--limit', 'all'], 'limit', 'all'],
	[64, ['--stats', 'secrets'], 'secrets', 'overview'],
	[64, ['--emit', '', 'e', '--json'], 'json'],
	[64, ['--emit', '', 'e', '--key', 'a#b'], 'a#b'],
	[64, ['--emit', '', 'e', '--timeout', '0'], 'timeout', '300000'],
	[64, ['--emit', '', 'e', '--namespace', '/'], 'namespace'],
	[64, ['--stats', '--key', 'k'], 'key'],
	[64, ['--tail', 't', '--timeout', '5'], 'timeout'],
	[78, ['--max-frame', '1x'], 'max-frame', '1x'],
	[78, ['--max-frame', '0'], 'max-frame', 'range'],
	[78, ['--max-topic', '65536'], 'max-topic', 'range'],
	[78, ['--hello-timeout', '5'], 'hello-timeout'],
	[78, ['--log-level', ''], 'log-level'],
	[78, ['--socket', ''], 'socket'],
];

for (const [wanted, args, ...names] of BAD_LINES_OF_COMMAND) {
	test(`on the command line: ${args.join(' ')}`, () => {
		const { status, stdout, stderr } = run(args);
		assert.strictEqual(status, wanted, stderr);
		assert.strictEqual(stdout, '');
		assert.ok(stderr.length > 0);
		for (const name of names)
			assert.ok(stderr.includes(name), stderr);
	});
}
