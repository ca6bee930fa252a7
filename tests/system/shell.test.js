'use strict';

/* --emit, --ask and --tail against the real daemon and raw connections. */

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');
const { AS_MEMBER, MORE, NO, TYPE, YES, frame, publish, subscribe } =
	require('./support/frames');
const { BINARY, ROOT, folder, run } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const { decode, encode } = require('./support/msgpack');
const { until, within } = require('../support/wait');

const EVERYONE = 'socket.io#/#';

/* A process that runs beside the test: {status, stdout, stderr} at its end. */
function start(socket, args) {
	const child = spawn(BINARY, ['--socket', socket, ...args],
		{ stdio: ['ignore', 'pipe', 'pipe'] });
	const result = { child, stdout: '', stderr: '' };
	child.stdout.setEncoding('utf8').on('data', (text) => {
		result.stdout += text;
	});
	child.stderr.setEncoding('utf8').on('data', (text) => {
		result.stderr += text;
	});
	result.ended = new Promise((resolve) => {
		child.once('close', (status, signal) => {
			resolve({ status, signal, ...result });
		});
	});
	return result;
}

function emitted(peer) {
	return peer.expect(TYPE.PUBLISH).then(({ topic, flags, body }) => {
		const [uid, packet, opts] = decode(body);
		assert.strictEqual(uid, 'emitter');
		assert.strictEqual(flags, 0);
		return { topic: topic.toString(), ...packet, ...opts };
	});
}

const TARGETS = [
	[[''], EVERYONE, '/', []],
	[['/'], EVERYONE, '/', []],
	[['#news'], 'socket.io#/#news#', '/', ['news']],
	[['/chat'], 'socket.io#/chat#', '/chat', []],
	[['chat#a room'], 'socket.io#/chat#a room#', '/chat', ['a room']],
	[['/chat#a#b', '--key', 'shop'], 'shop#/chat#a#b#', '/chat', ['a#b']],
];

for (const [[target, ...options], topic, nsp, rooms] of TARGETS) {
	scenario(`--emit to '${[target, ...options].join(' ')}'`, async (begin) => {
		const daemon = await begin();
		const worker = await daemon.member();
		await worker.subscribe([topic]);
		const { status, stderr } = run(['--socket', daemon.socket, '--emit',
			...options, '--', target, 'hello', '{"json":1}', '-5', '"x"']);
		assert.deepStrictEqual([status, stderr], [0, '']);
		assert.deepStrictEqual(await emitted(worker), {
			topic, type: 2, nsp, rooms,
			data: ['hello', { json: 1 }, -5, 'x'], except: [], flags: {},
		});
	});
}

const WRONG = [
	[['--emit'], 'target'],
	[['--emit', '#room'], 'event'],
	[['--emit', '#', 'e'], 'room'],
	[['--emit', '', 'e', '{'], 'JSON'],
	[['--emit', '', 'connect'], 'connect'],
	[['--ask'], 'customRequest'],
	[['--ask', 'anything'], 'allRooms'],
	[['--ask', 'clientRooms'], 'ID'],
	[['--ask', 'allRooms', 'more'], 'allRooms'],
	[['--ask', 'customRequest', 'john'], 'JSON'],
	[['--ask', 'remoteDisconnect', 'id', 'now'], 'close'],
	[['--tail'], 'topic'],
	[['--tail', 'a', 'b'], 'topic'],
	[['--tail', ''], 'argument'],
];

for (const [args, name] of WRONG) {
	test(`64 with ${args.join(' ')}`, () => {
		const { status, stdout, stderr } = run(args);
		assert.deepStrictEqual([status, stdout], [64, ''], stderr);
		assert.ok(stderr.includes(name), stderr);
	});
}

for (const args of [['--emit', '', 'e'], ['--ask', 'allRooms'], ['--tail', 't']]) {
	test(`69 where no daemon is: ${args.join(' ')}`, () => {
		const dir = folder();
		try {
			const { status, stdout, stderr } =
				run(['--socket', path.join(dir, 's'), ...args]);
			assert.deepStrictEqual([status, stdout], [69, '']);
			assert.match(stderr, /no daemon is running there/);
		} finally {
			fs.rmSync(dir, { recursive: true });
		}
	});
}

