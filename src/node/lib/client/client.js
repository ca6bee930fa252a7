'use strict';

/*
 * The client of the daemon, over one connection after the other.
 *
 * What is wanted (subscriptions) is state and kept here; what is published is
 * an event and passes through. A connection that has just been made says HELLO
 * and subscribes to all that is wanted in the same write, so that no message
 * falls between the two. What waited to be published follows when WELCOME has
 * come: before that the daemon may still refuse us, and what had been sent to
 * it would be lost. A daemon that has just started gets it when the others are
 * there to hear it (start-gate.js). A PING behind it is answered when all subscriptions are in
 * force, and that is when 'connect' is emitted.
 *
 * While there is no connection, or while the kernel takes no more, published
 * messages wait in a queue with a bound in bytes; beyond it the oldest go
 * first. A message that was handed to the stream is never sent again, since it
 * may have arrived: at most once is the promise. So what a connection leaves
 * unwritten when it breaks is counted as dropped.
 *
 * A question is neither kept over a connection nor asked twice. Where there is
 * no connection it fails at once, and one that is being made is waited for.
 *
 * Nothing here throws but the constructor and wrong arguments, and 'error' is
 * never emitted: an application that doesn't listen must not end for want of a
 * daemon. What a listener throws comes out as an uncaught exception, after the
 * frame at hand: it must not tear the stream of frames.
 */

const { EventEmitter } = require('node:events');
const debug = require('debug')('socket.io-pm2adapter:client');
const { Asking } = require('./requests');
const { counters } = require('./stats');
const { Drops } = require('./drops');
const { Pm2aError } = require('./errors');
const { Hold } = require('./start-gate');
const { identity } = require('./identity');
const { Link } = require('./connection');
const { Missed } = require('./missed');
const { boolean, clientOptions, mustBeBytes, mustBeTopic, topicList } = require('./options');
const { COPY_MAX } = require('./write-buffer');
const { askOptions } = require('./open-requests');
const { Queue } = require('./offline-queue');
const { Retry } = require('./reconnect');
const sender = require('../wire/frame-writer');
const { isWithin } = require('../socketio/topics');
const { Wanted } = require('./subscriptions');

const { FLAG, TYPE } = sender;
/* Methods for the package alone have these names. */
const onDelivery = Symbol('onDelivery');
const publishFrame = Symbol('publishFrame');
const dropUnsent = Symbol('dropUnsent');
// What is assumed until the first WELCOME: the least max_frame that a daemon
// can have, since it ends a connection that subscribes with a larger frame, and
// the usual max_topic.
const LIMITS_UNTOLD = { maxFrame: 4096, maxTopic: 4096 };
const TOPICS_FRAME_MAX = 512 * 1024; // of one SUBSCRIBE
const WRITE_AHEAD_BYTES = 1024 * 1024; // handed to the stream, at most
const LASTING = new Set(['bad-hello', 'bad-version', 'not-allowed',
	'too-many-connections']);

/*
 * Bytes of a topic with which SUBSCRIBE and PRESENCE are within max_frame, since
 * larger frames end the connection; and questions, which have the name of the
 * namespace in their topic and in their body.
 */
function longestTopic(maxFrame) {
	return Math.floor(maxFrame * 3 / 8);
}

/* Whether a topic may be subscribed to. */
function fits(topic, { maxFrame, maxTopic }) {
	return isWithin(topic, Math.min(maxTopic, longestTopic(maxFrame)));
}

class Client extends EventEmitter {
	#options;
	#link = null;
	#life = 'idle'; // then wanted, from connect(), and closed, from close()
	#isReady = false;
	#wanted = new Wanted();
	#queue; // published frames that wait
	#drops;
	#asking;
	#hold = new Hold(() => this.#sendQueue(WRITE_AHEAD_BYTES));
	#retry;
	#missed = new Missed();
	#deliver = null; // see onDelivery
	#waiters = []; // of ready()
	#closing = null; // close() waits for a connection: { promise, resolve }
	#welcome = null;
	#limits = LIMITS_UNTOLD; // those of the last WELCOME

