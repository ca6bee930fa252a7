'use strict';

/* docs/STATS.md against what the daemon says, in both directions. */

const assert = require('node:assert');
const fs = require('fs');
const path = require('path');
const { AS_MEMBER, TYPE, ask, publish, subscribe } = require('./support/frames');
const { scenario } = require('./support/scenario');
const { until } = require('../support/wait');

const isInteger = Number.isInteger;
const isString = (value) => typeof value === 'string';
const isEach = (judge) => (value) => Array.isArray(value) && value.every(judge);
const isObject = (judge) => (value) =>
	value !== null && Object.getPrototypeOf(value) === Object.prototype &&
	Object.values(value).every(judge);

const TYPES = {
	'integer': isInteger,
	'integer or null': (value) => value === null || isInteger(value),
	'number': (value) => typeof value === 'number',
	'string': isString,
	'array of integers': isEach(isInteger),
	'array of strings': isEach(isString),
	'object of integers': isObject(isInteger),
	'object of arrays': isObject(isEach(isString)),
};

/* { section: { key: type } }, a key in a map of its own as `map.key`. */
function readSchema() {
	const text = fs.readFileSync(path.join(__dirname, '../../docs/STATS.md'), 'utf8');
	return Object.fromEntries(text.split(/^## /m).slice(1).map((part) => {
		const rows = [...part.matchAll(/^\| `([\w.]+)` \| ([a-z ]+) \|/gm)];
		return [part.slice(0, part.indexOf('\n')), Object.fromEntries(
			rows.map(([, key, type]) => [key, type]))];
	}));
}

/* Of what the schema has as `map.key`, one level or two. */
function flatten(row, schema, prefix = '') {
	return Object.entries(row).flatMap(([key, value]) => {
		const name = prefix + key;
		return Object.keys(schema).some((known) => known.startsWith(`${name}.`)) ?
			flatten(value, schema, `${name}.`) : [[name, value]];
	});
}

function assertRow(section, row, schema) {
	const flat = flatten(row, schema);
	assert.deepStrictEqual(flat.map(([key]) => key).sort(), Object.keys(schema).sort(),
		`the keys of ${section} are those of docs/STATS.md`);
	for (const [key, value] of flat) {
		assert.ok(TYPES[schema[key]], `${section}.${key}: a type ${schema[key]}`);
		assert.ok(TYPES[schema[key]](value),
			`${section}.${key} is ${JSON.stringify(value)}, no ${schema[key]}`);
	}
}

scenario('docs/STATS.md has every key and every key is there', async (start) => {
	const daemon = await start({ args: ['--slow-question', '1ms', '--slow-turn', '1ms'] });
	const asker = await daemon.member({ name: 'asker', pm_id: 3 });
	const answerer = await daemon.member({ name: 'answerer' });
	const gone = await daemon.member({ name: 'gone' });
	answerer.write(subscribe(['t'], AS_MEMBER));
	await answerer.expect(TYPE.PRESENCE);
	gone.destroy();
	await daemon.reasonOf(gone.id);
	asker.write(publish('nobody', 'x'));
	// One question that ends by its deadline, and one that stays open.
	asker.write(ask('t', 1, 'list', 'q', { timeout: 5 }));
	await asker.expect(TYPE.RESULT);
	asker.write(ask('t', 2, 'list', 'q', { timeout: 60000 }));
	await until(() => daemon.rows('requests').length === 1, 'an open question');

	const schema = readSchema();
	const all = daemon.stats();
	const { config } = daemon.stats('config');
	assert.deepStrictEqual([...Object.keys(all), 'config'], Object.keys(schema));
	assertRow('overview', all.overview, schema.overview);
	for (const section of ['clients', 'topics', 'requests', 'closed', 'slow']) {
		assert.ok(all[section].length > 0, `there are rows of ${section}`);
		for (const row of all[section])
			assertRow(section, row, schema[section]);
	}
	assert.ok(isObject(isString)(config));
	assert.deepStrictEqual(all.requests[0].owed, ['answerer']);
	assert.strictEqual(all.requests[0].asker, 'asker');
	const slow = all.slow.find(({ kind }) => kind === 'question');
	assert.deepStrictEqual([slow.asker, slow.topic, slow.outcome, slow.missing],
		['asker', 't', 'timeout', 'answerer']);
	// Deadlines are whole milliseconds of a clock that has more.
	assert.ok(slow.took_us >= 4000, `${slow.took_us} us`);
	assert.match(daemon.stderr, / warn slow-question took_us=\d+ asker="asker" topic="t"/);
});
