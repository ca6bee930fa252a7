'use strict';

/*
 * One connection to the daemon, from connect to its end: HELLO and WELCOME,
 * whole frames in both directions, the heartbeat, GOODBYE. It knows nothing of
 * what is wanted or waits; the client tells it, and makes a new one after it.
 *
 * Its life: connecting → greeting (HELLO is sent) → open (WELCOME has come) →
 * leaving (GOODBYE has come, our side is closed) → over. The end is told once,
 * and nothing is told after it but messages that turn out to be lost.
 *
 * All that is sent in one tick leaves in one write, in the order of the calls.
 */

const net = require('node:net');
const debug = require('debug')('socket.io-pm2adapter:link');
const { Pm2aError } = require('./errors');
const { tryDecode } = require('../wire/msgpack');
const { Outbox } = require('./write-buffer');
const { GATHERS, VERDICT } = require('./open-requests');
const { Receiver, copyOf } = require('../wire/frame-reader');
const sender = require('../wire/frame-writer');

const { FLAG, TYPE } = sender;
const ARRAYS = new Set([TYPE.ERROR, TYPE.QUESTION, TYPE.RESULT, TYPE.PART]);
const isText = (value) => typeof value === 'string';
const isNumber = (value) => value === undefined || typeof value === 'number';
/* What is read of the bodies of control frames must be of its type. */
const IS_BODY = {
	[TYPE.WELCOME]: (body) => (body.server === undefined || isText(body.server)) &&
		[body.max_frame, body.max_topic].every(isNumber),
	[TYPE.PRESENCE]: ({ count }) => Number.isSafeInteger(count) && count >= 0,
	[TYPE.ERROR]: ([code, message]) => isText(code) && isText(message),
	[TYPE.GOODBYE]: ({ retry_after_ms: ms }) => isNumber(ms),
};
const INPUT_UNTOLD = 1024 * 1024; // max_frame until WELCOME has told it
const TIMER_MAX = 2 ** 31 - 1; // of Node's timers; above it they fire at once
const BARRIER = Buffer.from('ready');
const NOTHING = Buffer.alloc(0);

/* What is read goes here, for all connections, since it is used before the next
 * read. A buffer for each read, as streams have it, costs more CPU time than all
 * that is done with what it brings. */
const input = Buffer.allocUnsafeSlow(64 * 1024);

/* The topic field of a message. The next one mostly has the same. */
class Field {
	#flags;
	#bytes;

	constructor(flags, bytes, topics) {
		this.#flags = flags & FLAG.SEVERAL;
		this.#bytes = bytes;
		this.topics = topics;
	}

	is(flags, bytes, from, to) {
		const own = this.#bytes;
		if (to - from !== own.length || (flags & FLAG.SEVERAL) !== this.#flags) {
			return false;
		}
		// Topics differ at their end.
		for (let i = own.length - 1; i >= 0; i--) {
			if (own[i] !== bytes[from + i]) {
				return false;
			}
		}
		return true;
	}
}

class Link {
	#path;
	#isRef;
	#timeout;
	#tell;
	#state = 'connecting';
	#socket;
	#receiver = new Receiver(INPUT_UNTOLD);
	#field = new Field(0, NOTHING, []); // of the last message
	#out = new Outbox();
	#isFlushing = false; // a flush is due at the end of this tick
	#toAsk = []; // callbacks for the PING at the end of this tick
	#asked = []; // lists of them, one for each PING on its way
	#deadline; // of connecting, or of the daemon's end
	#pinger = null;
	#heard = true; // something came since the last ping interval

	/*
	 * path: of the socket. isRef: whether it keeps the process alive. timeout:
	 * ms until it must be ready, and until it must end when it is to. tell: the
	 * client's functions onConnect, onWelcome(body), onDrain,
	 * onMessage(topics, bytes, at, end, flags), onPresence(presence),
	 * onQuestion(question), onResult(body), onPart(body), onRefusal(error),
	 * onGoodbye(body), onMalformed, onLost({ messages, bytes }), onEnd(error).
	 * A message's body is in bytes from at to end, as long as the call lasts.
	 */
	constructor({ path, isRef, timeout }, tell) {
		this.#path = path;
		this.#isRef = isRef;
		this.#timeout = timeout;
		this.#tell = tell;
		this.#open();
	}

	get isOpen() {
		return this.#state === 'open';
	}

	get isLeaving() {
		return this.#state === 'leaving';
	}

	/* Whether frames may be sent; published ones only when it is open. */
	get canSend() {
		return this.#state === 'greeting' || this.#state === 'open';
	}

	/* Bytes that the kernel has not taken. */
	get pending() {
		return this.#socket.writableLength + this.#out.bytes;
	}

	/* As Outbox.add(). */
	send(frame) {
		this.#out.add(frame);
		if (this.#out.isFull && this.isOpen) {
			this.flush();
		} else {
			this.#flushLater();
		}
	}

	/* As Outbox.addTopic(). */
	changeTopic(type, flags, topic, frameMax) {
		this.#out.addTopic(type, flags, topic, frameMax);
		this.#flushLater();
	}

