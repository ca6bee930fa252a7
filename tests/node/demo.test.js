'use strict';

const assert = require('assert/strict');
const { spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { test } = require('node:test');

const Ledger = require('../../docs/demo/check/ledger');
const pattern = require('../../docs/demo/check/pattern');
const plan = require('../../docs/demo/check/plan');
const Questions = require('../../docs/demo/check/questions');

const RUN = path.join(__dirname, '../../docs/demo/run.js');
const DAEMON = process.env.PM2ADAPTERD;

/* A folder of its own for what the run leaves behind, which must be nothing. */
async function runDemo(args, { env = {}, onLine = () => {} } = {}) {
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'd-'));
	const child = spawn(process.execPath, [RUN, ...args], {
		env: { ...process.env, ...(DAEMON && { PM2ADAPTERD_BIN: DAEMON }), TMPDIR: folder, ...env },
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	let out = '';
	let err = '';
	child.stdout.setEncoding('utf8').on('data', (text) => {
		out += text;
		onLine(out, child);
	});
	child.stderr.setEncoding('utf8').on('data', (text) => { err += text; });
	try {
		const [code, signal] = await new Promise((resolve) => {
			child.once('close', (...how) => resolve(how));
		});
		return { code, signal, out, err, left: fs.readdirSync(folder) };
	} finally {
		fs.rmSync(folder, { recursive: true, force: true });
	}
}

function ledgerOf(numbers) {
	const ledger = new Ledger();
	for (const number of numbers)
		ledger.expect('b', '/', 'a', number, 'to all');
	return ledger;
}

test('the check passes on the real thing, and leaves nothing behind', { timeout: 240000 }, async () => {
	const { code, out, err, left } = await runDemo(['--once']);
	assert.equal(err, '');
	assert.equal(code, 0);
	const [questions, deliveries] = out.trim().split('\n').slice(-2);
	const [, asked, right] =
		/^questions: (\d+) asked, (\d+) answered right, 0 late$/.exec(questions);
	assert.equal(right, asked);
	assert.ok(asked > 300, asked);
	assert.match(out, /a worker killed: 9 open questions ended with it/);
	const [, delivered, expected] =
		/^demo: delivered (\d+) of (\d+), duplicates 0, lost 0, workers 4$/.exec(deliveries);
	assert.equal(delivered, expected);
	assert.ok(expected >= 8 * 4 * plan.BURST, expected);
	assert.deepEqual(left, []);
});

test('the demo says where the page is, and a signal ends all of it', { timeout: 240000 }, async () => {
	let page = null;
	const { code, out, left } = await runDemo([], {
		onLine: (text, child) => {
			const found = /http:\S+/.exec(text);
			if (page || !found || !text.includes('Ctrl-C'))
				return;
			page = fetch(found[0]).then((response) => response.text())
				.finally(() => child.kill('SIGINT'));
		},
	});
	assert.match(await page, /<title>pm2adapterd<\/title>/);
	assert.equal(code, 0, out);
	assert.deepEqual(left, []);
});

test('without the daemon the demo says what is missing', { timeout: 60000 }, async () => {
	const { code, err, left } = await runDemo(['--once'], { env: { PM2ADAPTERD_BIN: '/nowhere/daemon' } });
	assert.equal(code, 1);
	assert.match(err, /^demo: no daemon at .*nowhere\/daemon; `make` builds it\n$/);
	assert.deepEqual(left, []);
});

test('a daemon that does not start is reported, and all of it ends', { timeout: 240000 }, async () => {
	const { code, err, left } = await runDemo(['--once'], { env: { PM2ADAPTERD_BIN: '/bin/false' } });
	assert.equal(code, 1);
	assert.match(err, /^demo: pm2adapterd does not run: errored/);
	assert.deepEqual(left, []);
});

test('an unknown option is a usage error', { timeout: 60000 }, async () => {
	const { code, err } = await runDemo(['--twice']);
	assert.equal(code, 64);
	assert.match(err, /^usage:/);
});

test('the ledger counts what came once and in order', async () => {
	const ledger = ledgerOf([0, 1]);
	ledger.arrive('b', '/', 'a', 0);
	ledger.arrive('b', '/', 'a', 1);
	await ledger.settled();
	assert.deepEqual(ledger.close(),
		{ expected: 2, delivered: 2, duplicates: 0, lost: 0, problems: [] });
});

for (const [kind, arrivals, counts] of [
	['lost', [0], { delivered: 1, duplicates: 0, lost: 1 }],
	['duplicate', [0, 1, 1], { delivered: 2, duplicates: 1, lost: 0 }],
	['out of order', [1, 0], { delivered: 2, duplicates: 0, lost: 0 }],
	['stray', [0, 1, 2], { delivered: 2, duplicates: 0, lost: 0 }],
])
	test(`the ledger finds what is ${kind}`, () => {
		const ledger = ledgerOf([0, 1]);
		for (const number of arrivals)
			ledger.arrive('b', '/', 'a', number);
		const { problems, ...rest } = ledger.close();
		assert.deepEqual(rest, { expected: 2, ...counts });
		assert.equal(problems.length, 1);
		assert.match(problems[0], new RegExp(`^${kind}: b in /: #\\d of a, `));
	});

test('a volatile message may be missing, and may not come twice or to others', () => {
	const ledger = new Ledger();
	ledger.expect('b', '/', 'a', 0, 'volatile', false);
	assert.deepEqual(ledger.close(),
		{ expected: 0, delivered: 0, duplicates: 0, lost: 0, problems: [] });
	ledger.arrive('b', '/', 'a', 0);
	ledger.arrive('b', '/', 'a', 0);
	ledger.arrive('c', '/', 'a', 0);
	assert.deepEqual(ledger.close().problems.map((text) => text.split(':')[0]), ['duplicate', 'stray']);
});

test('receivers follow from rooms, exceptions, the sender and its worker', () => {
	const client = (index, worker, ...rooms) => ({ index, worker, rooms: new Set(rooms) });
	const clients = [client(0, 1, 'red'), client(1, 1, 'red', 'blue'), client(2, 2, 'blue'), client(3, 2)];
	const indices = (fields) => plan.receivers(clients, clients[0],
		{ via: 'namespace', rooms: [], except: [], flags: [], ...fields }).map(({ index }) => index);
	assert.deepEqual(indices({}), [0, 1, 2, 3]);
	assert.deepEqual(indices({ rooms: ['red', 'blue'] }), [0, 1, 2]);
	assert.deepEqual(indices({ except: ['blue'] }), [0, 3]);
	assert.deepEqual(indices({ rooms: ['blue'], except: ['red'] }), [2]);
	assert.deepEqual(indices({ via: 'socket' }), [1, 2, 3]);
	assert.deepEqual(indices({ flags: ['local'] }), [0, 1]);
	assert.deepEqual(indices({ rooms: ['nobody'] }), []);
});

/* One client of one worker, in rooms of its own and red, which gets `reply` to whatever it asks. */
async function questionsOf(reply) {
	const id = 'abc';
	const socket = {
		on() {},
		timeout: () => ({ emitWithAck: async (event, question) => reply(question) }),
	};
	const client = { index: 0, worker: 1, pid: 2, id, socket, rooms: new Set([id, 'red']) };
	const questions = new Questions({ '/': [client] });
	await questions.lookAround();
	return questions.close();
}

const unknown = { error: { code: 'PM2A_ERR_UNKNOWN', message: 'unknown id' } };
const ANSWERS = {
	allSockets: ([rooms]) => (['[]', '["red"]'].includes(JSON.stringify(rooms)) ? ['abc'] : []),
	clients: (args) => ANSWERS.allSockets(args),
	fetchSockets: (args) => ANSWERS.allSockets(args)
		.map((id) => ({ id, worker: 1, rooms: ['red', 'abc'] })),
	broadcast: (args) => ANSWERS.allSockets(args).map(() => [0, 'hello']),
	allRooms: () => ['red', 'abc'],
	clientRooms: () => ['red', 'abc'],
	serverCount: () => 1,
	serverSideEmit: () => [],
	customRequest: ([{ echo }]) => [{ worker: 1, told: [],
		echo: Buffer.isBuffer(echo) ? { bytes: echo.toString('base64') } : echo }],
};
const truth = ({ method, args }) =>
	(args[0] === 'nobody' ? unknown : { value: ANSWERS[method](args), late: false, ms: 1 });

test('the check of questions takes what is right', async () => {
	const { asked, right, late, problems } = await questionsOf(truth);
	assert.deepEqual(problems, []);
	assert.equal(right, asked);
	assert.equal(late, 0);
});

for (const method of [...Object.keys(ANSWERS), 'remoteJoin'])
	test(`the check of questions finds a wrong ${method}`, async () => {
		const { asked, right, problems } = await questionsOf((question) =>
			(question.method === method ? { value: ['else'], late: false, ms: 1 } : truth(question)));
		assert.ok(right < asked);
		assert.equal(problems.length, asked - right);
		for (const problem of problems)
			assert.ok(problem.startsWith(`wrong: ${method}(`), problem);
	});

test('the check of questions finds what is late, and what has no answer', async () => {
	const late = await questionsOf((question) => ({ ...truth(question), late: true, ms: 5001 }));
	assert.equal(late.late, late.asked);
	assert.equal(late.problems.length, late.asked);
	const never = await questionsOf(() => { throw new Error('operation has timed out'); });
	assert.equal(never.right, 0);
	assert.match(never.problems[0], /^unanswered: /);
});

test('the pattern differs by sender, number and size', () => {
	const all = [pattern(1, 2, 64), pattern(2, 1, 64), pattern(1, 3, 64), pattern(1, 2, 65).subarray(0, 64)];
	assert.equal(new Set(all.map((bytes) => bytes.toString('hex'))).size, all.length);
	assert.equal(pattern(0, 0, 0).length, 0);
	assert.ok(pattern(1, 2, 64).equals(pattern(1, 2, 64)));
});
