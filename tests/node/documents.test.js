'use strict';

/* The documents refer to files and headings that exist. */

const assert = require('assert/strict');
const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');
const { describe, test } = require('node:test');

const ROOT = path.join(__dirname, '../..');
const FILES = execFileSync('find', ['.', '(', '-name', 'node_modules', '-o', '-name', 'build', '-o', '-name', '.git',
	'-o', '-path', './src/node/daemon', ')', '-prune', '-o', '-name', '*.md', '-print'],
{ cwd: ROOT, encoding: 'utf8' }).trim().split('\n').map((name) => name.slice(2)).sort();

const read = (file) => fs.readFileSync(path.join(ROOT, file), 'utf8');

/* A heading's anchor, as hosting sites make it. */
const anchorOf = (heading) => heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '').trim().replace(/\s/g, '-');

function anchors(file) {
	const text = read(file).replace(/^```[^]*?^```$/gm, '');
	return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading));
}

describe('the links of', () => {
	for (const file of FILES)
		test(file, () => {
			const text = read(file).replace(/^```[^]*?^```$/gm, '');
			for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
				if (/^https?:/.test(target))
					continue;
				const [to, anchor] = target.split('#');
				const found = to === '' ? file : path.join(path.dirname(file), to);
				assert.ok(fs.existsSync(path.join(ROOT, found)), `${target}: no such file`);
				if (anchor)
					assert.ok(anchors(found).includes(anchor), `${target}: no such heading`);
			}
		});
});

test('CONTRIBUTING.md names files that exist', () => {
	const paths = [...read('CONTRIBUTING.md').matchAll(/`((?:src|tests|docs|conf|include)\/[\w./-]+)`/g)].map(([, name]) => name)
		.filter((name) => !/[A-Z]{3}/.test(name)); // `tests/unit/LAYER`
	assert.ok(paths.length > 25);
	for (const name of paths)
		assert.ok(fs.existsSync(path.join(ROOT, name)), name);
});

test('README.md has no more than 200 lines', () => {
	assert.ok(read('README.md').split('\n').length <= 200);
});
