'use strict';

/* allow-users and allow-groups decide which users may connect. */

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { BINARY, folder, run } = require('../support/daemon');
const { scenario, withChild } = require('./support/scenario');
const { until } = require('../support/wait');

const NOBODY = 65534;
const OTHER = 65533;
const GROUP = 54321;

const asRoot = process.getuid() === 0 ? {} :
	{ skip: 'only root can start a client of another uid' };

/* Runs `command` as another user, in these supplementary groups. */
function as(uid, groups, command) {
	const list = groups.length > 0 ? ['--groups', groups.join()] :
		['--clear-groups'];
	return spawnSync('setpriv', ['--reuid', uid, '--regid', uid, ...list,
		...command], { encoding: 'utf8', timeout: 60_000 });
}

/* Whether that user gets in, by --stats: undefined, or what it is told. */
function refusal(daemon, uid, groups = []) {
	const { status, stderr } = as(uid, groups,
		[BINARY, '--socket', daemon.socket, '--stats', '--json']);
	assert.ok(status === 0 || status === 69, stderr);
	return status === 0 ? undefined : stderr;
}

const SAY_PING = 'const c = require("net").connect(process.argv[1]);' +
	'c.on("data", (d) => { process.stdout.write(d); c.end(); });' +
	'c.on("error", () => {}); c.write("PING\\r\\n");';

function redisReply(socket, uid) {
	return as(uid, [], [process.execPath, '-e', SAY_PING, socket]).stdout;
}

async function startWith(start, lines) {
	const dir = folder();
	fs.chmodSync(dir, 0o755);
	const file = path.join(dir, 'conf');
	const redis = path.join(dir, 'redis');
	const configure = (text) => fs.writeFileSync(file,
		`socket-mode 0666\nresp-listen ${redis}\n${text}\n`);
	configure(lines);
	const daemon = await start({ dir, args: ['--config', file] });
	const reload = async (text, outcome = 0) => {
		configure(text);
		const { status, stderr } =
			run(['--socket', daemon.socket, '--signal', 'reload']);
		assert.strictEqual(status, outcome, stderr);
		return stderr;
	};
	return { daemon, redis, reload };
}

scenario('a user that is not allowed is told so, logged once, and counted',
	async (start) => {
		const { daemon, redis, reload } =
			await startWith(start, 'allow-users nobody');
		const refusals = () =>
			daemon.stderr.split('user-refused').length - 1;
		for (let n = 1; n <= 3; n++) {
			assert.match(refusal(daemon, OTHER), /uid 65533 is in neither/);
			assert.strictEqual(redisReply(redis, OTHER),
				'-NOPERM uid 65533 is in neither allow-users nor ' +
				'allow-groups\r\n');
			assert.strictEqual(
				daemon.rows('overview').closes['not-allowed'], 2 * n);
		}
		await until(refusals, 'word in the log');
		assert.strictEqual(refusals(), 1, daemon.stderr);
		assert.match(daemon.stderr,
			/warn user-refused uid=65533 gid=65533 pid=\d+ protocol=native/);
		const rows = daemon.rows('closed').filter(({ uid }) => uid === OTHER);
		assert.deepStrictEqual(rows.map(({ reason }) => reason),
			['not-allowed']);
		await reload('allow-users nobody');
		assert.match(refusal(daemon, OTHER), /in neither allow-users/);
		await until(() => refusals() === 2, 'word after the reload');
		/* The daemon's own user and those that are named. */
		await (await daemon.member()).barrier();
		assert.strictEqual(redisReply(redis, NOBODY), '+PONG\r\n');
		await withChild(daemon, { name: 'nobody' }, 't', { uid: NOBODY },
			() => {});
	}, asRoot);

scenario('groups count, own and supplementary, and a reload changes who may',
	async (start) => {
		const { daemon, reload } =
			await startWith(start, `allow-groups ${GROUP}, 65534`);
		assert.strictEqual(refusal(daemon, NOBODY), undefined);
		assert.match(refusal(daemon, OTHER), /in neither allow-users/);
		assert.match(refusal(daemon, OTHER, [1, 2]), /in neither allow-users/);
		assert.strictEqual(refusal(daemon, OTHER, [1, GROUP]), undefined);
		await reload(`allow-users ${OTHER}`);
		assert.strictEqual(refusal(daemon, OTHER), undefined);
		assert.match(refusal(daemon, NOBODY), /in neither allow-users/);
		assert.match(
			await reload('allow-users 1\nallow-users no-such-user', 78),
			/allow-users: 'no-such-user' is not a user/);
		assert.strictEqual(refusal(daemon, OTHER), undefined);
		await reload('');
		assert.strictEqual(refusal(daemon, NOBODY), undefined);
	}, asRoot);

const HOLD_MANY = 'let closed = 0;' +
	'for (let n = 0; n < 40; n++) require("net").connect(process.argv[1])' +
	'.on("error", () => {}).on("close", () => {' +
	'if (++closed === 38) process.stdout.write("38", () => process.exit());' +
	'}).resume();';

scenario('refused connections that say nothing take few places', async (start) => {
	const { daemon } = await startWith(start, 'allow-users nobody\n' +
		'max-connections 16\nhello-timeout 10m');
	const { stdout } = as(OTHER, [],
		[process.execPath, '-e', HOLD_MANY, daemon.socket]);
	assert.strictEqual(stdout, '38');
	await (await daemon.member()).barrier();
	await until(() => daemon.rows('overview').connections === 2, 'the end of all');
}, asRoot);

const LISTEN = 'require("net").connect(process.argv[1])' +
	'.on("data", (d) => process.stdout.write(d)).on("error", () => {});';

scenario('one that says nothing is told at the deadline of HELLO', async (start) => {
	const { daemon, redis } = await startWith(start, 'allow-users nobody\n' +
		'hello-timeout 50ms');
	for (const socket of [daemon.socket, redis]) {
		const { stdout } =
			as(OTHER, [], [process.execPath, '-e', LISTEN, socket]);
		assert.match(stdout, /uid 65533 is in neither/);
	}
	assert.strictEqual(daemon.rows('overview').closes['not-allowed'], 2);
}, asRoot);

const REFUSED = [
	[['--allow-users', 'no-such-user'],
		/allow-users: 'no-such-user' is not a user of this host/],
	[['--allow-groups', '1,no-such-group'],
		/allow-groups: 'no-such-group' is not a group of this host/],
	[['--allow-users', '1', '--resp-listen', '127.0.0.1:1'],
		/127\.0\.0\.1:1 lets in every user of this host.*set resp-password/],
	[['--allow-groups', '1', '--resp-listen', '/r', '--resp-listen', '[::1]:1'],
		/\[::1\]:1 lets in every user of this host/],
];

for (const [args, words] of REFUSED) {
	test(`${args.join(' ')} is refused, at --test too`, () => {
		for (const how of [['--test'], []]) {
			const { status, stderr } =
				run(['--socket', '/nonexistent/s', ...args, ...how]);
			assert.strictEqual(status, 78, stderr);
			assert.match(stderr, words);
		}
	});
}

test('a list is one, however many options it has', () => {
	const { stdout } = run(['--dump-config', '--allow-users', 'root,1',
		'--allow-users', '2  3']);
	assert.deepStrictEqual(stdout.match(/^allow-users.*$/gm),
		['allow-users root,1', 'allow-users 2', 'allow-users 3']);
});
