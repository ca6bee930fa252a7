'use strict';

/*
 * Clients that keep to the protocol while others don't. Each message that one of
 * them publishes is noted for each receiver and compared with what arrives:
 * nothing is lost, nothing comes twice, the order stays, and so does each byte.
 * Each question ends once, with the answers of both members that were asked. No
 * connection of theirs may end before the daemon does.
 *
 * Publishers wait for the slowest receiver, so that no witness is ever a slow
 * consumer. Attackers' messages to the same topics have no MARK and are ignored.
 */

const assert = require('node:assert');
const crypto = require('node:crypto');
const net = require('node:net');
const {
	AS_MEMBER, BY_PREFIX, TYPE, YES, Splitter, answer, ask, hello, ping, publish,
	subscribe,
} = require('../system/support/frames');
const { decode, encode } = require('../system/support/msgpack');
const { command, readReply } = require('../system/support/resp');
const { until, within } = require('../support/wait');
const { PATIENCE_MS } = require('./target');

const MARK = crypto.randomBytes(16);
const TOPICS = ['witness#/#', 'witness#/#room#'];
const PREFIX = 'witness#';
const ASKED = `asked#${MARK.toString('hex')}#`;
const WINDOW = 48 << 10; // bytes of a stream that are on their way
const LARGEST = 60 << 10; // bytes of a message
const ASKS_MAX = 4; // open ones
const GATHERS = ['list', 'union', 'first'];
const ANSWERERS = ['exact', 'member'];

/* Errors that a question may get from limits that all clients share. */
const ASK_REFUSALS = ['too-many-questions', 'gather-too-big'];

class Witness {
	#isClosing = false;

	constructor(name, address, fail) {
		this.name = name;
		this.title = `witness-${name}`; // in statistics
		this.fail = fail;
		this.socket = net.connect({ ...address, allowHalfOpen: true });
		this.socket.on('data', (chunk) => {
			try {
				this.take(chunk);
			} catch (err) {
				fail(new Error(`witness ${name}: ${err.message}`));
			}
		});
		this.socket.on('error', (err) => {
			if (!this.#isClosing)
				fail(new Error(`witness ${name}: ${err.message}`));
		});
		this.closed = new Promise((resolve) => {
			const end = () => {
				this.socket.destroy();
				if (!this.#isClosing)
					fail(new Error(`witness ${name} was cut off`));
				resolve();
			};
			this.socket.on('end', end);
			this.socket.on('close', end);
		});
	}

	write(bytes) {
		this.socket.write(bytes);
	}

	/* The daemon ends, and so may the connection. */
	closing() {
		this.#isClosing = true;
	}
}

class NativeWitness extends Witness {
	#splitter = new Splitter((f) => this.#onFrame(f));
	#pongs = [];

	constructor(name, { socket }, keys, { fail, onMessage, onAsked }) {
		super(name, { path: socket }, fail);
		this.onMessage = onMessage;
		this.onAsked = onAsked;
		this.write(hello({ name: this.title, ...keys }));
	}

	take(chunk) {
		this.#splitter.push(chunk);
	}

	/* Resolves when all that was sent before is in force. */
	barrier() {
		this.write(ping());
		return within(new Promise((resolve) => {
			this.#pongs.push(resolve);
		}), `PONG for ${this.name}`, PATIENCE_MS);
	}

	#onFrame({ type, topic, body }) {
		switch (type) {
		case TYPE.WELCOME:
		case TYPE.PRESENCE:
			break;
		case TYPE.GOODBYE:
			this.closing();
			this.socket.end();
			break;
		case TYPE.PONG:
			this.#pongs.shift()();
			break;
		case TYPE.PUBLISH:
			this.onMessage(this, topic, body);
			break;
		case TYPE.QUESTION:
			this.write(answer(decode(body)[0], YES, encode([this.name])));
			break;
		case TYPE.RESULT:
		case TYPE.ERROR:
			this.onAsked(type, decode(body));
			break;
		default:
			throw new Error(`a frame of type ${type}`);
		}
	}
}

class RedisWitness extends Witness {
	#bytes = Buffer.alloc(0);
	#wanted = []; // of the replies to come

	constructor(name, { address, password }, version, { fail, onMessage }) {
		super(name, address, fail);
		this.onMessage = onMessage;
		this.request('HELLO', version,
			...password ? ['AUTH', 'default', password] : [],
			'SETNAME', this.title).catch(fail);
	}