scenario('--emit says what the daemon refuses', async (begin) => {
	const daemon = await begin({ args: ['--max-topic', '64'] });
	const { status, stderr } = run(['--socket', daemon.socket, '--emit',
		`#${'x'.repeat(80)}`, 'e']);
	assert.strictEqual(status, 69);
	assert.match(stderr, /topic-too-long/);
});

/* A worker that answers each question by `answers(kind, args)`: parts of ANSWER. */
async function worker(daemon, name, answers, topic = EVERYONE) {
	const peer = await daemon.member({ name });
	await peer.written(subscribe([topic], AS_MEMBER));
	await peer.expect(TYPE.PRESENCE);
	peer.asked = [];
	peer.answering = (async () => {
		for (;;) {
			const question = await peer.next('question');
			if (question === null)
				return;
			if (question.type !== TYPE.QUESTION)
				continue;
			const [id, payload] = decode(question.body);
			const [uid, nsp, kind, ...args] = decode(payload);
			peer.asked.push({ uid, nsp, kind, args });
			const answer = answers(kind, args);
			if (answer === null)
				peer.destroy();
			else if (answer !== undefined)
				peer.write(frame(TYPE.ANSWER, { body: encode([id, ...answer]) }));
		}
	})();
	return peer;
}

const yes = (value) => [YES, encode(value)];

/* Runs --ask while workers of this process answer. */
async function ask(daemon, ...args) {
	const asking = start(daemon.socket, ['--ask', ...args]);
	const { status, stdout, stderr } = await within(asking.ended, 'answer');
	return { status, stdout, stderr };
}

scenario('--ask prints what each worker answers', async (begin) => {
	const daemon = await begin();
	const first = await worker(daemon, 'first', () => yes({ hello: 'john' }));
	const second = await worker(daemon, 'a\tb\u001b', () => yes('\u009bx'));
	await worker(daemon, 'third', () => [NO]);
	const { status, stdout, stderr } =
		await ask(daemon, 'customRequest', '{"name":"john"}');
	assert.deepStrictEqual([status, stderr], [0, '']);
	assert.deepStrictEqual(stdout.trimEnd().split('\n').sort(), [
		`${first.id}\tfirst\t{"hello":"john"}`,
		`${second.id}\ta\\x09b\\x1b\t"\\u009bx"`,
	].sort());
	assert.deepStrictEqual(first.asked, [{
		uid: 'pm2adapterd', nsp: '/', kind: 'customRequest',
		args: [{ name: 'john' }],
	}]);
});

scenario('--ask of a union prints each string once', async (begin) => {
	const daemon = await begin();
	const peer = await worker(daemon, 'one', () => yes(['a', 'b\n']));
	await worker(daemon, 'two', () => yes(['a', 'c']));
	const rooms = await ask(daemon, 'allRooms');
	assert.deepStrictEqual([rooms.status, rooms.stderr], [0, '']);
	assert.deepStrictEqual(rooms.stdout.trimEnd().split('\n').sort(),
		['a', 'b\\x0a', 'c']);
	await ask(daemon, 'clients', 'r1', 'r2');
	assert.deepStrictEqual(peer.asked.map(({ kind, args }) => [kind, args]),
		[['allRooms', []], ['clients', [['r1', 'r2']]]]);
});

scenario('--ask of what one socket has', async (begin) => {
	const daemon = await begin();
	const peer = await worker(daemon, 'one', (kind, [id]) =>
		(id === 'known' ? yes(kind === 'clientRooms' ? ['r'] : null) : [NO]));
	await worker(daemon, 'two', () => [NO]);
	const known = await ask(daemon, 'clientRooms', 'known');
	assert.deepStrictEqual([known.status, known.stdout, known.stderr],
		[0, `${peer.id}\tone\t["r"]\n`, '']);
	const unknown = await ask(daemon, 'clientRooms', 'unknown');
	assert.deepStrictEqual([unknown.status, unknown.stdout], [66, '']);
	assert.match(unknown.stderr, /unknown/);
	await ask(daemon, 'remoteJoin', 'known', 'r');
	await ask(daemon, 'remoteLeave', 'known', 'r');
	await ask(daemon, 'remoteDisconnect', 'known');
	await ask(daemon, 'remoteDisconnect', 'known', 'close');
	await ask(daemon, 'fetchSockets', 'r');
	await ask(daemon, 'serverSideEmit', 'ev', '1', '[2]');
	assert.deepStrictEqual(
		peer.asked.slice(2).map(({ kind, args }) => [kind, ...args]), [
			['remoteJoin', 'known', 'r'],
			['remoteLeave', 'known', 'r'],
			['remoteDisconnect', 'known', false],
			['remoteDisconnect', 'known', true],
			['fetchSockets', { rooms: ['r'], except: [] }],
			['serverSideEmit', ['ev', 1, [2]]],
		]);
});

