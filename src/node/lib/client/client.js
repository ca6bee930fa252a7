'use strict';

/*
 * The client of the daemon, over one connection after another.
 *
 * Subscriptions are state and kept here; published messages are events and pass
 * through (outgoing.js). On a new connection the client writes HELLO and all
 * subscriptions at once, so that it misses no message between the two. Messages
 * that waited follow when WELCOME has come: before that the daemon may still
 * refuse the client, and they would be lost. A daemon that has just started gets
 * them when the other clients are back (start-gate.js). The client sends a PING
 * after them; its PONG proves that all subscriptions are in force, and then
 * `connect` is emitted.
 *
 * The state is a triple:
 *
 *	#life    #connection         #isReady
 *	idle     null                false  before connect()
 *	started  null                false  until the next attempt (reconnect.js)
 *	started  connecting          false  until the socket is connected
 *	started  greeting            false  until WELCOME; subscriptions are sent
 *	started  open                false  until the PONG; all frames are sent
 *	started  open                true   `connected`
 *	started  leaving             any    GOODBYE has come; reads to the end
 *	closed   null                false  after close() or destroy()
 *
 * The names in the middle are the states of a Connection. From any state,
 * connect() leads to `started` and destroy() to `closed`. close() does too,
 * except that, while a connection is being made and messages wait for it, #closing
 * is set and the state stays until WELCOME or the end of that connection.
 *
 * A request is not kept over a connection and never sent twice. It fails at once
 * if there is no connection, and waits for one that is being made.
 *
 * Only the constructor and wrong arguments throw, and `error` is never emitted: an
 * application without listeners must not end for lack of a daemon. An exception of
 * a listener becomes an uncaught exception after the current frame, so that it
 * cannot break the stream of frames.
 */

const { EventEmitter } = require('node:events');
const debug = require('debug')('socket.io-pm2adapter:client');
const sender = require('../wire/frame-writer');
const { Connection } = require('./connection');
const { Pm2aError } = require('./errors');
const { identity } = require('./identity');
const { isWithin, limitsOf } = require('./limits');
const { Missed } = require('./missed');
const { boolean, clientOptions, mustBeBytes, mustBeTopic, topicList } = require('./options');
const { Outgoing } = require('./outgoing');
const { Questions } = require('./questions');
const { Reconnect } = require('./reconnect');
const { Requests, requestOptions } = require('./requests');
const { StartGate } = require('./start-gate');
const { counters } = require('./stats');
const { Subscriptions } = require('./subscriptions');
const { TopicBatch } = require('./topic-batch');
const { Warnings } = require('./warnings');

const { FLAG } = sender;
/* Names of methods that only this package calls. */
const onDelivery = Symbol('onDelivery');
const onQuestion = Symbol('onQuestion');
const changeRoom = Symbol('changeRoom');
const topicBatch = Symbol('topicBatch');
const flushTopics = Symbol('flushTopics');
const publishFrame = Symbol('publishFrame');
const subscribeRooms = Symbol('subscribeRooms');
const dropUnsent = Symbol('dropUnsent');
/* The most time that close() takes, in ms: pm2 kills after 1600. */
const CLOSE_MS = 1000;
const LASTING = new Set(['bad-hello', 'bad-version', 'not-allowed',
	'too-many-connections']);

class Client extends EventEmitter {
	#options;
	#life = 'idle';
	#connection = null;
	#isReady = false;
	#closing = null; // close() waits for a connection: { promise, resolve, timer }
	#welcome = null; // body of the WELCOME of #connection
	#subscriptions;
	#topicBatch;
	#gate = new StartGate(() => this.#outgoing.sendQueue());
	#outgoing;
	#requests;
	#questions;
	#reconnect;
	#missed = new Missed();
	#warnings;
	#deliver = null; // see onDelivery
	#waiters = []; // of ready()