	/* Resolves when it is answered. */
	request(...args) {
		this.write(command(...args));
		return within(new Promise((resolve) => {
			this.#wanted.push(resolve);
		}), `reply to ${args[0]}`, PATIENCE_MS);
	}

	barrier() {
		return this.request('PING');
	}

	take(chunk) {
		this.#bytes = Buffer.concat([this.#bytes, chunk]);
		for (let reply; (reply = readReply(this.#bytes));) {
			this.#bytes = this.#bytes.subarray(reply.end);
			this.#onReply(reply);
		}
	}

	#onReply({ type, value, raw }) {
		assert.notStrictEqual(type, '-', raw.toString());
		const word = Array.isArray(value) && String(value[0]?.value);
		if (word === 'message' || word === 'pmessage') {
			const [topic, body] = value.slice(-2);
			this.onMessage(this, topic.value, body.value);
		} else {
			this.#wanted.shift()?.();
		}
	}
}

/* The messages of one publisher, which each receiver must get. */
class Stream {
	#chance;
	#send;
	#serial = 0;
	#queues = new Map(); // of the receivers
	published = 0;
	arrived = 0;

	constructor(id, chance, send) {
		this.id = id;
		this.#chance = chance;
		this.#send = send;
	}

	/* expand(topics) is what the receiver sees as topics of such a message. */
	add(receiver, expand) {
		this.#queues.set(receiver, { expand, list: [], bytes: 0 });
	}

	get isWaiting() {
		return [...this.#queues.values()].some(({ bytes }) => bytes > WINDOW);
	}

	get isEmpty() {
		return [...this.#queues.values()].every(({ list }) =>
			list.length === 0);
	}

	#body() {
		const chance = this.#chance;
		const dice = chance.below(100);
		const size = chance.below(dice < 90 ? 300 : dice < 97 ? 8192 : LARGEST);
		const head = Buffer.alloc(5);
		head[0] = this.id;
		head.writeUInt32BE(++this.#serial, 1);
		return Buffer.concat([MARK, head,
			Buffer.alloc(size, `${this.#serial}.`)]);
	}

	publish() {
		const body = this.#body();
		const topics = this.#send(body);
		this.published++;
		for (const queue of this.#queues.values()) {
			for (const topic of queue.expand(topics)) {
				queue.list.push({ topic, body });
				queue.bytes += body.length;
			}
		}
	}

	got(receiver, topic, body) {
		const queue = this.#queues.get(receiver);
		const due = queue.list.shift();
		assert.ok(due, `a message of stream ${this.id} that was not sent, ` +
			'or came twice');
		assert.ok(due.body.equals(body),
			`stream ${this.id}: ${serialOf(body)} came, due ` +
			`${serialOf(due.body)}; ${body.length} bytes, ` +
			`due ${due.body.length}`);
		assert.ok(due.topic.equals(topic),
			`topic ${topic}, due ${due.topic}`);
		queue.bytes -= body.length;
		this.arrived++;
	}
}

const serialOf = (body) => body.readUInt32BE(MARK.length + 1);

/* The topic field of a frame with these topics. */
const fieldOf = (topics) =>
	[topics.length === 1 ? Buffer.from(topics[0]) : encode(topics)];
const channelsOf = (topics) => topics.map((topic) => Buffer.from(topic));

class Witnesses {
	#streams;
	#asks = new Map(); // open ones: id to gather
	#asked = 0;
	#refused = 0;
	#fail;
	#native;
	#redis;

	constructor(target, chance, fail) {
		this.#fail = fail;
		const to = { fail, onMessage: this.#onMessage, onAsked: this.#onAsked };
		const at = { address: { path: target.resp },
			password: target.password };
		const native = (name, keys) =>
			new NativeWitness(name, target, keys, to);
		this.#native = {
			publisher: native('publisher', { role: 'emitter' }),
			exact: native('exact'),
			prefix: native('prefix', { role: 'emitter' }),
			member: native('member'),
		};
		this.#redis = {
			channels: new RedisWitness('channels', at, '2', to),
			pattern: new RedisWitness('pattern', { ...at,
				address: { port: target.respPort, host: '127.0.0.1' } }, '3', to),
			sender: new RedisWitness('sender', at, '3', to),
		};
		this.#streams = [
			new Stream(0, chance, (body) => this.#publish(chance, body)),
			new Stream(1, chance, (body) => this.#publishRedis(chance, body)),
		];
	}

