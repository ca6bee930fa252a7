'use strict';

/* Two scripts under one key: most likely two applications that mix. */

const assert = require('node:assert');
const { run } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { until } = require('../support/wait');

const SHOP = { name: 'shop', key: 'app', script: '/srv/shop/server.js' };
const CHAT = { name: 'chat', key: 'app', script: '/srv/chat/server.js' };

const warnings = (daemon) => daemon.stderr.split('\n')
	.filter((line) => line.includes('two-scripts'));
const mixed = (daemon) => daemon.stats('overview').overview.mixed_keys;

scenario('two scripts under one key are said once in the log, and while they are there in --stats', async (start) => {
	const daemon = await start();
	const first = await daemon.member(SHOP);
	await daemon.member(SHOP);
	assert.deepStrictEqual(mixed(daemon), {});
	const second = await daemon.member(CHAT);
	await daemon.member(CHAT);
	await until(() => warnings(daemon).length > 0, 'a line in the log');
	assert.deepStrictEqual(mixed(daemon), { app: [CHAT.script, SHOP.script] });
	const [line, ...rest] = warnings(daemon);
	assert.deepStrictEqual(rest, []);
	assert.match(line, /key="?app"? script="?\/srv\/chat\/server\.js"? other="?\/srv\/shop\/server\.js/);
	const { stdout } = run(['--socket', daemon.socket, '--stats']);
	assert.match(stdout, /the key app has different scripts, whose broadcasts mix:\n {4}\/srv\/chat/);

	second.destroy();
	await daemon.reasonOf(second.id);
	assert.deepStrictEqual(Object.keys(mixed(daemon)), ['app']);
	first.destroy();
	await daemon.reasonOf(first.id);
	assert.strictEqual(warnings(daemon).length, 1);
});

scenario('other keys, emitters and who names no script are no second application', async (start) => {
	const daemon = await start();
	await daemon.member(SHOP);
	await daemon.member({ ...CHAT, key: 'other' });
	await daemon.member({ ...CHAT, role: 'emitter' });
	await daemon.member({ name: 'plain', key: 'app' });
	assert.deepStrictEqual(mixed(daemon), {});
	assert.deepStrictEqual(warnings(daemon), []);
});
