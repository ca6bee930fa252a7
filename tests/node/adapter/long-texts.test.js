'use strict';

/* Emits of long texts, with Socket.IO's parser and with one that changes texts. */

const assert = require('assert/strict');
const { test } = require('node:test');

const parser = require('socket.io-parser');

const { hasOwnEncoder } = require('../../../src/node/lib/adapter/base-class');
const { Daemon } = require('../../support/daemon');
const { Servers } = require('../support/servers');
const { until } = require('../../support/wait');

const TEXT = 'long text '.repeat(1000);

class Shouting extends parser.Encoder {
	constructor() {
		super((key, value) => (value === TEXT ? value.toUpperCase() : value));
	}
}

for (const { title, server, isOwn, expected } of [
	{ title: 'Socket.IO\'s parser', server: {}, isOwn: true, expected: TEXT },
	{ title: 'a parser that changes texts', isOwn: false, expected: TEXT.toUpperCase(),
		server: { parser: { ...parser, Encoder: Shouting } } },
])
	test(`a long text reaches clients of both workers: ${title}`, { timeout: 60_000 }, async (t) => {
		const daemon = await Daemon.start();
		t.after(() => daemon.destroy());
		const servers = await Servers.start(daemon.socket, 2, { server });
		t.after(() => servers.close());
		assert.equal(hasOwnEncoder(servers.ios[0]), isOwn);
		const clients = [await servers.client(0), await servers.client(1)];
		servers.ios[0].emit('event', TEXT, 1, 'ü"\n'.repeat(1000));
		await until(() => clients.every(({ got }) => got.length === 1), 'events');
		for (const { got } of clients)
			assert.deepEqual(got, [['event', expected, 1, 'ü"\n'.repeat(1000)]]);
	});