	has(name) {
		return this.#all.some((witness) => name === witness.title);
	}

	/* All that they have subscribed to, prefixes too. */
	get topics() {
		return [...TOPICS, ASKED, PREFIX].sort();
	}

	get summary() {
		const sum = (key) =>
			this.#streams.reduce((n, stream) => n + stream[key], 0);
		return `${sum('published')} messages published, ${sum('arrived')} ` +
			`deliveries exact, ${this.#asked} questions (${this.#refused} over ` +
			'the limits of all)';
	}

	get #all() {
		return [...Object.values(this.#native), ...Object.values(this.#redis)];
	}

	async open() {
		const { exact, prefix, member } = this.#native;
		exact.write(subscribe(TOPICS));
		exact.write(subscribe([ASKED], AS_MEMBER));
		prefix.write(subscribe([PREFIX], BY_PREFIX));
		member.write(subscribe([TOPICS[0], ASKED], AS_MEMBER));
		member.write(subscribe([TOPICS[1]]));
		await this.#redis.channels.request('SUBSCRIBE', TOPICS[0]);
		await this.#redis.channels.request('SUBSCRIBE', TOPICS[1]);
		await this.#redis.pattern.request('PSUBSCRIBE', `${PREFIX}*`);
		await this.alive();
		for (const stream of this.#streams) {
			for (const receiver of [exact, prefix, member])
				stream.add(receiver, fieldOf);
			for (const name of ['channels', 'pattern'])
				stream.add(this.#redis[name], channelsOf);
		}
	}

	/* Publishes and asks, as long as what came before has arrived. */
	step() {
		for (const stream of this.#streams) {
			if (!stream.isWaiting)
				stream.publish();
		}
		if (this.#asks.size < ASKS_MAX)
			this.#ask();
	}

	/* Resolves when all of them have been answered. */
	async alive() {
		await Promise.all(this.#all.map((witness) => witness.barrier()));
	}

	/* Resolves when all that was sent has arrived. */
	async settled() {
		await until(() => this.#asks.size === 0 &&
			this.#streams.every(({ isEmpty }) => isEmpty),
		'arrival of all messages of the witnesses', PATIENCE_MS);
	}

	/* The daemon is about to end. */
	closing() {
		for (const witness of this.#all)
			witness.closing();
	}

	destroy() {
		this.closing();
		for (const { socket } of this.#all)
			socket.destroy();
	}

	#publish(chance, body) {
		const topics = chance.one([[TOPICS[0]], [TOPICS[1]], TOPICS]);
		this.#native.publisher.write(
			publish(topics.length === 1 ? topics[0] : topics, body));
		return topics;
	}

	#publishRedis(chance, body) {
		const topic = chance.one(TOPICS);
		this.#redis.sender.request('PUBLISH', topic, body).catch(this.#fail);
		return [topic];
	}

	#onMessage = (receiver, topic, body) => {
		if (body.subarray(0, MARK.length).equals(MARK))
			this.#streams[body[MARK.length]].got(receiver, topic, body);
	};

	#ask() {
		const id = ++this.#asked;
		const gather = GATHERS[id % GATHERS.length];
		this.#asks.set(id, gather);
		this.#native.publisher.write(ask(ASKED, id, gather, 'who is there?',
			{ timeout: 300_000 }));
	}

	#onAsked = (type, value) => {
		const id = type === TYPE.ERROR ? value[3] : value[0];
		const gather = this.#asks.get(id);
		const said = JSON.stringify(value);
		assert.ok(gather, `no question of ours, or ended twice: ${said}`);
		this.#asks.delete(id);
		if (type === TYPE.ERROR) {
			assert.ok(ASK_REFUSALS.includes(value[0]), said);
			this.#refused++;
			return;
		}
		const [, outcome, expected, , missing, answers] = value;
		assert.strictEqual(outcome, gather === 'first' ? 'found' : 'complete',
			said);
		assert.deepStrictEqual([expected, missing], [2, []], said);
		const names = answers.map((one) =>
			(gather === 'union' ? one : decode(one[2])[0])).sort();
		if (gather === 'first')
			assert.ok(names.length === 1 && ANSWERERS.includes(names[0]), said);
		else
			assert.deepStrictEqual(names, ANSWERERS, said);
	};
}

module.exports = { Witnesses };
