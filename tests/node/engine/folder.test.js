'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');

const { claim, foldersFor, removeStale, socketIn } = require('../../../src/node/lib/engine/folder');
const { next, until } = require('../../support/wait');

function scratch(t) {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-'));
	t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
	return dir;
}

/* A socket without a listener, as a killed worker leaves it, of an hour ago or of now. */
async function leave(t, file, { isOld = true } = {}) {
	const server = net.createServer().listen(file);
	await next(server, 'listening');
	fs.renameSync(file, `${file}.kept`);
	await new Promise((resolve) => { server.close(resolve); });
	fs.renameSync(`${file}.kept`, file);
	age(file, isOld);
}

function age(file, isOld) {
	const when = Date.now() / 1000 - (isOld ? 3600 : 0);
	fs.utimesSync(file, when, when);
}

test('the folders of a daemon are the same for all its workers', () => {
	const [beside, other] = foldersFor('/run/x/d.sock');
	assert.equal(beside, '/run/x/pm2adapterd.workers');
	assert.match(other, new RegExp(`^${os.tmpdir()}/pm2a-${process.getuid()}-[0-9a-f]{12}$`));
	assert.deepEqual(foldersFor('/run/y/../x/e.sock'), [beside, other]);
	assert.notEqual(foldersFor('/run/y/d.sock')[1], other);
});

test('a folder is made for this user alone, and used again', (t) => {
	const folder = path.join(scratch(t), 'w');
	claim(folder);
	assert.equal(fs.statSync(folder).mode & 0o777, 0o700);
	claim(folder);
});

test('a folder that is too long, not there, no folder, a link or open to others is refused', (t) => {
	const dir = scratch(t);
	fs.writeFileSync(path.join(dir, 'file'), '');
	fs.mkdirSync(path.join(dir, 'mine'), { mode: 0o700 });
	fs.symlinkSync(path.join(dir, 'mine'), path.join(dir, 'link'));
	fs.mkdirSync(path.join(dir, 'open'));
	fs.chmodSync(path.join(dir, 'open'), 0o750);
	assert.throws(() => claim(path.join(dir, 'x'.repeat(90))), /longer than 90 bytes/);
	assert.throws(() => claim(path.join(dir, 'no', 'w')), /ENOENT/);
	assert.throws(() => claim(path.join(dir, 'file')), /not a folder/);
	assert.throws(() => claim(path.join(dir, 'link')), /not a folder/);
	assert.throws(() => claim(path.join(dir, 'open')), /not private/);
});

test('sockets of dead workers are removed, and nothing else', async (t) => {
	const dir = scratch(t);
	const file = (name) => path.join(dir, name);
	const server = net.createServer().listen(socketIn(dir, 'living'));
	t.after(() => server.close());
	await next(server, 'listening');
	age(socketIn(dir, 'living'), true);
	for (let i = 0; i < 3; i++)
		await leave(t, socketIn(dir, `dead-${i}`));
	await leave(t, socketIn(dir, 'recent'), { isOld: false });
	await leave(t, file('another.sock'));
	fs.writeFileSync(socketIn(dir, 'a-file'), '');
	age(socketIn(dir, 'a-file'), true);
	fs.mkdirSync(socketIn(dir, 'folder'));
	removeStale(dir);
	await until(() => fs.readdirSync(dir).every((name) => !name.startsWith('dead')), 'removal');
	assert.deepEqual(fs.readdirSync(dir).sort(),
		['a-file.sock', 'another.sock', 'folder.sock', 'living.sock', 'recent.sock']);
	removeStale(file('no such folder'));
});
