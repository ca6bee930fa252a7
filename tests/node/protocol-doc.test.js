'use strict';

/* The documents say what the code does: golden frames, codes, reasons, events. */

const assert = require('assert/strict');
const fs = require('fs');
const path = require('path');
const { describe, test } = require('node:test');

const { counters } = require('../../src/node/lib/client/stats');
const { CODES } = require('../../src/node/lib/client/errors');
const { clientOptions } = require('../../src/node/lib/client/options');
const { TYPE } = require('../../src/node/lib/wire/frame-writer');
const { cSources } = require('../support/sources');
const { vectors } = require('./support/vectors');

const read = (name) => fs.readFileSync(path.join(__dirname, '../..', name), 'utf8');

const PROTOCOL = read('docs/PROTOCOL.md');
const README = read('src/node/README.md');
const TYPES = read('src/node/index.d.ts');
const SOURCES = fs.readdirSync(path.join(__dirname, '../../src/node/lib'), { recursive: true })
	.filter((name) => name.endsWith('.js')).map((name) => `src/node/lib/${name}`);

/* The first group of each match. */
const all = (text, pattern) => [...text.matchAll(pattern)].map(([, group]) => group);


/* [{ name, hex, json }] of the ```golden blocks. */
const BLOCKS = [...PROTOCOL.matchAll(/^```golden\n([^]*?)^```$/gm)].map(([, text]) => {
	const [name, ...lines] = text.trim().split('\n');
	return {
		name,
		hex: lines.filter((line) => /^[0-9a-f]+$/.test(line)).join(''),
		json: lines.filter((line) => !/^[0-9a-f]+$/.test(line)),
	};
});

/* Where causes of the end of connections are: each layer owns its own. */
const CAUSES = cSources().filter((name) => /(^|[/_])causes?\.c$/.test(name))
	.map((name) => `src/${name}`);

/* The strings of a C table of names, `static const char *const NAME[…] = { … };`. */
function namesIn(file, table) {
	const [, body] = read(file).match(new RegExp(`\\b${table}\\[\\w*\\] = \\{([^]*?)\\n\\};`));
	const names = [...body.matchAll(/"([^"]+)"/g)].map(([, name]) => name);
	assert.equal(names.length, [...body.matchAll(/\] = /g)].length);
	return names;
}

