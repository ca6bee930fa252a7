'use strict';

/*
 * One connection to the daemon, from connect to its end: HELLO and WELCOME,
 * whole frames in both directions, the heartbeat, GOODBYE. Knows no subscriptions
 * and no queue; those are the client's, which makes a new connection after it.
 *
 * Its states: connecting → greeting (HELLO is sent) → open (WELCOME has come) →
 * leaving (GOODBYE has come, our side is closed) → over. It reports its end once,
 * and after that only messages that turn out to be lost.
 *
 * All frames of one tick leave in one write, in the order of the calls.
 */

const net = require('node:net');
const debug = require('debug')('socket.io-pm2adapter:link');
const { Pm2aError } = require('./errors');
const { Joining } = require('./joining');
const { tryDecode } = require('../wire/msgpack');
const { WriteBuffer } = require('./write-buffer');
const { FrameReader, copyOf } = require('../wire/frame-reader');
const sender = require('../wire/frame-writer');

const { FLAG, GATHERS, TYPE, VERDICT } = sender;
const ARRAYS = new Set([TYPE.ERROR, TYPE.QUESTION, TYPE.RESULT, TYPE.PART]);
const isText = (value) => typeof value === 'string';
const isNumber = (value) => value === undefined || typeof value === 'number';
/* Whether the fields that this client reads from control frames have their type. */
const IS_BODY = {
	[TYPE.WELCOME]: (body) => (body.server === undefined || isText(body.server)) &&
		[body.max_frame, body.max_topic].every(isNumber),
	[TYPE.PRESENCE]: ({ count }) => Number.isSafeInteger(count) && count >= 0,
	[TYPE.ERROR]: ([code, message]) => isText(code) && isText(message),
	[TYPE.GOODBYE]: ({ retry_after_ms: ms }) => isNumber(ms),
};
const INPUT_UNTOLD = 1024 * 1024; // max_frame until WELCOME announces it
const TIMER_MAX = 2 ** 31 - 1; // of Node's timers; above it they fire at once
const BARRIER = Buffer.from('ready');
/* Bytes that the daemon certainly reads at once; it allows four times as many, see
 * SUBSCRIBE in docs/PROTOCOL.md. No frame of that size is handled in steps. */
const REACH = 16 * 1024;
const NOTHING = Buffer.alloc(0);
const DONE = Promise.resolve();

/* All connections read into this buffer: its bytes are used before the next read.
 * A new buffer for each read, as streams have it, costs more CPU time than handling
 * the bytes. */
const input = Buffer.allocUnsafeSlow(64 * 1024);

/* The topic field of a message, kept since the next message mostly has the same. */
class Field {
	#flags;
	#bytes;

	constructor(flags, bytes, topics) {
		this.#flags = flags & FLAG.SEVERAL;
		this.#bytes = bytes;
		this.topics = topics;
	}

	equals(flags, bytes, from, to) {
		const own = this.#bytes;
		if (to - from !== own.length || (flags & FLAG.SEVERAL) !== this.#flags) {
			return false;
		}
		// From the end, where topics differ.
		for (let i = own.length - 1; i >= 0; i--) {
			if (own[i] !== bytes[from + i]) {
				return false;
			}
		}
		return true;
	}
}

/* Whether the daemon may need more than a turn for a frame, and meanwhile not read
 * what follows it. */
function isSlow(frame) {
	const type = sender.typeOf(frame);
	return type === TYPE.ASK || (sender.flagsOf(frame) & FLAG.SEVERAL) !== 0;
}

class Connection {
	#path;
	#isRef;
	#timeout;
	#tell;
	#state = 'connecting';
	#socket;
	#reader = new FrameReader(INPUT_UNTOLD);
	#field = new Field(0, NOTHING, []); // of the last message
	#out;
	#topics; // the client's TopicBatch
	#isFlushing = false; // a flush is due at the end of this tick
	#newBarriers = []; // callbacks for the PING at the end of this tick
	#barriers = []; // { callbacks, sent } of each PING under way
	#sent = 0; // bytes handed to the kernel or the stream
	#proven = 0; // of them, those that the daemon has handled
	#deadline; // timer for connecting, or for the daemon's end
	#pinger = null;
	#hasInput = true; // since the last ping interval

