'use strict';

/*
 * Messages of native members and of clients of Redis reach the others byte for
 * byte. The clients here do not parse Redis's protocol: they compare all received
 * bytes with the expected ones, so nothing else may arrive either.
 */

const assert = require('node:assert');
const net = require('node:net');
const path = require('node:path');
const { answers, folder } = require('../support/daemon');
const { scenario } = require('./support/scenario');
const {
	BY_PREFIX, TYPE, VOLATILE, publish,
} = require('./support/frames');
const { until, within } = require('../support/wait');

const KIB = 1024;
const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
const BODIES = [
	Buffer.alloc(0),
	EVERY_BYTE,
	Buffer.from('\r\n$-1\r\n*1\r\n\0'),
	Buffer.alloc(64 * KIB, EVERY_BYTE),
	Buffer.alloc(1 + 1024 * KIB, EVERY_BYTE),
	Buffer.from('the last'),
];
const CHANNELS = ['socket.io#/#', 'socket.io#/#room ☃#', 'line\r\nend\0'];

const bulk = (bytes) => Buffer.concat([
	Buffer.from(`$${Buffer.byteLength(bytes)}\r\n`),
	Buffer.from(bytes), Buffer.from('\r\n'),
]);

/* An array, or in RESP3 what is pushed. */
function list(type, ...parts) {
	return Buffer.concat([
		Buffer.from(`${type}${parts.length}\r\n`),
		...parts.map((part) => (typeof part === 'number' ?
			Buffer.from(`:${part}\r\n`) : bulk(part))),
	]);
}

const command = (...words) => list('*', ...words);

class Client {
	static async connect(daemon, version = 2) {
		const client = new Client(daemon.redis);
		daemon.own(client);
		if (version === 3) {
			client.mark = '>';
			client.socket.write(command('HELLO', '3'));
			await until(() => client.all().includes('modules'), 'HELLO');
			client.chunks = [];
		}
		return client;
	}

	constructor(where) {
		this.mark = '*';
		this.chunks = [];
		this.socket = net.connect(where);
		this.socket.on('data', (chunk) => this.chunks.push(chunk));
		this.socket.on('error', (err) => {
			this.error = err;
		});
	}

	all() {
		return Buffer.concat(this.chunks);
	}

	/* All that has come, which must be these bytes and no more. */
	async expect(...parts) {
		const wanted = Buffer.concat(parts);
		const length = () =>
			this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
		await until(() => length() >= wanted.length, 'reply');
		assert.ok(this.all().equals(wanted),
			`came ${this.all().toString('latin1', 0, 300)}`);
		this.chunks = [];
	}

	/* Nothing but this reply comes. */
	async ask(words, ...reply) {
		this.socket.write(command(...words));
		await this.expect(...reply);
	}

	subscribe(name, n = 1) {
		return this.ask(['SUBSCRIBE', name],
			list(this.mark, 'subscribe', name, n));
	}

	psubscribe(pattern, n = 1) {
		return this.ask(['PSUBSCRIBE', pattern],
			list(this.mark, 'psubscribe', pattern, n));
	}

	message(channel, body) {
		return list(this.mark, 'message', channel, body);
	}

	pmessage(pattern, channel, body) {
		return list(this.mark, 'pmessage', pattern, channel, body);
	}

	destroy() {
		this.socket.destroy();
	}
}

async function startWithRedis(start) {
	const dir = folder();
	const redis = path.join(dir, 'redis');
	const daemon = await start({ dir, args: ['--resp-listen', redis] });
	await until(() => answers(redis), 'listener for Redis');
	daemon.redis = redis;
	return daemon;
}

const number = (n) => Buffer.from(`:${n}\r\n`);

for (const version of [2, 3]) {
	scenario(`what a member publishes is heard over RESP${version}`,
		async (start) => {
			const daemon = await startWithRedis(start);
			const member = await daemon.member();
			for (const channel of CHANNELS) {
				const client = await Client.connect(daemon, version);
				await client.subscribe(channel);
				for (const body of BODIES) {
					member.write(publish(channel, body));
					await client.expect(client.message(channel, body));
				}
				// And so when they come at once.
				member.write(Buffer.concat(
					BODIES.map((body) => publish(channel, body))));
				await client.expect(...BODIES.map(
					(body) => client.message(channel, body)));
				client.destroy();
			}
		});

	scenario(`what is published over RESP${version} is heard by members`,
		async (start) => {
			const daemon = await startWithRedis(start);
			const client = await Client.connect(daemon, version);
			for (const channel of CHANNELS) {
				const member = await daemon.member();
				const [prefix] = channel.split(/(?<=#\/#)/);
				const wide = await daemon.member();
				await member.subscribe([channel]);
				await wide.subscribe([prefix], BY_PREFIX);
				for (const body of BODIES) {
					await client.ask(['PUBLISH', channel, body], number(2));
					for (const each of [member, wide]) {
						const frame = await each.expect(TYPE.PUBLISH);
						assert.ok(frame.raw.equals(publish(channel, body)));
					}
				}
				await member.barrier();
				await wide.barrier();
				member.destroy();
				wide.destroy();
				await until(() => daemon.rows('overview').subscriptions === 0,
					'members to be gone');
			}
		});
}

scenario('a message to several topics comes once for each that is heard',
	async (start) => {
		const daemon = await startWithRedis(start);
		const member = await daemon.member();
		const one = await Client.connect(daemon);
		const both = await Client.connect(daemon);
		await one.subscribe('a');
		await both.subscribe('a');
		await both.subscribe('b', 2);
		member.write(publish(['a', 'b', 'c'], EVERY_BYTE));
		await one.expect(one.message('a', EVERY_BYTE));
		await both.expect(both.message('a', EVERY_BYTE),
			both.message('b', EVERY_BYTE));
	});

scenario('a pattern hears members, once for each subscription that matches',
	async (start) => {
		const daemon = await startWithRedis(start);
		const member = await daemon.member();
		const client = await Client.connect(daemon);
		await client.psubscribe('socket.io#/#*');
		await client.subscribe('socket.io#/#r#', 2);
		member.write(publish('socket.io#/#r#', EVERY_BYTE, VOLATILE));
		await client.expect(client.message('socket.io#/#r#', EVERY_BYTE),
			client.pmessage('socket.io#/#*', 'socket.io#/#r#', EVERY_BYTE));
		member.write(publish('socket.io#/chat#', 'elsewhere'));
		member.write(publish('socket.io#/#', 'everybody'));
		await client.expect(
			client.pmessage('socket.io#/#*', 'socket.io#/#', 'everybody'));
	});

scenario('a channel of shards reaches native subscribers, and not the other way', async (start) => {
	const daemon = await startWithRedis(start);
	const member = await daemon.member();
	const client = await Client.connect(daemon);
	await member.subscribe(['shard']);
	await client.ask(['SSUBSCRIBE', 'shard'],
		list('*', 'ssubscribe', 'shard', 1));
	member.write(publish('shard', 'of a member'));
	const other = await Client.connect(daemon);
	await other.ask(['SPUBLISH', 'shard', 'of a client'], number(2));
	await client.expect(list('*', 'smessage', 'shard', 'of a client'));
	const { raw } = await member.expect(TYPE.PUBLISH);
	assert.ok(raw.equals(publish('shard', 'of a client')));
	await within(member.barrier(), 'barrier with nothing before it');
});