	/** @see index.d.ts for the options. */
	constructor(opts) {
		super();
		this.#options = clientOptions(opts);
		this.#queue = new Queue(this.#options.queueMaxBytes);
		this.#retry = new Retry(this.#options, () => this.#open());
		this.stats = counters();
		this.#drops = new Drops(this.stats, (drop) => this.emit('drop', drop));
		this.#asking = new Asking(this.stats, this.#queue, this.#viewForAsking());
	}

	get socketPath() {
		return this.#options.socket;
	}

	get key() {
		return this.#options.key;
	}

	get connected() {
		return this.#isReady && this.#link.isOpen;
	}

	/** Messages that wait for a connection. */
	get queued() {
		return { messages: this.#queue.length, bytes: this.#queue.bytes };
	}

	/** What WELCOME said, or null. */
	get welcome() {
		return this.#welcome;
	}

	/** Questions of ours that are open. */
	get openQuestions() {
		return this.#asking.size;
	}

	get maxTopic() {
		return this.#limits.maxTopic;
	}

	/** Connects, and stays connected until close(). Idempotent. */
	connect() {
		this.#closing?.resolve();
		this.#closing = null;
		if (this.#life !== 'wanted') {
			this.#life = 'wanted';
			this.#retry.reset();
			this.#open();
		}
		return this;
	}

	/** Fulfilled when connected with everything in force. */
	ready() {
		if (this.connected) {
			return Promise.resolve();
		}
		if (this.#life === 'closed') {
			return Promise.reject(new Pm2aError('PM2A_ERR_CLOSED'));
		}
		return new Promise((resolve, reject) => {
			this.#waiters.push({ resolve, reject });
		});
	}

	/**
	 * Fulfilled when all that was called for before is in force at the daemon;
	 * at once when there is none, since then it is the first thing to be told.
	 */
	barrier() {
		return new Promise((resolve) => {
			if (this.#link?.canSend) {
				this.#link.ask(() => resolve());
			} else {
				resolve();
			}
		});
	}

	subscribe(topic, { member = false } = {}) {
		mustBeTopic(topic);
		this.#wanted.add(topic, boolean('member', member));
		this.#changeTopic(TYPE.SUBSCRIBE, topic, member);
	}

	unsubscribe(topic) {
		mustBeTopic(topic);
		const member = this.#wanted.remove(topic);
		this.#hold.onUnsubscribe(topic);
		if (member !== undefined) {
			this.#changeTopic(TYPE.UNSUBSCRIBE, topic, member);
		}
	}

	/** Sends what was called for so far, before the end of the tick. */
	flush() {
		if (this.#link?.canSend) {
			this.#link.flush();
		}
	}

	/* deliver(topics, bytes, at, end) gets each message before those who listen to
	 * it: its body is in bytes from at to end, as long as the call lasts. It must
	 * not throw. */
	[onDelivery](deliver) {
		this.#deliver = deliver;
	}

	/**
	 * Publishes body to one topic or several; each receiver gets it once.
	 * Returns false where it was dropped at once, which is counted.
	 */
	publish(topics, body, { volatile: isVolatile = false } = {}) {
		const list = topicList(topics);
		mustBeBytes('body', body);
		if (body.length > sender.FRAME_MAX) {
			return this[dropUnsent](body.length, 'too-big');
		}
		const frame = list.every((topic) => isWithin(topic, this.maxTopic)) ?
			sender.publish(list, body, isVolatile) : null;
		return frame === null ? this[dropUnsent](body.length, 'topic-too-long') :
			this.#publishFrame(frame, isVolatile);
	}

	/* As publish(), with a frame that is as it is until this returns, or always
	 * if it has more than COPY_MAX bytes. Its topics must be within maxTopic. */
	[publishFrame](frame) {
		return this.#publishFrame(frame, (sender.flagsOf(frame) & FLAG.VOLATILE) !== 0);
	}

	/* Counts a message of which no frame can be made; returns as publish(). */
	[dropUnsent](size, reason) {
		this.stats.published++;
		return this.#dropOne(size, reason);
	}

	#publishFrame(frame, isVolatile) {
		this.stats.published++;
		if (this.#isTooBig(frame)) {
			return this.#dropOne(frame.length, 'too-big');
		}
		if (this.#isFree()) {
			this.#link.send(frame);
			return true;
		}
		if (isVolatile) {
			return this.#dropOne(frame.length, 'volatile');
		}
		const kept = frame.length > COPY_MAX ? frame : Buffer.from(frame);
		this.#drops.add(this.#queue.push(kept), 'queue-full');
		return this.#queue.length > 0;
	}