	/*
	 * topics: the client's TopicBatch. path: of the socket. isRef: whether it keeps the process alive. timeout: ms
	 * that connecting may take. tell: the client's functions onConnect,
	 * onWelcome(body), onDrain,
	 * onMessage(topics, bytes, at, end, flags), onPresence(presence),
	 * onQuestion(question), onResult(body), onPart(body), onRefusal(error),
	 * onGoodbye(body), onMalformed, onLost({ messages, bytes }), onEnd(error).
	 * A message's body is in `bytes` from `at` to `end` during the call.
	 */
	constructor({ path, isRef, timeout, topics }, tell) {
		this.#path = path;
		this.#isRef = isRef;
		this.#timeout = timeout;
		this.#tell = tell;
		this.#topics = topics;
		this.#out = new WriteBuffer(topics);
		this.#open();
	}

	get isOpen() {
		return this.#state === 'open';
	}

	get isLeaving() {
		return this.#state === 'leaving';
	}

	/* Whether control frames can be sent; published ones only if it is open. */
	get canSend() {
		return this.#state === 'greeting' || this.#state === 'open';
	}

	/* Bytes that the kernel has not taken. */
	get pending() {
		return this.#socket.writableLength + this.#out.bytes;
	}

	/* As WriteBuffer.add(). */
	send(frame) {
		this.#out.add(frame);
		if (isSlow(frame)) {
			this.#sent += REACH;
		}
		if (this.#out.isFull && this.isOpen) {
			this.flush();
		} else {
			this.#flushLater();
		}
	}

	/* As WriteBuffer.addTopic(). */
	changeTopic(type, flags, topic, frameMax) {
		this.#out.addTopic(type, flags, topic, frameMax);
		this.#flushLater();
	}

	/* The TopicBatch has changes, which follow what was sent so far. */
	beginBatch() {
		this.#out.endBatch();
		this.#flushLater();
	}

	/* Writes now, before the end of the tick. */
	flush() {
		const batch = this.#out.takeBatch();
		if (batch !== null) {
			this.#sent += batch.length;
			this.#socket.write(batch);
			this.#endJoining();
			return;
		}
		const out = this.#out.take();
		if (out === null) {
			return;
		}
		const { buffers, messages, bytes } = out;
		for (const { length } of buffers) {
			this.#sent += length;
		}
		// Node reports no error if the end of the socket cuts a write off.
		const onWritten = messages === 0 ? undefined : (error) => {
			if (error || this.#socket.destroyed) {
				this.#tell.onLost({ messages, bytes });
			}
		};
		this.#writeAll(buffers, onWritten);
		if (this.#socket.writableLength === 0) {
			this.#out.rewind();
		}
		this.#endJoining();
	}