scenario('--ask names who did not answer', async (begin) => {
	const daemon = await begin();
	await worker(daemon, 'quick', () => yes(1));
	const slow = await worker(daemon, 'slow', () => undefined);
	const late = await ask(daemon, 'customRequest', '--timeout', '200');
	assert.strictEqual(late.status, 75);
	assert.match(late.stdout, /\tquick\t1\n$/);
	assert.match(late.stderr, new RegExp(`slow \\(${slow.id}\\): timeout`));
	slow.destroy();
	await daemon.reasonOf(slow.id);
	await worker(daemon, 'gone', () => null);
	const left = await ask(daemon, 'customRequest');
	assert.strictEqual(left.status, 0);
	assert.match(left.stdout, /\tquick\t1\n$/);
	assert.match(left.stderr, /gone \(\d+\): left/);
});

scenario('--ask --json says all of it', async (begin) => {
	const daemon = await begin();
	const quick = await worker(daemon, 'quick', () => yes({ a: [1] }));
	const slow = await worker(daemon, 'slow', () => undefined);
	const list = await ask(daemon, 'customRequest', '--json', '--timeout', '200');
	assert.deepStrictEqual(JSON.parse(list.stdout), {
		outcome: 'timeout', expected: 2, answered: 1,
		missing: [{ id: slow.id, name: 'slow', reason: 'timeout' }],
		answers: [{ id: quick.id, name: 'quick', answer: { a: [1] } }],
	});
	slow.destroy();
	await daemon.reasonOf(slow.id);
	const union = await ask(daemon, 'allRooms', '--json');
	assert.deepStrictEqual(JSON.parse(union.stdout).answers, []);
});

scenario('--ask where nobody is, in this namespace and application',
	async (begin) => {
		const daemon = await begin();
		await worker(daemon, 'chat', () => yes(['r']), 'shop#/chat#');
		const nobody = await ask(daemon, 'allRooms');
		assert.deepStrictEqual([nobody.status, nobody.stdout], [69, '']);
		assert.match(nobody.stderr, /namespace \/ of socket\.io/);
		const there = await ask(daemon, 'allRooms', '--key', 'shop',
			'--namespace', 'chat');
		assert.deepStrictEqual([there.status, there.stdout, there.stderr],
			[0, 'r\n', '']);
	});

scenario('--ask of who speaks no msgpack, or in parts', async (begin) => {
	const daemon = await begin();
	const peer = await worker(daemon, 'odd', () =>
		[YES, Buffer.from([0xc1])]);
	const answer = await ask(daemon, 'customRequest');
	assert.deepStrictEqual([answer.status, answer.stdout],
		[0, `${peer.id}\todd\tnull\n`]);
	peer.destroy();
	await daemon.reasonOf(peer.id);
	await worker(daemon, 'parts', () => [MORE, encode(1)]);
	const parts = await ask(daemon, 'customRequest', '--timeout', '200');
	assert.deepStrictEqual([parts.status, parts.stdout], [0, '']);
	assert.match(parts.stderr, /parts \(\d+\): left/);
});

/* --tail, when it is connected. */
async function tail(daemon, ...args) {
	const tailing = start(daemon.socket, ['--tail', ...args]);
	await until(() => tailing.stderr.includes('connected to'), 'tail');
	return tailing;
}

async function lines(tailing, count) {
	await until(() => tailing.stdout.split('\n').length > count,
		`${count} lines`);
	return tailing.stdout.split('\n').slice(0, -1);
}

