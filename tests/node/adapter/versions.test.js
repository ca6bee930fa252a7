'use strict';

/* Versions of Socket.IO that can't be served are refused when they ask for an adapter. */

const assert = require('assert/strict');
const { createRequire } = require('module');
const { describe, test } = require('node:test');

const socketIo2 = require('socket.io-2');
const { Server } = require('socket.io');
const { Server: Server3 } = require('socket.io-3');
const { Server: Server41 } = require('socket.io-4.1');
const { Server: Server45 } = require('socket.io-4.5');

const pm2Adapter = require('../../../src/node');
const { isIn } = require('../../../src/node/lib/adapter/versions');
const { peerDependencies } = require('../../../src/node/package.json');

const OPTIONS = { serveClient: false };
const NOWHERE = '/nonexistent/s';
const REMEDY = new RegExp(`; use ${Object.entries(peerDependencies)
	.map(([name, range]) => `${name} ${range}`.replace(/[.^|]/g, '\\$&')).join(' and ')}$`);

function adapterVersion(name) {
	return createRequire(require.resolve(name))('socket.io-adapter/package.json').version;
}

/* act() is refused, with `found` in the error. */
function refused(act, found) {
	assert.throws(act, (error) => {
		assert.ok(error instanceof pm2Adapter.Pm2aError);
		assert.equal(error.code, 'PM2A_ERR_VERSION');
		assert.ok(error.message.startsWith(`${found} is not supported; `), error.message);
		assert.match(error.message, REMEDY);
		return true;
	});
}

describe('versions of Socket.IO', () => {
	test('are in a range, or not', () => {
		const range = '^1.1.2 || ^4.5.0';
		for (const version of ['1.1.2', '1.1.3', '1.2.0', '4.5.0', '4.5.1', '4.10.0', '4.6.0-alpha1'])
			assert.ok(isIn(version, range), version);
		for (const version of ['0.5.0', '1.0.0', '1.1.1', '2.5.1', '3.1.2', '4.4.9', '5.0.0', '', 'x', '4'])
			assert.ok(!isIn(version, range), version);
	});

	test('are those of the README', () => {
		assert.deepEqual(peerDependencies['socket.io'], '^2.0.0 || ^4.5.0');
	});

	for (const [name, version, create] of [
		['socket.io-3', '3.1.2', (options) => new Server3({ ...OPTIONS, ...options })],
		['socket.io-4.1', '4.1.3', (options) => new Server41({ ...OPTIONS, ...options })],
	])
		describe(version, () => {
			const found = `socket.io ${version} with socket.io-adapter ${adapterVersion(name)}`;

			test('is refused when the server is constructed', () => {
				const adapter = pm2Adapter({ socket: NOWHERE });
				refused(() => create({ adapter }), found);
				assert.equal(adapter.client.stats.errors, 0);
			});

			test('is refused by io.adapter() and by a namespace', () => {
				const io = create();
				const before = io.of('/').adapter;
				const adapter = pm2Adapter({ socket: NOWHERE });
				refused(() => io.adapter(adapter), found);
				assert.equal(io.of('/').adapter, before);
				refused(() => io.of('/other'), found);
			});

			test('is refused where no version can be read, as in a bundle', () => {
				class Server {
					encoder = {};
				}
				const nsp = create().of('/');
				nsp.server = new Server();
				refused(() => new (pm2Adapter({ socket: NOWHERE }))(nsp), 'this version of socket.io');
			});
		});

	test('that work are not refused', () => {
		const servers = [
			(adapter) => new Server({ ...OPTIONS, adapter }),
			(adapter) => new Server45({ ...OPTIONS, adapter }),
			(adapter) => socketIo2({ ...OPTIONS, adapter }),
		];
		for (const serve of servers) {
			const adapter = pm2Adapter({ socket: NOWHERE });
			assert.equal(serve(adapter).of('/').adapter.client, adapter.client);
			adapter.client.destroy();
		}
	});
});
