'use strict';

/* Nothing fails in silence: the warnings of the process on standard error. */

const assert = require('assert/strict');
const { fork } = require('child_process');
const fs = require('fs');
const path = require('path');
const { describe, test } = require('node:test');

const { CODES, Warnings } = require('../../../src/node/lib/client/warnings');
const { Client } = require('../../../src/node');
const { folder } = require('../../support/daemon');
const { FakeDaemon } = require('../support/fake-daemon');
const { connected, pair } = require('../support/pair');
const { next, until, within } = require('../../support/wait');

const ROOT = path.join(__dirname, '../../..');

/* All warnings from now on, as [{ code, text }]. */
function warnings(t) {
	const heard = [];
	const listen = ({ name, code, message: text }) => {
		if (name === 'PM2AdapterWarning')
			heard.push({ code, text });
	};
	process.on('warning', listen);
	t.after(() => process.off('warning', listen));
	return heard;
}

const codes = (heard) => heard.map(({ code }) => code);

/* Runs the timers of 2 s and less that `act` sets, as if `ms` had passed. */
function clock(t) {
	let now = 1000;
	const timers = new Set();
	t.mock.method(performance, 'now', () => now);
	t.mock.method(global, 'setTimeout', (fire, ms) => {
		const timer = { fire, at: now + ms, unref: () => timer };
		timers.add(timer);
		return timer;
	});
	t.mock.method(global, 'clearTimeout', (timer) => timers.delete(timer));
	return {
		/* The loop is blocked for the last `late` ms of them. */
		pass(ms, late = 0) {
			now += ms;
			for (const timer of [...timers])
				if (timer.at <= now - late) {
					timers.delete(timer);
					timer.fire();
				}
		},
		get timers() {
			return timers.size;
		},
	};
}

function lone(t) {
	const heard = [];
	t.mock.method(process, 'emitWarning', (text, { code }) => heard.push({ code, text }));
	const time = clock(t);
	const stats = { droppedFor: { 'queue-full': 3, volatile: 0 } };
	const one = new Warnings(`/run/${t.name}/s`, stats);
	t.after(() => one.onStop());
	return { heard, time, stats, one };
}

describe('a client without a daemon', () => {
	test('says so once, with the path, the cause in words and the remedy; and once when it is back', async (t) => {
		const heard = warnings(t);
		const { client, daemon } = await pair(t, { daemon: null, queueMaxBytes: 100 });
		const other = new Client({ socket: daemon.socket });
		t.after(() => other.destroy());
		client.connect();
		other.connect();
		client.publish('x', Buffer.alloc(80));
		client.publish('x', Buffer.alloc(80));
		client.publish('x', Buffer.alloc(1), { volatile: true });
		await until(() => codes(heard).includes('PM2A_WARN_AWAY'), 'warning');
		const away = heard.filter(({ code }) => code === 'PM2A_WARN_AWAY');
		assert.equal(away.length, 1);
		assert.ok(away[0].text.includes(daemon.socket));
		assert.match(away[0].text, /ENOENT \(no such file or directory\): no daemon listens there; add require\('socket\.io-pm2adapter\/pm2'\)/);
		await daemon.start();
		await within(Promise.all([client.ready(), other.ready()]), 'connection');
		await until(() => codes(heard).includes('PM2A_WARN_BACK'), 'warning');
		const back = heard.filter(({ code }) => code === 'PM2A_WARN_BACK');
		assert.equal(back.length, 1);
		assert.match(back[0].text, /messages that waited: [01] \(\d+ bytes\); dropped: /);
		assert.equal(heard.filter(({ code }) => code === 'PM2A_WARN_AWAY').length, 1);
	});

	test('the clock: at 2 s and not before, and again in the next absence', (t) => {
		const { heard, time, one, stats } = lone(t);
		const error = Object.assign(new Error('x'), { code: 'ECONNREFUSED', errno: -111 });
		one.onAway();
		one.onFailure(error);
		time.pass(1999);
		assert.deepEqual(heard, []);
		time.pass(1);
		assert.deepEqual(codes(heard), ['PM2A_WARN_AWAY']);
		assert.match(heard[0].text, /ECONNREFUSED \(connection refused\): the daemon that made this socket has ended/);
		stats.droppedFor['queue-full'] = 5;
		stats.droppedFor.volatile = 1;
		time.pass(10_000);
		one.onWelcome({ messages: 7, bytes: 700 });
		one.onReady();
		assert.equal(heard.length, 2);
		assert.match(heard[1].text, /after 12\.0 s; messages that waited: 7 \(700 bytes\); dropped: queue-full: 2, volatile: 1$/);
		one.onAway();
		time.pass(2000);
		assert.deepEqual(codes(heard), ['PM2A_WARN_AWAY', 'PM2A_WARN_BACK', 'PM2A_WARN_AWAY']);
	});

	test('a daemon that restarts within 2 s is no news, nor is a closed client', (t) => {
		const { heard, time, one } = lone(t);
		one.onAway();
		time.pass(1000);
		one.onWelcome({ messages: 0, bytes: 0 });
		one.onReady();
		time.pass(5000);
		one.onAway();
		one.onStop();
		time.pass(5000);
		assert.deepEqual(heard, []);
		assert.equal(time.timers, 0);
	});

	test('a blocked event loop is no absence: the daemon\'s reply may be unread', (t) => {
		const { heard, time, one } = lone(t);
		one.onAway();
		time.pass(9000);
		assert.deepEqual(heard, []);
		time.pass(500);
		assert.deepEqual(codes(heard), ['PM2A_WARN_AWAY']);
	});

	test('the cause is what the daemon said, when it refuses the client', (t) => {
		const { heard, time, one } = lone(t);
		one.onAway();
		one.onRefusal(Object.assign(new Error('not-allowed: uid 7'), { code: 'PM2A_ERR_DAEMON' }));
		one.onFailure(null);
		time.pass(2000);
		assert.match(heard[0].text, /not-allowed: uid 7: see the log of the daemon$/);
	});

	test('a folder that is missing is named', async (t) => {
		const heard = warnings(t);
		const socket = path.join(folder(), 'none/s');
		t.after(() => fs.rmSync(path.dirname(path.dirname(socket)), { recursive: true, force: true }));
		const client = new Client({ socket });
		t.after(() => client.destroy());
		client.connect();
		await until(() => heard.length > 0, 'warning');
		assert.ok(heard[0].text.includes(`there is no folder ${path.dirname(socket)};`), heard[0].text);
		assert.match(heard[0].text, /PM2_HOME/);
	});

	test('a daemon that hangs is told from one that is not there', async (t) => {
		const heard = warnings(t);
		const { client } = await pair(t, { daemon: { welcome: null }, connectTimeout: 300 });
		client.connect();
		await until(() => heard.length > 0, 'warning');
		assert.match(heard[0].text, /no answer within 300 ms: something listens and does not answer/);
	});
});