	#writeAll(buffers, onWritten) {
		const last = buffers.length - 1;
		if (last > 0) {
			this.#socket.cork();
		}
		for (let i = 0; i < last; i++) {
			this.#socket.write(buffers[i]);
		}
		this.#socket.write(buffers[last], onWritten);
		if (last > 0) {
			this.#socket.uncork();
		}
	}

	/* As flush(), if subscriptions wait. */
	flushTopics() {
		if (this.#out.hasSubscribe) {
			this.flush();
		}
	}

	/* Returns a Joining of the subscriptions that are sent during this tick. */
	joining() {
		return new Joining(this);
	}

	/*
	 * Writes what was sent so far, and promises that all subscriptions in it are in
	 * force for whatever other processes send later. The kernel having them is enough
	 * while the daemon reads them at once, which it does before it routes a message
	 * that was sent later; so a join that is awaited does not cost a round trip.
	 * Otherwise a PONG proves it, which is asked for before it is needed.
	 */
	inForce() {
		if (!this.canSend) {
			return DONE;
		}
		this.flush();
		if (this.#sent - this.#proven > REACH / 2 && this.#isIdle) {
			this.#newBarriers.push(() => {});
			this.#write();
		}
		return this.#isInForce ? DONE : this.#whenInForce();
	}

	#whenInForce() {
		return new Promise((resolve) => {
			const ping = this.#barriers.at(-1);
			if (ping !== undefined && this.#isWritten && this.#sent - ping.sent <= REACH) {
				ping.callbacks.push(resolve);
			} else {
				this.barrier(resolve);
			}
		});
	}

	/* Whether the kernel has all bytes so far. */
	get #isWritten() {
		return this.isOpen && this.#socket.writableLength === 0;
	}

	get #isInForce() {
		return this.#sent - this.#proven <= REACH && this.#isWritten;
	}

	/* Whether no PING is under way. */
	get #isIdle() {
		return this.#barriers.length === 0 && this.#newBarriers.length === 0;
	}

	/* From now on, joins have nothing to wait for, if everything is in force. */
	#endJoining() {
		if (this.#topics.joining !== undefined && !this.#out.hasSubscribe && this.#isInForce) {
			this.#topics.joining = undefined;
		}
	}

	/*
	 * Calls callback(true) when the daemon has handled all earlier frames, or
	 * callback(false) if the connection ends first. A tick has one PING.
	 */
	barrier(callback) {
		this.#newBarriers.push(callback);
		this.#flushLater();
	}

	/* From now on, the connection keeps the process alive. */
	ref() {
		this.#isRef = true;
		this.#socket.ref();
		this.#deadline.ref();
	}

	/* Sends all frames, and resolves when the daemon has read them, or after `timeout`
	 * ms; then the messages that are not written are lost. */
	end(timeout) {
		if (this.canSend) {
			this.flush();
		}
		this.#finish();
		return new Promise((resolve) => {
			const timer = setTimeout(() => this.#socket.destroy(), timeout);
			this.#socket.once('close', () => {
				clearTimeout(timer);
				resolve();
			});
			this.#socket.end();
		});
	}

	/* Ends at once. Returns the published frames that the stream has not taken. */
	destroy() {
		this.#finish();
		this.#socket.destroy();
		return this.#out.takeMessages();
	}

	#open() {
		const socket = net.connect({
			path: this.#path,
			allowHalfOpen: true,
			onread: { buffer: input, callback: (n) => this.#onInput(input.subarray(0, n)) },
		});
		debug('connecting to %s', this.#path);
		this.#socket = socket;
		this.#setDeadline(() => this.#break(new Pm2aError('PM2A_ERR_TIMEOUT',
			`${this.#path}: no answer within ${this.#timeout} ms`)));
		if (!this.#isRef) {
			socket.unref();
		}
		socket.on('connect', () => {
			this.#state = 'greeting';
			this.#topics.open(this);
			this.#tell.onConnect();
			this.flush();
		});
		socket.on('drain', () => {
			if (this.isOpen) {
				this.#tell.onDrain();
			}
		});
		socket.on('end', () => this.#break(null));
		socket.on('error', (error) => this.#break(error));
		socket.on('close', () => this.#break(null));
	}

	#setDeadline(onTime) {
		clearTimeout(this.#deadline);
		this.#deadline = setTimeout(onTime, this.#timeout);
		if (!this.#isRef) {
			this.#deadline.unref();
		}
	}

	#finish() {
		this.#state = 'over';
		clearTimeout(this.#deadline);
		clearInterval(this.#pinger);
		const waiting = [...this.#barriers.flatMap(({ callbacks }) => callbacks),
			...this.#newBarriers];
		this.#barriers = [];
		this.#newBarriers = [];
		waiting.forEach((callback) => callback(false));
		this.#topics.close();
	}

	#break(error) {
		if (this.#state !== 'over') {
			this.#tell.onEnd(error);
		}
	}

	/* Ends the connection because of malformed input. */
	#breakOff(why) {
		this.#tell.onMalformed();
		this.#break(new Pm2aError('PM2A_ERR_PROTOCOL', why));
	}

	#flushLater() {
		if (!this.#isFlushing) {
			this.#isFlushing = true;
			process.nextTick(this.#endTick);
		}
	}

	#endTick = () => {
		this.#isFlushing = false;
		if (!this.canSend) {
			return;
		}
		this.#write();
		if (this.#topics.joining !== undefined && this.#isIdle) {
			this.#newBarriers.push(() => {});
			this.#write();
		}
	};

	/* Writes what was sent, and a PING for the callbacks that wait for one. */
	#write() {
		const isPing = this.#newBarriers.length > 0;
		if (isPing) {
			this.#barriers.push({ callbacks: this.#newBarriers, sent: 0 });
			this.#newBarriers = [];
			this.#out.add(sender.ping(BARRIER));
		}
		this.flush();
		if (isPing) {
			this.#barriers.at(-1).sent = this.#sent;
		}
	}

	#onInput(chunk) {
		if (this.#state === 'over') {
			return;
		}
		this.#hasInput = true;
		const wrong = this.#reader.push(chunk, this.#takeFrame);
		if (wrong !== null) {
			this.#breakOff(wrong);
		}
	}

	/* The callback of FrameReader.push(). */
	#takeFrame = (type, flags, bytes, topicAt, bodyAt, end) => {
		if (this.#state === 'over') {
			return;
		}
		if (type === TYPE.PUBLISH) {
			this.#onPublish(flags, bytes, topicAt, bodyAt, end);
		} else if (type === TYPE.PRESENCE) {
			this.#onPresence(bytes, topicAt, bodyAt, end);
		} else {
			this.#dispatch(copyOf(type, flags, bytes, topicAt, bodyAt, end));
		}
	};

	#dispatch(frame) {
		switch (frame.type) {
		case TYPE.PING:
			if (this.canSend) {
				this.send(sender.pong(frame.body));
			}
			break;
		case TYPE.PONG:
			this.#onPong(frame);
			break;
		default:
			this.#onControl(frame);
		}
	}

	/* Returns the value, or null if it is malformed, and ends the connection. */
	#bodyOf(type, bytes) {
		const body = tryDecode(bytes);
		if (typeof body !== 'object' || body === null ||
			Array.isArray(body) !== ARRAYS.has(type) ||
			IS_BODY[type]?.(body) === false) {
			this.#breakOff(`a frame of type ${type} with a malformed body`);
			return null;
		}
		return body;
	}

	/* Workers with thousands of namespaces get one of each for each worker that
	 * comes, at once. */
	#onPresence(bytes, topicAt, bodyAt, end) {
		const body = this.#bodyOf(TYPE.PRESENCE, Buffer.from(bytes.subarray(bodyAt, end)));
		if (body !== null) {
			body.topic = bytes.utf8Slice(topicAt, bodyAt);
			this.#tell.onPresence(body);
		}
	}

	#onControl(frame) {
		const body = this.#bodyOf(frame.type, frame.body);
		if (body === null) {
			return;
		}
		switch (frame.type) {
		case TYPE.WELCOME:
			this.#onWelcome(body);
			break;
		case TYPE.ERROR:
			this.#tell.onRefusal(
				{ code: body[0], message: body[1], fatal: body[2], askId: body[3] });
			break;
		case TYPE.QUESTION:
			this.#onQuestion(frame, body);
			break;
		case TYPE.RESULT:
			this.#tell.onResult(body);
			break;
		case TYPE.PART:
			this.#tell.onPart(body);
			break;
		case TYPE.GOODBYE:
			this.#onGoodbye(body);
			break;
		default:
			debug('a frame of type %d is ignored', frame.type);
		}
	}

	#onPublish(flags, bytes, topicAt, bodyAt, end) {
		if (!this.#field.equals(flags, bytes, topicAt, bodyAt)) {
			const topic = Buffer.from(bytes.subarray(topicAt, bodyAt));
			this.#field = new Field(flags, topic, this.#topicsOf(flags, topic));
		}
		const { topics } = this.#field;
		if (topics !== null) {
			this.#tell.onMessage(topics, bytes, bodyAt, end, flags);
		}
	}

	#onQuestion(frame, [id, body, gather]) {
		const topics = this.#topicsOf(frame.flags, frame.topic);
		if (topics === null) {
			return;
		}
		const isId = Number.isSafeInteger(id) && id >= 0;
		if (!isId || !Buffer.isBuffer(body) || !GATHERS.includes(gather)) {
			this.#tell.onMalformed();
			// The asker must not wait for this worker.
			if (isId && this.canSend) {
				this.send(sender.answer(id, VERDICT.NO));
			}
			return;
		}
		const subscribers = (frame.flags & FLAG.SUBSCRIBERS) !== 0;
		this.#tell.onQuestion({ id, topics, body, gather, subscribers });
	}

	/* Returns null if the field is malformed, and ends the connection. */
	#topicsOf(flags, field) {
		const topics = flags & FLAG.SEVERAL ? tryDecode(field) : [field];
		// Topics may be written as str or as bin.
		const isTopic = (topic) => typeof topic === 'string' || Buffer.isBuffer(topic);
		if (Array.isArray(topics) && topics.every(isTopic)) {
			return topics.map(String);
		}
		this.#breakOff('a delivery whose topics are no array of them');
		return null;
	}

	#onWelcome(body) {
		if (this.#state !== 'greeting' ||
			!(body.max_frame > 0) || !(body.max_topic > 0)) {
			this.#breakOff('a WELCOME out of place, or without limits');
			return;
		}
		this.#state = 'open';
		this.#reader.max = body.max_frame;
		this.#startPinging(body.ping_interval_ms);
		this.#tell.onWelcome(body);
	}

	#onPong(frame) {
		if (frame.body.equals(BARRIER)) {
			if (this.isOpen) {
				clearTimeout(this.#deadline);
			}
			this.#endBarrier();
		}
	}

	#endBarrier() {
		const { callbacks = [], sent = this.#proven } = this.#barriers.shift() ?? {};
		this.#proven = sent;
		this.#endJoining();
		if (this.#topics.joining !== undefined && this.#isIdle) {
			this.#flushLater();
		}
		callbacks.forEach((callback) => callback(true));
	}

	/* The daemon ends: sends what was begun, and reads on until it closes. */
	#onGoodbye(body) {
		if (!this.isOpen) {
			return;
		}
		debug('goodbye: %s', body.reason);
		this.#tell.onGoodbye(body);
		this.flush();
		this.#topics.close();
		this.#state = 'leaving';
		clearInterval(this.#pinger);
		this.#setDeadline(() => this.#break(null));
		this.#socket.end();
	}

	/* Detects a daemon that hangs: it accepts connections but sends nothing. */
	#startPinging(told) {
		const interval = typeof told === 'number' ? Math.min(told, TIMER_MAX) : 0;
		if (!(interval > 0)) {
			return;
		}
		let isPinged = false;
		const look = () => {
			if (!this.isOpen) {
				return;
			}
			if (isPinged && !this.#hasInput) {
				this.#break(new Pm2aError('PM2A_ERR_SILENT',
					`nothing came for ${2 * interval} ms`));
				return;
			}
			isPinged = !this.#hasInput;
			if (isPinged) {
				this.send(sender.ping());
			}
			this.#hasInput = false;
		};
		// setImmediate() lets the sockets be read first: if the application blocked
		// the process, frames of the daemon are still unread.
		this.#pinger = setInterval(() => setImmediate(look), interval);
		this.#pinger.unref();
	}
}

module.exports = { Connection };
