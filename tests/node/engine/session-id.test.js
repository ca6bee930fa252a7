'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { isTag, newTag, tagOf, withTag } = require('../../../src/node/lib/engine/session-id');

test('a tag is six characters of base64url, another each time', () => {
	const tags = new Set(Array.from({ length: 200 }, newTag));
	assert.equal(tags.size, 200);
	for (const tag of tags) {
		assert.match(tag, /^[A-Za-z0-9_-]{6}$/);
		assert.ok(isTag(tag));
	}
});

test('an id names its owner', () => {
	assert.equal(tagOf(withTag('any id', 'aB_-09')), 'aB_-09');
	assert.equal(withTag(17, 'abcdef'), '17.abcdef');
	assert.equal(withTag('x.abcdef', 'abcdef'), 'x.abcdef');
	assert.equal(withTag('x.ghijkl', 'abcdef'), 'x.ghijkl.abcdef');
});

for (const sid of ['', 'x', 'abcdef', 'x.abcde', 'x.abcdefg', 'x.../../a', 'x./../ab', 'x.abcde/',
	'x.abc.ef', 'x.abcdef\n', 'x.abcdef\0', 'x.%2e%2e%', '__proto__', `${'x'.repeat(4096)}.`])
	test(`${JSON.stringify(sid).slice(0, 30)} names nobody`, () => {
		assert.equal(tagOf(sid), null);
	});
