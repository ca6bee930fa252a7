'use strict';

/*
 * The daemon where it speaks Redis's protocol, and the clients of Redis that Node has, each made to
 * look alike: what they call a thing differs, what they do is the same.
 */

const path = require('path');
const { promisify } = require('util');

const ioredis5 = require('ioredis-5');
const redis3 = require('redis-3');
const redis4 = require('redis-4');
const redis5 = require('redis-5');

const { Daemon, answers } = require('../../support/daemon');
const { until } = require('../../support/wait');
const { freePort } = require('../../support/free-port');

const AGAIN_MS = 10; // between attempts to connect

/* A daemon that listens for Redis's clients too, at the path `redis` in its folder. */
class RedisDaemon extends Daemon {
	constructor({ args = [] } = {}) {
		super({ args: (dir) => ['--resp-listen', path.join(dir, 'redis'), ...args] });
		this.redis = path.join(this.dir, 'redis');
	}

	static start(options) {
		return new RedisDaemon(options).start();
	}

	async start() {
		await super.start();
		await until(() => answers(this.redis), 'listener for Redis');
		return this;
	}
}

/*
 * All of them have `native`, the library's own client; `got`, the messages that came, as
 * [kind, pattern or null, channel, Buffer]; and the commands. `where` is { path } or
 * { host, port }.
 */
class Client {
	constructor(native) {
		this.native = native;
		this.got = [];
		// A library complains of a connection that breaks; a test looks at what comes of it.
		native.on('error', () => {});
	}

	take(kind, pattern, channel, body) {
		this.got.push([kind, pattern && String(pattern), String(channel), Buffer.from(body)]);
	}

	/*
	 * Returns the server's error for a client that it should refuse. Some libraries get it while they
	 * connect, and retry for ever; some connect, and get it from the first command.
	 */
	async refusal() {
		const heard = new Promise((resolve) => { this.native.once('error', resolve); });
		const failed = this.connect().then(() => this.publish('channel', 'x'))
			.then(() => null, (error) => error);
		return Promise.race([heard, failed]);
	}

	/* The messages of a kind, as [channel, text]. */
	texts(kind) {
		return this.got.filter(([each]) => each === kind)
			.map(([,, channel, body]) => [channel, body.toString()]);
	}
}

/* `redis` 4 and 5. */
class Modern extends Client {
	constructor(library, where, { password, RESP }) {
		super(library.createClient({
			RESP, password, socket: { ...where, reconnectStrategy: () => AGAIN_MS },
		}));
	}

	async connect() {
		await this.native.connect();
		return this;
	}

	publish(channel, body) {
		return this.native.publish(channel, body);
	}

	spublish(channel, body) {
		return this.native.sPublish(channel, body);
	}

	subscribe(channel) {
		return this.native.subscribe(channel,
			(body, from) => this.take('message', null, from, body), true);
	}

	psubscribe(pattern) {
		return this.native.pSubscribe(pattern,
			(body, from) => this.take('pmessage', pattern, from, body), true);
	}

	ssubscribe(channel) {
		return this.native.sSubscribe(channel,
			(body, from) => this.take('smessage', null, from, body), true);
	}

	unsubscribe(channel) {
		return this.native.unsubscribe(channel);
	}

	punsubscribe(pattern) {
		return this.native.pUnsubscribe(pattern);
	}

	sunsubscribe(channel) {
		return this.native.sUnsubscribe(channel);
	}

	info(section) {
		return this.native.info(section);
	}

	command(...words) {
		return this.native.sendCommand(words);
	}

	close() {
		if (this.native.destroy)
			this.native.isOpen && this.native.destroy();
		else
			this.native.isOpen && this.native.disconnect();
	}
}

class Ioredis extends Client {
	constructor(Library, where, { password }) {
		super(new Library({ ...where, password, lazyConnect: true, retryStrategy: () => AGAIN_MS }));
		this.native.on('messageBuffer', (channel, body) => this.take('message', null, channel, body));
		this.native.on('pmessageBuffer', (pattern, channel, body) => {
			this.take('pmessage', pattern, channel, body);
		});
		this.native.on('smessageBuffer', (channel, body) => {
			this.take('smessage', null, channel, body);
		});
		for (const command of ['publish', 'spublish', 'subscribe', 'psubscribe', 'ssubscribe',
			'unsubscribe', 'punsubscribe', 'sunsubscribe', 'info'])
			this[command] = (...args) => this.native[command](...args);
	}

	async connect() {
		await this.native.connect();
		return this;
	}

	command(...words) {
		return this.native.call(...words);
	}

	close() {
		this.native.disconnect();
	}
}

/* `redis` 3, the one of the old emitters; it knows nothing of shards. */
class Old extends Client {
	constructor(where, { password }) {
		super(redis3.createClient({
			...where, password, return_buffers: true, retry_strategy: () => AGAIN_MS,
		}));
		this.native.on('message', (channel, body) => this.take('message', null, channel, body));
		this.native.on('pmessage', (pattern, channel, body) => {
			this.take('pmessage', pattern, channel, body);
		});
		for (const command of ['publish', 'subscribe', 'psubscribe', 'unsubscribe', 'punsubscribe'])
			this[command] = promisify(this.native[command]).bind(this.native);
	}

	async connect() {
		await new Promise((resolve) => { this.native.once('ready', resolve); });
		return this;
	}

	async info(section) {
		return String(await this.command('INFO', section));
	}

	command(name, ...words) {
		return promisify(this.native.send_command).call(this.native, name, words);
	}

	close() {
		this.native.end(false);
	}
}

/* The majors that need Node 20. */
function newest() {
	if (Number.parseInt(process.versions.node, 10) < 20)
		return {};
	const redis6 = require('redis');
	const ioredis6 = require('ioredis');
	return {
		'redis 6, RESP2': (where, more = {}) => new Modern(redis6, where, { ...more, RESP: 2 }),
		'redis 6, RESP3': (where, more = {}) => new Modern(redis6, where, { ...more, RESP: 3 }),
		'ioredis 6': (where, more = {}) => new Ioredis(ioredis6, where, more),
	};
}

/* name: function (where, { password }) that makes one, which is to be connected. */
const LIBRARIES = {
	...newest(),
	'redis 5, RESP2': (where, more = {}) => new Modern(redis5, where, { ...more, RESP: 2 }),
	'redis 5, RESP3': (where, more = {}) => new Modern(redis5, where, { ...more, RESP: 3 }),
	'redis 4': (where, more = {}) => new Modern(redis4, where, more),
	'ioredis 5': (where, more = {}) => new Ioredis(ioredis5, where, more),
	'redis 3': (where, more = {}) => new Old(where, more),
};

module.exports = { LIBRARIES, RedisDaemon, freePort };
