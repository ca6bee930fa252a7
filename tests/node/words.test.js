'use strict';

/* tests/words: the clauses that it finds, by file and line, and those that it leaves alone. */

const assert = require('assert/strict');
const { spawnSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { test } = require('node:test');

const WORDS = path.join(__dirname, '../words');

const TEXTS = {
	'a.md': [
		['Who asks for statistics is told.', true],
		['', false],
		['Unknown keys are ignored, and who has', true],
		['none gets an error. What is a key?', false],
		['| what | `Who asks` |', false],
		['| option | Who may connect. |', true],
		['## Who may connect', false],
		['The answer goes to who asked.', true],
		['It says what it is, why, and what it costs. A client that asks gets it.', false],
		['A message reaches nobody until who waits has read it.', true],
		['The answer is kept, since what arrives late is dropped.', true],
		['So what is late is lost.', true],
		['The daemon cuts who does not read.', true],
		['The message is for all but who sent it.', true],
		['A row for each client – who has left has none.', true],
		['- who subscribes twice gets an error', true],
		['> Who\'s late gets nothing.', true],
		['A member is a client; but who has left is none.', true],
		['A worker (who answers late is ignored) has one debt.', true],
		['Clients who ask are rare, and the daemon knows who has asked and what it costs.', false],
	],
	'a.c': [
		['/* Ends the connection.', false],
		[' * What isn\'t subscribed is left alone. */', true],
		['int who; /* NULL: who is not asked */', true],
		['int what_is(int n); // Returns what is due.', false],
		['/** @param name who is asked */', true],
		['/* A long line that ends with a comma,', false],
		[' * who goes on.', true],
		[' *', false],
		[' * - what STATS has is counted */', true],
	],
	'a.js': [
		['// A client that asks', false],
		['// for more, and who does not, are', true],
		['// equal.', false],
		['const pattern = /"/; /* What it knows. */', true],
		['const text = \'Who asks\'; // one client', false],
	],
	'Makefile': [
		['# What is built goes to build/.', true],
		['all: ## build what is missing', false],
	],
};

test('tests/words finds clauses that name no actor, by file and line', () => {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-'));
	try {
		for (const [name, lines] of Object.entries(TEXTS)) {
			const file = path.join(dir, name);
			fs.writeFileSync(file, `${lines.map(([line]) => line).join('\n')}\n`);
			const { status, stderr } = spawnSync(process.execPath, [WORDS, file], { encoding: 'utf8' });
			const found = [...stderr.matchAll(/^.*?:(\d+): /gm)].map(([, line]) => Number(line));
			assert.deepEqual(found, lines.flatMap(([, isFault], i) => (isFault ? [i + 1] : [])), `${name}: ${stderr}`);
			assert.equal(status, 1);
		}
		const good = path.join(dir, 'good.md');
		fs.writeFileSync(good, 'A client that asks gets an answer.\n');
		assert.equal(spawnSync(process.execPath, [WORDS, good]).status, 0);
	} finally {
		fs.rmSync(dir, { recursive: true });
	}
});
