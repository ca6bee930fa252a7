'use strict';

/* Metrics on a socket and over HTTP, compared with docs/METRICS.md. */

const assert = require('node:assert');
const { execFileSync, spawnSync } = require('child_process');
const fs = require('fs');
const http = require('http');
const net = require('net');
const path = require('path');
const { needs } = require('../support/needs');
const { TYPE, hello, publish } = require('./support/frames');
const { ROOT, folder, run } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { until, within } = require('../support/wait');
const { freePort } = require('../support/free-port');

const OPEN = { Accept: 'application/openmetrics-text; version=1.0.0' };

/* Everything that the socket says, until it closes. */
function read(where, said = '') {
	return new Promise((resolve) => {
		const socket = net.connect(where);
		let text = '';
		socket.setEncoding('utf8').on('data', (data) => { text += data; });
		// The daemon may reset a connection with unread bytes.
		socket.on('error', () => {}).once('close', () => resolve(text));
		if (said)
			socket.write(said);
	});
}

function get(port, target, { method = 'GET', headers = {} } = {}) {
	return new Promise((resolve, reject) => {
		const request = http.request(
			{ host: '127.0.0.1', port, path: target, method, headers, agent: false }, (reply) => {
				let text = '';
				reply.setEncoding('utf8').on('data', (data) => { text += data; });
				reply.once('end', () => resolve({ status: reply.statusCode, headers: reply.headers, text }));
			});
		request.once('error', reject).end();
	});
}

async function withHttp(start, args = []) {
	const port = await freePort();
	const daemon = await start({ args: ['--metrics-listen', `127.0.0.1:${port}`, ...args] });
	await until(() => daemon.stderr.includes(' http='), 'HTTP');
	return { daemon, port };
}

/* Returns the result of Prometheus's own parser for OpenMetrics: name → { type, samples }. */
function parse(text) {
	const program = `
import json, sys
from prometheus_client.openmetrics import parser
print(json.dumps({f.name: {"type": f.type, "help": f.documentation,
    "samples": [[s.name, s.labels, s.value] for s in f.samples]}
    for f in parser.text_string_to_metric_families(sys.stdin.read())}))`;
	return JSON.parse(execFileSync('/usr/bin/python3', ['-c', program], { input: text }));
}

/* Workers, one of them with a name that no label may have as it is. */
async function atWork(daemon) {
	const worker = await daemon.member({ name: 'a "quoted\\name"\nof two lines', pm_id: 3 });
	await worker.subscribe(['t']);
	const publisher = await daemon.member({ name: 'publisher' });
	publisher.write(Buffer.concat(Array(7).fill(publish('t', 'x'))));
	await publisher.barrier();
	for (let n = 0; n < 7; n++)
		await worker.expect(TYPE.PUBLISH);
	const gone = await daemon.member({ name: 'gone' });
	gone.destroy();
	await daemon.reasonOf(gone.id);
}

