'use strict';

/* The lines in `pm2 logs` of workers whose daemon was forgotten, and of its start. */

const assert = require('assert/strict');
const { test } = require('node:test');

const { startApp, waitUntil } = require('../support/pm2');

test('workers without a daemon say so in their logs, and when it is there', { timeout: 120_000 }, async (t) => {
	const { pm2 } = await startApp({ workers: 1, only: 'demo' });
	t.after(() => pm2.kill());
	await waitUntil('warning', 30_000, () => /PM2A_WARN_AWAY/.test(pm2.complaints()));
	const text = pm2.complaints();
	assert.match(text, /\[PM2A_WARN_AWAY\] PM2AdapterWarning: .*no daemon listens there; add require\('socket\.io-pm2adapter\/pm2'\)/);
	assert.ok(text.includes(`${pm2.home}/pm2adapterd.sock: ENOENT`), text);
	await pm2.start('--only', 'pm2adapterd');
	await waitUntil('second warning', 30_000, () => /PM2A_WARN_BACK/.test(pm2.complaints()));
});
