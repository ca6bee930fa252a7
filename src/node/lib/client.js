'use strict';

/*
 * The connection to the daemon.
 *
 * What is wanted (subscriptions) is state and kept here; what is published is
 * an event and passes through. A connection that has just been made says HELLO,
 * subscribes to all that is wanted, and then sends what waited, without waiting
 * for anything: the daemon takes frames in order. A PING at the end is answered
 * when all of it is in force, and that is when 'connect' is emitted.
 *
 * Everything that is called in one tick leaves in one write, in the order of
 * the calls: who subscribes and then publishes can rely on having subscribed.
 * Subscriptions that come one after the other share a frame.
 *
 * While there is no connection, or while the kernel takes no more, published
 * messages wait in a queue with a bound in bytes; beyond it the oldest go
 * first. A message that was handed to the kernel is never sent again, since it
 * may have arrived: at most once is the promise. So what a connection leaves
 * unwritten when it breaks is counted as dropped.
 *
 * Nothing here throws but the constructor and wrong arguments, and 'error' is
 * never emitted: an application that doesn't listen must not end for want of a
 * daemon.
 */

const { EventEmitter } = require('node:events');
const net = require('node:net');
const debug = require('debug')('socket.io-pm2adapter:client');
const { decode } = require('notepack.io');
const { version } = require('../package.json');
const { Pm2aError } = require('./errors');
const { clientOptions, clip, defaultScript } = require('./options');
const { Receiver } = require('./receiver');
const sender = require('./sender');

const { FLAG, TYPE } = sender;
const FRAME_MAX_UNTOLD = 1024 * 1024; // until WELCOME has told max_frame
const INPUT_FRAME_MAX = 0xffffffff;
const TOPIC_MAX_UNTOLD = 4096;
const TOPICS_FRAME_BYTES = 512 * 1024; // of topics in one SUBSCRIBE
const WRITE_AHEAD_BYTES = 1024 * 1024; // handed to the stream, at most
const JOIN_BELOW = 16 * 1024; // smaller frames are joined to one buffer
const BARRIER = Buffer.from('ready');

class Client extends EventEmitter {
	#options;
	#state = 'idle'; // connecting, open, leaving, away, closed
	#socket = null;
	#receiver = null;
	#wanted = new Map(); // topic → whether as a member
	#out = []; // frames of this tick
	#outMessages = 0; // published messages among them
	#batch = null; // a (UN)SUBSCRIBE that still takes topics
	#isFlushing = false; // a flush is due at the end of this tick
	#queue = []; // published frames that wait
	#queueBytes = 0;
	#dropped = { messages: 0, bytes: 0, reason: null }; // to be told
	#attempts = 0;
	#retryAfter = 0;
	#timer = null; // of the retry, or of the connect timeout
	#pinger = null;
	#heard = true; // something came since the last ping interval
	#isReady = false;
	#waiters = []; // of ready() and close()
	#welcome = null;

	/** @see index.d.ts for the options. */
	constructor(opts) {
		super();
		this.#options = clientOptions(opts);
		this.stats = {
			published: 0,
			received: 0,
			receivedBytes: 0,
			dropped: 0,
			droppedBytes: 0,
			connects: 0,
			errors: 0,
			malformed: 0,
		};
	}

	get socketPath() {
		return this.#options.socket;
	}

	get key() {
		return this.#options.key;
	}

	get connected() {
		return this.#isReady;
	}

	/** Messages that wait for a connection. */
	get queued() {
		return { messages: this.#queue.length, bytes: this.#queueBytes };
	}

	/** What WELCOME said, or null. */
	get welcome() {
		return this.#welcome;
	}

	get maxTopic() {
		return this.#welcome?.max_topic ?? TOPIC_MAX_UNTOLD;
	}

	get #maxFrame() {
		return this.#welcome?.max_frame ?? FRAME_MAX_UNTOLD;
	}

