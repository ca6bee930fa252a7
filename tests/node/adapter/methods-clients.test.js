'use strict';

/*
 * The methods of Socket.IO 4 that reach clients on all workers: commands to sockets, messages
 * among servers, and broadcasts that are acknowledged. Across processes and the real daemon.
 */

const assert = require('assert/strict');
const { after, before, describe, test } = require('node:test');

const { BOUND_MS, Cluster, PATIENT_MS } = require('../support/cluster');
const { Daemon } = require('../../support/daemon');
const { inRoom, sorted } = require('../support/questions');
const { next, until, within } = require('../../support/wait');

const LONG = { timeout: 120_000 };
const SHORT_MS = 500;

const soon = (promise) => within(promise, 'answer', BOUND_MS);
const notes = (member) => member.told.filter(({ note }) => note);

describe('Socket.IO 4: what reaches clients on all workers', LONG, () => {
	let daemon;
	let cluster;
	let other;
	let a;
	let b;
	let c;

	before(async () => {
		daemon = await Daemon.start();
		[cluster, other] = await Promise.all([
			Cluster.start(daemon.socket,
				{ major: 4, key: 'app', namespaces: ['/', '/a', '/b'] }, 'a', 'b'),
			Cluster.start(daemon.socket, { major: 4, key: 'other' }, 'o'),
		]);
		[a, b] = cluster.all;
		await other.all[0].visit(['all', 'front', 'back']);
		await a.visit({ '/': ['all', 'front'], '/a': ['all'] });
		await b.visit({ '/': ['all', 'back'], '/a': ['all'] });
		await b.visit({ '/': ['all'] });
	});

	/* A third one, in the place of one that has died. */
	async function fill() {
		c = cluster.all.find(({ name }) => name === 'c') ?? await cluster.add('c');
		while (c.visitors.length < 2)
			await c.visit({ '/': ['all', 'back'], '/a': ['all'] });
		await cluster.complete();
		for (const socket of cluster.sockets())
			Object.assign(socket, { answers: true, got: [] });
	}

	after(async () => {
		await cluster?.destroy();
		await other?.destroy();
		await daemon?.destroy();
	});

	/* All that was sent before has been taken by all: they answer behind it. */
	const settled = () => soon(a.call('customRequest', 'settled'));
	const members = async (room) => sorted(await soon(b.call('clients', [room])));
	const ids = (sockets) => sorted(sockets.map(({ id }) => id));

	describe('commands', () => {
		before(fill);

		test('socketsJoin and socketsLeave, of all', async () => {
			await a.call('socketsJoin', {}, ['one', 'two']);
			await settled();
			for (const room of ['one', 'two'])
				assert.deepEqual(await members(room), ids(cluster.sockets()));
			await a.call('socketsLeave', {}, ['one', 'two']);
			await settled();
			assert.deepEqual([await members('one'), await members('two')], [[], []]);
		});

		test('socketsJoin and socketsLeave, of rooms and except rooms', async () => {
			const back = inRoom(cluster.sockets(), 'back');
			await a.call('socketsJoin', { rooms: ['back'] }, 'of back');
			await a.call('socketsJoin', { except: ['back'] }, 'but back');
			await a.call('socketsJoin', { rooms: ['front', 'back'], except: ['front'] }, 'both');
			await settled();
			assert.deepEqual(await members('of back'), ids(back));
			assert.deepEqual(await members('but back'),
				ids(cluster.sockets().filter((socket) => !socket.rooms.has('back'))));
			assert.deepEqual(await members('both'), ids(back));
			await a.call('socketsLeave', { rooms: ['back'] }, ['of back', 'both']);
			await a.call('socketsLeave', {}, 'but back');
			await settled();
			for (const room of ['of back', 'but back', 'both'])
				assert.deepEqual(await members(room), []);
		});

		test('a room that one is told to join has it for the emit behind', async () => {
			const { socket, id } = b.visitors[0].of();
			for (let n = 0; n < 100; n++) {
				const come = next(socket, `event ${n}`);
				await a.callAll([['socketsJoin', { rooms: [id] }, `room ${n}`],
					['emit', [`room ${n}`], `event ${n}`, n]]);
				assert.deepEqual(await come, [n]);
			}
			await a.call('socketsLeave', {}, Array.from({ length: 100 }, (_, n) => `room ${n}`));
			await settled();
		});

		test('a socket of another worker, as fetchSockets() gives it, can be told', async () => {
			const visitor = await b.visit(['remote']);
			const told = next(visitor.of().socket, 'event');
			await a.call('tellRemote', 'remote', 'moved', 'event', 7);
			assert.deepEqual(await told, [7]);
			await settled();
			assert.deepEqual(await members('moved'), [visitor.id]);
			visitor.end();
			b.visitors.pop();
			await until(async () => (await members('moved')).length === 0, 'end of the visitor');
		});

		test('disconnectSockets leaves the connection, or closes it', async () => {
			for (const close of [false, true]) {
				const visitors = [];
				for (const member of [a, b, c])
					visitors.push(await member.visit({ '/a': ['out'], '/b': [] }));
				const ended = visitors.map((visitor) => next(visitor.of('/a').socket, 'disconnect'));
				const all = visitors.map((visitor) => next(visitor.of('/b').socket, 'disconnect'));
				await a.callIn('/a', 'disconnectSockets', { rooms: ['out'] }, close);
				await Promise.all(ended);
				for (const visitor of close ? [] : visitors) {
					assert.equal(await visitor.ask('/b', 'echo', 7), 7);
					visitor.end();
				}
				await Promise.all(all);
				for (const member of [a, b, c])
					member.visitors.pop();
			}
		});

		test('what was emitted before comes before the end', async () => {
			const visitor = await b.visit(['last']);
			const { socket, got } = visitor.of();
			const ended = next(socket, 'disconnect');
			await a.callAll([
				...Array.from({ length: 100 }, (_, n) => ['emit', ['last'], 'event', n]),
				['disconnectSockets', { rooms: ['last'] }, true],
			]);
			await ended;
			assert.deepEqual(got.map(([n]) => n), Array.from({ length: 100 }, (_, n) => n));
			b.visitors.pop();
		});

		test('of one namespace alone', async () => {
			await a.callIn('/a', 'socketsJoin', {}, 'in a');
			await settled();
			assert.deepEqual(await members('in a'), []);
			assert.deepEqual(sorted(await soon(a.callIn('/a', 'clients', ['in a']))),
				ids(cluster.sockets('/a')));
			await a.callIn('/a', 'socketsLeave', {}, 'in a');
		});

		test('one that is stopped delays nobody, and catches up', async () => {
			await c.freeze();
			try {
				await a.call('socketsJoin', { except: ['front'] }, 'late');
				await a.call('serverSideEmit', 'note', 'late');
				const joined = ids(b.visitors.map((visitor) => visitor.of()));
				for (const id of joined)
					await until(async () =>
						(await soon(b.call('clientRooms', id))).includes('late'), 'join');
			} finally {
				c.thaw();
			}
			await settled();
			assert.deepEqual(await members('late'),
				ids(cluster.sockets('/', [b, c])));
			assert.ok(notes(c).some(({ note }) => note[0] === 'late'));
			await a.call('socketsLeave', {}, 'late');
		});
	});

	describe('messages among servers', () => {
		before(fill);

		test('serverSideEmit reaches the others once, in its namespace, in order', async () => {
			const earlier = [a, b, c].map((member) => notes(member).length);
			for (const nsp of ['/', '/a'])
				for (let n = 0; n < 10; n++)
					await a.callIn(nsp, 'serverSideEmit', 'note', n, { bytes: Buffer.from('x') });
			await settled();
			const got = [a, b, c].map((member, i) => notes(member).slice(earlier[i]));
			assert.deepEqual(got[0], []);
			for (const each of got.slice(1)) {
				for (const nsp of ['/', '/a'])
					assert.deepEqual(each.filter((told) => told.nsp === nsp).map(({ note }) => note),
						Array.from({ length: 10 }, (_, n) => [n, { bytes: Buffer.from('x') }]));
				assert.equal(each.length, 20);
			}
		});
	});

	describe('broadcasts with acknowledgements', () => {
		const times = [];
		const answer = (socket, value) => ({ id: socket.id, value });
		const byId = (values) => [...values].sort((x, y) => (x.id < y.id ? -1 : 1));
		const patient = (target = {}) => ({ timeout: PATIENT_MS, ...target });

		before(fill);

		for (const method of ['broadcastAsk', 'emitWithAck']) {
			test(`${method}: what each client gives, once, from all workers`, async () => {
				cluster.sockets().forEach((socket) => socket.got.splice(0));
				for (const asker of [a, b]) {
					const value = { n: 1, bytes: Buffer.from([0, 0xff]) };
					const got = await soon(asker.call(method, patient(), 'question', value));
					assert.deepEqual(byId(got),
						byId(cluster.sockets().map((socket) => answer(socket, value))));
					await asker.idle();
				}
				for (const socket of cluster.sockets())
					assert.equal(socket.got.splice(0).length, 2);
			});

			test(`${method}: of rooms and except rooms, and of a namespace`, async () => {
				const got = async (nsp, target) => byId(await soon(
					a.callIn(nsp, method, patient(target), 'question', 'x')));
				const all = cluster.sockets();
				const wanted = (sockets) => byId(sockets.map((socket) => answer(socket, 'x')));
				assert.deepEqual(await got('/', { rooms: ['back'] }), wanted(inRoom(all, 'back')));
				assert.deepEqual(await got('/', { except: ['back'] }),
					wanted(all.filter((socket) => !socket.rooms.has('back'))));
				assert.deepEqual(await got('/', { rooms: ['back', 'all'], except: ['front'] }),
					wanted(all.filter((socket) => !socket.rooms.has('front'))));
				assert.deepEqual(await got('/a', {}), wanted(cluster.sockets('/a')));
				assert.deepEqual(await got('/', { rooms: [b.visitors[0].id] }),
					wanted([b.visitors[0].of()]));
				await a.idle();
			});

			test(`${method}: nobody is in the room`, async () => {
				assert.deepEqual(await soon(
					a.call(method, patient({ rooms: ['empty'] }), 'question', 'x')), []);
				assert.deepEqual(await soon(
					a.callIn('/b', method, patient(), 'question', 'x')), []);
				await a.idle();
			});

			test(`${method}: one alone under its key`, async () => {
				const [o] = other.all;
				assert.deepEqual(await soon(o.call(method, patient(), 'question', 'x')),
					other.sockets().map((socket) => answer(socket, 'x')));
				await o.idle();
			});
		}

		test('who has nobody in the room is not asked', async () => {
			const questions = async () => (await c.order('stats')).questions;
			const earlier = await questions();
			for (let n = 0; n < 10; n++)
				await soon(a.call('emitWithAck', patient({ rooms: [b.visitors[0].id] }), 'question', n));
			assert.equal(await questions(), earlier);
		});

		test('a hundred at a time', async () => {
			const outcomes = await soon(a.callAll(Array.from({ length: 100 }, (_, n) =>
				['emitWithAck', patient(), 'question', n])));
			for (const [n, { value }] of outcomes.entries())
				assert.deepEqual(byId(value),
					byId(cluster.sockets().map((socket) => answer(socket, n))));
			await a.idle();
		});

		test('a client that does not answer: the end of its time, with what came', async () => {
			b.visitors[0].of().answers = false;
			const others = cluster.sockets().filter(({ answers }) => answers);
			await assert.rejects(
				soon(a.call('broadcastAsk', { timeout: SHORT_MS }, 'question', 'x')), (error) => {
					assert.match(error.message, /timed out/);
					assert.deepEqual(byId(error.responses),
						byId(others.map((socket) => answer(socket, 'x'))));
					return true;
				});
			await until(() => a.idle().then(() => true, () => false), 'end of the question');
			b.visitors[0].of().answers = true;
		});

		test('a worker that does not answer: the end of its time, with what came', async () => {
			await c.freeze();
			try {
				await assert.rejects(
					soon(a.call('broadcastAsk', { timeout: SHORT_MS }, 'question', 'x')), (error) => {
						assert.match(error.message, /timed out/);
						assert.deepEqual(byId(error.responses),
							byId(cluster.sockets('/', [a, b]).map((socket) => answer(socket, 'x'))));
						return true;
					});
				await until(() => a.idle().then(() => true, () => false), 'end of the question');
			} finally {
				c.thaw();
			}
			await settled();
			await a.idle();
		});

		test('a worker that dies before its count counts as none', async () => {
			await fill();
			const { value, error, ms } = await cluster.atDeath(a, c,
				(asker) => asker.call('broadcastAsk', patient(), 'question', 'x'));
			assert.ifError(error);
			assert.deepEqual(byId(value), byId(cluster.sockets().map((socket) => answer(socket, 'x'))));
			times.push(ms);
			await a.idle();
		});

		test('a worker that dies between its clients\' answers counts as those that came', async () => {
			await fill();
			const [answering, silent] = c.visitors.map((visitor) => visitor.of());
			silent.answers = false;
			const come = a.call('emitWithAck', patient(), 'question', 'x');
			await until(() => cluster.sockets().every(({ got }) => got.length === 1), 'question');
			// The first answer has reached the asker when a later one of the same worker has.
			await answering.socket.emitWithAck('echo', 1);
			await soon(a.call('customRequest', 'behind it'));
			const start = performance.now();
			const dead = cluster.kill(c);
			const value = await soon(come);
			times.push(performance.now() - start);
			await dead;
			assert.deepEqual(byId(value),
				byId([...cluster.sockets(), answering].map((socket) => answer(socket, 'x'))));
			await a.idle();
		});

		test('it comes at the death: the times', (t) => {
			assert.equal(times.length, 2);
			t.diagnostic(`ms from a death to the answer: ${times.map((ms) => ms.toFixed(1)).join(', ')}`);
		});
	});

	describe('serverCount', () => {
		test('counts those of the key, and is right at once after a death', async (t) => {
			const times = [];
			for (let n = 0; n < 3; n++) {
				await fill();
				assert.equal(await a.call('serverCount'), 3);
				const start = performance.now();
				const dead = cluster.kill(c);
				await until(async () => await a.call('serverCount') === 2, 'count', BOUND_MS);
				times.push(performance.now() - start);
				await dead;
			}
			assert.equal(await other.all[0].call('serverCount'), 1);
			t.diagnostic(`ms from a death to the count: ${times.map((ms) => ms.toFixed(1)).join(', ')}`);
		});

		test('one that closes counts no longer, in each namespace', async () => {
			await fill();
			for (const nsp of ['/', '/a'])
				await until(async () => await a.callIn(nsp, 'serverCount') === 3, 'three');
			await c.order('close');
			for (const nsp of ['/', '/a'])
				await until(async () => await a.callIn(nsp, 'serverCount') === 2, 'two', BOUND_MS);
			await cluster.kill(c);
		});
	});

	test('the other application heard nothing', async () => {
		const [o] = other.all;
		await o.order('barrier');
		const { questions, received } = await o.order('stats');
		assert.deepEqual({ questions, received }, { questions: 0, received: 0 });
		assert.deepEqual(notes(o), []);
		for (const { got } of other.sockets())
			assert.equal(got.length, 2, 'but its own');
	});
});
