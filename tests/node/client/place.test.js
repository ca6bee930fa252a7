'use strict';

/* Both ends look for the socket at the same place, whatever the environment is. */

const assert = require('assert/strict');
const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');
const { describe, test } = require('node:test');

const { PlaceError, resolvePlace } = require('../../../src/node/lib/client/place');
const { BINARY, answers, folder } = require('../../support/daemon');
const { next, until, within } = require('../../support/wait');

const PACKAGE = path.join(__dirname, '../../../src/node');
const VECTORS = path.join(__dirname, '../../vectors/places.txt');
const RECEIVER = path.join(path.dirname(BINARY), 'tests/system/receiver');
const STRANGER = 54_321; // no user of passwd
const asRoot = process.getuid() === 0 ? {} : { skip: 'needs root' };

function cases() {
	return fs.readFileSync(VECTORS, 'utf8').split('\n\n').slice(1).map((block) => {
		const lines = block.trim().split('\n').map((line) => /^(\w+): (.*)$/.exec(line).slice(1));
		const all = (key) => lines.filter(([name]) => name === key).map(([, value]) => value);
		return {
			name: all('name')[0],
			env: Object.fromEntries(all('env').map((text) => /^(\w+)=(.*)$/.exec(text).slice(1))),
			here: { cwd: all('cwd')[0] ?? null, passwdHome: all('passwd')[0], uid: Number(all('uid')[0]) },
			expected: { path: all('path')[0], shorter: all('shorter'), error: all('error')[0] },
		};
	});
}

describe('the golden place', () => {
	for (const { name, env, here, expected } of cases())
		test(name, () => {
			if (expected.error !== undefined) {
				assert.throws(() => resolvePlace(env, here),
					(error) => error instanceof PlaceError && error.problem === expected.error);
				return;
			}
			const { path: file, shorter } = resolvePlace(env, here);
			assert.deepEqual({ path: file, shorter }, { path: expected.path, shorter: expected.shorter });
		});
});

/* The end of a process: { code, out, err }. */
async function end(child) {
	const result = { out: '', err: '' };
	child.stdout.on('data', (text) => { result.out += text; });
	child.stderr.on('data', (text) => { result.err += text; });
	const [code] = await next(child, 'close');
	return { code, ...result };
}

const script = (code, options) => spawn(process.execPath, ['-e', `
	const { Client, createEmitter } = require(${JSON.stringify(PACKAGE)});
	${code}`], options);

/* A client of the default socket: its path, once it is connected. */
const CONNECT = `
	const client = new Client({ ref: true });
	client.once('connect', () => {
		console.log(client.socketPath);
		client.close();
	});
	client.connect();`;

/* A daemon without --socket. */
async function serve(t, options) {
	const child = spawn(BINARY, ['--log-format', 'text'], { stdio: ['ignore', 'pipe', 'pipe'], ...options });
	const daemon = { child, err: '' };
	child.stderr.on('data', (text) => { daemon.err += text; });
	t.after(async () => {
		if (child.exitCode === null && child.signalCode === null) {
			child.kill('SIGTERM');
			await next(child, 'close');
		}
	});
	daemon.socket = await until(() => /listening.* socket=(\S+)/.exec(daemon.err)?.[1], 'listening daemon');
	return daemon;
}

/* libpm2a without a socket in its options. */
async function reachWithLibrary(env) {
	const receiver = spawn(RECEIVER, ['', 't'], { env, stdio: 'inherit' });
	const closed = next(receiver, 'close');
	try {
		await until(async () => {
			const { out } = await end(spawn(BINARY, ['--stats', 'clients', '--json'], { env }));
			return out.includes('"receiver"');
		}, 'client with libpm2a');
	} finally {
		receiver.kill();
		await closed;
	}
}

function ground(t) {
	const dir = folder();
	t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
	const env = { PATH: process.env.PATH, TMPDIR: dir, HOME: path.join(dir, 'home') };
	fs.mkdirSync(env.HOME);
	return { dir, env };
}

describe('a PM2_HOME of', () => {
	for (const length of [90, 91, 98, 240])
		test(`${length} bytes: all find the daemon`, async (t) => {
			const { dir, env } = ground(t);
			env.PM2_HOME = path.join(dir, 'x'.repeat(length - dir.length - 1));
			const daemon = await serve(t, { env });
			const { code, out, err } = await within(end(script(CONNECT, { env })), 'end');
			assert.equal(code, 0, err);
			assert.equal(out.trim(), daemon.socket);
			assert.equal(/PM2A_WARN_SOCKET/.test(err), length > 90);
			assert.equal(/socket-elsewhere/.test(daemon.err), length > 90);
			assert.equal(daemon.socket.startsWith(env.PM2_HOME), length === 90);
			const stats = await end(spawn(BINARY, ['--stats', '--json'], { env }));
			assert.equal(stats.code, 0, stats.err);
			assert.equal(JSON.parse(stats.out).overview.pid, daemon.child.pid);
			await reachWithLibrary(env);
			const emitter = await end(script('createEmitter().emit(\'x\');', { env }));
			assert.deepEqual([emitter.code, /PM2A_WARN_UNSENT/.test(emitter.err)], [0, false]);
			// Another environment of the same user: the socket that is there counts.
			const other = { ...env, XDG_RUNTIME_DIR: env.HOME };
			const again = await within(end(script(CONNECT, { env: other })), 'end');
			assert.equal(again.out.trim(), daemon.socket, again.err);
		});

	test('too many bytes, and a stranger has the short folder: refused at both ends', async (t) => {
		const { dir, env } = ground(t);
		env.PM2_HOME = path.join(dir, 'x'.repeat(120));
		const mine = path.join(dir, `pm2adapterd-${process.getuid()}`);
		fs.mkdirSync(mine);
		fs.chmodSync(mine, 0o777);
		const daemon = await end(spawn(BINARY, [], { env }));
		assert.equal(daemon.code, 78);
		assert.match(daemon.err, /folder of this user alone; set PM2ADAPTERD_SOCKET/);
		const client = await end(script('new Client()', { env }));
		assert.match(client.err, /PM2A_ERR_OPTION/);
		assert.match(client.err, /folder of this user alone; set PM2ADAPTERD_SOCKET/);
	});
});

