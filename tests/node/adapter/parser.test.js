'use strict';

/* The option `parser`, and options that there are not. */

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const redisEmitter = require('@socket.io/redis-emitter');

const pm2Adapter = require('../../../src/node');
const { Daemon } = require('../../support/daemon');
const { Servers } = require('../support/servers');
const { next, until, within } = require('../../support/wait');

const { Client, createEmitter, redisPublisher } = pm2Adapter;
const PATIENT = { timeout: 120_000 };
const JSON_PARSER = { encode: JSON.stringify, decode: JSON.parse };

async function ground(t, parsers) {
	const daemon = await Daemon.start();
	t.after(() => daemon.destroy());
	const servers = new Servers();
	t.after(() => servers.close());
	for (const parser of parsers)
		await servers.add(daemon.socket, { adapter: { parser } });
	await servers.ready();
	const clients = await Promise.all(parsers.map((parser, i) => servers.client(i)));
	return { daemon, servers, clients };
}

describe('the option parser', PATIENT, () => {
	test('emitters with the same reach the clients, and so do those with none', async (t) => {
		const { daemon, clients } = await ground(t, [JSON_PARSER, JSON_PARSER]);
		const link = createEmitter({ socket: daemon.socket });
		const ours = createEmitter({ socket: daemon.socket, parser: { encode: JSON.stringify } });
		t.after(() => {
			link.destroy();
			ours.destroy();
		});
		new redisEmitter.Emitter(redisPublisher(link), { parser: JSON_PARSER }).emit('redis', { n: 1 });
		new redisEmitter.Emitter(redisPublisher(link)).emit('msgpack', { n: 2 });
		link.emit('none', { n: 3 });
		await within(link.flush(), 'messages');
		await Promise.all(clients.map(({ peer }) => peer.join('r')));
		ours.to('r').emit('ours', { n: 4 });
		ours.socketsJoin('s');
		await until(() => clients.every(({ got, peer }) => got.length === 4 && peer.rooms.has('s')), 'messages');
		for (const { got } of clients)
			assert.deepEqual(got,
				[['redis', { n: 1 }], ['msgpack', { n: 2 }], ['none', { n: 3 }], ['ours', { n: 4 }]]);
	});

	test('workers write it too, and read those that have none', async (t) => {
		const { daemon, servers, clients } = await ground(t, [JSON_PARSER, undefined, JSON_PARSER]);
		const heard = new Client({ socket: daemon.socket, role: 'observer' });
		t.after(() => heard.destroy());
		heard.subscribe('socket.io#/#');
		heard.connect();
		await within(heard.ready(), 'connection');
		const message = next(heard, 'message');
		servers.ios[0].emit('a', 1);
		const [, packet, opts] = JSON.parse((await message)[1]);
		assert.deepEqual([packet, opts], [{ type: 2, data: ['a', 1], nsp: '/' },
			{ rooms: [], except: [], flags: {} }]);
		servers.ios[1].emit('b', 2);
		await until(() => [0, 2].every((i) => clients[i].got.length === 2), 'messages');
		assert.deepEqual(clients[2].got, [['a', 1], ['b', 2]]);
		await until(() => servers.all[1].client.stats.malformed === 1, 'count');
		assert.deepEqual(clients[1].got, [['b', 2]]);
		assert.equal((await within(servers.ios[0].fetchSockets(), 'sockets')).length, 3);
	});

	test('what it throws or returns costs one message', async (t) => {
		const odd = {
			encode: ([uid, packet, opts]) => {
				const value = packet.data[1];
				if (value === 'throws')
					throw new Error('of encode');
				return value === 'number' ? 7 : JSON.stringify([uid, packet, opts]);
			},
			decode(bytes) {
				const payload = JSON.parse(bytes);
				if (payload[1].data[1] === 'bad')
					throw new Error('of decode');
				return payload[1].data[1] === 'null' ? null : payload;
			},
		};
		const { servers, clients } = await ground(t, [odd, odd]);
		const errors = [];
		servers.all[0].client.on('encode_error', ({ code }) => errors.push(code));
		for (const value of ['throws', 'number', 'bad', 'null', 'good'])
			servers.ios[0].emit('x', value);
		await until(() => clients[1].got.length === 1, 'message');
		assert.deepEqual(clients[1].got, [['x', 'good']]);
		assert.equal(clients[0].got.length, 5);
		assert.deepEqual(errors, ['PM2A_ERR_ENCODE', 'PM2A_ERR_ENCODE']);
		assert.equal(servers.all[1].client.stats.malformed, 2);
	});

	test('an emitter reports what it throws', async (t) => {
		const emitter = createEmitter({
			socket: '/nonexistent/s', parser: { encode() { throw new Error('of encode'); } },
		});
		t.after(() => emitter.destroy());
		assert.throws(() => emitter.emit('x'), { code: 'PM2A_ERR_ENCODE', message: /of encode/ });
	});
});

describe('options that there are not', () => {
	const MAKERS = {
		pm2Adapter, createEmitter, Client: (options) => new Client(options),
	};
	for (const [name, make] of Object.entries(MAKERS)) {
		for (const option of ['requestTimeout', 'Key', '__proto_', 'publishOnSpecificResponseChannel'])
			test(`${name}: ${option}`, () => {
				assert.throws(() => make({ [option]: 1 }), (error) => {
					assert.equal(error.code, 'PM2A_ERR_OPTION');
					assert(error.message.startsWith(`${option}: no such option`), error.message);
					return true;
				});
			});
		if (name === 'Client')
			continue;
		for (const parser of [null, 7, {}, { decode: JSON.parse }, { encode: 'x', decode: JSON.parse }])
			test(`${name}: the parser ${JSON.stringify(parser)}`, () => {
				assert.throws(() => make({ parser }), { code: 'PM2A_ERR_OPTION', message: /^parser: / });
			});
	}
});