scenario('the socket says OpenMetrics to who connects, reads nothing and closes', async (start, t) => {
	const dir = folder();
	t.after(() => fs.rmSync(dir, { recursive: true }));
	const where = path.join(dir, 'm');
	const daemon = await start({ args: ['--metrics-socket', where, '--socket-mode', '0640'] });
	await atWork(daemon);
	assert.strictEqual(fs.statSync(where).mode & 0o777, 0o640);
	const text = await read(where);
	assert.match(await read(where, 'GET / HTTP/1.1\r\n\r\n'), /^(# HELP [\s\S]*)?$/);
	assert.ok(text.endsWith('\n# EOF\n'), text.slice(-100));
	const metrics = parse(text);
	const value = (name) => metrics[name].samples[0][2];
	assert.strictEqual(value('pm2adapterd_published_messages'), 7);
	assert.strictEqual(value('pm2adapterd_delivered_messages'), 7);
	assert.strictEqual(value('pm2adapterd_members'), 2);
	const transit = metrics.pm2adapterd_message_transit_seconds;
	assert.strictEqual(transit.type, 'histogram');
	assert.strictEqual(transit.samples.find(([name]) => name.endsWith('_count'))[2], 7);
	const eof = metrics.pm2adapterd_closed_connections.samples
		.find(([, labels]) => labels.reason === 'eof');
	assert.ok(eof[2] >= 1);
	const row = metrics.pm2adapterd_client_delivered_messages.samples
		.find(([, labels]) => labels.pm_id === '3');
	assert.strictEqual(row[1].name, 'a "quoted\\name"\nof two lines');
	assert.strictEqual(row[2], 7);
}, needs('/usr/bin/python3:prometheus_client'));

/* Prometheus takes nothing of a text that isn't UTF-8. */
scenario('a name that is no UTF-8 makes a label that is', async (start, t) => {
	const dir = folder();
	t.after(() => fs.rmSync(dir, { recursive: true }));
	const where = path.join(dir, 'm');
	const daemon = await start({ args: ['--metrics-socket', where] });
	const worker = await daemon.connect();
	const bytes = hello({ name: 'a?b\u0085c \u{1f600}', pm_id: 3 });
	bytes[bytes.indexOf('?')] = 0xff;
	worker.write(bytes);
	await worker.welcomed();
	const text = execFileSync('socat', ['-u', `UNIX-CONNECT:${where}`, '-']);
	const labels = [...new TextDecoder('utf-8', { fatal: true }).decode(text)
		.matchAll(/name="([^"]*)",role="member",pm_id="3"/g)].map(([, name]) => name);
	assert.ok(labels.length > 0);
	assert.deepStrictEqual([...new Set(labels)], ['a\\\\xffb\\\\xc2\\\\x85c \u{1f600}']);
}, needs('socat'));

scenario('docs/METRICS.md has every metric and every metric is there', async (start) => {
	const { daemon, port } = await withHttp(start);
	await atWork(daemon);
	const { text } = await get(port, '/metrics', { headers: OPEN });
	const told = Object.entries(parse(text)).map(([name, { type, help }]) =>
		`${name}${type === 'counter' ? '_total' : ''} ${type} ${help.replace(/\.$/, '')}`);
	const page = fs.readFileSync(path.join(ROOT, 'docs/METRICS.md'), 'utf8');
	const written = [...page.matchAll(/^\| `(pm2adapterd_\w+)` \| (\w+) \| [^|]* \| (.*) \|$/gm)]
		.map(([, name, type, help]) => `${name} ${type} ${help}`);
	assert.deepStrictEqual(written.sort(), told.sort());
}, needs('/usr/bin/python3:prometheus_client'));

scenario('every metric of the dashboard is there', async (start) => {
	const { daemon, port } = await withHttp(start);
	await atWork(daemon);
	const { text } = await get(port, '/metrics');
	const names = new Set([...text.matchAll(/^(pm2adapterd_\w+)[{ ]/gm)].map(([, name]) => name));
	const { panels } = JSON.parse(
		fs.readFileSync(path.join(ROOT, 'conf/grafana-dashboard.json'), 'utf8'));
	const used = panels.flatMap(({ targets = [] }) => targets)
		.flatMap(({ expr }) => expr.match(/pm2adapterd_\w+/g));
	assert.ok(used.length >= 10);
	assert.deepStrictEqual(used.filter((name) => !names.has(name)), []);
});

scenario('promtool finds nothing to say against /metrics', async (start) => {
	const { daemon, port } = await withHttp(start);
	await atWork(daemon);
	const { status, headers, text } = await get(port, '/metrics');
	assert.strictEqual(status, 200);
	assert.strictEqual(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
	const { status: code, stdout, stderr } =
		spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
	assert.deepStrictEqual([code, stdout, stderr], [0, '', '']);
}, needs('promtool'));

scenario('/metrics is OpenMetrics where that is asked for', async (start) => {
	const { port } = await withHttp(start);
	const { headers, text } = await get(port, '/metrics', { headers: OPEN });
	assert.match(headers['content-type'], /^application\/openmetrics-text; version=1\.0\.0/);
	assert.ok(text.endsWith('\n# EOF\n'));
});

scenario('/healthz is 503 while the daemon drains', async (start) => {
	const { daemon, port } = await withHttp(start, ['--drain-timeout', '3s']);
	assert.deepStrictEqual(await get(port, '/healthz').then(({ status, text }) => [status, text]),
		[200, 'ok\n']);
	await daemon.member({ name: 'one that does not finish' });
	daemon.kill('SIGTERM');
	await until(async () => {
		const { status, text } = await get(port, '/healthz');
		return status === 503 && text === 'draining\n';
	}, 'draining');
});

scenario('/stats.json is what --stats --json says', async (start) => {
	const { daemon, port } = await withHttp(start);
	await atWork(daemon);
	const { headers, text } = await get(port, '/stats.json?sections=clients,topics&limit=1&sort=messages_in');
	assert.strictEqual(headers['content-type'], 'application/json');
	const { clients, topics, ...none } = JSON.parse(text);
	assert.deepStrictEqual(clients.map(({ name }) => name), ['publisher']);
	assert.deepStrictEqual(topics, daemon.rows('topics'));
	assert.deepStrictEqual(none, {});
	for (const [query, why] of [['sections=secrets', 'sections'], ['limit=0', 'limit'],
		['limit=1001', 'limit'], ['sort=nothing', 'sort']]) {
		const refused = await get(port, `/stats.json?${query}`);
		assert.strictEqual(refused.status, 400);
		assert.ok(refused.text.startsWith(`${why}: `), refused.text);
	}
});

scenario('HTTP has limits, and nobody else is served', async (start) => {
	const { port } = await withHttp(start);
	const status = async (...args) => (await get(port, ...args)).status;
	assert.strictEqual(await status('/nothing'), 404);
	assert.strictEqual(await status('/metrics', { method: 'HEAD' }), 200);
	for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']) {
		const text = await read(port, `${method} /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n`);
		assert.match(text, /^HTTP\/1\.1 405 /);
		assert.match(text, /\r\nAllow: GET, HEAD\r\n/);
	}
	for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example',
		'[::1].evil.example', '[::1]evil', `evil@localhost:${port}`, 'localhost.'])
		assert.strictEqual(await status('/', { headers: { Host: host } }), 403, host);
	assert.match(await read(port, 'GET / HTTP/1.0\r\n\r\n'), /^HTTP\/1\.[01] 403 /);
	for (const host of ['localhost', `localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`])
		assert.strictEqual(await status('/', { headers: { Host: host } }), 200);
	const long = await read(port, `GET /${'x'.repeat(20000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
	assert.match(long, /^HTTP\/1\.1 414 /);
	const many = await read(port, `GET / HTTP/1.1\r\nHost: localhost\r\n${'X: y\r\n'.repeat(2000)}\r\n`);
	assert.match(many, /^HTTP\/1\.1 431 /);
	for (const target of ['//', '/../metrics', '/metrics/', '/%6detrics', '/metrics%00', '/METRICS'])
		assert.match(await read(port, `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`),
			/^HTTP\/1\.1 404 /, target);
	const { headers } = await get(port, '/');
	assert.match(headers['content-security-policy'], /^default-src 'none'; script-src 'self'/);
	assert.strictEqual(headers['x-content-type-options'], 'nosniff');
	assert.strictEqual(headers['access-control-allow-origin'], undefined);
});

/* Connections to the port that its server has not closed. */
function nEstablished(port) {
	const hex = port.toString(16).toUpperCase().padStart(4, '0');
	return fs.readFileSync('/proc/net/tcp', 'latin1').split('\n').filter((line) => {
		const [, local, , state] = line.trim().split(/\s+/);
		return local?.endsWith(`:${hex}`) && state === '01';
	}).length;
}

scenario('who connects and says nothing takes no more than sixteen places', async (start, t) => {
	const { port } = await withHttp(start);
	const idle = Array.from({ length: 40 }, () => net.connect(port, '127.0.0.1'));
	t.after(() => idle.forEach((socket) => socket.destroy()));
	await Promise.all(idle.map((socket) => new Promise((resolve) => { socket.once('connect', resolve); })));
	await until(() => nEstablished(port) === 16, 'sixteen');
	assert.strictEqual((await get(port, '/healthz')).status, 200);
	assert.ok(nEstablished(port) <= 16);
	idle.forEach((socket) => socket.destroy());
	await until(() => nEstablished(port) === 0, 'all closed');
	assert.strictEqual((await get(port, '/healthz')).status, 200);
});

/* Resolves when the socket has said `answer`. */
function said(socket, answer) {
	let text = '';
	return within(new Promise((resolve) => {
		socket.setEncoding('utf8').on('data', (data) => {
			text += data;
			if (text.includes(answer))
				resolve(text);
		});
	}), answer);
}

function visit(t, where, ask) {
	const socket = net.connect(where);
	t.after(() => socket.destroy());
	socket.on('error', () => {});
	socket.write(ask);
	return socket;
}

const PAGE = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

for (const [who, ask, answer] of [
	['never finish a request', 'GET / HTTP/1.1\r\nHost: loc', null],
	['hold a page open', PAGE, '</html>'],
])
	scenario(`sixteen that ${who} keep no probe out`, async (start, t) => {
		const { daemon, port } = await withHttp(start);
		for (let n = 0; n < 16; n++) {
			const socket = visit(t, port, ask);
			if (answer)
				await said(socket, answer);
			else // its byte has left this process
				await new Promise((resolve) => { socket.write('a', resolve); });
		}
		await until(() => daemon.rows('overview').metrics.connections === 16, 'sixteen');
		for (let n = 0; n < 20; n++)
			for (const path of ['/healthz', '/metrics'])
				assert.strictEqual((await get(port, path)).status, 200);
		const { metrics } = daemon.rows('overview');
		assert.strictEqual(metrics.requests, (answer ? 16 : 0) + 40);
		assert.strictEqual(metrics.crowded_out > 0, answer === null);
	});

scenario('sixteen that read nothing keep no reader of metrics-socket out', async (start, t) => {
	const dir = folder();
	t.after(() => fs.rmSync(dir, { recursive: true }));
	const where = path.join(dir, 'm');
	const daemon = await start({ args: ['--metrics-socket', where] });
	for (let n = 0; n < 100; n++)
		await daemon.member({ name: '"'.repeat(120) + n });
	const idle = Array.from({ length: 40 }, () => net.connect(where).pause());
	t.after(() => idle.forEach((socket) => socket.destroy()));
	await until(() => daemon.rows('overview').metrics.connections === 40, 'forty');
	assert.ok((await read(where)).endsWith('# EOF\n'));
	assert.ok(daemon.rows('overview').metrics.crowded_out > 0);
});

scenario('a request with a body is refused once, and what follows is not read', async (start) => {
	const { port } = await withHttp(start);
	for (const head of ['POST / HTTP/1.1', 'GET / HTTP/1.1']) {
		for (const body of [`Content-Length: 5000\r\n\r\n${PAGE.repeat(10)}`,
			`Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${PAGE}`]) {
			const text = await read(port, `${head}\r\nHost: localhost\r\n${body}`);
			assert.strictEqual(text.match(/HTTP\/1\.1 \d+/g).length, 1, text);
			assert.match(text, /^HTTP\/1\.1 4(05|13) /);
			assert.match(text, /\r\nConnection: close\r\n/);
		}
	}
});

scenario('pipelined requests are answered in order, beside others', async (start) => {
	const { daemon, port } = await withHttp(start);
	const paths = Array.from({ length: 500 }, (_, n) => (n % 3 ? `/${n}` : '/metrics'));
	const text = paths.map((target, n) => `GET ${target} HTTP/1.1\r\nHost: localhost\r\n` +
		`${n === 499 ? 'Connection: close\r\n' : ''}\r\n`).join('');
	const many = read(port, text);
	assert.strictEqual((await get(port, '/healthz')).status, 200);
	const codes = (await many).match(/^HTTP\/1\.1 \d+/gm).map((line) => Number(line.slice(9)));
	assert.deepStrictEqual(codes, paths.map((target) => (target === '/metrics' ? 200 : 404)));
	const { metrics } = daemon.rows('overview');
	assert.deepStrictEqual([metrics.requests, metrics.refused],
		[501, paths.filter((target) => target !== '/metrics').length]);
});

scenario('a page of another origin gets nothing, and a link is followed', async (start) => {
	const { port } = await withHttp(start);
	const host = `127.0.0.1:${port}`;
	const link = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' };
	for (const [headers, wanted] of [
		[{ Origin: 'http://evil.example' }, 403],
		[{ Origin: 'null' }, 403],
		[{ Origin: 'http://127.0.0.1:1' }, 403],
		[{ Origin: `https://${host}` }, 403],
		[{ Origin: `http://${host}` }, 200],
		[{ 'Sec-Fetch-Site': 'cross-site' }, 403],
		[{ 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'no-cors' }, 403],
		[{ 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'iframe' }, 403],
		[{ 'Sec-Fetch-Site': 'cross-site', ...link }, 200],
		[{ 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'cors' }, 200],
		[{ 'Sec-Fetch-Site': 'none', ...link }, 200],
	]) {
		for (const target of ['/', '/metrics', '/healthz', '/stats.json']) {
			const { status, headers: got } = await get(port, target, { headers });
			assert.strictEqual(status, wanted, `${target} ${JSON.stringify(headers)}`);
			assert.ok(!Object.keys(got).some((name) => name.startsWith('access-control')));
		}
	}
});

