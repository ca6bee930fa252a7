'use strict';

/*
 * The methods that ask all workers, across processes and the real daemon: their results if all are
 * there, if one dies before it has answered, and if there is nobody to ask.
 */

const assert = require('assert/strict');
const { after, before, describe, test } = require('node:test');

const { BOUND_MS, Cluster, MAJORS } = require('../support/cluster');
const { Daemon } = require('../../support/daemon');
const { FINDING, gathering, inRoom, sorted } = require('../support/questions');
const { next, until, within } = require('../../support/wait');

const LONG = { timeout: 120_000 };
const PLACES = { a: [['all', 'front']], b: [['all', 'back'], ['all']], c: [['all', 'back']] };

const median = (values) => sorted(values.map((value) => value.toFixed(1).padStart(9)))
	.at(values.length / 2).trim();

async function seat(member) {
	for (const rooms of PLACES[member.name] ?? [])
		await member.visit(rooms);
}

for (const major of MAJORS) {
	describe(`methods of Socket.IO ${major}`, LONG, () => {
		let daemon;
		let cluster;
		let other; // one of another application, alone under its key
		let a;
		let b;

		const soon = (promise) => within(promise, 'answer', BOUND_MS);
		const there = (members) =>
			({ asker: members[0], members, sockets: cluster.sockets('/', members) });
		const questions = async () =>
			(await Promise.all(cluster.all.map((member) => member.order('stats'))))
				.map((stats) => stats.questions);

		/* Resolves when the servers know of no visitor that has ended. */
		const gone = () => until(async () =>
			(await a.call('clients')).length === cluster.sockets().length, 'end of visitors');

		before(async () => {
			daemon = await Daemon.start();
			[cluster, other] = await Promise.all([
				Cluster.start(daemon.socket,
					{ major, key: 'app', namespaces: ['/', '/a', '/b'] }, 'a', 'b', 'c'),
				Cluster.start(daemon.socket, { major, key: 'other' }, 'o'),
			]);
			[a, b] = cluster.all;
			for (const member of cluster.all)
				await seat(member);
			await other.all[0].visit(['all', 'back', 'front']);
			await cluster.complete();
		});

		after(async () => {
			await cluster?.destroy();
			await other?.destroy();
			await daemon?.destroy();
		});

		describe('all are there', () => {
			for (const { name, call, got, is } of gathering(major)) {
				test(name, async () => {
					for (const asker of [a, b]) {
						const value = await soon(asker.call(...call));
						assert.deepEqual(got(value), is({ ...there(cluster.all), asker }));
						await asker.idle();
					}
				});
			}

			test('clientRooms(id, fn)', async () => {
				for (const socket of cluster.sockets())
					assert.deepEqual(sorted(await soon(a.call('clientRooms', socket.id))),
						sorted(socket.rooms));
			});

			test('remoteJoin and remoteLeave: it is so when they have called back', async () => {
				for (const [i, { id }] of cluster.sockets().entries()) {
					const room = `joined ${i}`;
					assert.equal(await soon(a.call('remoteJoin', id, room)) ?? null, null);
					assert.deepEqual(await soon(b.call('clients', [room])), [id]);
					assert.ok((await soon(a.call('allRooms'))).includes(room));
					assert.equal(await soon(a.call('remoteLeave', id, room)) ?? null, null);
					assert.deepEqual(await soon(b.call('clients', [room])), []);
					assert.ok(!(await soon(a.call('allRooms'))).includes(room));
				}
			});

			test('remoteDisconnect leaves the connection, or closes it', async () => {
				for (const [close, member] of [[false, b], [true, b], [false, a], [true, a]]) {
					const visitor = await member.visit({ '/a': [], '/b': [] });
					const ended = next(visitor.of('/a').socket, 'disconnect');
					const otherEnded = next(visitor.of('/b').socket, 'disconnect');
					await soon(a.callIn('/a', 'remoteDisconnect', visitor.of('/a').id, close));
					await ended;
					if (close)
						await otherEnded;
					else
						assert.equal(await visitor.ask('/b', 'echo', 7), 7);
					visitor.end();
					await otherEnded;
					member.visitors.pop();
				}
				await gone();
			});

			for (const { name, call } of FINDING) {
				test(`${name}: an unknown id is an error at once`, async () => {
					for (const id of ['nobody', 'ö# \u0000', 'x'.repeat(10_000)])
						await assert.rejects(soon(a.call(...call(id))),
							{ code: 'PM2A_ERR_UNKNOWN', message: /unknown id/ });
					await a.idle();
				});
			}

			test('one who is here is not asked about, and who is found asks no more', async () => {
				const earlier = await questions();
				const [{ id }] = cluster.sockets('/', [a]);
				await soon(a.call('clientRooms', id));
				await soon(a.call('remoteJoin', id, 'mine'));
				await soon(a.call('remoteLeave', id, 'mine'));
				assert.deepEqual(await questions(), earlier);
			});

			test('who has nobody in a room is not asked about it', async () => {
				const about = (room) => [['clients', [room]], ...(major === 4 ?
					[['allSockets', [room]], ['fetchSockets', { rooms: [room] }]] :
					[['clientsIn', room]])];
				await b.visitors[1].join('rare');
				const [{ id }] = inRoom(cluster.sockets(), 'rare');
				const earlier = await questions();
				for (const call of about('rare')) {
					const found = [...await soon(a.call(...call))];
					assert.deepEqual(found.map((socket) => socket.id ?? socket), [id]);
				}
				const later = await questions();
				assert.deepEqual(later.map((n, i) => n - earlier[i]), [0, about('rare').length, 0]);
				for (const call of about('void'))
					assert.deepEqual([...await soon(a.call(...call))], []);
				assert.deepEqual(await questions(), later);
			});

			test('thousands of rooms that several have, each once', async () => {
				const names = Array.from({ length: 5000 }, (_, i) => `many ${i}`);
				const all = (method) => Promise.all([a, b].map((member) =>
					member.callAll(names.map((name) => [method, member.visitors[0].id, name]))));
				await all('remoteJoin');
				const rooms = await soon(cluster.all[2].call('allRooms'));
				await all('remoteLeave');
				assert.equal(new Set(rooms).size, rooms.length);
				assert.equal(rooms.filter((room) => room.startsWith('many ')).length, names.length);
			});
		});

		describe('three namespaces', () => {
			const spaces = ['/', '/a', '/b'];
			let visitors;

			before(async () => {
				visitors = [];
				for (const member of [a, b])
					visitors.push(await member.visit({ '/a': ['all', 'only a'], '/b': ['back'] }));
			});

			after(async () => {
				for (const [i, member] of [a, b].entries()) {
					visitors[i].end();
					member.visitors.pop();
				}
				await gone();
			});

			for (const { name, call, rooms, got, is } of gathering(major)) {
				test(`${name}: of its own alone, and each is asked once`, async () => {
					const earlier = await questions();
					for (const nsp of spaces) {
						const value = await soon(a.callIn(nsp, ...call));
						assert.deepEqual(got(value), is({
							asker: a, members: cluster.all, sockets: cluster.sockets(nsp),
						}), nsp);
					}
					const asked = spaces.filter((nsp) => rooms === undefined ||
						inRoom(cluster.sockets(nsp, [b]), ...rooms).length > 0);
					const later = await questions();
					assert.deepEqual([later[0] - earlier[0], later[1] - earlier[1]], [0, asked.length]);
				});
			}

			for (const { name, call } of FINDING) {
				test(`${name}: an id of another namespace is unknown`, async () => {
					const { id } = visitors[1].of('/a');
					await assert.rejects(soon(a.callIn('/b', ...call(id))), { code: 'PM2A_ERR_UNKNOWN' });
					assert.ok((await soon(a.callIn('/a', 'clientRooms', id))).includes('only a'));
				});
			}
		});

		describe('nobody else is there', () => {
			for (const { name, call, got, is } of gathering(major)) {
				test(name, async () => {
					const [o] = other.all;
					assert.deepEqual(got(await soon(o.call(...call))),
						is({ asker: o, members: [o], sockets: other.sockets() }));
				});
			}

			for (const { name, call } of FINDING) {
				test(`${name}: unknown at once, also where another application has it`, async () => {
					for (const id of ['nobody', ...cluster.sockets().map((socket) => socket.id)])
						await assert.rejects(soon(other.all[0].call(...call(id))),
							{ code: 'PM2A_ERR_UNKNOWN' });
				});
			}
		});

		describe('one dies before it has answered', () => {
			const times = [];
			let c;

			async function atDeath(...call) {
				const found = await cluster.atDeath(a, c, (asker) => asker.call(...call));
				times.push(found.ms);
				await a.idle();
				return found;
			}

			/* A new one in the place of one that has died. */
			async function fill() {
				c = cluster.all.find(({ name }) => name === 'c') ?? await cluster.add('c');
				if (c.visitors.length === 0)
					await seat(c);
				await cluster.complete();
			}

			for (const { name, call, got, is } of gathering(major)) {
				test(`${name}: the others' answers at its death`, async () => {
					await fill();
					const { value, error } = await atDeath(...call);
					assert.ifError(error);
					assert.deepEqual(got(value), is(there([a, b])));
				});
			}

			for (const { name, call } of FINDING) {
				test(`${name}: unknown at its death, if it alone could know`, async () => {
					await fill();
					const [{ id }] = cluster.sockets('/', [c]);
					const { error } = await atDeath(...call(id));
					assert.equal(error?.code, 'PM2A_ERR_UNKNOWN', error?.message);
				});
			}

			test('clientRooms, remoteJoin, remoteLeave: found without it', async () => {
				await fill();
				await c.freeze();
				try {
					const [{ id, rooms }] = cluster.sockets('/', [b]);
					assert.deepEqual(sorted(await soon(a.call('clientRooms', id))), sorted(rooms));
					await soon(a.call('remoteJoin', id, 'x'));
					await soon(a.call('remoteLeave', id, 'x'));
					await a.idle();
				} finally {
					c.thaw();
				}
			});

			test('one that has been asked, lives, and then dies', async () => {
				await fill();
				const answer = a.call('customRequest', { mute: 'c' });
				await until(() => c.told.some(({ asked }) => asked?.mute === 'c'), 'question');
				const dead = cluster.kill(c);
				const names = (await soon(answer)).map(({ name }) => name);
				assert.deepEqual(sorted(names), ['a', 'b']);
				await dead;
			});

			test('it comes at the death: the times', (t) => {
				assert.equal(times.length, gathering(major).length + FINDING.length);
				assert.ok(Math.max(...times) < BOUND_MS);
				t.diagnostic(`ms from a death to the answer, Socket.IO ${major}: median ${
					median(times)}, longest ${Math.max(...times).toFixed(1)}`);
			});
		});

		test('the other application was never asked, and heard nothing', async () => {
			const [o] = other.all;
			await o.order('barrier');
			const { questions: asked, received } = await o.order('stats');
			assert.deepEqual({ asked, received }, { asked: 0, received: 0 });
		});
	});
}
