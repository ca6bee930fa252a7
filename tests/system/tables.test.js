'use strict';

/*
 * The options and words of the command line stand in a table of the daemon, and from it in --help,
 * the file, the manuals and the completion. Each is held against the table, in both directions.
 */

const assert = require('node:assert');
const fs = require('fs');
const path = require('path');
const { test } = require('node:test');
const { ROOT, run } = require('./support/daemon');

const text = (...args) => {
	const { status, stdout, stderr } = run(args, { env: { ...process.env, PM2ADAPTERD_SOCKET: '/run/s' } });
	assert.deepStrictEqual([status, stderr], [0, '']);
	return stdout;
};
const read = (name) => fs.readFileSync(path.join(ROOT, name), 'utf8');
const all = (string, pattern) => [...string.matchAll(pattern)].map(([, found]) => found);
const sorted = (list) => [...new Set(list)].sort();

/* What --config takes, by the daemon's own word: a name that is none is refused. */
const OPTIONS = sorted(all(text('--dump-config'), /^#?([a-z][a-z-]+) \S/gm)
	.filter((name) => run(['--test', `--${name}`, '\u0000'.slice(1)]).stderr.includes(name)));
const WORDS = sorted(all(text('--help'), /^ {2}--([a-z-]+)/gm).filter((name) => !OPTIONS.includes(name)));

test('the table is as large as it should be', () => {
	assert.ok(OPTIONS.length >= 28, String(OPTIONS));
	assert.ok(WORDS.length >= 20, String(WORDS));
	for (const name of ['socket', 'resp-listen', 'metrics-listen', 'log-format', 'slow-turn'])
		assert.ok(OPTIONS.includes(name), name);
	for (const name of ['stats', 'watch', 'healthz', 'signal', 'test', 'tail'])
		assert.ok(WORDS.includes(name), name);
});

test('--help has every option once, and nothing else', () => {
	const names = all(text('--help'), /^ {2}--([a-z-]+)/gm);
	assert.deepStrictEqual([...names].sort(), sorted(names), 'each once');
	assert.deepStrictEqual(sorted(names), sorted([...OPTIONS, ...WORDS]));
});

test('conf/pm2adapterd.conf has every option, with its default', () => {
	const names = all(read('conf/pm2adapterd.conf'), /^#?([a-z][a-z-]+) \S+$/gm);
	assert.deepStrictEqual(sorted(names), OPTIONS);
});

test('pm2adapterd.conf(5) has every option and no other', () => {
	assert.deepStrictEqual(sorted(all(read('docs/pm2adapterd.conf.5'), /^\.It Cm ([a-z-]+) Ar/gm)), OPTIONS);
});

test('pm2adapterd(8) has every word and no other', () => {
	const list = read('docs/pm2adapterd.8').split('.Sh DESCRIPTION')[1].split('.Sh SIGNALS')[0];
	assert.deepStrictEqual(sorted(all(list, /^\.It Fl -([a-z-]+)/gm)), WORDS);
});

test('the completions have every option and word and no other', () => {
	const both = sorted([...OPTIONS, ...WORDS]);
	const [, bash] = /compgen -W '(--[^']*)'/.exec(text('--dump-completion', 'bash').split('== -*')[1]);
	assert.deepStrictEqual(sorted(bash.split(' ').map((name) => name.slice(2))), both);
	assert.deepStrictEqual(
		sorted(all(text('--dump-completion', 'zsh'), /^\t'--([a-z-]+)\[/gm)), both);
});

test('pm2adapterd-protocol(7) has the frames and codes of the sources', () => {
	const page = read('docs/pm2adapterd-protocol.7');
	const frames = [...read('src/wire/frame.h').matchAll(/^\tFRAME_([A-Z_]+) = (0x[0-9a-f]{2}),/gm)]
		.map(([, name, number]) => `${number} ${name}`);
	assert.deepStrictEqual([...page.matchAll(/^\.It Li (0x[0-9a-f]{2}) Cm ([A-Z_]+)/gm)]
		.map(([, number, name]) => `${number} ${name}`), frames);
	const codes = all(read('docs/PROTOCOL.md').split('## ERROR')[1].split('\n## ')[0], /^\| `([a-z-]+)` \|/gm);
	assert.deepStrictEqual(sorted(all(page.split('.Sh ERROR CODES')[1], /^\.It Cm ([a-z-]+)/gm)), sorted(codes));
});

test('libpm2a(3) has every function and callback of the header', () => {
	const page = read('docs/libpm2a.3');
	const header = read('include/pm2a.h').replace(/\/\*[\s\S]*?\*\//g, '');
	const functions = sorted(all(header, /\b(pm2a_[a-z_]+)\s*\(/g));
	const callbacks = sorted(all(header, /\(\*(on_[a-z_]+)\)/g));
	assert.ok(functions.length > 15 && callbacks.length > 5);
	for (const name of [...functions, ...callbacks])
		assert.ok(page.includes(name), `${name} is in libpm2a(3)`);
});

test('the versions of the Makefile, the npm package and the Debian package agree', () => {
	const [version] = all(read('Makefile'), /^VERSION := (.*)$/gm);
	assert.strictEqual(JSON.parse(read('src/node/package.json')).version, version);
	assert.match(read('conf/debian/changelog'), new RegExp(`^pm2adapterd \\(${version}\\) `));
	assert.match(text('--version'), new RegExp(`^pm2adapterd ${version}\n`));
});
