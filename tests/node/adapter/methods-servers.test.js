'use strict';

/* Three servers in one process, as tests and gateways have them: workers like any others. */

const assert = require('assert/strict');
const { after, before, describe, test } = require('node:test');

const { BOUND_MS, MAJORS, PATIENT_MS } = require('../support/cluster');
const { Daemon } = require('../../support/daemon');
const { MajorServer, Visitor } = require('../support/majors');
const { METHODS, pending } = require('../support/methods');
const { FINDING, gathering, ids, sorted } = require('../support/questions');
const { within } = require('../../support/wait');

const LONG = { timeout: 60_000 };

for (const major of MAJORS) {
	describe(`Socket.IO ${major}: three servers in one process`, LONG, () => {
		const names = ['a', 'b', 'c'];
		const rooms = { a: ['all', 'front'], b: ['all', 'back'], c: ['all', 'back'] };
		let daemon;
		let servers;
		let visitors;

		before(async () => {
			daemon = await Daemon.start();
			servers = [];
			visitors = [];
			for (const name of names) {
				const server = new MajorServer(major, {
					adapter: { socket: daemon.socket, name, requestsTimeout: PATIENT_MS },
				});
				servers.push(server);
				const nsp = server.serve('/');
				const answer = (data, done) => done({ name, data });
				nsp.adapter.customHook = answer;
				if (major === 4)
					nsp.on('question', answer);
				await server.listen();
				await within(server.client.ready(), 'daemon');
				visitors.push(await Visitor.connect(major, server.port, { '/': rooms[name] }));
			}
		});

		after(async () => {
			for (const visitor of visitors ?? [])
				visitor.end();
			for (const server of servers ?? [])
				await server.end();
			await daemon?.destroy();
		});

		const call = ([method, ...args], server = servers[0]) =>
			within(METHODS[major][method](server.io.of('/'), ...args), 'answer', BOUND_MS);

		for (const { name, call: asked, got, is } of gathering(major)) {
			test(name, async () => {
				const members = names.map((each) => ({ name: each }));
				for (const [i, server] of servers.entries())
					assert.deepEqual(got(await call(asked, server)), is({
						asker: members[i], members, sockets: visitors.map((visitor) => visitor.of()),
					}));
			});
		}

		test('each socket is found by each server, and unknown ids by none', async () => {
			for (const server of servers) {
				for (const visitor of visitors)
					assert.deepEqual(sorted(await call(['clientRooms', visitor.id], server)),
						sorted(visitor.of().rooms));
				for (const { call: about } of FINDING)
					await assert.rejects(call(about('nobody'), server), { code: 'PM2A_ERR_UNKNOWN' });
			}
		});

		test('who is moved to a room is there for all', async () => {
			await call(['remoteJoin', visitors[2].id, 'moved'], servers[1]);
			for (const server of servers)
				assert.deepEqual(await call(['clients', ['moved']], server), [visitors[2].id]);
			await call(['remoteLeave', visitors[2].id, 'moved'], servers[0]);
			for (const server of servers)
				assert.deepEqual(await call(['clients', ['moved']], server), []);
		});

		if (major === 4) {
			test('broadcasts with acknowledgements, and the count of servers', async () => {
				for (const server of servers) {
					assert.equal(await call(['serverCount'], server), 3);
					const got = await call(
						['emitWithAck', { timeout: PATIENT_MS }, 'question', 'x'], server);
					assert.deepEqual(ids(got), ids(visitors.map((visitor) => visitor.of())));
				}
			});
		}

		test('nothing is left open', () => {
			for (const { io } of servers)
				assert.deepEqual(pending(io, ['/']), { requests: 0, ackRequests: 0, questions: 0 });
		});
	});
}