async function interrupt(tailing) {
	tailing.child.kill('SIGINT');
	const { status, signal } = await within(tailing.ended, 'end of --tail');
	assert.deepStrictEqual([status, signal], [0, null]);
}

scenario('--tail prints messages as they come', async (begin) => {
	const daemon = await begin();
	const peer = await daemon.member();
	const exact = await tail(daemon, EVERYONE);
	const all = await tail(daemon, 'socket.io#*');
	run(['--socket', daemon.socket, '--emit', '', 'news', '{"a":1}', '2']);
	run(['--socket', daemon.socket, '--emit', '#r', 'x']);
	const command = encode(['u', { nsp: '/', cmd: 'socketsJoin', rooms: ['r'] }, {}]);
	peer.write(Buffer.concat([
		publish(EVERYONE, command),
		publish(['socket.io#/#a#', 'socket.io#/#b#'], encode([1, 2])),
		publish('socket.io#\u001b[31m\t\n', 'x\u00ff'),
	]));
	assert.deepStrictEqual(await lines(all, 5), [
		'socket.io#/#\temitter\tnews\t{"a":1} 2',
		'socket.io#/#r#\temitter\tx\t',
		'socket.io#/#\tu\tsocketsJoin\t' +
			'{"nsp":"/","cmd":"socketsJoin","rooms":["r"]}',
		'socket.io#/#a# socket.io#/#b#\t-\t-\t3 bytes',
		'socket.io#\\x1b[31m\\x09\\x0a\t-\t-\t3 bytes',
	]);
	assert.strictEqual((await lines(exact, 2)).length, 2);
	await interrupt(exact);
	await interrupt(all);
});

scenario('--tail --json prints whole payloads', async (begin) => {
	const daemon = await begin();
	const peer = await daemon.member();
	const tailing = await tail(daemon, '*', '--json');
	let deep = Buffer.from([0xc0]);
	for (let n = 0; n < 5000; n++)
		deep = Buffer.concat([Buffer.from([0x91]), deep]);
	peer.write(Buffer.concat([
		publish('t', encode(['u', { a: Buffer.from([1, 255]) }])),
		publish(['t', 'u'], Buffer.from([0xc1])),
		publish('t', deep),
	]));
	const rows = (await lines(tailing, 3)).map((line) => JSON.parse(line));
	assert.deepStrictEqual(rows[0], {
		topics: ['t'], payload: ['u', { a: { bin: '01ff' } }], bytes: 10,
	});
	assert.deepStrictEqual(rows[1],
		{ topics: ['t', 'u'], payload: null, bytes: 1 });
	assert.strictEqual(rows[2].bytes, 5001);
	await interrupt(tailing);
});

scenario('--tail waits for a daemon that comes back', async (begin) => {
	const daemon = await begin();
	const tailing = await tail(daemon, 't');
	await daemon.stop();
	await until(() => tailing.stderr.includes('disconnected'), 'end');
	const next = await begin({ socket: daemon.socket });
	await until(() => tailing.stderr.split('connected to').length === 3,
		'second connection');
	const peer = await next.member();
	peer.write(publish('t', encode(['u', { data: ['e', 1] }])));
	assert.deepStrictEqual(await lines(tailing, 1), ['t\tu\te\t1']);
	await interrupt(tailing);
});

scenario('--tail ends when nobody reads it', async (begin) => {
	const daemon = await begin();
	const tailing = await tail(daemon, 't');
	const peer = await daemon.member();
	tailing.child.stdout.destroy();
	peer.write(publish('t', encode(1)));
	const { status, signal } = await within(tailing.ended, 'end of --tail');
	assert.ok(signal === 'SIGPIPE' || status === 74, `${status} ${signal}`);
});

test('the examples of the manual are of the form that is understood', () => {
	const manual = fs.readFileSync(
		path.join(ROOT, 'docs/pm2adapterd.8'), 'utf8');
	const examples = manual.split('.Bd -literal -offset indent\n')[1]
		.split('.Ed')[0].trim().split('\n');
	assert.strictEqual(examples.length, 3);
	for (const line of examples) {
		const args = line.match(/'[^']*'|\S+/g).slice(1)
			.map((word) => word.replace(/^'|'$/g, ''));
		assert.strictEqual(run(args).status, 69, line);
	}
});
