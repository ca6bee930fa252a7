'use strict';

/*
 * Names of peers and topics in every output: no character that is invisible or turns the direction of
 * writing, and no byte that is not UTF-8, leaves the daemon unescaped.
 */

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { frame, hello, publish, subscribe, TYPE } = require('./support/frames');
const { BINARY, folder, run } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { encode } = require('./support/msgpack');
const { command } = require('./support/resp');
const { until } = require('../support/wait');
const { freePort } = require('../support/free-port');

const HIDDEN = '\u202e\u2066\u061c\u200b\u200d\u00ad\ufeff\ufe0f\u2028\u{e0041}\u009b\u001b';
const NAME = `evil${[...HIDDEN].join('x')}`;
const UNSAFE = /[\p{DI}\p{Zl}\p{Zp}\p{Bidi_Control}\u0000-\u0008\u000b-\u001f\u007f-\u009f\ufff9-\ufffb]/u;

const escaped = (text) => [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16)}`).join('');
const json = (text) => [...text].map((c) => c.length === 1 ?
	`\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}` :
	`\\u${c.charCodeAt(0).toString(16)}\\u${c.charCodeAt(1).toString(16)}`).join('');

/* The output is UTF-8 without anything unsafe, and shows what was there. */
function assertVisible(what, bytes, shown) {
	const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
	const found = UNSAFE.exec(text);
	assert.ok(!found, `${what}: ${found && escaped(found[0])} in ${text}`);
	for (const part of shown)
		assert.ok(text.includes(part), `${what}: no ${part} in ${text}`);
}

/* Everything with names from outside: a native and a broken one, one that has gone, a Redis one. */
async function surround(daemon, redis, t) {
	const keys = { name: NAME, script: NAME, key: NAME, pm_id: 1 };
	const worker = await daemon.member(keys);
	await worker.subscribe([NAME, Buffer.from('bad\xff\xc0', 'latin1')]);
	const broken = await daemon.connect();
	const bytes = hello({ name: 'bad??', pm_id: 2 });
	bytes.fill(0xff, bytes.indexOf('??'), bytes.indexOf('??') + 2);
	broken.write(bytes);
	await broken.welcomed();
	const gone = await daemon.member(keys);
	gone.write(frame(TYPE.STATS, { body: encode({ sections: ['clients'], sort: NAME }) }));
	gone.write(subscribe(['']));
	await until(() => gone.ended, 'the end of one');
	const client = net.connect(redis);
	t.after(() => client.destroy());
	client.write(command('SUBSCRIBE', `redis${NAME}`));
	client.write(command('CLIENT', 'SETNAME', NAME));
	client.write(command(NAME));
	await until(() => daemon.rows('topics').some(({ topic }) => topic === `redis${NAME}`), 'SUBSCRIBE');
	return worker;
}

/* The body of a reply. */
function get(port, target) {
	return new Promise((resolve) => {
		const parts = [];
		const socket = net.connect(port);
		socket.on('data', (data) => parts.push(data));
		socket.once('close', () => {
			const reply = Buffer.concat(parts);
			resolve(reply.subarray(reply.indexOf('\r\n\r\n') + 4));
		});
		socket.write(`GET ${target} HTTP/1.0\r\nHost: localhost\r\n\r\n`);
	});
}

/* The standard output of a command that goes on, once it has said `what`. */
async function output(args, what, during = () => {}) {
	const child = spawn(BINARY, args);
	const parts = [];
	child.stdout.on('data', (data) => parts.push(data));
	try {
		await until(async () => {
			during();
			return Buffer.concat(parts).includes(what);
		}, what);
	} finally {
		child.kill('SIGTERM');
		await new Promise((resolve) => { child.once('close', resolve); });
	}
	return Buffer.concat(parts);
}

for (const format of ['text', 'logfmt', 'json', 'journal'])
	scenario(`no output has a hidden character of a name, with --log-format ${format}`, async (start, t) => {
		const dir = folder();
		t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
		const port = await freePort();
		const [redis, metrics, log] = ['r', 'm', 'log'].map((name) => path.join(dir, name));
		const daemon = await start({ args: ['--resp-listen', redis, '--metrics-socket', metrics,
			'--metrics-listen', `127.0.0.1:${port}`,
			'--log-format', format, '--log-level', 'debug', '--log-file', log] });
		const worker = await surround(daemon, redis, t);
		const at = ['--socket', daemon.socket];
		const tables = run([...at, '--stats', '--limit', '1000'], { encoding: 'buffer' }).stdout;
		assertVisible('--stats', tables, [escaped('\u202e'), 'bad\\xff\\xff']);
		for (const section of ['overview', 'clients', 'topics', 'requests', 'closed', 'slow'])
			assertVisible(section, run([...at, '--stats', section], { encoding: 'buffer' }).stdout,
				section === 'topics' ? [escaped('\u202e'), 'bad\\xff\\xc0'] : []);
		const whole = run([...at, '--stats', '--json'], { encoding: 'buffer' }).stdout;
		assertVisible('--json', whole, [json('\u202e'), json('\u{e0041}'), 'bad\ufffd\ufffd']);
		assert.ok(JSON.parse(whole).clients.some(({ name }) => name === NAME));
		const labels = [escaped('\u202e').replaceAll('\\', '\\\\'), 'bad\\\\xff\\\\xff'];
		assertVisible('/metrics', await get(port, '/metrics'), labels);
		assertVisible('/stats.json', await get(port, '/stats.json?sections=clients,topics,closed'),
			[json('\u202e')]);
		assertVisible('the log', fs.readFileSync(log), [format === 'json' ? json('\u202e') : escaped('\u202e')]);
		assertVisible('--watch', await output([...at, '--watch', '--interval', '100'], 'evil'),
			[escaped('\u202e')]);
		assertVisible('--tail', await output([...at, '--tail', 'evil*'], 'evil',
			() => worker.write(publish(NAME, encode([NAME])))), [escaped(HIDDEN.slice(0, 1))]);
	});