	/**
	 * Asks the members of a topic, or with subscribers who has subscribed to one
	 * of several. Never throws: what is wrong rejects the promise.
	 */
	ask(topics, body, options) {
		let question;
		try {
			question = askOptions(topics, body, options);
		} catch (error) {
			return Promise.reject(error);
		}
		if (this.#life === 'closed' || this.#closing !== null) {
			return Promise.reject(new Pm2aError('PM2A_ERR_CLOSED'));
		}
		if (this.#link === null || this.#link.isLeaving) {
			return Promise.reject(new Pm2aError('PM2A_ERR_AWAY',
				`${this.socketPath}: there is no connection to the daemon`));
		}
		return this.#asking.ask(question);
	}

	/**
	 * Sends what was published, then ends the connection. Where one is being
	 * made and something waits for it, this waits too.
	 */
	close() {
		this.#asking.failAll('PM2A_ERR_CLOSED');
		const isConnecting = this.#link !== null &&
			!this.#link.isOpen && !this.#link.isLeaving;
		if (!isConnecting || this.#queue.length === 0) {
			return this.#end();
		}
		if (this.#closing === null) {
			let resolve;
			const promise = new Promise((done) => { resolve = done; });
			this.#closing = { promise, resolve };
			this.#link.ref();
		}
		return this.#closing.promise;
	}

	/** Ends at once; what waits is dropped and counted. */
	destroy() {
		const link = this.#link;
		this.#shut();
		this.#requeue(link?.destroy() ?? []);
		this.#drops.add(this.#queue.clear(), 'closed');
	}

