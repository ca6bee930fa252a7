'use strict';

/*
 * The options and words of the command line stand in a table of the daemon, and from it in --help,
 * the file, the manuals and the completion. Each is held against the table, in both directions.
 */

const assert = require('node:assert');
const fs = require('fs');
const path = require('path');
const { test } = require('node:test');
const { FLAG, TYPE } = require('../../src/node/lib/wire/frame-writer');
const { ROOT, folder, run } = require('../support/daemon');

const text = (...args) => {
	const { status, stdout, stderr } = run(args, { env: { ...process.env, PM2ADAPTERD_SOCKET: '/run/s' } });
	assert.deepStrictEqual([status, stderr], [0, '']);
	return stdout;
};
const read = (name) => fs.readFileSync(path.join(ROOT, name), 'utf8');
const all = (string, pattern) => [...string.matchAll(pattern)].map(([, found]) => found);
const sorted = (list) => [...new Set(list)].sort();
const joined = (string) => string.split(/\s+/).filter(Boolean).join(' ');

/* Of C, without its comments. */
const source = (name) => read(name).replace(/\/\*[^]*?\*\//g, '');

const hex = (number) => `0x${number.toString(16).padStart(2, '0')}`;

/* From a title to the next of its kind. */
function section(page, title) {
	const [, after] = page.split(`\n${title}\n`);
	return after.split(`\n${title.split(' ')[0]} `)[0];
}

/* { name: text } of the paragraphs that begin with a line in which pattern has the name. */
function paragraphs(string, pattern) {
	const parts = string.split(new RegExp(pattern, 'm')).slice(1);
	return Object.fromEntries(parts.filter((_, i) => i % 2 === 0)
		.map((name, i) => [name, joined(parts[2 * i + 1])]));
}

const OPTIONS = sorted(all(text('--dump-config'), /^#?([a-z][a-z-]+) \S/gm));
const WORDS = sorted(all(text('--help'), /^ {2}--([a-z-]+)/gm).filter((name) => !OPTIONS.includes(name)));
const HELP = paragraphs(text('--help').split('\nExit codes')[0], '^  --([a-z-]+)');

const PAGE = read('docs/pm2adapterd.8');
const LIST = section(PAGE, '.Sh DESCRIPTION');

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

test('conf/pm2adapterd.conf says of every option what --help says, and its default is right', () => {
	const file = read('conf/pm2adapterd.conf');
	const blocks = file.split('\n\n').slice(1).map((block) => /^((?:# .*\n)+)#?([a-z-]+) (\S+)\n*$/.exec(block));
	assert.deepStrictEqual(sorted(blocks.map(([, , name]) => name)), OPTIONS);
	for (const [, comment, name] of blocks)
		assert.ok(HELP[name].endsWith(joined(comment.replace(/^#/gm, ''))), name);
	assert.strictEqual(text('--dump-config', '--config', path.join(ROOT, 'conf/pm2adapterd.conf')),
		text('--dump-config'));
});

test('a file in which every option is set is right', () => {
	const dir = folder();
	try {
		const given = { ADDRESS: '127.0.0.1:1', PATH: '/run/p', TEXT: 'secret',
			NAMES: 'root, 65534' };
		const file = path.join(dir, 'conf');
		fs.writeFileSync(file, text('--dump-config').replace(/^#?([a-z][a-z-]+) (\S+)$/gm,
			(_, name, value) => `${name} ${given[value] ?? value}`));
		const set = paragraphs(text('--dump-config', '--config', file), '^#?([a-z][a-z-]+) \\S');
		assert.strictEqual(text('--test', '--config', file), 'configuration ok\n');
		assert.deepStrictEqual(sorted(Object.keys(set)), OPTIONS);
		for (const name of OPTIONS) {
			const { status, stderr } = run(['--test', '--config', file, `--${name}`, '']);
			assert.strictEqual(status, 78, name);
			assert.ok(stderr.includes(name), `${name}: ${stderr}`);
		}
	} finally {
		fs.rmSync(dir, { recursive: true });
	}
});

test('pm2adapterd.conf(5) says of every option what --help says, and has no other', () => {
	const list = section(read('docs/pm2adapterd.conf.5'), '.Sh OPTIONS').split('\n.El')[0];
	const page = paragraphs(list, '^\\.It Cm ([a-z-]+) Ar');
	assert.deepStrictEqual(sorted(Object.keys(page)), OPTIONS);
	for (const name of OPTIONS)
		assert.strictEqual(page[name], HELP[name], name);
});

test('pm2adapterd(8) has every word, with what stands behind it, and no other', () => {
	const behind = (words) => joined(words.replace(/[[\]]|\.\.\.|\b(Ar|Op|Cm)\b/g, '')).toLowerCase();
	const items = Object.fromEntries([...LIST.matchAll(/^\.It Fl -([a-z-]+)(.*)$/gm)]
		.map(([, name, rest]) => [name, behind(rest)]));
	assert.deepStrictEqual(items, Object.fromEntries([...text('--help').matchAll(/^ {2}--([a-z-]+)(.*)$/gm)]
		.filter(([, name]) => WORDS.includes(name)).map(([, name, rest]) => [name, behind(rest)])));
	assert.deepStrictEqual(sorted(all(section(PAGE, '.Sh SYNOPSIS'), /(?:Fl|\|) -([a-z-]+)/g)), WORDS);
});

test('pm2adapterd(8) has the sections, questions and signals that the completion has', () => {
	const item = (name) => LIST.split(new RegExp(`^\\.It Fl -${name}\\b.*\n`, 'm'))[1].split('\n.It ')[0];
	const named = (name) => all(item(name), /^\.Cm (.*)$/gm)
		.flatMap((line) => line.split(/ (?:Ar|Op)\b/)[0].split(/[ ,.]+/).filter(Boolean));
	const completed = (name) => new RegExp(`--${name}\\)\\s[^;]*?'([^']*)'`)
		.exec(text('--dump-completion', 'bash'))[1].split(' ');
	for (const name of ['stats', 'signal', 'ask'])
		assert.deepStrictEqual(sorted(named(name)), sorted(completed(name)), name);
});

test('--help and pm2adapterd(8) have the same exit codes', () => {
	const help = all(joined(text('--help').split('\nExit codes: ')[1]), /(?:^|; )(\d+)\b/g);
	const page = all(section(PAGE, '.Sh EXIT STATUS'), /^\.It (\d+)$/gm);
	assert.ok(help.length > 8);
	assert.deepStrictEqual(page, help);
});

test('the completions have every option and word and no other', () => {
	const both = sorted([...OPTIONS, ...WORDS]);
	const [, bash] = /compgen -W '(--[^']*)'/.exec(text('--dump-completion', 'bash').split('== -*')[1]);
	assert.deepStrictEqual(sorted(bash.split(' ').map((name) => name.slice(2))), both);
	assert.deepStrictEqual(
		sorted(all(text('--dump-completion', 'zsh'), /^\t'--([a-z-]+)=?\[/gm)), both);
});

test('docs/PROTOCOL.md has the types and flags of the source, with their numbers', () => {
	const header = source('src/wire/frame.h');
	const page = read('docs/PROTOCOL.md');
	const types = [...header.matchAll(/^\tTYPE\(([A-Z_]+), (0x[0-9a-f]{2})\)/gm)]
		.map(([, name, number]) => `${number} ${name}`);
	assert.deepStrictEqual([...page.matchAll(/^\| (0x[0-9a-f]{2}) \| ([A-Z_]+) \|.*\|.*\|/gm)]
		.map(([, number, name]) => `${number} ${name}`), types);
	assert.deepStrictEqual(Object.entries(TYPE).map(([name, number]) => `${hex(number)} ${name}`), types);
	const flags = [['BY_PREFIX', 'prefixes', FLAG.PREFIX], ['AS_MEMBER', 'as a member', FLAG.MEMBER],
		['VOLATILE', 'volatile', FLAG.VOLATILE], ['TO_SUBSCRIBERS', 'to subscribers', FLAG.SUBSCRIBERS],
		['SEVERAL', 'array of topics', FLAG.SEVERAL]];
	assert.strictEqual(flags.length, Object.keys(FLAG).length);
	const rows = page.split('\n| flag | types | meaning |\n')[1].split('\n\n')[0].split('\n').slice(1);
	assert.deepStrictEqual(sorted(all(header, /^#define FRAME_([A-Z_]+) 0x/gm)), sorted(flags.map(([name]) => name)));
	flags.forEach(([name, meaning, value], i) => {
		const [, number, , text] = rows[i].split('|').map((cell) => cell.trim());
		assert.strictEqual(number, new RegExp(`#define FRAME_${name} (0x\\d\\d)`).exec(header)[1], name);
		assert.strictEqual(number, hex(value), name);
		assert.ok(text.includes(meaning), name);
	});
	assert.strictEqual(rows.length, flags.length);
});

/* The load generator knows nothing of the daemon's code, so it has numbers of its own. */
test('the types of the load generator are those of the source', () => {
	const load = source('tests/bench/protocol.c');
	const number = (pattern) => Number.parseInt(load.match(pattern)?.[1], 16);
	assert.deepStrictEqual({
		HELLO: number(/ hello\[\] = "\\0\\0\\0\\x19\\x([0-9a-f]{2})/),
		SUBSCRIBE: number(/\nnative_subscribe\([^}]*, 0x([0-9a-f]{2}), topic/),
		UNSUBSCRIBE: number(/\nnative_unsubscribe\([^}]*, 0x([0-9a-f]{2}), topic/),
		PUBLISH: number(/\nnative_shape\([^]*?\(uint8_t\)length, 0x([0-9a-f]{2}),/),
		PING: number(/ ping\[\] = "\\0\\0\\0\\x04\\x([0-9a-f]{2})/),
		PONG: number(/ pong\[\] = "\\0\\0\\0\\x04\\x([0-9a-f]{2})/),
	}, {
		HELLO: TYPE.HELLO,
		SUBSCRIBE: TYPE.SUBSCRIBE,
		UNSUBSCRIBE: TYPE.UNSUBSCRIBE,
		PUBLISH: TYPE.PUBLISH,
		PING: TYPE.PING,
		PONG: TYPE.PONG,
	});
});

/* The functions that a header declares: their type, name and arguments. */
const prototypes = (header) => header
	.matchAll(/^(?:PM2A_API|static inline) (?:PM2A_MUST_CHECK )?([^;{#]*?)\b(pm2a_\w+)\(([^;{]*)\)\s*[;{]/gm);
/* Without blanks and names of arguments that C may or may not have. */
const tidy = (string) => joined(string.replace(/([*(])\s+/g, '$1')
	.replace(/\b(struct \w+ \*|void \*)\w+(?=[,)])/g, '$1').replace(/ (?=[,)])/g, ''));

test('libpm2a(3) has every function of the headers, as it is there', () => {
	const page = read('docs/libpm2a.3');
	const [names, synopsis] = ['.Sh NAME', '.Sh SYNOPSIS'].map((title) => section(page, title));
	const declared = [...prototypes(source('include/pm2a.h')), ...prototypes(source('include/pm2a_libevent.h'))]
		.map(([, type, name, args]) => tidy(`${type}${name}(${args})`));
	const shown = [...synopsis.matchAll(/^\.Ft (.*)\n\.Fn (\w+) (.*)$/gm)].map(([, type, name, args]) =>
		tidy(`${type.replace(/"/g, '')} ${name}(${args.replace(/" "/g, ', ').replace(/"/g, '')})`));
	assert.ok(declared.length > 25);
	assert.deepStrictEqual(sorted(shown), sorted(declared));
	assert.deepStrictEqual(sorted(all(names, /^\.Nm (pm2a_\w+)/gm)), sorted(all(declared.join('\n'), /\b(pm2a_\w+)\(/g)));
	const described = all(section(page, '.Sh DESCRIPTION'), /^\.Fn (\w+)/gm);
	assert.deepStrictEqual(sorted(described), sorted(all(declared.join('\n'), /\b(pm2a_\w+)\(/g)));
});

test('libpm2a(3) has every callback and constant of the header', () => {
	const page = read('docs/libpm2a.3');
	const header = source('include/pm2a.h');
	const callbacks = sorted(all(header, /\(\*(on_[a-z_]+)\)/g)).filter((name) => name !== 'on_change');
	assert.ok(callbacks.length > 5);
	assert.deepStrictEqual(sorted(all(page, /^\.Va (on_\w+)/gm)), callbacks);
	const constants = sorted([...all(header, /^\t(PM2A_\w+)(?: = 1)?,/gm),
		...all(header, /^#define (PM2A_\w+) \d/gm)]);
	assert.ok(constants.length > 20);
	assert.deepStrictEqual(sorted(all(page, /^(?:\.It )?\.?Dv (PM2A_\w+)/gm)), constants);
});

test('the versions of the Makefile, the npm package and the Debian package agree', () => {
	const [version] = all(read('Makefile'), /^VERSION := (.*)$/gm);
	assert.strictEqual(JSON.parse(read('src/node/package.json')).version, version);
	assert.match(read('conf/debian/changelog'), new RegExp(`^pm2adapterd \\(${version}\\) `));
	assert.match(text('--version'), new RegExp(`^pm2adapterd ${version}\n`));
});
