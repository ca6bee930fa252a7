'use strict';

/* A client that is away sees the daemon come. */

const assert = require('assert/strict');
const fs = require('fs');
const path = require('path');
const { describe, test } = require('node:test');

const { Client } = require('../../../src/node');
const { SocketWatch } = require('../../../src/node/lib/client/socket-watch');
const { Daemon, folder } = require('../../support/daemon');
const { connected, pair } = require('../support/pair');
const { script } = require('../support/script');
const { next, until, within } = require('../../support/wait');

// Longer than any test: a client that is back earlier has not waited for it.
const NEVER = { reconnectDelay: 600_000, reconnectDelayMax: 600_000 };

/* How many folders this process watches, as the kernel has it. */
function watched() {
	const lists = fs.readdirSync('/proc/self/fdinfo').map((fd) => {
		try {
			return fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
		} catch {
			return ''; // the descriptor of the list itself
		}
	});
	return lists.join('').match(/^inotify wd/gm)?.length ?? 0;
}

function ground(t) {
	const dir = folder();
	t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
	const told = [];
	const socket = path.join(dir, 'deep', 's');
	const watch = new SocketWatch(socket, () => told.push('it'));
	t.after(() => watch.close());
	return { socket, watch, told, dir: path.dirname(socket) };
}

describe('a client that is away', () => {
	test('comes when the socket appears, however long its delay is', async (t) => {
		t.mock.method(Math, 'random', () => 0.5);
		const { client, daemon } = await pair(t, { daemon: null, ...NEVER });
		client.connect();
		await next(client, 'connect_error');
		await daemon.start();
		await within(client.ready(), 'connection');
		assert.equal(watched(), 0);
	});

	test('comes when a daemon that was killed has a successor, each time', async (t) => {
		t.mock.method(Math, 'random', () => 0.5);
		const daemon = await Daemon.start();
		const client = new Client({ socket: daemon.socket, ...NEVER }).connect();
		t.after(async () => {
			client.destroy();
			await daemon.destroy();
		});
		await within(client.ready(), 'connection');
		for (let n = 2; n < 5; n++) {
			const gone = next(client, 'disconnect');
			await (n % 2 ? daemon.kill() : daemon.stop());
			await gone;
			assert.equal(watched(), 1);
			await daemon.start();
			await within(client.ready(), 'connection');
			assert.equal(client.stats.connects, n);
		}
		assert.equal(watched(), 0);
	});

	test('no longer watches when it is closed', async (t) => {
		const { client, daemon } = await connected(t, NEVER);
		const gone = next(client, 'disconnect');
		await daemon.stop();
		await gone;
		assert.equal(watched(), 1);
		await client.close();
		assert.equal(watched(), 0);
	});

	test('may end', async (t) => {
		const { socket, dir } = ground(t);
		fs.mkdirSync(dir);
		const { ended } = script(t, { socket, ...NEVER }, 'client.connect()');
		assert.equal(await ended, 0);
	});
});

describe('a watch', () => {
	test('is told of the socket alone, and not of its end', async (t) => {
		const { socket, watch, told, dir } = ground(t);
		fs.mkdirSync(dir);
		fs.writeFileSync(socket, '');
		watch.watch();
		fs.unlinkSync(socket);
		fs.writeFileSync(`${socket}.lock`, '');
		// Events come in order, so this one comes after all the others.
		const seen = next(fs.watch(dir, { persistent: false }).on('change', function look(type, name) {
			if (name === 'last') {
				this.emit('last');
				this.close();
			}
		}), 'last');
		fs.writeFileSync(path.join(dir, 'last'), '');
		await seen;
		assert.deepEqual(told, []);
		fs.writeFileSync(socket, '');
		await until(() => told.length > 0, 'watch');
	});

	test('needs a folder, which may come later or be another one', async (t) => {
		const { socket, watch, told, dir } = ground(t);
		watch.watch();
		assert.equal(watched(), 0);
		for (let n = 0; n < 2; n++) {
			fs.mkdirSync(dir);
			watch.watch();
			told.length = 0;
			fs.writeFileSync(socket, '');
			await until(() => told.length > 0, 'watch');
			fs.rmSync(dir, { recursive: true });
		}
	});
});