	get #isLive() {
		return this.#state === 'open';
	}

	/** Connects, and stays connected until close(). Idempotent. */
	connect() {
		if (this.#state === 'idle' || this.#state === 'closed') {
			this.#attempts = 0;
			this.#open();
		}
		return this;
	}

	/** Fulfilled when connected with everything in force. */
	ready() {
		if (this.#isReady) {
			return Promise.resolve();
		}
		if (this.#state === 'closed') {
			return Promise.reject(new Pm2aError('PM2A_ERR_CLOSED'));
		}
		return new Promise((resolve, reject) => {
			this.#waiters.push({ resolve, reject });
		});
	}

	subscribe(topic, { member = false } = {}) {
		this.#wanted.set(topic, member);
		this.#changeTopic(TYPE.SUBSCRIBE, topic, member);
	}

	unsubscribe(topic) {
		const member = this.#wanted.get(topic);
		if (member === undefined) {
			return;
		}
		this.#wanted.delete(topic);
		this.#changeTopic(TYPE.UNSUBSCRIBE, topic, member);
	}

	/**
	 * Publishes body to one topic or several; each receiver gets it once.
	 * Returns false where it was dropped at once, which is counted.
	 */
	publish(topics, body, { volatile: isVolatile = false } = {}) {
		const frame = sender.publish(
			Array.isArray(topics) ? topics : [topics], body, isVolatile);
		this.stats.published++;
		if (frame.length - sender.LENGTH_SIZE > this.#maxFrame &&
			this.#welcome !== null) {
			return this.#drop(1, frame.length, 'too-big');
		}
		if (this.#isLive && this.#queue.length === 0 && this.#hasRoom()) {
			this.#send(frame, 1);
			return true;
		}
		if (isVolatile) {
			return this.#drop(1, frame.length, 'volatile');
		}
		return this.#enqueue(frame);
	}

	/** Sends what was published, then ends the connection. */
	close() {
		const socket = this.#socket;
		const wasOpen = this.#state === 'open';
		if (wasOpen) {
			this.#sendQueue(Infinity);
			this.#flush();
		}
		this.#shut();
		if (socket === null || !wasOpen) {
			socket?.destroy();
			this.#dropQueue();
			return Promise.resolve();
		}
		return new Promise((resolve) => {
			const timer = setTimeout(
				() => socket.destroy(), this.#options.connectTimeout);
			socket.once('close', () => {
				clearTimeout(timer);
				resolve();
			});
			socket.resume();
			socket.end();
		});
	}

	/** Ends at once; what waits is dropped and counted. */
	destroy() {
		const socket = this.#socket;
		this.#shut();
		socket?.destroy();
		this.#dropQueue();
	}

	#shut() {
		this.#state = 'closed';
		this.#isReady = false;
		this.#socket = null;
		clearTimeout(this.#timer);
		clearInterval(this.#pinger);
		const error = new Pm2aError('PM2A_ERR_CLOSED');
		for (const { reject } of this.#waiters.splice(0)) {
			reject(error);
		}
	}

	#open() {
		const { socket: path, connectTimeout } = this.#options;
		const socket = net.connect({ path, allowHalfOpen: true });
		debug('connecting to %s', path);
		this.#state = 'connecting';
		this.#socket = socket;
		this.#welcome = null;
		this.#receiver = new Receiver(INPUT_FRAME_MAX);
		this.#timer = setTimeout(() => this.#break(socket,
			new Pm2aError('PM2A_ERR_TIMEOUT',
				`${path}: no answer within ${connectTimeout} ms`)),
		connectTimeout);
		if (!this.#options.ref) {
			socket.unref();
			this.#timer.unref();
		}
		socket.on('connect', () => this.#greet(socket));
		socket.on('data', (chunk) => this.#take(socket, chunk));
		socket.on('drain', () => this.#sendQueue(WRITE_AHEAD_BYTES));
		socket.on('end', () => this.#break(socket, null));
		socket.on('error', (error) => this.#break(socket, error));
		socket.on('close', () => this.#break(socket, null));
	}

	/* The connection is there: say who we are and what we want. */
	#greet(socket) {
		if (socket !== this.#socket) {
			return;
		}
		this.#state = 'open';
		this.#out.push(sender.hello({
			name: this.#options.name,
			pid: process.pid,
			client: `socket.io-pm2adapter/${version}`,
			role: this.#options.role,
			pm_id: pmId(),
			key: this.#options.key,
			script: clip(defaultScript(), 1024),
		}));
		for (const member of [true, false]) {
			for (const [topic, isMember] of this.#wanted) {
				if (isMember === member) {
					this.#changeTopic(TYPE.SUBSCRIBE, topic, member);
				}
			}
		}
		this.#endBatch();
		this.#sendQueue(WRITE_AHEAD_BYTES);
		this.#send(sender.ping(BARRIER), 0);
		this.#flush();
	}

	/* The connection is over, for the reason in error or without one. */
	#break(socket, error) {
		if (socket !== this.#socket) {
			return;
		}
		const wasReady = this.#isReady;
		const wasLeaving = this.#state === 'leaving';
		this.#socket = null;
		this.#isReady = false;
		clearTimeout(this.#timer);
		clearInterval(this.#pinger);
		this.#dropUnsent();
		socket.destroy();
		this.#retry();
		if (wasReady || wasLeaving) {
			const reason = wasLeaving ? 'goodbye' : error?.code ?? 'eof';
			debug('disconnected: %s', reason);
			this.emit('disconnect', reason, error ?? undefined);
		} else {
			this.stats.errors++;
			const why = error instanceof Pm2aError ? error :
				new Pm2aError('PM2A_ERR_CONNECT', `${this.socketPath}: ${
					error?.message ?? 'the daemon closed the connection'}`,
				error ?? undefined);
			debug('not connected: %s', why.message);
			this.emit('connect_error', why);
		}
	}

	/* Frames of this tick that were not handed on yet: messages wait again. */
	#dropUnsent() {
		this.#batch = null;
		const lost = this.#outMessages;
		if (lost > 0) {
			const bytes = this.#out.reduce((n, frame) => n + frame.length, 0);
			this.#drop(lost, bytes, 'disconnect');
		}
		this.#out = [];
		this.#outMessages = 0;
	}

	/* Full jitter, so that the workers of a host don't come back in step. */
	#retry() {
		const { reconnectDelay, reconnectDelayMax } = this.#options;
		const ceiling = Math.min(reconnectDelayMax,
			reconnectDelay * 2 ** Math.min(this.#attempts++, 30));
		const delay = this.#retryAfter + Math.random() * ceiling;
		this.#state = 'away';
		this.#retryAfter = 0;
		this.#timer = setTimeout(() => this.#open(), delay);
		if (!this.#options.ref) {
			this.#timer.unref();
		}
	}

	#changeTopic(type, topic, member) {
		if (!this.#isLive) {
			return;
		}
		const flags = member ? FLAG.MEMBER : 0;
		if (this.#batch?.type !== type || this.#batch.flags !== flags ||
			this.#batch.bytes > TOPICS_FRAME_BYTES) {
			this.#endBatch();
			this.#batch = { type, flags, topics: [], bytes: 0 };
		}
		this.#batch.topics.push(topic);
		this.#batch.bytes += topic.length * 3 + 5;
		this.#flushLater();
	}

	#endBatch() {
		if (this.#batch !== null) {
			const { type, flags, topics } = this.#batch;
			this.#batch = null;
			this.#out.push(sender.topics(type, flags, topics));
		}
	}

	#send(frame, messages) {
		this.#endBatch();
		this.#out.push(frame);
		this.#outMessages += messages;
		this.#flushLater();
	}

	#flushLater() {
		if (!this.#isFlushing) {
			this.#isFlushing = true;
			process.nextTick(() => {
				this.#isFlushing = false;
				if (this.#isLive) {
					this.#flush();
				}
			});
		}
	}

	#flush() {
		this.#endBatch();
		const frames = this.#out;
		const messages = this.#outMessages;
		if (frames.length === 0) {
			return;
		}
		this.#out = [];
		this.#outMessages = 0;
		const buffers = joinSmall(frames);
		const bytes = frames.reduce((n, frame) => n + frame.length, 0);
		this.#socket.cork();
		buffers.forEach((buffer, i) => {
			const isLast = i === buffers.length - 1;
			this.#socket.write(buffer, isLast ? (error) => {
				if (error && messages > 0) {
					this.#drop(messages, bytes, 'disconnect');
				}
			} : undefined);
		});
		this.#socket.uncork();
	}

	#hasRoom() {
		return this.#socket.writableLength < WRITE_AHEAD_BYTES;
	}

	#enqueue(frame) {
		const max = this.#options.queueMaxBytes;
		this.#queue.push(frame);
		this.#queueBytes += frame.length;
		let dropped = 0;
		let bytes = 0;
		while (this.#queueBytes > max) {
			const oldest = this.#queue[dropped++];
			this.#queueBytes -= oldest.length;
			bytes += oldest.length;
		}
		if (dropped > 0) {
			this.#queue.splice(0, dropped);
			this.#drop(dropped, bytes, 'queue-full');
		}
		return this.#queue.length > 0;
	}

	/* Hands what waits to the stream, about maxBytes of it. */
	#sendQueue(maxBytes) {
		if (!this.#isLive || this.#queue.length === 0) {
			return;
		}
		let room = maxBytes - this.#socket.writableLength;
		let n = 0;
		while (n < this.#queue.length && room > 0) {
			const frame = this.#queue[n++];
			this.#queueBytes -= frame.length;
			room -= frame.length;
			this.#send(frame, 1);
		}
		this.#queue.splice(0, n);
	}

	#dropQueue() {
		this.#dropUnsent();
		if (this.#queue.length > 0) {
			this.#drop(this.#queue.length, this.#queueBytes, 'closed');
			this.#queue = [];
			this.#queueBytes = 0;
		}
	}

	/* Counts, and tells once a tick. */
	#drop(messages, bytes, reason) {
		this.stats.dropped += messages;
		this.stats.droppedBytes += bytes;
		if (this.#dropped.messages === 0) {
			process.nextTick(() => {
				const told = this.#dropped;
				this.#dropped = { messages: 0, bytes: 0, reason: null };
				debug('dropped %o', told);
				this.emit('drop', told);
			});
		}
		this.#dropped.messages += messages;
		this.#dropped.bytes += bytes;
		this.#dropped.reason = reason;
		return false;
	}

	#take(socket, chunk) {
		if (socket !== this.#socket) {
			return;
		}
		this.#heard = true;
		const wrong = this.#receiver.push(chunk, (frame) => {
			if (socket === this.#socket) {
				this.#dispatch(socket, frame);
			}
		});
		if (wrong !== null) {
			this.stats.malformed++;
			this.#break(socket, new Pm2aError('PM2A_ERR_PROTOCOL', wrong));
		}
	}

	#dispatch(socket, frame) {
		if (frame.type === TYPE.PUBLISH) {
			this.stats.received++;
			this.stats.receivedBytes += frame.body.length;
			this.#onPublish(frame);
			return;
		}
		if (frame.type === TYPE.PING) {
			this.#send(sender.pong(frame.body), 0);
			return;
		}
		if (frame.type === TYPE.PONG) {
			this.#onPong(frame);
			return;
		}
		const body = tryDecode(frame.body);
		if (typeof body !== 'object' || body === null ||
			Array.isArray(body) !== (frame.type === TYPE.ERROR)) {
			this.stats.malformed++;
			this.#break(socket, new Pm2aError('PM2A_ERR_PROTOCOL',
				`a frame of type ${frame.type} with a malformed body`));
			return;
		}
		this.#onControl(frame, body);
	}

	#onControl(frame, body) {
		switch (frame.type) {
		case TYPE.WELCOME:
			this.#welcome = body;
			break;
		case TYPE.PRESENCE:
			this.emit('presence', { topic: frame.topic.toString(), ...body });
			break;
		case TYPE.ERROR:
			this.#onError(body);
			break;
		case TYPE.GOODBYE:
			this.#onGoodbye(body);
			break;
		default:
			debug('a frame of type %d is ignored', frame.type);
		}
	}

	#onPublish(frame) {
		const topics = frame.flags & FLAG.SEVERAL ?
			tryDecode(frame.topic) : [frame.topic.toString()];
		if (!Array.isArray(topics)) {
			this.stats.malformed++;
			return;
		}
		this.emit('message', topics, frame.body, frame.flags);
	}

	#onPong(frame) {
		if (this.#isReady || !frame.body.equals(BARRIER)) {
			return;
		}
		clearTimeout(this.#timer);
		this.#isReady = true;
		this.#attempts = 0;
		this.stats.connects++;
		this.#startPinging();
		debug('connected as %d', this.#welcome?.id);
		for (const { resolve } of this.#waiters.splice(0)) {
			resolve();
		}
		this.emit('connect');
	}

	#onError([code, message, fatal]) {
		this.stats.errors++;
		debug('the daemon says %s: %s', code, message);
		if (fatal) {
			// What is wrong now will be wrong in a moment.
			this.#attempts = 30;
		}
		this.emit('daemon_error', new Pm2aError('PM2A_ERR_DAEMON',
			`${code}: ${message}`), { code, message, fatal });
	}

	/* The daemon ends: send what was begun, and wait for the next one. */
	#onGoodbye({ reason, retry_after_ms: retryAfter }) {
		debug('goodbye: %s', reason);
		this.#flush();
		this.#state = 'leaving';
		this.#isReady = false;
		this.#retryAfter = retryAfter > 0 ? retryAfter : 0;
		clearInterval(this.#pinger);
		this.#socket.end();
	}

	/* A daemon that hangs takes connections and says nothing. */
	#startPinging() {
		const interval = this.#welcome?.ping_interval_ms;
		if (!(interval > 0)) {
			return;
		}
		let isAsked = false;
		this.#heard = true;
		this.#pinger = setInterval(() => {
			if (this.#heard) {
				isAsked = false;
			} else if (isAsked) {
				this.#break(this.#socket, new Pm2aError('PM2A_ERR_SILENT',
					`nothing came for ${2 * interval} ms`));
				return;
			} else {
				isAsked = true;
				this.#send(sender.ping(), 0);
			}
			this.#heard = false;
		}, interval);
		this.#pinger.unref();
	}
}

function pmId(env = process.env) {
	const id = Number.parseInt(env.pm_id, 10);
	return id >= 0 ? id : undefined;
}

function tryDecode(bytes) {
	try {
		return decode(bytes);
	} catch {
		return undefined;
	}
}

/* Frames as few buffers: small ones in a row become one. */
function joinSmall(frames) {
	const buffers = [];
	let run = [];
	for (const frame of frames) {
		if (frame.length < JOIN_BELOW) {
			run.push(frame);
			continue;
		}
		if (run.length > 0) {
			buffers.push(Buffer.concat(run));
			run = [];
		}
		buffers.push(frame);
	}
	if (run.length > 0) {
		buffers.push(run.length === 1 ? run[0] : Buffer.concat(run));
	}
	return buffers;
}

module.exports = { Client };