	/* Does not wait for the end of the tick. */
	flush() {
		const out = this.#out.take();
		if (out === null) {
			return;
		}
		const { buffers, messages, bytes } = out;
		const last = buffers.pop();
		this.#socket.cork();
		for (const buffer of buffers) {
			this.#socket.write(buffer);
		}
		this.#socket.write(last, (error) => {
			// A write that the end of its socket has cut off is no error to Node.
			if ((error || this.#socket.destroyed) && messages > 0) {
				this.#tell.onLost({ messages, bytes });
			}
		});
		this.#socket.uncork();
		if (this.#socket.writableLength === 0) {
			this.#out.rewind();
		}
	}

	/*
	 * Calls callback(true) when all that was sent before is in force at the
	 * daemon, or callback(false) when that won't be known. A tick has one PING.
	 */
	ask(callback) {
		this.#toAsk.push(callback);
		this.#flushLater();
	}

	/* Keeps the process alive from now on. */
	ref() {
		this.#isRef = true;
		this.#socket.ref();
		this.#deadline.ref();
	}

	/* Sends what it has, and resolves when the daemon has read it. */
	end() {
		if (this.canSend) {
			this.flush();
		}
		this.#finish();
		return new Promise((resolve) => {
			const timer = setTimeout(() => this.#socket.destroy(), this.#timeout);
			this.#socket.once('close', () => {
				clearTimeout(timer);
				resolve();
			});
			this.#socket.end();
		});
	}

	/* Returns the published frames that the stream has not got. */
	destroy() {
		this.#finish();
		this.#socket.destroy();
		return this.#out.takeMessages();
	}

	#open() {
		const socket = net.connect({
			path: this.#path,
			allowHalfOpen: true,
			onread: { buffer: input, callback: (n) => this.#take(input.subarray(0, n)) },
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
		const waiting = [...this.#asked.flat(), ...this.#toAsk];
		this.#asked = [];
		this.#toAsk = [];
		waiting.forEach((callback) => callback(false));
	}

	#break(error) {
		if (this.#state !== 'over') {
			this.#tell.onEnd(error);
		}
	}

	/* The daemon has sent what no daemon sends. */
	#breakOff(why) {
		this.#tell.onMalformed();
		this.#break(new Pm2aError('PM2A_ERR_PROTOCOL', why));
	}

	#flushLater() {
		if (!this.#isFlushing) {
			this.#isFlushing = true;
			process.nextTick(() => {
				this.#isFlushing = false;
				if (this.canSend) {
					this.#addPing();
					this.flush();
				}
			});
		}
	}

	#addPing() {
		if (this.#toAsk.length > 0) {
			this.#asked.push(this.#toAsk);
			this.#toAsk = [];
			this.#out.add(sender.ping(BARRIER));
		}
	}

	#take(chunk) {
		if (this.#state === 'over') {
			return;
		}
		this.#heard = true;
		const wrong = this.#receiver.push(chunk, this.#takeFrame);
		if (wrong !== null) {
			this.#breakOff(wrong);
		}
	}

	/* As Receiver.push() wants it. */
	#takeFrame = (type, flags, bytes, topicAt, bodyAt, end) => {
		if (this.#state === 'over') {
			return;
		}
		if (type === TYPE.PUBLISH) {
			this.#onPublish(flags, bytes, topicAt, bodyAt, end);
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

	#onControl(frame) {
		const body = tryDecode(frame.body);
		if (typeof body !== 'object' || body === null ||
			Array.isArray(body) !== ARRAYS.has(frame.type) ||
			IS_BODY[frame.type]?.(body) === false) {
			this.#breakOff(`a frame of type ${frame.type} with a malformed body`);
			return;
		}
		switch (frame.type) {
		case TYPE.WELCOME:
			this.#onWelcome(body);
			break;
		case TYPE.PRESENCE:
			this.#tell.onPresence({ ...body, topic: String(frame.topic) });
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
		if (!this.#field.is(flags, bytes, topicAt, bodyAt)) {
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
			// Whatever it was: who asks must not wait for us.
			if (isId && this.canSend) {
				this.send(sender.answer(id, VERDICT.NO));
			}
			return;
		}
		const subscribers = (frame.flags & FLAG.SUBSCRIBERS) !== 0;
		this.#tell.onQuestion({ id, topics, body, gather, subscribers });
	}

	/* null where the frame has none that can be read; the connection is over. */
	#topicsOf(flags, field) {
		const topics = flags & FLAG.SEVERAL ? tryDecode(field) : [field];
		// A topic may have been written as str or as bin.
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
		this.#receiver.max = body.max_frame;
		this.#startPinging(Math.min(body.ping_interval_ms, TIMER_MAX));
		this.#tell.onWelcome(body);
	}

	#onPong(frame) {
		if (frame.body.equals(BARRIER)) {
			if (this.isOpen) {
				clearTimeout(this.#deadline);
			}
			this.#asked.shift()?.forEach((callback) => callback(true));
		}
	}

	/* The daemon ends: send what was begun, and read on until it closes. */
	#onGoodbye(body) {
		if (!this.isOpen) {
			return;
		}
		debug('goodbye: %s', body.reason);
		this.#tell.onGoodbye(body);
		this.flush();
		this.#state = 'leaving';
		clearInterval(this.#pinger);
		this.#setDeadline(() => this.#break(null));
		this.#socket.end();
	}

	/* A daemon that hangs takes connections and says nothing. */
	#startPinging(interval) {
		if (!(interval > 0)) {
			return;
		}
		let isAsked = false;
		const look = () => {
			if (!this.isOpen) {
				return;
			}
			if (isAsked && !this.#heard) {
				this.#break(new Pm2aError('PM2A_ERR_SILENT',
					`nothing came for ${2 * interval} ms`));
				return;
			}
			isAsked = !this.#heard;
			if (isAsked) {
				this.send(sender.ping());
			}
			this.#heard = false;
		};
		// Once the sockets have been read: when it was the application that
		// blocked, what the daemon said meanwhile is still unread.
		this.#pinger = setInterval(() => setImmediate(look), interval);
		this.#pinger.unref();
	}
}

module.exports = { Link };
