'use strict';

/* libpm2a as a program that links it sees it: names, headers, installed files. */

const assert = require('node:assert');
const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { needs } = require('../support/needs');
const { BINARY, ROOT, folder } = require('../support/daemon');

const BUILD = path.dirname(BINARY);
const VARIANT = path.basename(BUILD);
const SANITIZERS = VARIANT === 'asan' ? ['-fsanitize=address,undefined'] : [];
const PATIENT = { timeout: 300_000 };

function read(...names) {
	return fs.readFileSync(path.join(ROOT, ...names), 'utf8');
}

function command(name, args, options = {}) {
	return execFileSync(name, args, { encoding: 'utf8', cwd: ROOT, ...options });
}

/* [type, name] of each symbol that nm prints. */
function symbols(...args) {
	return command('nm', args).split('\n')
		.map((line) => line.match(/(\w) (\S+)$/))
		.filter((match) => match !== null)
		.map(([, type, name]) => [type, name.replace(/@.*/, '')]);
}

const LIBRARIES = [['libpm2a', 'pm2a.h'], ['libpm2a_libevent', 'pm2a_libevent.h']];

function declared(header) {
	const text = read('include', header).replace(/\/\*[^]*?\*\//g, '');
	return [...text.matchAll(/^PM2A_API\b[^;]*?\b(pm2a_\w+)\(/gm)]
		.map(([, name]) => name).sort();
}

for (const [library, header] of LIBRARIES) {
	test(`${library} has the names of ${header}, and no others`, () => {
		const names = declared(header);
		assert.ok(names.length >= 2, names.join());
		const shared = symbols('-D', '--defined-only',
			path.join(BUILD, `${library}.so`))
			.filter(([type]) => type !== 'A').map(([, name]) => name).sort();
		assert.deepStrictEqual(shared, names);
		const map = [...read('src/client', `${library}.map`)
			.matchAll(/^\t(pm2a_\w+);$/gm)].map(([, name]) => name);
		assert.deepStrictEqual(map, names);
		const archive = symbols('-g', '--defined-only',
			path.join(BUILD, `${library}.a`)).map(([, name]) => name)
			.filter((name) => !/^(__asan|__odr|__gcov)/.test(name)).sort();
		assert.deepStrictEqual(archive, names);
	});
}

test('the manual has each function, with the types of the header', () => {
	const manual = read('docs/libpm2a.3');
	const text = LIBRARIES.map(([, header]) =>
		read('include', header).replace(/\/\*[^]*?\*\//g, '')).join('\n');
	const inline = [...text.matchAll(/^static inline .*\n(pm2a_\w+)\(/gm)]
		.map(([, name]) => name);
	const all = [...LIBRARIES.flatMap(([, header]) => declared(header)), ...inline];
	const names = [...manual.matchAll(/^\.Nm (pm2a_\w+)/gm)]
		.map(([, name]) => name);
	assert.deepStrictEqual([...names].sort(), [...all].sort());
	const synopsis = [...manual
		.matchAll(/^\.Ft "?(.*?)"?\n\.Fn (pm2a_\w+) (.*)$/gm)];
	assert.deepStrictEqual(synopsis.map(([, , name]) => name).sort(),
		[...all].sort());
	for (const [, type, name, rest] of synopsis) {
		const args = (rest.match(/"[^"]*"|\S+/g) ?? [])
			.map((arg) => arg.replaceAll('"', ''));
		// Pointers to functions have names for their arguments in the header.
		const plain = (declaration) => declaration
			.replace(/PM2A_(API|MUST_CHECK)|static inline|\b(p|arg)(?=[,)])/g, '')
			.replace(/\s*([*(),])\s*/g, '$1').replace(/\s+/g, ' ').trim();
		const wanted = plain(`${type} ${name}(${args.join(', ')})`);
		const found = text.match(
			new RegExp(`^(?:PM2A_API|static inline)[^;{]*?\\b${name}\\([^;{]*\\)`, 'm'));
		assert.ok(found, name);
		assert.strictEqual(plain(found[0]), wanted);
	}
});

test('the manual has each result', () => {
	const results = [...read('include/pm2a.h').split('enum pm2a_error {')[1]
		.split('};')[0].matchAll(/PM2A_E_\w+/g)].map(([name]) => name);
	assert.strictEqual(results.length, 10);
	assert.deepStrictEqual([...read('docs/libpm2a.3')
		.matchAll(/^\.It Dv (PM2A_E_\w+)$/gm)].map(([, name]) => name), results);
});

test('the library leaves its process alone', () => {
	const used = symbols('-D', '-u', path.join(BUILD, 'libpm2a.so'))
		.map(([, name]) => name);
	assert.ok(used.includes('connect'));
	const forbidden = /^_?(exit|_exit|abort|fork|signal|sigaction|sigprocmask|pthread_create|printf|puts|fputs|fwrite|perror|syslog|stderr|stdout|setenv|write)$|^(__)?v?f?printf(_chk)?$|^event_/;
	assert.deepStrictEqual(used.filter((name) => forbidden.test(name)), []);
});

/* Everything that make install writes, in a folder of its own. */
function installed(body) {
	const dir = folder();
	try {
		command('make', ['--no-print-directory', '-s', 'install',
			`VARIANT=${VARIANT}`, `DESTDIR=${dir}`, 'PREFIX=/usr']);
		const flags = (...packages) => command('pkg-config',
			['--cflags', '--libs', ...packages], {
				env: {
					...process.env,
					PKG_CONFIG_PATH: path.join(dir, 'usr/lib/pkgconfig'),
					PKG_CONFIG_SYSROOT_DIR: dir,
				},
			}).trim().split(/\s+/);
		return body(dir, flags);
	} finally {
		fs.rmSync(dir, { recursive: true });
	}
}

const USER = `
#include <pm2a.h>
#include <pm2a_libevent.h>
#include <event2/event.h>
#include <stddef.h>

static void
on_end(struct pm2a *p, void *arg)
{
	(void)p;
	event_base_loopbreak((struct event_base *)arg);
}

int
main(void)
{
	struct pm2a_options options = { 0 };
	struct event_base *base = event_base_new();
	struct pm2a_libevent *binding = NULL;
	struct pm2a *p = NULL;
	int r;

	options.socket = "/nonexistent/s";
	r = pm2a_new(&options, &p);
	if (r == 0)
		r = pm2a_subscribe(p, PM2A_EXACT, pm2a_str("t"));
	if (r == 0)
		r = pm2a_libevent_new(p, base, on_end, base, &binding);
	if (r == 0) {
		pm2a_close(p);
		event_base_dispatch(base);
		r = pm2a_dispatch(p, 0) == PM2A_E_CLOSED ? 42 : 1;
	}
	pm2a_libevent_free(binding);
	pm2a_free(p);
	event_base_free(base);
	return r;
}
`;

const COMPILERS = [
	['cc', ['-std=c99', '-pedantic'], 'c'],
	['g++', ['-std=c++11', '-pedantic', '-Wno-missing-field-initializers'], 'cc'],
];

test('what is installed compiles, links and runs, from C and from C++', { ...PATIENT, ...needs('g++') },
	() => installed((dir, flags) => {
		for (const [compiler, options, suffix] of COMPILERS) {
			const source = path.join(dir, `user.${suffix}`);
			const program = path.join(dir, 'user');
			fs.writeFileSync(source, USER);
			command(compiler, [...options, '-Wall', '-Wextra', '-Werror',
				...SANITIZERS, '-o', program, source,
				...flags('pm2adapterd-libevent', 'pm2adapterd'), '-levent_core']);
			const { status, stderr } = spawnSync(program, {
				encoding: 'utf8', timeout: 60_000,
				env: { LD_LIBRARY_PATH: path.join(dir, 'usr/lib') },
			});
			assert.deepStrictEqual([status, stderr], [42, ''], compiler);
			const needs = command('readelf', ['-d', program]);
			assert.match(needs, /libpm2a\.so\.0\]/);
			assert.match(needs, /libpm2a_libevent\.so\.0\]/);
		}
	}));

test('make uninstall leaves the configuration alone', PATIENT,
	() => installed((dir) => {
		command('make', ['--no-print-directory', '-s', 'uninstall',
			`DESTDIR=${dir}`, 'PREFIX=/usr']);
		const left = command('find', [dir, '!', '-type', 'd']).trim();
		assert.strictEqual(left,
			path.join(dir, 'etc/pm2adapterd/pm2adapterd.conf'));
	}));

test('the library alone needs msgpack-c and the C library', () => {
	const needed = [...command('readelf', ['-d', path.join(BUILD, 'libpm2a.so')])
		.matchAll(/NEEDED.*\[(.*?)\.so/g)].map(([, name]) => name)
		.filter((name) => !/^lib[au]b?san$|^libasan|^libubsan/.test(name));
	assert.deepStrictEqual(needed.sort(),
		[needed.find((name) => name.startsWith('libmsgpack')), 'libc'].sort());
});
