'use strict';

/* Every figure of the table (enum figure) is set by some source file, and STATS has its key. */

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { folder } = require('../support/daemon');
const { SRC, cSources } = require('../support/sources');
const { scenario } = require('./support/scenario');

const read = (name) => fs.readFileSync(path.join(SRC, name), 'utf8').replace(/\/\*[^]*?\*\//g, '');
const names = cSources();
const headers = names.filter((name) => name.endsWith('.h')).map(read);
const sources = names.filter((name) => name.endsWith('.c')).map(read).join('\n');

const ROW = /\[(\w+)\]\s*=\s*\{\s*(NULL|"(\w+)"),\s*"(\w+)",\s*"pm2adapterd_/g;
const rowsOf = (text) => [...text.matchAll(ROW)]
	.map(([, figure, , group, key]) => ({ figure, group, key }));
const namesOf = (list, prefix) => [...list.matchAll(/^\t(\w+),$/gm)].map(([, name]) => name)
	.filter((name) => name.startsWith(prefix) && !name.startsWith('N_'));

const [, list] = headers.map((text) => text.match(/^enum figure \{([^]*?)^\}/m)).find(Boolean);
const FIGURES = namesOf(list, 'FIGURE_');
const INFO = rowsOf(sources);

test('each shared figure has a row in the table of figures', () => {
	assert.ok(FIGURES.length > 35, String(FIGURES.length));
	assert.deepStrictEqual(INFO.map(({ figure }) => figure)
		.filter((name) => name.startsWith('FIGURE_')), FIGURES);
});

for (const figure of FIGURES)
	test(`${figure} is set`, () => {
		const assigned = new RegExp(`\\[${figure}\\]\\s*\\+?=(?!=)(?!\\s*\\{)`);
		const passed = new RegExp(`\\b\\w*(set|add|put|count)\\w*\\([^;]*?\\b${figure}\\b`);
		assert.ok(assigned.test(sources) || passed.test(sources),
			`no file below src/ assigns ${figure}: the figure would stay 0`);
	});

/* A source of statistics has its own figures in one file: enum, table, and where they are set. */
const OWNERS = names.filter((name) => name.endsWith('.c') &&
	/struct figure_info own\[/.test(read(name)));

test('the sources with figures of their own are the handles, Redis and the metrics', () => {
	assert.deepStrictEqual(OWNERS.sort(), ['edge/handles/handles.c',
		'edge/redis/figures.c', 'ops/metrics.c']);
});

for (const owner of OWNERS)
	test(`${owner} sets each figure of its own`, () => {
		const text = read(owner);
		const figures = namesOf(text.match(/^enum \{([^]*?)N_OWN/m)[1], '');
		assert.ok(figures.length > 3);
		assert.deepStrictEqual(rowsOf(text).map(({ figure }) => figure), figures);
		for (const figure of figures)
			assert.match(text, new RegExp(`v\\[${figure}\\] \\+?=`), figure);
	});

scenario('STATS has the key of each figure', async (start) => {
	const dir = folder();
	const daemon = await start({
		dir,
		args: ['--resp-listen', path.join(dir, 'redis'), '--metrics-socket', path.join(dir, 'metrics'),
			'--memory-limit', '1g'],
	});
	const { overview } = daemon.stats();
	for (const { figure, group, key } of INFO) {
		const map = group === undefined ? overview : overview[group];
		assert.ok(Number.isInteger(map?.[key]), `${figure}: overview.${group ? `${group}.` : ''}${key} is ${map?.[key]}`);
	}
});
