'use strict';

/*
 * The methods while the daemon is away, when it goes while they wait, and while it hangs: each
 * question fails soon with a stable code and leaves nothing behind, what is local goes on, and
 * all works again when the daemon does.
 */

const assert = require('assert/strict');
const { after, before, describe, test } = require('node:test');

const { BOUND_MS, Cluster, MAJORS, PATIENT_MS } = require('../support/cluster');
const { Daemon } = require('../../support/daemon');
const { FINDING, gathering, ids, inRoom, sorted } = require('../support/questions');
const { until, within } = require('../../support/wait');

const LONG = { timeout: 120_000 };
const SHORT_MS = 300;

for (const major of MAJORS) {
	describe(`Socket.IO ${major}: the daemon`, LONG, () => {
		let daemon;
		let cluster;
		let a;
		let b;
		let hasty;
		const soon = (promise) => within(promise, 'answer', BOUND_MS);

		before(async () => {
			daemon = await Daemon.start();
			cluster = new Cluster(daemon.socket, { major });
			a = await cluster.add('a');
			b = await cluster.add('b');
			hasty = await cluster.add('hasty', { requestsTimeout: SHORT_MS });
			await a.visit(['all', 'front']);
			await b.visit(['all', 'back']);
			await hasty.visit(['all']);
			await cluster.complete();
		});

		after(async () => {
			await cluster?.destroy();
			await daemon?.destroy();
		});

		/* All that must ask others; those of FINDING select nobody, since a queued request may still be done. */
		const asking = () => [
			...gathering(major).map(({ call }) => call),
			...FINDING.map(({ call }) => call('nobody')),
		];

		async function away() {
			await daemon.kill();
			for (const member of cluster.all)
				await until(async () => !(await member.order('stats')).connected, 'end');
		}

		/* `a` comes last: its queued messages for the others find them. */
		async function back() {
			await a.freeze();
			try {
				await daemon.start();
				for (const member of cluster.all.slice(1))
					await cluster.joined(member);
			} finally {
				a.thaw();
			}
			await cluster.joined(a);
			await cluster.complete();
		}

		async function works() {
			for (const { name, call, got, is } of gathering(major)) {
				const value = await soon(a.call(...call));
				assert.deepEqual(got(value),
					is({ asker: a, members: cluster.all, sockets: cluster.sockets() }), name);
			}
			const { id, rooms } = b.visitors[0].of();
			assert.deepEqual(sorted(await soon(a.call('clientRooms', id))), sorted(rooms));
			for (const member of cluster.all)
				await member.idle();
		}

		const codes = (outcomes) => outcomes.map(({ error }) => error?.code);
		const all = (code) => asking().map(() => code);

		test('is away: every question fails at once', async () => {
			await away();
			assert.deepEqual(codes(await soon(a.callAll(asking()))), all('PM2A_ERR_AWAY'));
			await a.idle();
		});

		test('is away: what is here goes on', async () => {
			const { id, rooms, got } = a.visitors[0].of();
			assert.deepEqual(sorted(await soon(a.call('clientRooms', id))), sorted(rooms));
			await soon(a.call('remoteJoin', id, 'local'));
			assert.ok((await soon(a.call('clientRooms', id))).includes('local'));
			await a.call('emit', ['local'], 'event', 'local');
			await until(() => got.some(([value]) => value === 'local'), 'event');
			await soon(a.call('remoteLeave', id, 'local'));
			if (major === 4) {
				assert.equal(await a.call('serverCount'), 1);
				assert.deepEqual(await soon(
					a.call('emitWithAck', { timeout: PATIENT_MS }, 'question', 'x')), [{ id, value: 'x' }]);
				const local = await soon(a.call('fetchSockets', { local: true }));
				assert.deepEqual(ids(local), [id]);
				await a.call('socketsJoin', { rooms: ['all'] }, 'commanded');
				assert.ok((await soon(a.call('clientRooms', id))).includes('commanded'));
			}
			await a.idle();
		});

		test('is back: all works again, and commands that waited are obeyed', async () => {
			await back();
			if (major === 4) {
				assert.deepEqual(sorted(await soon(a.call('clients', ['commanded']))),
					ids(cluster.sockets()));
				await a.call('socketsLeave', { rooms: ['all'] }, 'commanded');
			}
			await works();
		});

		test('goes while questions are open: they fail at once', async () => {
			await b.freeze();
			let outcomes;
			try {
				const come = a.callAll(asking());
				await a.order('asked');
				await daemon.kill();
				outcomes = await soon(come);
			} finally {
				b.thaw();
			}
			assert.deepEqual(codes(outcomes).filter((code) => code !== 'PM2A_ERR_LOST'), []);
			await a.idle();
			await back();
			await works();
		});

		test('hangs: a question fails soon after its time, and late results harm nothing', async () => {
			daemon.kill('SIGSTOP');
			try {
				assert.deepEqual(codes(await soon(hasty.callAll(asking()))), all('PM2A_ERR_TIMEOUT'));
				await hasty.idle();
			} finally {
				daemon.kill('SIGCONT');
			}
			await works();
			await hasty.order('barrier');
			await hasty.idle();
			assert.ok((await hasty.order('stats')).connected);
		});

		if (major === 4) {
			test('goes while a broadcast waits for acknowledgements: those that came count', async () => {
				b.visitors[0].of().answers = false;
				const come = a.call('emitWithAck', { timeout: PATIENT_MS }, 'question', 'y');
				await a.order('asked');
				await until(() => b.visitors[0].of().got.some(([value]) => value === 'y'), 'question');
				await until(async () => (await daemon.statsAsync()).clients
					.some(({ name, questions_owed: owed }) => name === 'b' && owed === 1), 'question');
				await until(() => hasty.visitors[0].of().got.some(([value]) => value === 'y'), 'answer');
				await soon(hasty.call('customRequest', 'behind it'));
				await until(async () => (await daemon.statsAsync()).clients
					.every(({ name, questions_owed: owed }) => name !== 'hasty' || owed === 0), 'answer');
				await a.order('barrier');
				await daemon.kill();
				assert.deepEqual(ids(await soon(come)),
					ids(inRoom(cluster.sockets(), 'all').filter(({ answers }) => answers)));
				await a.idle();
				b.visitors[0].of().answers = true;
				await back();
				await works();
			});
		}
	});
}