	/** @see index.d.ts for the options. */
	constructor(opts) {
		super();
		this.#options = clientOptions(opts);
		this.stats = counters();
		this.#warnings = new Warnings(this.#options.socket, this.stats);
		this.#reconnect = new Reconnect(this.#options, () => this.#open());
		this.#outgoing = new Outgoing(this.stats, this.#gate, {
			queueMaxBytes: this.#options.queueMaxBytes,
			queueMaxAge: this.#options.queueMaxAge,
			warnings: this.#warnings,
			onDrop: (drop) => this.emit('drop', drop),
		});
		this.#subscriptions = new Subscriptions(this.#outgoing,
			(topic) => this.#refuseTopic(topic));
		this.#topicBatch = new TopicBatch(this.#subscriptions);
		this.#requests = new Requests(this.stats, this.#outgoing);
		this.#questions = new Questions(this.stats, this.#outgoing,
			(question) => this.#tell('question', question));
	}

	get socketPath() {
		return this.#options.socket;
	}

	get key() {
		return this.#options.key;
	}

	get connected() {
		return this.#isReady && this.#connection.isOpen;
	}

	/** Messages that wait for a connection. */
	get queued() {
		return this.#outgoing.queued;
	}

	/** The body of the daemon's WELCOME, or null. */
	get welcome() {
		return this.#welcome;
	}

	/** The number of own requests that are open. */
	get openQuestions() {
		return this.#requests.size;
	}

	get maxTopic() {
		return this.#outgoing.limits.maxTopic;
	}

	/** Connects, and reconnects until close(). Idempotent. */
	connect() {
		this.#stopClosing();
		if (this.#life !== 'started') {
			this.#life = 'started';
			this.#reconnect.reset();
			this.#warnings.onAway();
			this.#open();
		}
		return this;
	}

	/** Fulfilled when connected with all subscriptions in force. */
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
	 * Fulfilled when the daemon has handled all earlier calls; at once if there is
	 * no connection, since the next one begins with all subscriptions.
	 */
	barrier() {
		return new Promise((resolve) => {
			if (this.#connection?.canSend) {
				this.#connection.barrier(() => resolve());
			} else {
				resolve();
			}
		});
	}

	subscribe(topic, { member = false } = {}) {
		mustBeTopic(topic);
		this.#subscriptions.add(topic, boolean('member', member));
	}

	unsubscribe(topic) {
		mustBeTopic(topic);
		this.#gate.onUnsubscribe(topic);
		this.#subscriptions.remove(topic);
	}

	/** Writes what was sent so far, before the end of the tick. */
	flush() {
		if (this.#connection?.canSend) {
			this.#connection.flush();
		}
	}

	/* topics(): lists the topics that are subscribed with changeRoom, for each new
	 * connection. */
	[subscribeRooms](topics) {
		this.#subscriptions.rooms = topics;
	}

	/* type: SUBSCRIBE or UNSUBSCRIBE. topic: valid, and not kept. */
	[changeRoom](type, topic) {
		this.#subscriptions.change(type, topic);
		if (type === sender.TYPE.SUBSCRIBE) {
			this.#topicBatch.expect();
		}
	}

	/* The cheaper way for the same; see TopicBatch. */
	get [topicBatch]() {
		return this.#topicBatch;
	}

	/* As flush(), if a SUBSCRIBE is among what was sent. */
	[flushTopics]() {
		if (this.#connection?.canSend) {
			this.#connection.flushTopics();
		}
	}

	/* Registers deliver(topics, bytes, at, end), which gets each message before the
	 * listeners of `message`: its body is in `bytes` from `at` to `end` during the
	 * call. It must not throw. */
	[onDelivery](deliver) {
		this.#deliver = deliver;
	}

	/* Registers answer(question), which gets the questions on topics that begin with
	 * `prefix` in place of the listeners of `question`. It must not throw. */
	[onQuestion](prefix, answer) {
		this.#questions.reserve(prefix, answer);
	}

	/**
	 * Publishes `body` to one topic or several; each receiver gets it once.
	 * Returns false if the message is dropped at once, which is counted.
	 */
	publish(topics, body, { volatile: isVolatile = false } = {}) {
		const list = topicList(topics);
		mustBeBytes('body', body);
		if (body.length > sender.FRAME_MAX) {
			return this.#outgoing.dropUnsent(body.length, 'too-big');
		}
		const frame = list.every((topic) => isWithin(topic, this.maxTopic)) ?
			sender.publish(list, body, isVolatile) : null;
		return frame === null ? this.#outgoing.dropUnsent(body.length, 'topic-too-long') :
			this.#outgoing.publish(frame, isVolatile);
	}

	/* As publish(), with a finished frame whose topics are within maxTopic. The
	 * caller may change a frame of up to COPY_MAX bytes afterwards. */
	[publishFrame](frame) {
		return this.#outgoing.publish(frame,
			(sender.flagsOf(frame) & FLAG.VOLATILE) !== 0);
	}

	/* Counts a message of which no frame can be made; returns as publish(). */
	[dropUnsent](size, reason) {
		return this.#outgoing.dropUnsent(size, reason);
	}

	/**
	 * Opens a request to the members of a topic, or with `subscribers` to the
	 * subscribers of one topic or several. Never throws: errors reject the promise.
	 */
	ask(topics, body, options) {
		let request;
		try {
			request = requestOptions(topics, body, options);
		} catch (error) {
			return Promise.reject(error);
		}
		if (this.#life === 'closed' || this.#closing !== null) {
			return Promise.reject(new Pm2aError('PM2A_ERR_CLOSED'));
		}
		if (this.#connection === null || this.#connection.isLeaving) {
			return Promise.reject(new Pm2aError('PM2A_ERR_AWAY',
				`${this.socketPath}: there is no connection to the daemon`));
		}
		return this.#requests.open(request);
	}

	/**
	 * Sends what was published, then ends the connection. Waits for a connection
	 * that is being made if messages wait for it. A daemon that hangs delays neither
	 * for long: after CLOSE_MS messages that are not sent are dropped and counted.
	 */
	close() {
		this.#requests.failAll('PM2A_ERR_CLOSED');
		const isConnecting = this.#connection !== null &&
			!this.#connection.isOpen && !this.#connection.isLeaving;
		if (!isConnecting || this.queued.messages === 0) {
			return this.#end();
		}
		if (this.#closing === null) {
			let resolve;
			const promise = new Promise((done) => { resolve = done; });
			const timer = setTimeout(() => this.#endIfClosing(), this.#closeMs);
			this.#closing = { promise, resolve, timer };
			this.#connection.ref();
		}
		return this.#closing.promise;
	}

	/** Ends at once; messages that wait are dropped and counted. */
	destroy() {
		const connection = this.#connection;
		this.#shut();
		this.#outgoing.requeue(connection?.destroy() ?? []);
		this.#outgoing.clear();
	}

	async #end() {
		const connection = this.#connection;
		const wasOpen = connection?.isOpen || connection?.isLeaving;
		if (wasOpen) {
			this.#gate.open();
			this.#outgoing.sendQueue(Infinity);
		}
		this.#shut();
		this.#outgoing.clear();
		if (wasOpen) {
			await connection.end(this.#closeMs);
		} else {
			connection?.destroy();
		}
	}

	#shut() {
		this.#life = 'closed';
		this.#isReady = false;
		this.#use(null);
		this.#missed.forget();
		this.#warnings.onStop();
		this.#outgoing.clearTurns();
		this.#requests.failAll('PM2A_ERR_CLOSED');
		this.#reconnect.stop();
		this.#gate.open();
		this.#stopClosing();
		const error = new Pm2aError('PM2A_ERR_CLOSED');
		for (const { reject } of this.#waiters.splice(0)) {
			reject(error);
		}
	}

	#use(connection) {
		this.#connection = connection;
		this.#outgoing.connection = connection;
	}

	#open() {
		const { socket: path, connectTimeout: timeout, ref: isRef } = this.#options;
		this.#welcome = null;
		this.#use(new Connection({ path, timeout, isRef, topics: this.#topicBatch }, {
			onConnect: () => this.#greet(),
			onWelcome: (body) => this.#onWelcome(body),
			onDrain: () => this.#outgoing.sendQueue(),
			onMessage: (...message) => this.#onMessage(...message),
			onPresence: (presence) => this.#onPresence(presence),
			onQuestion: (question) => this.#questions.take(question),
			onResult: (body) => this.#requests.onResult(body),
			onPart: (body) => this.#requests.onPart(body),
			onRefusal: (refusal) => this.#onRefusal(refusal),
			onGoodbye: (body) => this.#onGoodbye(body),
			onMalformed: () => { this.stats.malformed++; },
			onLost: (lost) => this.#outgoing.onLost(lost),
			onEnd: (error) => this.#onEnd(error),
		}));
	}

	/* The socket is connected: sends HELLO and all subscriptions. */
	#greet() {
		this.#connection.send(sender.hello(
			{ ...identity(this.#options), previous: this.#missed.previous }));
		this.#subscriptions.sendAll();
	}

	/* The daemon has accepted the client: sends what waits. */
	#onWelcome(body) {
		this.#welcome = body;
		this.#outgoing.limits = limitsOf(body);
		this.#topicBatch.limits = this.#outgoing.limits;
		this.#requests.onWelcome(body);
		this.#questions.onWelcome(body);
		this.#warnings.onWelcome(this.queued);
		this.#missed.onWelcome(body);
		this.#subscriptions.sendLong();
		if (this.#missed.previous !== undefined || !this.#outgoing.isEmpty) {
			this.#gate.shut(body.epoch);
		}
		this.#outgoing.sendQueue();
		this.#connection.barrier((isInForce) => {
			if (isInForce) {
				this.#onReady();
			}
		});
		this.#endIfClosing();
	}

	#onReady() {
		this.#isReady = true;
		this.#reconnect.reset();
		this.stats.connects++;
		this.#warnings.onReady();
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

	/* The bytes are valid during this call; listeners may keep their copy. */
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
		this.#gate.onPresence(presence);
		this.#tell('presence', presence);
	}

	#onRefusal({ code, message, fatal, askId }) {
		this.stats.errors++;
		if (this.#requests.refuse(askId, code, message)) {
			return;
		}
		debug('the daemon reports %s: %s', code, message);
		if (LASTING.has(code)) {
			this.#reconnect.slowDown();
		}
		const error = new Pm2aError('PM2A_ERR_DAEMON', `${code}: ${message}`);
		if (fatal) {
			this.#warnings.onRefusal(error);
		}
		this.#tell('daemon_error', error, { code, message, fatal });
	}

	/* The daemon ends: sends what waits, as far as the stream takes it. */
	#onGoodbye({ retry_after_ms: retryAfter }) {
		this.#gate.open();
		this.#outgoing.sendQueue();
		this.#reconnect.postpone(retryAfter);
	}

	/* The connection is over; error: its cause, or null. */
	#onEnd(error) {
		const wasReady = this.#isReady;
		const reason = this.#connection.isLeaving ? 'goodbye' : error?.code ?? 'eof';
		const what = `${this.socketPath}: ${
			error?.message ?? 'the daemon closed the connection'}`;
		this.#outgoing.clearTurns();
		this.#requests.failAll(
			this.#welcome === null ? 'PM2A_ERR_AWAY' : 'PM2A_ERR_LOST', what);
		if (wasReady) {
			this.#missed.onEnd(reason);
			this.#warnings.onAway();
		}
		this.#warnings.onFailure(error);
		this.#gate.onEnd(wasReady);
		this.#outgoing.requeue(this.#connection.destroy());
		this.#use(null);
		this.#isReady = false;
		this.#reconnect.later();
		this.#endIfClosing();
		if (wasReady) {
			debug('disconnected: %s', reason);
			this.#tell('disconnect', reason, error ?? undefined);
		} else {
			this.#tellConnectError(what, error);
		}
	}

	#tellConnectError(what, error) {
		this.stats.errors++;
		const shown = error instanceof Pm2aError ? error :
			new Pm2aError('PM2A_ERR_CONNECT', what, error ?? undefined);
		debug('not connected: %s', shown.message);
		this.#tell('connect_error', shown);
	}

	get #closeMs() {
		return Math.min(CLOSE_MS, this.#options.connectTimeout);
	}

	#stopClosing() {
		clearTimeout(this.#closing?.timer);
		this.#closing?.resolve();
		this.#closing = null;
	}

	#endIfClosing() {
		const closing = this.#closing;
		if (closing !== null) {
			clearTimeout(closing.timer);
			this.#closing = null;
			this.#end().then(closing.resolve);
		}
	}

	/* Reports a topic that is too long as the daemon would. */
	#refuseTopic(topic) {
		const message = `SUBSCRIBE: a topic of ${Buffer.byteLength(topic)} bytes; ` +
			`max-topic and max-frame allow ${this.maxTopic} bytes`;
		this.#onRefusal({ code: 'topic-too-long', message, fatal: false });
	}

	/* Returns whether a listener has handled the event without throwing. */
	#tell(...event) {
		try {
			return this.emit(...event);
		} catch (error) {
			process.nextTick(() => { throw error; });
			return false;
		}
	}
}

module.exports = {
	Client, changeRoom, dropUnsent, flushTopics, onDelivery, onQuestion, publishFrame,
	subscribeRooms, topicBatch,
};
