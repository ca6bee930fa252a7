'use strict';

/*
 * Answers that are large, that cannot be encoded, or that take a while. Real Socket.IO servers of
 * both majors in this process; most of their sockets are stand-ins without a connection.
 */

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { inTurns } = require('../../../src/node/lib/adapter/turns');
const { Daemon } = require('../../support/daemon');
const { MAJORS, MajorServer, Visitor } = require('../support/majors');
const { next, until, within } = require('../../support/wait');

const PATIENT = { timeout: 120_000 };
const ALL = () => ({ rooms: new Set(), except: new Set() });
const HANDSHAKE = { headers: { host: 'a' }, time: 't', url: '/', query: { EIO: '4' }, auth: {} };

/* Servers of a major at a daemon of their own. */
async function ground(t, major, { args, count = 2 } = {}) {
	const daemon = new Daemon({ args });
	t.after(() => daemon.destroy());
	await daemon.start();
	const servers = [];
	for (let i = 0; i < count; i++) {
		const server = new MajorServer(major,
			{ adapter: { socket: daemon.socket, name: `server ${i}`, requestsTimeout: 60_000 } });
		t.after(() => server.end());
		server.serve('/');
		servers.push(await server.listen());
	}
	await Promise.all(servers.map(({ client }) => within(client.ready(), 'connection')));
	const adapters = servers.map(({ io }) => io.of('/').adapter);
	await until(() => adapters.every((adapter) => adapter.client.connected), 'connection');
	return { daemon, servers, adapters };
}

/* A socket that has no connection. */
function standIn({ major, io }, fields) {
	const nsp = io.of('/');
	const rooms = new Set([fields.id]);
	const socket = { handshake: HANDSHAKE, data: {}, rooms, ...fields };
	if (major === 4)
		nsp.sockets.set(socket.id, socket);
	else
		nsp.connected[socket.id] = socket;
	nsp.adapter.addAll(socket.id, major === 4 ? rooms : [...rooms]);
	return socket;
}

function circular() {
	const value = { user: 'ann' };
	value.self = value;
	return value;
}

async function fetched(adapter, flags) {
	const sockets = await within(adapter.fetchSockets({ ...ALL(), flags }), 'sockets');
	return new Map(sockets.map((socket) => [socket.id, socket]));
}

