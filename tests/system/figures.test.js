'use strict';

/* Every figure of the table (enum figure) is set by some source file, and STATS has its key. */

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { ROOT, folder } = require('../support/daemon');
const { scenario } = require('./support/scenario');

const SRC = path.join(ROOT, 'src');
const read = (name) => fs.readFileSync(path.join(SRC, name), 'utf8').replace(/\/\*[^]*?\*\//g, '');
const names = fs.readdirSync(SRC, { recursive: true })
	.filter((name) => /\.[ch]$/.test(name) && !name.includes('node_modules'));
const headers = names.filter((name) => name.endsWith('.h')).map(read);
const sources = names.filter((name) => name.endsWith('.c')).map(read).join('\n');

const [, list] = headers.map((text) => text.match(/^enum figure \{([^]*?)^\}/m)).find(Boolean);
const FIGURES = [...list.matchAll(/^\t(FIGURE_\w+),$/gm)].map(([, name]) => name);
const INFO = [...sources.matchAll(/\[(FIGURE_\w+)\]\s*=\s*\{\s*(NULL|"(\w+)"),\s*"(\w+)"/g)]
	.map(([, figure, , group, key]) => ({ figure, group, key }));

test('each figure has a row in the table of figures', () => {
	assert.ok(FIGURES.length > 50, String(FIGURES.length));
	assert.deepStrictEqual(INFO.map(({ figure }) => figure), FIGURES);
});

for (const figure of FIGURES)
	test(`${figure} is set`, () => {
		const assigned = new RegExp(`\\[${figure}\\]\\s*\\+?=(?!=)(?!\\s*\\{)`);
		const passed = new RegExp(`\\b\\w*(set|add|put|count)\\w*\\([^;]*?\\b${figure}\\b`);
		assert.ok(assigned.test(sources) || passed.test(sources),
			`no file below src/ assigns ${figure}: the figure would stay 0`);
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
