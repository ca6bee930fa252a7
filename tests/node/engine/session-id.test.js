'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { isTag, newTag, sessionIn, tagOf, withTag } = require('../../../src/node/lib/engine/session-id');

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

test('an id in the target of a request is what a parser of queries finds, or is left to it', () => {
	for (const [target, found] of [
		['/socket.io/?EIO=4&transport=polling&sid=aB_-09.abcdef', 'aB_-09.abcdef'],
		['/?sid=x', 'x'], ['/?sid=x&t=y', 'x'], ['/a/?a=1&sid=x.y&b=2', 'x.y'], ['http://a/?sid=x', 'x'],
		...['/?sid=x&sid=y', '/?sid=x&%73id=y', '/?sid=%2e', '/?sid=a+b', '/?sid=', '/?xsid=x', '/?SID=x', '/?a=1#&sid=x',
			'/?sid=x#', '/?sid=x;sid=y', '/?sid[]=x', '/?sid=x&sid[]=y', '/?sid=x=y', '/?sid=é', '/sid=x', '/', '',
			'/?a=?sid=x', '/sid/?sid=x', `/?${'&'.repeat(16_000)}`].map((each) => [each, null]),
	]) {
		assert.equal(sessionIn(target), found, target.slice(0, 40));
		if (found !== null)
			assert.deepEqual(new URL(target, 'http://a').searchParams.getAll('sid'), [found]);
	}
});