test('a relative path is absolute at once, whatever folder the process changes to', async (t) => {
	const { dir, env } = ground(t);
	const daemon = await serve(t, { env: { ...env, PM2ADAPTERD_SOCKET: './s' }, cwd: dir });
	assert.equal(daemon.socket, path.join(fs.realpathSync(dir), 's'));
	for (const [variables, option] of [[{ PM2ADAPTERD_SOCKET: 's' }, '{}'], [{}, '{ socket: \'x/../s\' }']]) {
		const { code, out } = await within(end(script(`
			const client = new Client({ ref: true, ...${option} });
			process.chdir('/');
			client.once('connect', () => {
				console.log(client.socketPath);
				client.close();
			});
			client.connect();`, { env: { ...env, ...variables }, cwd: dir })), 'end');
		assert.deepEqual([code, out.trim()], [0, daemon.socket]);
	}
});

test('pm2\'s folder is created where it is missing, for its user alone', async (t) => {
	const { env } = ground(t);
	const daemon = await serve(t, { env });
	const dir = path.join(env.HOME, '.pm2');
	assert.equal(daemon.socket, path.join(dir, 'pm2adapterd.sock'));
	assert.equal(fs.statSync(dir).mode & 0o777, 0o700);
	assert.match(daemon.err, /folder-created/);
	assert.ok(await answers(daemon.socket));
});

test('a folder that can\'t be created is named, not the socket alone', async (t) => {
	const { dir, env } = ground(t);
	env.PM2_HOME = path.join(dir, 'a/b');
	const { code, err } = await end(spawn(BINARY, [], { env }));
	assert.equal(code, 73);
	assert.ok(err.includes(`there is no folder ${env.PM2_HOME}; create it`), err);
});

describe('without HOME', () => {
	test('both ends take the home of the user in passwd', async (t) => {
		const { env } = ground(t);
		delete env.HOME;
		const dump = await end(spawn(BINARY, ['--stats'], { env }));
		const client = await end(script('console.log(new Client().socketPath)', { env }));
		assert.ok(client.out.trim().startsWith(require('os').userInfo().homedir));
		assert.ok(dump.code === 0 || dump.err.includes(client.out.trim()), dump.err);
	});

	test('nor an entry in passwd: a clear error at both ends', asRoot, async (t) => {
		const { dir, env } = ground(t);
		delete env.HOME;
		fs.chmodSync(dir, 0o755);
		const options = { env, uid: STRANGER, gid: STRANGER, cwd: '/' };
		for (const args of [[], ['--stats'], ['--emit', 'x']]) {
			const { code, err } = await end(spawn(BINARY, args, options));
			assert.equal(code, 78);
			assert.match(err, /^pm2adapterd: socket: HOME is not set and the user has no entry in passwd; set PM2_HOME/);
		}
		const { err } = await end(script('new Client()', options));
		assert.match(err, /PM2A_ERR_OPTION/);
		assert.match(err, /socket: HOME is not set and the user has no entry in passwd; set PM2_HOME/);
	});
});

describe('what root has left behind', asRoot, () => {
	/* A lock, and perhaps a socket, of root in a folder of another user. */
	async function refused(t, leave) {
		const { dir, env } = ground(t);
		const socket = path.join(dir, 's');
		await leave(socket);
		fs.chownSync(dir, STRANGER, STRANGER);
		return { socket, ...await end(spawn(BINARY, ['--socket', socket],
			{ env, uid: STRANGER, gid: STRANGER, cwd: '/' })) };
	}

	test('a lock is named, with the remedy', async (t) => {
		const { socket, code, err } = await refused(t,
			(file) => fs.writeFileSync(`${file}.pid`, '1', { mode: 0o600 }));
		assert.equal(code, 78);
		assert.ok(err.includes(`${socket}.pid: a file of another user`), err);
	});

	test('a lock with a socket that nobody serves is the same', async (t) => {
		const { socket, code, err } = await refused(t, async (file) => {
			fs.writeFileSync(`${file}.pid`, '1', { mode: 0o600 });
			await end(spawn(process.execPath, ['-e', `require('net').createServer()
				.listen(${JSON.stringify(file)}, () => process.kill(process.pid, 'SIGKILL'))`]));
			assert.ok(fs.existsSync(file));
			fs.chmodSync(file, 0o600);
		});
		assert.ok(err.includes(`${socket}.pid: a file of another user`), err);
		assert.equal(code, 78);
	});
});
