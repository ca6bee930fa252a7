'use strict';

/*
 * One worker is stopped and answers nothing, and another one is asked what it never answers: the
 * methods end at their time and say who is missing, or with `partial` give what came.
 */

const assert = require('assert/strict');
const { after, before, describe, test } = require('node:test');

const { Cluster, MAJORS } = require('../support/cluster');
const { Daemon } = require('../../support/daemon');
const { FINDING, gathering, inRoom, sorted } = require('../support/questions');

const LONG = { timeout: 120_000 };
// All questions wait side by side, so that this is a long time for workers that answer.
const AT_ONCE = { ...LONG, concurrency: true };
const TIME_MS = 1500;

for (const major of MAJORS) {
	describe(`Socket.IO ${major}: who never answers`, LONG, () => {
		let daemon;
		let cluster;
		let hasty; // it asks, and gets errors
		let lenient; // it asks, and gets what came
		let here; // it answers
		let silent; // it is stopped

		before(async () => {
			daemon = await Daemon.start();
			cluster = new Cluster(daemon.socket, { major, requestsTimeout: TIME_MS });
			[hasty, lenient, here, silent] = await Promise.all([
				cluster.add('hasty'), cluster.add('lenient', { partial: true }),
				cluster.add('here'), cluster.add('silent'),
			]);
			await hasty.visit(['all', 'front']);
			await here.visit(['all', 'back']);
			await silent.visit(['all', 'back']);
			await cluster.complete();
			await silent.freeze();
		});

		after(async () => {
			await cluster?.destroy();
			await daemon?.destroy();
		});

		const there = (asker) => {
			const members = cluster.all.filter((member) => member !== silent);
			return { asker, members, sockets: cluster.sockets('/', members) };
		};

		async function rejectedOf(asker, call) {
			let error;
			await assert.rejects(asker.call(...call), (reason) => {
				error = reason;
				return true;
			});
			assert.equal(error.code, 'PM2A_ERR_TIMEOUT', error.message);
			assert.match(error.message, /^timeout reached: missing 1 responses$/);
			assert.deepEqual(error.missing.map(({ name, reason }) => [name, reason]),
				[['silent', 'timeout']]);
			return error;
		}

		describe('a question to all', AT_ONCE, () => {
			for (const { name, call, isSet, got, is } of gathering(major)) {
				test(`${name}: its name, at the end of the time, with what came`, async () => {
					const { responses } = await rejectedOf(hasty, call);
					assert.deepEqual(got(isSet ? new Set(responses) : responses), is(there(hasty)));
				});

				test(`${name}: with partial what came`, async () => {
					assert.deepEqual(got(await lenient.call(...call)), is(there(lenient)));
				});
			}

			for (const { name, call } of FINDING) {
				test(`${name}: its name, if it may know the id`, async () => {
					const [{ id }] = cluster.sockets('/', [silent]);
					await Promise.all([id, 'nobody'].map((each) => rejectedOf(hasty, call(each))));
				});
			}

			test('a room that it is not in is asked without it', async () => {
				assert.deepEqual(await hasty.call('clients', ['front']),
					inRoom(cluster.sockets(), 'front').map(({ id }) => id));
			});

			test('a hook that never calls back', async () => {
				await assert.rejects(hasty.call('customRequest', { mute: 'here' }), (error) => {
					assert.match(error.message, /^timeout reached: missing 2 responses$/);
					assert.deepEqual(error.missing.map(({ name }) => name).sort(), ['here', 'silent']);
					assert.deepEqual(error.responses.map(({ name }) => name).sort(),
						['hasty', 'lenient']);
					return true;
				});
			});
		});

		/* By itself: others look at the rooms of all. */
		test('clientRooms, remoteJoin, remoteLeave: found before the time is over', async () => {
			const [{ id, rooms }] = cluster.sockets('/', [here]);
			assert.deepEqual(sorted(await hasty.call('clientRooms', id)), sorted(rooms));
			await hasty.call('remoteJoin', id, 'found');
			await hasty.call('remoteLeave', id, 'found');
		});

		test('nothing is left open', async () => {
			for (const asker of [hasty, lenient])
				await asker.idle();
			const { questions } = (await daemon.statsAsync()).overview;
			assert.equal(questions.open, 0);
		});

		test('one that goes on answers too late, and then as before', async () => {
			silent.thaw();
			await silent.order('barrier');
			const members = [...cluster.all];
			const row = gathering(major).find(({ call: [method] }) => method === 'customRequest');
			assert.deepEqual(row.got(await hasty.call(...row.call)), row.is({ members }));
			assert.ok((await daemon.statsAsync()).overview.questions.late > 0);
			await hasty.idle();
		});
	});
}
