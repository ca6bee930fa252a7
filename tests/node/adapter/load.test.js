'use strict';

/* Many questions at a time, and many who ask: each gets its own answers, each of them once. */

const assert = require('assert/strict');
const { describe, test } = require('node:test');

const { Cluster, MAJORS, PATIENT_MS } = require('../support/cluster');
const { Daemon } = require('../../support/daemon');
const { MajorServer } = require('../support/majors');
const { METHODS, pending } = require('../support/methods');
const { sorted } = require('../support/questions');
const { until, within } = require('../../support/wait');

const LONG = { timeout: 120_000 };
const range = (n) => Array.from({ length: n }, (_, i) => i);

async function withDaemon(t) {
	const daemon = new Daemon();
	t.after(() => daemon.destroy());
	return daemon.start();
}

for (const major of MAJORS) {
	describe(`load, Socket.IO ${major}`, LONG, () => {
		test('1000 questions in flight among 8 processes', async (t) => {
			const names = range(8).map((i) => `w${i}`);
			const each = 125;
			const daemon = await withDaemon(t);
			const cluster = await Cluster.start(daemon.socket, { major }, ...names);
			t.after(() => cluster.destroy());

			const answers = cluster.all.map((member) => member.callAll(range(each).map((n) =>
				['customRequest', { hold: true, from: member.name, n }])));
			// Nobody answers before all are open, the asker's own hook included.
			await until(async () =>
				(await daemon.statsAsync()).overview.questions.open === names.length * each, 'open questions');
			for (const member of cluster.all)
				await until(async () => await member.order('held') === names.length * each, 'questions');
			for (const member of cluster.all.slice(1)) {
				await member.order('release');
				await member.order('barrier');
			}
			const { open } = (await daemon.statsAsync()).overview.questions;
			assert.equal(open, (names.length - 1) * each, 'the first still owes all but its own');
			await cluster.all[0].order('release');

			for (const [i, outcomes] of (await Promise.all(answers)).entries())
				for (const [n, { value, error }] of outcomes.entries()) {
					assert.equal(error, undefined);
					assert.deepEqual(sorted(value.map(({ name }) => name)), names);
					for (const { data } of value)
						assert.deepEqual(data, { hold: true, from: names[i], n });
				}
			for (const member of cluster.all)
				await member.idle();
			const { questions } = (await daemon.statsAsync()).overview;
			const { asked, sent, answers: taken, late, doubled, foreign } = questions;
			const all = names.length * each;
			assert.deepEqual({ open: questions.open, asked, sent, taken, late, doubled, foreign }, {
				open: 0, asked: all, sent: 7 * all, taken: 7 * all, late: 0, doubled: 0, foreign: 0,
			});
		});

		test('100 servers in one process with one question each', async (t) => {
			const daemon = await withDaemon(t);
			const servers = range(100).map((i) => new MajorServer(major, {
				adapter: { socket: daemon.socket, name: `s${i}`, requestsTimeout: PATIENT_MS },
			}));
			t.after(() => Promise.all(servers.map((server) => server.end())));
			for (const [i, { io }] of servers.entries())
				io.of('/').adapter.customHook = (data, done) => done(`${i} to ${data}`);
			await Promise.all(servers.map(({ client }) => within(client.ready(), 'daemon')));

			const { customRequest } = METHODS[major];
			const answers = await within(Promise.all(servers.map(({ io }, i) =>
				customRequest(io.of('/'), i))), 'answers');
			for (const [i, texts] of answers.entries())
				assert.deepEqual(sorted(texts), sorted(range(100).map((other) => `${other} to ${i}`)));
			for (const { io } of servers)
				assert.deepEqual(pending(io, ['/']), { requests: 0, ackRequests: 0, questions: 0 });
			assert.equal((await daemon.statsAsync()).overview.questions.sent, 100 * 99);
		});
	});
}
