'use strict';

/* The clients of Redis that Node has, against the daemon in the place of Redis. */

const assert = require('assert/strict');
const { after, afterEach, before, describe, test } = require('node:test');

const { LIBRARIES, RedisDaemon, freePort } = require('../support/redis');
const { until, within } = require('../../support/wait');

const PATIENT = { timeout: 120_000 };
const MIB = 1024 * 1024;

const BYTES = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
const LOOKS_LIKE_PROTOCOL = Buffer.from('\r\n$-1\r\n*1\r\n\0>3\r\n');

for (const [name, create] of Object.entries(LIBRARIES))
	describe(name, PATIENT, () => {
		let daemon;
		let port;
		const clients = [];

		async function connected(where = { path: daemon.redis }, more) {
			const client = create(where, more);
			clients.push(client);
			return within(client.connect(), 'connection');
		}

		/* Somebody who publishes, and somebody who hears. */
		const pair = async (where) => [await connected(where), await connected(where)];

		/* Resolves with the messages, when so many came; one more would be a failure later. */
		async function came(client, count) {
			await until(() => client.got.length >= count, `${count} messages`);
			return client.got;
		}

		before(async () => {
			port = await freePort();
			daemon = await RedisDaemon.start({
				args: ['--resp-listen', `127.0.0.1:${port}`, '--max-frame', '2m'],
			});
		});

		afterEach(() => clients.splice(0).forEach((client) => client.close()));

		after(() => daemon?.destroy());

		test('publishes, and the receivers are counted', async () => {
			const [publisher, hearer] = await pair();
			const other = await connected();
			assert.equal(await publisher.publish('channel', 'nobody'), 0);
			await hearer.subscribe('channel');
			assert.equal(await publisher.publish('channel', 'one'), 1);
			await other.subscribe('channel');
			await other.psubscribe('chan*');
			assert.equal(await publisher.publish('channel', 'all'), 3);
			assert.equal(await publisher.publish('channels', 'by the pattern'), 1);
			await came(hearer, 2);
			await came(other, 3);
			assert.deepEqual(hearer.texts('message'), [['channel', 'one'], ['channel', 'all']]);
			assert.deepEqual(other.texts('message'), [['channel', 'all']]);
			assert.deepEqual(other.texts('pmessage'),
				[['channel', 'all'], ['channels', 'by the pattern']]);
		});

		test('a pattern is told with what it matched', async () => {
			const [publisher, hearer] = await pair();
			await hearer.psubscribe('a?c[x-z]*');
			assert.equal(await publisher.publish('abcA', 'no'), 0);
			assert.equal(await publisher.publish('abcy#', 'yes'), 1);
			assert.deepEqual(await came(hearer, 1),
				[['pmessage', 'a?c[x-z]*', 'abcy#', Buffer.from('yes')]]);
		});

		test('what is unsubscribed comes no more', async () => {
			const [publisher, hearer] = await pair();
			await hearer.subscribe('gone');
			await hearer.subscribe('stays');
			await hearer.psubscribe('g*');
			await hearer.unsubscribe('gone');
			assert.equal(await publisher.publish('gone', '1'), 1);
			await hearer.punsubscribe('g*');
			assert.equal(await publisher.publish('gone', '2'), 0);
			assert.equal(await publisher.publish('stays', '3'), 1);
			await came(hearer, 2);
			assert.deepEqual(hearer.texts('pmessage'), [['gone', '1']]);
			assert.deepEqual(hearer.texts('message'), [['stays', '3']]);
		});

		if (name !== 'redis 3')
			test('shard channels are a world of their own', async () => {
				const [publisher, hearer] = await pair();
				await hearer.ssubscribe('shard');
				assert.equal(await publisher.publish('shard', 'elsewhere'), 0);
				assert.equal(await publisher.spublish('shard', BYTES), 1);
				assert.deepEqual(await came(hearer, 1), [['smessage', null, 'shard', BYTES]]);
				await hearer.sunsubscribe('shard');
				assert.equal(await publisher.spublish('shard', 'late'), 0);
			});

		for (const [what, where] of [['a Unix socket', () => ({ path: daemon.redis })],
			['loopback', () => ({ host: '127.0.0.1', port })]])
			test(`bytes are the same behind ${what}, up to 1 MiB`, async () => {
				const [publisher, hearer] = await pair(where());
				const bodies = [Buffer.alloc(0), BYTES, LOOKS_LIKE_PROTOCOL,
					Buffer.alloc(MIB, BYTES), Buffer.from('last')];
				await hearer.subscribe('bytes ☃');
				for (const body of bodies)
					assert.equal(await publisher.publish('bytes ☃', body), 1);
				assert.deepEqual(await came(hearer, bodies.length),
					bodies.map((body) => ['message', null, 'bytes ☃', body]));
			});

		test('hundreds in one tick come in order', async () => {
			const [publisher, hearer] = await pair();
			await hearer.subscribe('burst');
			const counts = await Promise.all(
				Array.from({ length: 500 }, (_, n) => publisher.publish('burst', `${n}`)));
			assert.deepEqual(new Set(counts), new Set([1]));
			await came(hearer, 500);
			assert.deepEqual(hearer.texts('message'),
				Array.from({ length: 500 }, (_, n) => ['burst', `${n}`]));
		});

		test('a message that is too large is an error, and the connection goes on', async () => {
			const [publisher, hearer] = await pair();
			await hearer.subscribe('large');
			const { connections } = (await daemon.statsAsync()).overview;
			await assert.rejects(publisher.publish('large', Buffer.alloc(2 * MIB)),
				/ERR the message is too long; max-frame is 2097152 bytes/);
			assert.equal(await publisher.publish('large', 'small'), 1);
			assert.deepEqual(await came(hearer, 1), [['message', null, 'large', Buffer.from('small')]]);
			assert.deepEqual((await daemon.statsAsync()).overview.connections, connections);
		});

		test('a command that there is not is an error, and the connection goes on', async () => {
			const client = await connected();
			await assert.rejects(client.command('GET', 'key'), /ERR unknown command 'get'/i);
			assert.equal(await client.publish('channel', 'x'), 0);
		});

		test('INFO says a version, and that nothing is being loaded', async () => {
			const client = await connected();
			const text = await client.info('server');
			assert.match(text, /^# Server\r\n/);
			assert.match(text, /^redis_version:7\.\d+\.\d+\r$/m);
			assert.doesNotMatch(await client.info('all'), /loading:1/);
		});

		test('after a restart of the daemon its subscriptions are back', async () => {
			const [publisher, hearer] = await pair();
			await hearer.subscribe('channel');
			await hearer.psubscribe('pattern*');
			const shards = hearer.ssubscribe ? ['spublish'] : [];
			if (shards.length > 0)
				await hearer.ssubscribe('shard');
			await daemon.kill();
			await daemon.start();
			const receivers = (command, channel) =>
				within(publisher[command](channel, 'again'), 'reply').catch(() => 0);
			await until(() => receivers('publish', 'channel'), 'channel');
			await until(() => receivers('publish', 'pattern 1'), 'pattern');
			for (const command of shards)
				await until(() => receivers(command, 'shard'), 'shard channel');
			await came(hearer, 2 + shards.length);
			assert.deepEqual(hearer.texts('message'), [['channel', 'again']]);
			assert.deepEqual(hearer.texts('pmessage'), [['pattern 1', 'again']]);
			assert.deepEqual(hearer.texts('smessage'), shards.map(() => ['shard', 'again']));
		});

		describe('with a password', () => {
			const password = 'correct horse';
			let guarded;
			const attempt = (given) => {
				const client = create({ path: guarded.redis }, given && { password: given });
				clients.push(client);
				return client;
			};

			before(async () => {
				guarded = await RedisDaemon.start({ args: ['--resp-password', password] });
			});

			after(() => guarded?.destroy());

			test('the right one opens', async () => {
				const client = await within(attempt(password).connect(), 'connection');
				await client.subscribe('channel');
				const other = await within(attempt(password).connect(), 'connection');
				assert.equal(await other.publish('channel', 'x'), 1);
				assert.deepEqual(await came(client, 1),
					[['message', null, 'channel', Buffer.from('x')]]);
			});

			test('a wrong one is refused', async () => {
				const refused = attempt('incorrect horse').refusal();
				assert.match(String(await within(refused, 'refusal')),
					/WRONGPASS invalid username-password pair or user is disabled/);
			});

			test('none is refused', async () => {
				assert.match(String(await within(attempt().refusal(), 'refusal')), /NOAUTH /);
			});
		});
	});
