'use strict';

const assert = require('assert/strict');
const { spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { after, before, describe, test } = require('node:test');
const { setTimeout: sleep } = require('timers/promises');

const { createEmitter, Client } = require('../../../src/node');
const { startApp, waitUntil } = require('../support/pm2');

const DAEMON = path.resolve(process.env.PM2ADAPTERD ||
	path.join(__dirname, '../../../build/release/pm2adapterd'));

const plain = (text) => text.replace(/\x1b\[[0-9;]*m/g, '');

for (const [name, major] of [['pm2', 7], ['pm2-6', 6]])
	describe(`what pm2 ${major} shows of the daemon, and has it do`, () => {
		let pm2;

		before(async () => {
			// pm2 starts two apps at a time, unless it is told otherwise.
			({ pm2 } = await startApp({ which: name, workers: 2, env: { PM2_CONCURRENT_ACTIONS: '1' } }));
		});

		after(() => pm2?.kill());

		const app = async () => JSON.parse((await pm2.run('jlist')).trim().split('\n').at(-1))
			.find((entry) => entry.name === 'pm2adapterd');
		const value = async (key) => (await app()).pm2_env.axm_monitor[key]?.value;
		const trigger = async (...args) => {
			const output = plain(await pm2.trigger('pm2adapterd', ...args));
			return JSON.parse(/^\[pm2adapterd:\d+:default\]=(.*)$/m.exec(output)[1]);
		};

		test('pm2 holds the workers back until it listens', async () => {
			const log = fs.readFileSync(path.join(pm2.home, 'pm2.log'), 'utf8');
			const at = (text) => {
				const i = log.indexOf(text);
				assert.notStrictEqual(i, -1, `${text} in ${log}`);
				return i;
			};
			assert.ok(at('App [pm2adapterd:0] online') < at('App [demo:1] starting'), log);
		});

		test('it gives its values every second, and they change with what it does', async () => {
			await waitUntil('two workers', 10000, async () => await value('Workers') === '2');
			const emitter = createEmitter({ socket: path.join(pm2.home, 'pm2adapterd.sock') });
			const timer = setInterval(() => emitter.emit('news', 1), 20);
			try {
				await waitUntil('deliveries', 10000, async () => Number(await value('Deliveries')) > 0);
				assert.ok(Number(await value('Connections')) >= 3);
				assert.ok(Number(await value('Topics')) > 0);
			} finally {
				clearInterval(timer);
				await emitter.close();
			}
			// pm2 6 turns their order round.
			assert.deepStrictEqual(Object.keys((await app()).pm2_env.axm_monitor).sort(), [
				'Answered p99', 'Bytes out', 'Connections', 'Deliveries', 'Drops', 'Loop busy',
				'Questions open', 'Queue', 'Topics', 'Workers',
			]);
			const shown = plain(await pm2.run('show', 'pm2adapterd'));
			assert.match(shown, /Workers +│ 2 /);
			assert.match(shown, /Loop busy +│ [0-9.]+ % /);
		});

		test('pm2 trigger stats, clients and topics print what --stats does', async () => {
			const { overview } = await trigger('stats');
			assert.strictEqual(overview.members, 2);
			const { clients } = await trigger('clients');
			assert.deepStrictEqual(clients.filter((client) => client.role === 'member')
				.map((client) => client.name), ['demo', 'demo']);
			const { topics } = await trigger('topics');
			assert.ok(topics.some(({ topic }) => topic === 'socket.io#/#'), JSON.stringify(topics));
		});

		test('pm2 trigger log-level and reload say what came of it', async () => {
			assert.deepStrictEqual(await trigger('log-level', 'debug'),
				{ ok: true, message: 'the level is debug until the next reload' });
			const refused = await trigger('log-level', 'loud');
			assert.strictEqual(refused.ok, false);
			assert.match(refused.error, /debug, info, warn or error, not 'loud'/);
			assert.deepStrictEqual(await trigger('reload'),
				{ ok: true, message: '0 changed, 0 need a restart' });
		});

		test('a pm2 that has stopped does not stop it', async () => {
			const god = Number(fs.readFileSync(path.join(pm2.home, 'pm2.pid'), 'utf8'));
			const socket = path.join(pm2.home, 'pm2adapterd.sock');
			const [a, b] = [new Client({ socket, ref: true }), new Client({ socket, ref: true })];
			await Promise.all([a.connect().ready(), b.connect().ready()]);
			const heard = [];
			b.on('message', (topics, body) => heard.push(String(body)));
			b.subscribe('here');
			await b.barrier();
			process.kill(god, 'SIGSTOP');
			try {
				for (let i = 0; i < 30; i++) {
					a.publish('here', Buffer.from(String(i)));
					await sleep(100);
				}
				await waitUntil('all messages', 10000, () => heard.length === 30);
			} finally {
				process.kill(god, 'SIGCONT');
				a.destroy();
				b.destroy();
			}
			await waitUntil('values again', 10000, async () => await value('Workers') === '2');
		});

		test('shutdown_with_message ends it in order', async () => {
			await pm2.run('stop', 'demo');
			const entry = require('../../../conf/ecosystem.config.js').apps[0];
			const config = path.join(pm2.home, 'message.config.js');
			fs.writeFileSync(config, `module.exports = ${JSON.stringify({
				apps: [{ ...entry, script: pm2.daemon, name: 'by-message', shutdown_with_message: true }],
			})};`);
			await pm2.run('delete', 'pm2adapterd');
			await pm2.run('start', config);
			await pm2.run('stop', 'by-message');
			const logs = path.join(pm2.home, 'logs');
			const file = fs.readdirSync(logs).find((entry) => entry.startsWith('by-message-error'));
			const log = fs.readFileSync(path.join(logs, file), 'utf8');
			assert.match(log, /draining signal=pm2-shutdown/);
			assert.match(log, /ended pid=/);
		});
	});

test('the child of a Node process that is not pm2 sends it nothing', async () => {
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-'));
	const child = spawn(DAEMON, ['--socket', path.join(folder, 's')], {
		env: { ...process.env, pm_id: '3', PM2_HOME: folder },
		stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
	});
	const heard = [];
	child.on('message', (message) => heard.push(message));
	await waitUntil('the socket', 10000, () => fs.existsSync(path.join(folder, 's')));
	await sleep(1500);
	assert.deepStrictEqual(heard, []);
	child.kill('SIGINT');
	await new Promise((resolve) => { child.once('exit', resolve); });
	fs.rmSync(folder, { recursive: true });
});