describe('docs/PROTOCOL.md', () => {
	for (const { name, hex, json } of BLOCKS)
		test(`quotes the golden frame ${name}`, () => {
			const golden = vectors.find((vector) => vector.name === name);
			assert.ok(golden, `no golden frame is called ${name}`);
			assert.equal(hex, golden.frame.toString('hex'));
			if (json.length > 0)
				assert.deepEqual(JSON.parse(json.join('')), golden.json);
		});

	test('quotes a golden frame of each type that has one, in lines of up to 64 digits', () => {
		const quoted = new Set(BLOCKS.map(({ name }) =>
			vectors.find((vector) => vector.name === name).type));
		for (const type of new Set(vectors.map((vector) => vector.type)))
			if (type !== TYPE.STATS_REPLY)
				assert.ok(quoted.has(type), `no golden frame of type ${type}`);
		for (const line of PROTOCOL.split('\n'))
			assert.ok(!/^[0-9a-f]{65,}$/.test(line), line);
	});

	test('names each type with its number', () => {
		for (const [name, number] of Object.entries(TYPE)) {
			const hex = `0x${number.toString(16).padStart(2, '0')}`;
			assert.match(PROTOCOL, new RegExp(`^\\| ${hex} \\| ${name} \\|`, 'm'));
		}
	});

	const causes = CAUSES.flatMap((file) => all(read(file), /= \{ (?:\.name = )?"([a-z-]+)"/g));
	const refusals = namesIn('src/edge/native/session.c', 'refusal_names');
	// The news of an observer refuse none of its frames.
	const [, news] = read('src/edge/native/observer.c').match(/control_write_error\([^"]*"([a-z-]+)"/);

	test('names each code and reason that the daemon knows', () => {
		assert.ok(CAUSES.length >= 3 && causes.length > 20 && refusals.length > 4);
		const declared = CAUSES.flatMap((file) => all(read(file), /^\t&(\w+),$/gm));
		assert.equal(causes.length, declared.length);
		for (const name of [...causes, ...refusals, news])
			assert.ok(PROTOCOL.includes(`\`${name}\``), name);
	});

	test('has no code in its table that the daemon doesn\'t know', () => {
		const [, table] = PROTOCOL.match(/^\| code \| fatal \| meaning \|\n([^]*?)\n\n/m);
		const codes = [...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, code]) => code);
		assert.ok(codes.length > 10);
		for (const code of codes)
			assert.ok([...causes, ...refusals, news].includes(code), code);
	});
});

describe('the package\'s README.md and index.d.ts', () => {
	const codesIn = (text) => [...new Set(text.match(/PM2A_ERR_[A-Z]+/g))].sort();
	const known = Object.keys(CODES).sort();

	test('name each code of an error, and no other', () => {
		assert.deepEqual(codesIn(README), known);
		const [, union] = TYPES.match(/type ErrorCode =([^;]*);/);
		assert.deepEqual(codesIn(union), known);
	});

	test('name each option of the adapter', () => {
		const options = [...Object.keys(clientOptions()), 'requestsTimeout', 'partial', 'parser', 'anyWorker'].sort();
		const declared = ['ClientOptions', 'AdapterOptions extends ClientOptions'].flatMap((name) => {
			const [, body] = TYPES.match(new RegExp(`interface ${name} \\{([^]*?)\n\t\\}`));
			return [...body.matchAll(/^\t\t(\w+)\?: /gm)].map(([, option]) => option);
		});
		assert.deepEqual(declared.sort(), options);
		const [, table] = README.match(/^\| option \|[^]*?\n\|---\|---\|---\|\n([^]*?)\n\n/m);
		const described = table.split('\n').flatMap((row) =>
			[...row.split('|')[1].matchAll(/`(\w+)`/g)].map(([, option]) => option));
		assert.deepEqual(described.sort(), options);
	});

	/* { interface: its options } of every interface whose name ends in Options. */
	const interfaces = Object.fromEntries([...TYPES.matchAll(/^\tinterface (\w*Options)\b[^{]*\{([^]*?)^\t\}/gm)]
		.map(([, name, body]) => [name, all(body, /^\t\t(\w+)\??: /gm)]));

	for (const [name, options] of Object.entries(interfaces))
		test(`name each option of ${name}, and the code reads it`, () => {
			assert.ok(options.length > 0);
			const code = SOURCES.map(read).join('\n');
			for (const option of options) {
				assert.match(README, new RegExp('`(?:\\w+\\()?[^`\n]*\\b' + option + '\\b[^`\n]*`'), `README: ${option}`);
				assert.match(code, new RegExp(`\\b(?:opts|options|flags|all|spec)\\??\\.${option}\\b|\\b${option}(?: = [^,}]+)?[,} ][^;]*\\} = `),
					`no file of src/node/lib reads ${option}`);
			}
		});

	test('name each interface of options', () => {
		assert.deepEqual(Object.keys(interfaces).sort(),
			['AdapterOptions', 'AskOptions', 'ClientOptions', 'EmitterOptions']);
	});

	test('name each reason of a drop', () => {
		const reasons = Object.keys(counters().droppedFor);
		const [, declared] = TYPES.match(/type DropReason = ([^;]*);/);
		assert.deepEqual(all(declared, /'([a-z-]+)'/g).sort(), [...reasons].sort());
		const used = SOURCES.filter((file) => !file.endsWith('client/stats.js')).map(read).join('');
		for (const reason of reasons)
			assert.ok(used.includes(`'${reason}'`), `${reason}: nothing is dropped for it`);
	});

	test('name each event', () => {
		const emitted = new Set();
		for (const file of SOURCES)
			for (const event of all(read(file), /(?:tell|\bemit)\(\s*'(\w+)'/g))
				emitted.add(event);
		const [, declared] = TYPES.match(/interface ClientEvents \{([^]*?)\n\t\}/);
		const names = [...declared.matchAll(/^\t\t(\w+): \[/gm)].map(([, event]) => event);
		assert.deepEqual([...emitted].sort(), names.sort());
		for (const event of names)
			if (event !== 'message') // not with an adapter
				assert.ok(README.includes(`\`${event}\``), event);
	});
});