for (const major of MAJORS)
	describe(`answers, Socket.IO ${major}`, PATIENT, () => {
		test('a handshake or data that cannot be encoded costs one socket one key', async (t) => {
			const { servers, adapters } = await ground(t, major);
			const bad = {
				circular: circular(), bigint: 10n, deep: [[circular()]],
				get thrown() { throw new Error('of a getter'); },
			};
			standIn(servers[1], { id: 'whole', data: { n: 1 } });
			standIn(servers[1], { id: 'session', handshake: { ...HANDSHAKE, session: circular() } });
			standIn(servers[1], { id: 'data', data: { ...circular(), n: 2, bin: Buffer.of(1) } });
			standIn(servers[1], {
				id: 'all', data: circular(),
				handshake: Object.defineProperties({ ...HANDSHAKE }, Object.getOwnPropertyDescriptors(bad)),
			});
			standIn(servers[1], { id: 'text', data: 10n });
			const sockets = await fetched(adapters[0]);
			const { headers, time, url, query, auth } = HANDSHAKE;
			const told = { headers, time, url, query, auth };
			assert.deepEqual([...sockets.keys()].sort(), ['all', 'data', 'session', 'text', 'whole']);
			for (const { id, handshake, rooms } of sockets.values()) {
				assert.deepEqual({ ...handshake }, told, id);
				assert.deepEqual(rooms, [id]);
			}
			assert.deepEqual(sockets.get('whole').data, { n: 1 });
			assert.deepEqual(sockets.get('session').data, {});
			assert.deepEqual(sockets.get('data').data, { user: 'ann', n: 2, bin: Buffer.of(1) });
			assert.deepEqual(sockets.get('all').data, { user: 'ann' });
			assert.deepEqual(sockets.get('text').data, {});
		});

		test('data arrives as msgpack conveys it, whichever way it travels', async (t) => {
			const { servers, adapters } = await ground(t, major);
			const values = {
				bin: Buffer.of(0, 255), date: new Date(5), nan: NaN, zero: -0, text: 'é\u2028"\\',
				list: [undefined, () => {}, 1], boxed: Object(1), json: { toJSON: () => ({ a: 1 }) },
				own: JSON.parse('{"__proto__":{"admin":true}}'),
			};
			const got = {
				bin: Buffer.of(0, 255), date: new Date(5), nan: NaN, zero: 0, text: 'é\u2028"\\',
				list: [null, null, 1], boxed: 1, json: { a: 1 },
				own: JSON.parse('{"__proto__":{"admin":true}}'),
			};
			for (const [id, value] of Object.entries(values))
				standIn(servers[1], { id, data: { value, none: undefined } });
			const sockets = await fetched(adapters[0]);
			assert.equal(sockets.size, Object.keys(values).length);
			for (const [id, value] of Object.entries(got)) {
				const { data } = sockets.get(id);
				assert.deepEqual(Object.keys(data), ['value'], id);
				assert.deepEqual(data.value, value, id);
			}
			assert.equal({}.admin, undefined);
		});

		test('400 sockets with 60 KB each come whole', async (t) => {
			const { servers, adapters } = await ground(t, major);
			for (let i = 0; i < 400; i++)
				standIn(servers[1], { id: `s${i}`, data: { text: String(i % 10).repeat(60_000) } });
			const sockets = await fetched(adapters[0]);
			assert.equal(sockets.size, 400);
			for (const [id, { data }] of sockets)
				assert.equal(data.text, id.at(-1).repeat(60_000));
		});

		test('the sum of the parts is bounded by max-gather', async (t) => {
			const { servers, adapters } = await ground(t, major, { args: ['--max-gather', '1m'] });
			for (let i = 0; i < 40; i++)
				standIn(servers[1], { id: `s${i}`, data: { text: 'x'.repeat(60_000) } });
			await assert.rejects(fetched(adapters[0]),
				{ code: 'PM2A_ERR_REFUSED', reason: 'gather-too-big' });
			assert.equal(adapters[0].client.stats.connects, 1);
		});

		const huge = 'x'.repeat(17 * 1024 * 1024);
		const BIG = {
			fetchSockets: (adapter, server) => {
				standIn(server, { id: 'huge', data: { huge } });
				return adapter.fetchSockets(ALL());
			},
			customRequest: (adapter, server) => {
				server.io.of('/').adapter.customHook = (data, cb) => cb(huge);
				return adapter.customRequest('x');
			},
			serverSideEmit: (adapter, server) => {
				server.io.of('/').on('ask', (cb) => cb(huge));
				return new Promise((resolve, reject) => {
					adapter.serverSideEmit(['ask', (error, list) => (error ? reject(error) : resolve(list))]);
				});
			},
			allRooms: (adapter, server) => {
				server.io.of('/').adapter.addAll('here', major === 4 ? new Set([huge]) : [huge]);
				return adapter.allRooms();
			},
			clients: (adapter, server) => {
				standIn(server, { id: huge });
				return adapter.clients();
			},
		};
		for (const [name, ask] of Object.entries(BIG))
			test(`${name}: an answer above max-frame is an error that names its worker`, async (t) => {
				const { servers, adapters } = await ground(t, major);
				await assert.rejects(within(ask(adapters[0], servers[1]), 'answer'), (error) => {
					assert.deepEqual([error.code, error.reason], ['PM2A_ERR_REFUSED', 'too-big']);
					assert.deepEqual(error.missing.map((each) => [each.name, each.reason]),
						[['server 1', 'too-big']]);
					return true;
				});
			});

		const UNENCODABLE = { bigint: () => 10n, circular };
		for (const [name, value] of Object.entries(UNENCODABLE))
			test(`an acknowledgement with a ${name} is an error that says so`, async (t) => {
				const { servers, adapters } = await ground(t, major, { count: 3 });
				const errors = servers.slice(1).map(({ client }) => next(client, 'receive_error'));
				for (const { io } of servers.slice(1)) {
					io.of('/').adapter.customHook = (data, cb) => cb(value());
					io.of('/').on('ask', (cb) => cb(value()));
				}
				const isError = (error) => {
					assert.deepEqual([error.code, error.reason], ['PM2A_ERR_REFUSED', 'unencodable']);
					assert.deepEqual(error.missing.map((each) => [each.name, each.reason]).sort(),
						[['server 1', 'unencodable'], ['server 2', 'unencodable']]);
					return true;
				};
				await assert.rejects(within(adapters[0].customRequest('x'), 'answer'), isError);
				await Promise.all(errors);
				await new Promise((resolve) => {
					adapters[0].serverSideEmit(['ask', (error, list) => {
						assert.deepEqual(list, []);
						resolve(isError(error));
					}]);
				});
			});

		test('a remote change of rooms is answered when it is done', async (t) => {
			const { servers, adapters } = await ground(t, major);
			const visitors = await Promise.all(Array.from({ length: 5 },
				() => Visitor.connect(major, servers[1].port, { '/': [] })));
			t.after(() => visitors.forEach((visitor) => visitor.end()));
			const nsp = servers[1].io.of('/');
			const has = (socket, room) => (major === 4 ? socket.rooms.has(room) : room in socket.rooms);
			for (let round = 0; round < 40; round++)
				await Promise.all(visitors.map(async ({ id }) => {
					const socket = major === 4 ? nsp.sockets.get(id) : nsp.connected[id];
					const room = `room ${round}`;
					await adapters[0].remoteJoin(id, room);
					assert(has(socket, room), 'joined');
					await adapters[0].remoteLeave(id, room);
					assert(!has(socket, room), 'left');
				}));
			for (const { id } of visitors) {
				await adapters[0].remoteDisconnect(id, true);
				assert(!(major === 4 ? nsp.sockets.has(id) : id in nsp.connected), 'disconnected');
			}
		});
	});

describe('long work', PATIENT, () => {
	test('it takes a slice of each turn, all together', async () => {
		const turns = [];
		let turn = 0;
		let isOver = false;
		(function count() {
			turn++;
			if (!isOver)
				setImmediate(count);
		})();
		await Promise.all([1, 2, 3].map(() => new Promise((resolve) => {
			let left = 4;
			inTurns((end) => {
				turns.push(turn);
				while (performance.now() < end);
				if (--left === 0)
					resolve();
				return left > 0;
			});
		})));
		isOver = true;
		assert.equal(turns.length, 12);
		assert.equal(new Set(turns).size, 12);
	});
});