scenario('with many clients of long names the text comes whole', async (start, t) => {
	const dir = folder();
	t.after(() => fs.rmSync(dir, { recursive: true }));
	const where = path.join(dir, 'm');
	const daemon = await start({ args: ['--metrics-socket', where] });
	// Enough rows that the text is more than a socket takes.
	for (let n = 0; n < 100; n++)
		await daemon.member({ name: '"'.repeat(120) + n });
	for (let i = 0; i < 4; i++)
		assert.ok((await read(where)).endsWith('# EOF\n'));
	const text = await read(where);
	assert.ok(text.length > 100000, String(text.length));
	assert.strictEqual(daemon.rows('overview').members, 100);
});

for (const [args, why] of [
	[['--metrics-listen', '0.0.0.0:9099'], '0.0.0.0:9099 is not a loopback address'],
	[['--metrics-listen', '9099'], 'metrics-listen: 9099 is not an address and port'],
	[['--metrics-listen', 'example.com:80'], 'is not an address and port'],
	[['--metrics-socket', `/tmp/${'x'.repeat(200)}`], 'metrics-socket: a path of 205 bytes'],
])
	scenario(`${args.join(' ').slice(0, 40)} is refused with a reason`, async () => {
		const dir = folder();
		try {
			const { status, stderr } = run(['--socket', path.join(dir, 's'), ...args]);
			assert.strictEqual(status, 78, stderr);
			assert.ok(stderr.includes(why), stderr);
		} finally {
			fs.rmSync(dir, { recursive: true });
		}
	});
