'use strict';

/* The recipes of the package's README, as they stand there: compiled, run as two workers, used. */

const assert = require('assert/strict');
const { execFile, fork } = require('child_process');
const fs = require('fs');
const path = require('path');
const { after, before, describe, test } = require('node:test');
const { promisify } = require('util');
const vm = require('vm');

const { io: connect } = require('socket.io-client');

const { Daemon, folder } = require('../support/daemon');
const { next, until, within } = require('../support/wait');

const PACKAGE = path.join(__dirname, '../../src/node');
const MODULES = path.join(PACKAGE, 'node_modules');
const TSC = require.resolve('typescript/bin/tsc');
const LONG = { timeout: 180_000 };
const README = fs.readFileSync(path.join(PACKAGE, 'README.md'), 'utf8');

/* { name: source } of the blocks below <!-- recipe: NAME -->. */
const RECIPES = Object.fromEntries(
	[...README.matchAll(/^<!-- recipe: (\S+) -->\n```\w+\n([^]*?)^```$/gm)].map(([, name, text]) => [name, text]));

/*
 * Makes a server of a recipe listen on a free port of loopback, which it tells its parent. Listening
 * on a Unix socket, as the adapter does, stays as it is.
 */
const ON_LOOPBACK = `
const { Server } = require('net');
const { listen } = Server.prototype;
Server.prototype.listen = function (...args) {
	if (args[0].path !== undefined)
		return listen.apply(this, args);
	this.once('listening', () => process.send(this.address().port));
	return listen.call(this, { host: '127.0.0.1', port: 0 }, ...args.filter((arg) => typeof arg === 'function'));
};
`;

describe('the package\'s README', LONG, () => {
	const dir = folder();
	const children = new Set();
	const clients = [];
	let daemon;

	before(async () => {
		fs.mkdirSync(path.join(dir, 'node_modules'));
		for (const name of ['@nestjs', '@types', 'reflect-metadata', 'rxjs', 'socket.io'])
			fs.symlinkSync(path.join(MODULES, name), path.join(dir, 'node_modules', name));
		fs.symlinkSync(PACKAGE, path.join(dir, 'node_modules/socket.io-pm2adapter'));
		for (const [name, text] of Object.entries({ ...RECIPES, 'on-loopback.js': ON_LOOPBACK }))
			fs.writeFileSync(path.join(dir, name), text);
		daemon = await Daemon.start();
	});

	after(async () => {
		clients.forEach((client) => client.close());
		children.forEach((child) => child.kill('SIGKILL'));
		await daemon?.destroy();
		fs.rmSync(dir, { recursive: true, force: true });
	});

	function run(file, preload = []) {
		const child = fork(path.join(dir, file), [], {
			cwd: dir,
			env: { ...process.env, PM2ADAPTERD_SOCKET: daemon.socket },
			execArgv: preload.flatMap((name) => ['--require', path.join(dir, name)]),
		});
		children.add(child);
		return child;
	}

	/* A client of a new process of the recipe. */
	async function clientOf(file) {
		const [port] = await next(run(file, ['on-loopback.js']), 'message');
		const client = connect(`http://127.0.0.1:${port}`, { transports: ['websocket'] });
		clients.push(client);
		await next(client, 'connect');
		return client;
	}

	/* A message of one client reaches the client of another process. */
	async function chats(file) {
		const [one, other] = await Promise.all([clientOf(file), clientOf(file)]);
		let heard;
		other.on('chat', (text) => { heard = text; });
		await until(() => {
			one.emit('chat', `from ${file}`);
			return heard === `from ${file}`;
		}, `message of ${file} in the other process`);
		return other;
	}

	test('has the recipes that are tested here, and code that can be parsed', () => {
		assert.deepEqual(Object.keys(RECIPES).sort(),
			['ecosystem.config.js', 'emit.js', 'nest.ts', 'server.js', 'server.mjs', 'server.ts']);
		const blocks = [...README.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, text]) => text);
		for (const text of blocks)
			if (text !== RECIPES['server.mjs'])
				assert.doesNotThrow(() => new vm.Script(text), text);
		assert.ok(blocks.length > Object.keys(RECIPES).filter((name) => name.endsWith('js')).length);
	});

	test('has an ecosystem file with the daemon and the app', () => {
		const { apps } = require(path.join(dir, 'ecosystem.config.js'));
		assert.deepEqual(apps.map(({ name }) => name), ['pm2adapterd', 'app']);
		assert.ok(RECIPES[apps[1].script]);
	});

	test('has a server in CommonJS, and a script that emits to it', async () => {
		const client = await chats('server.js');
		let text;
		client.on('chat', (said) => { text = said; });
		const [code] = await next(run('emit.js'), 'exit');
		assert.equal(code, 0);
		await until(() => text === 'from a script', 'message of the script');
	});

	test('has a server as an ES module', async () => {
		const client = await chats('server.mjs');
		const count = await within(client.emitWithAck('count'), 'answer');
		assert.ok(count >= 2, String(count));
	});

	test('has servers in TypeScript and with NestJS', async () => {
		await promisify(execFile)(process.execPath, [
			TSC, '--strict', '--esModuleInterop', '--skipLibCheck', '--target', 'es2022',
			'--module', 'node16', '--experimentalDecorators', '--emitDecoratorMetadata',
			'--types', 'node', 'server.ts', 'nest.ts', '--outDir', 'compiled',
		], { cwd: dir }).catch(({ stdout }) => assert.fail(stdout));
		await chats('compiled/server.js');
		await chats('compiled/nest.js');
	});
});