describe('a dropped message', () => {
	/* The one warning that `act` causes. */
	async function cause(t, options, act) {
		const heard = warnings(t);
		const ground = await connected(t, options);
		act(ground);
		act(ground);
		await until(() => heard.length > 0, 'warning');
		await new Promise(setImmediate);
		assert.equal(heard.length, 1);
		return heard[0];
	}

	test('as too big is reported once, with the limit', async (t) => {
		const { code, text } = await cause(t, { daemon: { welcome: { max_frame: 4096 } } },
			({ client }) => client.publish('x', Buffer.alloc(5000)));
		assert.equal(code, 'PM2A_WARN_TOO_BIG');
		assert.match(text, /a message of 5009 bytes exceeds the daemon's max-frame, 4096; .*raise max-frame; .*only counted, in stats\.droppedFor$/);
	});

	test('for a topic that is too long', async (t) => {
		const { code } = await cause(t, {}, ({ client }) => client.publish('x'.repeat(5000), Buffer.alloc(5)));
		assert.equal(code, 'PM2A_WARN_TOPIC');
	});

	test('by a full queue', async (t) => {
		const heard = warnings(t);
		const { client } = await pair(t, { daemon: null, queueMaxBytes: 100 });
		for (let i = 0; i < 10; i++)
			client.publish('x', Buffer.alloc(80));
		await until(() => heard.length > 0, 'warning');
		assert.deepEqual(codes(heard), ['PM2A_WARN_QUEUE_FULL']);
		assert.match(heard[0].text, /queueMaxBytes, 100, so the oldest are dropped/);
	});
});

describe('what the adapter does not support', () => {
	const script = path.join(__dirname, '../support/unsupported-worker.js');

	/* The code and text of the warnings of two workers that share a port. */
	async function said(t, mode) {
		const daemon = await FakeDaemon.start();
		t.after(() => daemon.destroy());
		const child = fork(script, [mode, daemon.socket], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
		t.after(() => child.kill('SIGKILL'));
		const [told] = await next(child, 'message');
		return told;
	}

	test('connectionStateRecovery', async (t) => {
		assert.deepEqual(await said(t, 'recovery'), ['PM2A_WARN_RECOVERY']);
	});

	test('polling in one of several cluster workers', async (t) => {
		assert.deepEqual(await said(t, 'polling'), ['PM2A_WARN_POLLING']);
	});

	test('but not polling with sticky sessions, nor in the only worker', async (t) => {
		assert.deepEqual(await said(t, 'sticky'), []);
		assert.deepEqual(await said(t, 'alone'), []);
	});

	test('polling with Socket.IO 2', async (t) => {
		assert.deepEqual(await said(t, 'polling-2'), ['PM2A_WARN_POLLING']);
	});
});

test('README.md and index.d.ts have all codes of warnings', () => {
	const inFile = (file) => {
		const text = fs.readFileSync(path.join(ROOT, 'src/node', file), 'utf8');
		return [...new Set(text.match(/PM2A_WARN_\w+/g))].sort();
	};
	assert.deepEqual(inFile('README.md'), Object.keys(CODES).sort());
	assert.deepEqual(inFile('index.d.ts'), Object.keys(CODES).sort());
});
