'use strict';

/*
 * One HTTP request of a session that another worker has: passes it to the owner
 * and the answer back, byte for byte, each no faster than its reader takes it.
 *
 * The request is written and the answer read here: http.request() would take twice
 * as much time of the processor. Only a request whose body is chunked needs it
 * (chunked-request.js).
 *
 * It ends in one of three ways:
 *
 *	answered   the whole answer was passed on
 *	gone       the owner is not there, or ended before it answered: onGone() answers
 *	broken     the client left, or the owner ended in the middle of its answer: the
 *	           other connection is destroyed
 */

const debug = require('debug')('socket.io-pm2adapter:engine');
const { writeAnswerHead } = require('./answer-head');
const { keepAliveHead } = require('./headers');
const { ResponseReader } = require('./response-reader');

class ForwardedRequest {
	#req;
	#res;
	#on; // see the constructor
	#connection = null;
	#reader;
	#head; // not written yet, or null
	#isOver = false;
	#isBodySent;

	/*
	 * owner: { tag, sid }. on: { onGone(req, res, owner), onEnd(forwarded), isLast() }.
	 * onGone() must answer the client. onEnd() follows in any case. isLast(): whether the
	 * client's connection must end after the answer.
	 */
	constructor(req, res, owner, on) {
		this.#req = req;
		this.#res = res;
		this.owner = owner;
		this.#on = on;
		this.#head = keepAliveHead(req);
		this.#isBodySent = !(Number(req.headers['content-length']) > 0);
		this.#reader = new ResponseReader(req.method, this);
		res.on('close', () => this.#onClientGone());
	}

	/* Whether the client still waits. */
	get isWanted() {
		return !this.#isOver;
	}

	/* For the pool: sends it; error: there is no connection to the owner. */
	start(error, connection) {
		if (error !== null) {
			this.#gone();
		} else if (this.#isOver) {
			connection.release();
		} else {
			this.#connection = connection;
			connection.use(this);
			this.#send();
		}
	}

	#send() {
		if (this.#isBodySent) {
			this.#connection.socket.write(this.#head, 'latin1');
			return;
		}
		this.#req.on('data', (chunk) => this.#sendBody(chunk));
		this.#req.on('end', () => { this.#isBodySent = true; });
	}

	/* The head goes with the first chunk, to be one write. */
	#sendBody(chunk) {
		if (this.#connection === null) {
			return; // it is answered already
		}
		const { socket } = this.#connection;
		const bytes = this.#head === null ? chunk :
			Buffer.concat([Buffer.from(this.#head, 'latin1'), chunk]);
		this.#head = null;
		if (!socket.write(bytes)) {
			this.#req.pause();
		}
	}

	/* The connection's: bytes of the answer. */
	onData(chunk) {
		try {
			this.#reader.push(chunk);
		} catch (error) {
			debug('owner %s: %s', this.owner.tag, error.message);
			this.#breakOff();
		}
	}

	/* The connection's: it takes more. */
	onDrain() {
		this.#req.resume();
	}

	/* The connection's: it has closed. */
	onClose(hasEnded) {
		if (this.#reader.hasHead) {
			if (!hasEnded || !this.#reader.end()) {
				this.#breakOff();
			}
		} else {
			this.#gone();
		}
	}

	/* The reader's. */
	onHead(head) {
		writeAnswerHead(this.#res, head, this.#on.isLast());
	}

	/* The reader's. */
	onBody(chunk, isLast) {
		if (isLast) {
			this.#answered(chunk);
		} else if (!this.#res.write(chunk, 'latin1')) {
			const { socket } = this.#connection;
			socket.pause();
			this.#res.once('drain', () => socket.resume());
		}
	}

	#answered(chunk) {
		const connection = this.#connection;
		this.#finish();
		this.#res.end(chunk, 'latin1');
		if (this.#isBodySent && connection.socket.readable) {
			connection.release();
		} else {
			connection.destroy(); // the owner did not wait for the body
			this.#req.resume();
		}
	}

	#onClientGone() {
		const connection = this.#connection;
		if (!this.#isOver) {
			this.#finish();
			connection?.destroy();
		}
	}

	#gone() {
		if (!this.#isOver) {
			this.#finish();
			this.#req.resume();
			this.#on.onGone(this.#req, this.#res, this.owner);
		}
	}

	#breakOff() {
		const connection = this.#connection;
		this.#finish();
		connection.destroy();
		this.#res.destroy();
	}

	#finish() {
		this.#isOver = true;
		this.#connection = null;
		this.#on.onEnd(this);
	}
}

module.exports = { ForwardedRequest };