	async #end() {
		const link = this.#link;
		const hasBegun = link?.isOpen || link?.isLeaving;
		if (hasBegun) {
			this.#hold.end();
			this.#sendQueue(Infinity);
		}
		this.#shut();
		this.#drops.add(this.#queue.clear(), 'closed');
		if (hasBegun) {
			await link.end();
		} else {
			link?.destroy();
		}
	}

	#shut() {
		this.#life = 'closed';
		this.#isReady = false;
		this.#link = null;
		this.#missed.forget();
		this.#queue.clearTurns();
		this.#asking.failAll('PM2A_ERR_CLOSED');
		this.#retry.stop();
		this.#hold.end();
		this.#closing?.resolve();
		this.#closing = null;
		const error = new Pm2aError('PM2A_ERR_CLOSED');
		for (const { reject } of this.#waiters.splice(0)) {
			reject(error);
		}
	}

	#viewForAsking() {
		const client = this;
		return {
			get link() { return client.#link; },
			get welcome() { return client.#welcome; },
			get limits() { return client.#limits; },
			isFree: () => this.#isFree(),
			isTooBig: (frame) => this.#isTooBig(frame),
			tell: (...event) => this.#tell(...event),
		};
	}

	#open() {
		const { socket: path, connectTimeout: timeout, ref: isRef } = this.#options;
		this.#welcome = null;
		this.#link = new Link({ path, timeout, isRef }, {
			onConnect: () => this.#greet(),
			onWelcome: (body) => this.#onWelcome(body),
			onDrain: () => this.#sendQueue(WRITE_AHEAD_BYTES),
			onMessage: (...message) => this.#onMessage(...message),
			onPresence: (presence) => this.#onPresence(presence),
			onQuestion: (question) => this.#asking.onQuestion(question),
			onResult: (body) => this.#asking.onResult(body),
			onPart: (body) => this.#asking.onPart(body),
			onRefusal: (refusal) => this.#onRefusal(refusal),
			onGoodbye: (body) => this.#onGoodbye(body),
			onMalformed: () => { this.stats.malformed++; },
			onLost: (lost) => this.#drops.add(lost, 'disconnect'),
			onEnd: (error) => this.#onEnd(error),
		});
	}

	/* The connection is there: say who we are and what we want. */
	#greet() {
		this.#link.send(sender.hello(
			{ ...identity(this.#options), previous: this.#missed.previous }));
		for (const [topic, isMember] of this.#wanted) {
			this.#changeTopic(TYPE.SUBSCRIBE, topic, isMember);
		}
	}

	/* What no daemon's limits were sure to take. */
	#subscribeLong() {
		for (const [topic, isMember] of this.#wanted) {
			if (!fits(topic, LIMITS_UNTOLD)) {
				this.#changeTopic(TYPE.SUBSCRIBE, topic, isMember);
			}
		}
	}

	/* The daemon has taken us: what waited can go. */
	#onWelcome(body) {
		this.#welcome = body;
		this.#limits = {
			maxFrame: body.max_frame,
			maxTopic: Math.min(body.max_topic, longestTopic(body.max_frame)),
		};
		this.#missed.onWelcome(body);
		this.#subscribeLong();
		if (this.#missed.previous !== undefined || !this.#queue.isEmpty) {
			this.#hold.begin(body.epoch);
		}
		this.#sendQueue(WRITE_AHEAD_BYTES);
		this.#link.ask((isInForce) => {
			if (isInForce) {
				this.#onReady();
			}
		});
		this.#endIfClosing();
	}

	#onReady() {
		this.#isReady = true;
		this.#retry.reset();
		this.stats.connects++;
		debug('connected as %d', this.#welcome.id);
		for (const { resolve } of this.#waiters.splice(0)) {
			resolve();
		}
		this.#tell('connect');
		this.#tellMissed();
	}

	#tellMissed() {
		const missed = this.#missed.onReady();
		if (missed !== null) {
			this.stats.missed++;
			this.stats.missedBytes += missed.unwritten;
			debug('missed %o', missed);
			this.#tell('missed', missed);
		}
	}

	/* The bytes are there as long as this lasts; who listens may keep his. */
	#onMessage(topics, bytes, at, end, flags) {
		this.stats.received++;
		this.stats.receivedBytes += end - at;
		this.#deliver?.(topics, bytes, at, end);
		if (this.listenerCount('message') > 0) {
			const body = Buffer.from(bytes.subarray(at, end));
			this.#tell('message', [...topics], body, flags);
		}
	}

	#onPresence(presence) {
		this.#hold.onPresence(presence);
		this.#tell('presence', presence);
	}

	#onRefusal({ code, message, fatal, askId }) {
		this.stats.errors++;
		if (this.#asking.refuse(askId, code, message)) {
			return;
		}
		debug('the daemon says %s: %s', code, message);
		if (LASTING.has(code)) {
			this.#retry.slowDown();
		}
		this.#tell('daemon_error', new Pm2aError('PM2A_ERR_DAEMON',
			`${code}: ${message}`), { code, message, fatal });
	}

	/* What waits goes with what was begun, as far as the stream takes it. */
	#onGoodbye({ retry_after_ms: retryAfter }) {
		this.#hold.end();
		this.#sendQueue(WRITE_AHEAD_BYTES);
		this.#retry.postpone(retryAfter);
	}

	/* The connection is over, for the reason in error or without one. */
	#onEnd(error) {
		const wasReady = this.#isReady;
		const reason = this.#link.isLeaving ? 'goodbye' : error?.code ?? 'eof';
		const what = `${this.socketPath}: ${
			error?.message ?? 'the daemon closed the connection'}`;
		this.#queue.clearTurns();
		this.#asking.failAll(
			this.#welcome === null ? 'PM2A_ERR_AWAY' : 'PM2A_ERR_LOST', what);
		if (wasReady) {
			this.#missed.onEnd(reason);
		}
		this.#hold.onEnd(wasReady);
		this.#requeue(this.#link.destroy());
		this.#link = null;
		this.#isReady = false;
		this.#retry.later();
		this.#endIfClosing();
		if (wasReady) {
			debug('disconnected: %s', reason);
			this.#tell('disconnect', reason, error ?? undefined);
			return;
		}
		this.stats.errors++;
		const why = error instanceof Pm2aError ? error :
			new Pm2aError('PM2A_ERR_CONNECT', what, error ?? undefined);
		debug('not connected: %s', why.message);
		this.#tell('connect_error', why);
	}

	#endIfClosing() {
		const closing = this.#closing;
		if (closing !== null) {
			this.#closing = null;
			this.#end().then(closing.resolve);
		}
	}

	/* A topic of a client's choice must not end the connection of all. */
	#changeTopic(type, topic, member) {
		if (!this.#link?.canSend) {
			return;
		}
		const isTold = this.#welcome !== null;
		if (fits(topic, isTold ? this.#limits : LIMITS_UNTOLD)) {
			this.#link.changeTopic(type, member ? FLAG.MEMBER : 0, topic,
				Math.min(TOPICS_FRAME_MAX, this.#limits.maxFrame));
		} else if (isTold && type === TYPE.SUBSCRIBE) {
			this.#refuseTopic(topic);
		}
	}

	/* As the daemon would. */
	#refuseTopic(topic) {
		const message = `SUBSCRIBE: a topic of ${Buffer.byteLength(topic)} bytes; ` +
			`max-topic and max-frame allow ${this.#limits.maxTopic} bytes`;
		this.#onRefusal({ code: 'topic-too-long', message, fatal: false });
	}

	/* Whether what is to be sent can go at once, and overtakes nothing. */
	#isFree() {
		return this.#queue.isEmpty && !this.#hold.isOn && this.#hasRoom();
	}

	/* A tick may publish more than memory has, so much of it goes to the stream
	 * before the tick is over. */
	#hasRoom() {
		if (!this.#link?.isOpen) {
			return false;
		}
		if (this.#link.pending >= WRITE_AHEAD_BYTES) {
			this.#link.flush();
		}
		return this.#link.pending < WRITE_AHEAD_BYTES;
	}

	/* Unknown before the first WELCOME; the queue is asked again when it goes. */
	#isTooBig(frame) {
		return this.#limits !== LIMITS_UNTOLD &&
			frame.length - sender.LENGTH_SIZE > this.#limits.maxFrame;
	}

	/* Hands what waits to the stream, until that has about maxBytes. */
	#sendQueue(maxBytes) {
		while (!this.#hold.isOn && !this.#queue.isEmpty && this.#link.isOpen &&
			this.#link.pending < maxBytes) {
			const turn = this.#queue.nextTurn();
			if (turn === null) {
				this.#sendMessage(this.#queue.shift());
			} else {
				turn();
			}
		}
	}

	#sendMessage(frame) {
		if (this.#isTooBig(frame)) {
			this.#dropOne(frame.length, 'too-big');
		} else {
			this.#link.send(frame);
		}
	}

	/* Messages that a connection took and did not begin to send wait again. */
	#requeue(frames) {
		const isVolatile = (frame) => sender.flagsOf(frame) & FLAG.VOLATILE;
		const gone = frames.filter(isVolatile);
		const bytes = gone.reduce((n, frame) => n + frame.length, 0);
		const kept = frames.filter((frame) => !isVolatile(frame));
		this.#drops.add({ messages: gone.length, bytes }, 'volatile');
		this.#drops.add(this.#queue.unshift(kept), 'queue-full');
	}

	/* Returns what publish() does. */
	#dropOne(bytes, reason) {
		this.#drops.add({ messages: 1, bytes }, reason);
		return false;
	}

	/* Whether somebody has heard it, to the end. */
	#tell(...event) {
		try {
			return this.emit(...event);
		} catch (error) {
			process.nextTick(() => { throw error; });
			return false;
		}
	}
}

module.exports = { Client, dropUnsent, onDelivery, publishFrame };
