'use strict';

/*
 * An application in one file, as bundlers write it, in a folder without node_modules: the adapter
 * extends the class that is in the bundle, and two workers reach each other.
 */

const assert = require('assert/strict');
const { fork } = require('child_process');
const fs = require('fs');
const { createRequire } = require('module');
const path = require('path');
const { after, before, describe, test } = require('node:test');
const { promisify } = require('util');

const { Daemon, folder } = require('../support/daemon');
const { next, within } = require('../support/wait');

const PACKAGE = path.join(__dirname, '../../src/node');
const PATIENT = { timeout: 120_000 };

/* A worker: it tells its parent when it is connected, what came to its namespace from the other
 * one, and whose adapter it has. */
const SOURCE = (socketIo, server) => `
	const http = require('http');
	const pm2Adapter = require(${JSON.stringify(PACKAGE)});
	const socketIo = require(${JSON.stringify(socketIo)});
	const create = pm2Adapter({ socket: process.argv[2] });
	const io = ${server};
	if (!(io.of('/').adapter instanceof pm2Adapter.PM2Adapter))
		throw new Error('not our adapter');
	create.client.ready().then(() => process.send('ready'));
	process.on('message', async (message) => {
		if (message === 'rooms')
			process.send([...await io.of('/').adapter.allRooms()]);
		else
			io.of('/').adapter.addAll('id', new Set([message]));
	});`;

const MAJORS = {
	'Socket.IO 4': ['socket.io', 'new socketIo.Server(http.createServer(), { adapter: create })'],
	'Socket.IO 4, io.adapter()': ['socket.io', '(() => { const s = new socketIo.Server(http.createServer()); s.adapter(create); return s; })()'],
	// In a bundle Socket.IO 2 doesn't find the file of its client.
	'Socket.IO 2': ['socket.io-2', 'socketIo(http.createServer(), { adapter: create, serveClient: false })'],
};

/* Each writes one file. `adapter`: the folder of the application's socket.io-adapter. */
const BUNDLERS = {
	async esbuild(entry, outfile, adapter) {
		await require('esbuild').build({
			entryPoints: [entry], outfile, bundle: true, platform: 'node', logLevel: 'error',
			alias: { 'socket.io-adapter': adapter },
		});
	},
	async webpack(entry, outfile, adapter) {
		const webpack = require('webpack');
		const stats = await promisify(webpack)({
			entry, target: 'node', mode: 'development', devtool: false,
			output: { path: path.dirname(outfile), filename: path.basename(outfile) },
			resolve: { alias: { 'socket.io-adapter': adapter } },
			// Socket.IO's own optional modules.
			externals: ['bufferutil', 'utf-8-validate', 'uws'],
		});
		assert.deepEqual(stats.toJson().errors, []);
	},
};

describe('a bundle', PATIENT, () => {
	const dir = folder();
	const modules = path.join(PACKAGE, 'node_modules');
	let daemon;

	before(async () => { daemon = await new Daemon().start(); });
	after(async () => {
		await daemon.destroy();
		fs.rmSync(dir, { recursive: true, force: true });
	});

	async function worker(t, file) {
		const child = fork(file, [daemon.socket], { cwd: dir });
		t.after(() => child.kill('SIGKILL'));
		const failed = next(child, 'exit').then(([code]) => assert.fail(`it ended with ${code}`));
		failed.catch(() => {});
		assert.deepEqual(await Promise.race([next(child, 'message'), failed]), ['ready', undefined]);
		return child;
	}

	for (const [bundler, bundle] of Object.entries(BUNDLERS))
		for (const [major, [socketIo, server]] of Object.entries(MAJORS))
			test(`of ${bundler} with ${major}`, async (t) => {
				const name = `${bundler}-${major.replace(/\W/g, '')}`;
				// In the package's tree, where a bundler finds the modules; the bundle is elsewhere.
				const entry = path.join(modules, `.${name}.js`);
				const outfile = path.join(dir, `${name}.js`);
				const adapter = path.dirname(
					createRequire(require.resolve(socketIo)).resolve('socket.io-adapter/package.json'));
				fs.writeFileSync(entry, SOURCE(socketIo, server));
				try {
					await bundle(entry, outfile, adapter);
				} finally {
					fs.rmSync(entry);
				}
				const [one, other] = [await worker(t, outfile), await worker(t, outfile)];
				one.send('a room');
				const seen = [];
				await within((async () => {
					while (!seen.includes('a room')) {
						other.send('rooms');
						seen.push(...(await next(other, 'message'))[0]);
					}
				})(), 'room of the other worker');
			});
});
