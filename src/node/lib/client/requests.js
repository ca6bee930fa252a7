'use strict';

/*
 * Sends the requests of a client, and passes on their results. Requests keep
 * their place among the messages, which they may be about: while messages wait,
 * requests wait for their turn.
 */

const debug = require('debug')('socket.io-pm2adapter:client');
const sender = require('../wire/frame-writer');
const { OpenRequests } = require('./open-requests');
const { boolean, integer, mustBeBytes, oneOf, refuse, topicList } = require('./options');

const TIMEOUT_MAX = 300_000; // ms
const TURNS_MAX = 10_000; // requests and answers that wait

class Requests {
	#stats;
	#outgoing;
	#open = new OpenRequests();
	#server = ''; // name and version of the daemon
	#isSupported = false; // whether the daemon takes requests

	/* stats, outgoing: the client's. */
	constructor(stats, outgoing) {
		this.#stats = stats;
		this.#outgoing = outgoing;
	}

	/* How many are open. */
	get size() {
		return this.#open.size;
	}

	/* body: of the WELCOME. */
	onWelcome({ server, features }) {
		this.#server = server;
		this.#isSupported = Array.isArray(features) && features.includes('ask');
	}

	/* Opens a request of requestOptions(). There must be a connection, or one that
	 * is being made. Returns a promise of the result. */
	open(request) {
		this.#stats.asked++;
		const { id, promise } = this.#open.add(request);
		if (this.#outgoing.isFree()) {
			this.#send(id, request);
		} else if (this.#outgoing.turns < TURNS_MAX) {
			this.#sendInTurn(id, request);
		} else {
			this.#open.refuse(id, 'queue-full',
				`${TURNS_MAX} questions and answers wait`);
		}
		return promise;
	}

	/* Ends all of them. */
	failAll(code, message) {
		this.#open.failAll(code, message);
	}

	/* The daemon has refused something. Returns false if it was no open request. */
	refuse(id, code, message) {
		const isOurs = this.#open.has(id);
		if (isOurs) {
			this.#open.refuse(id, code, message);
		}
		return isOurs;
	}

	/* body: of the RESULT. */
	onResult(body) {
		this.#countUnless(this.#open.end(body));
	}

	/* body: of the PART. */
	onPart(body) {
		try {
			this.#countUnless(this.#open.part(body));
		} catch (error) {
			process.nextTick(() => { throw error; });
		}
	}

	/* Copies the body, which the caller may change meanwhile. The time until its
	 * turn counts for the timeout. */
	#sendInTurn(id, request) {
		const body = Buffer.from(request.body);
		this.#outgoing.wait(() => {
			const timeout = this.#open.timeLeft(id);
			if (timeout > 0) {
				this.#send(id, { ...request, body, timeout });
			}
		});
	}

	#send(id, { topics, body, subscribers, gather, timeout, maxBytes }) {
		const fail = (reason, message) => this.#open.refuse(id, reason, message);
		const { connection, limits } = this.#outgoing;
		if (!this.#isSupported) {
			fail('unsupported', `${this.#server} takes no questions`);
			return;
		}
		const isTooLong = (topic) => Buffer.byteLength(topic) > limits.maxTopic;
		const frame = topics.some(isTooLong) ?
			null : sender.ask(topics, subscribers, { id, gather, timeout, maxBytes }, body);
		if (frame === null) {
			fail('topic-too-long', `a topic over ${limits.maxTopic} bytes, or too many`);
		} else if (this.#outgoing.isTooBig(frame)) {
			fail('too-big', `${frame.length} bytes; max-frame is ${limits.maxFrame}`);
		} else {
			connection.send(frame);
		}
	}

	/* A RESULT or PART that is of no open request may have come too late. */
	#countUnless(isGood) {
		if (!isGood) {
			this.#stats.malformed++;
			debug('ignored an answer that is malformed or of no open request');
		}
	}
}

/* Validates the arguments of ask(): returns { topics, body, gather, timeout,
 * subscribers, onPart, maxBytes }. */
function requestOptions(topics, body, options) {
	const {
		gather = 'list', timeout = 5000, subscribers = false, onPart, maxBytes,
	} = options ?? {};
	const list = topicList(topics);
	mustBeBytes('body', body);
	oneOf('gather', gather, sender.GATHERS);
	integer('timeout', timeout, 1, TIMEOUT_MAX);
	boolean('subscribers', subscribers);
	if (list.length > 1 && !subscribers) {
		refuse('subscribers', subscribers, 'true, as it must be for several topics');
	}
	if (onPart !== undefined && typeof onPart !== 'function') {
		refuse('onPart', onPart, 'a function');
	}
	if (maxBytes !== undefined) {
		integer('maxBytes', maxBytes, 1, Number.MAX_SAFE_INTEGER);
	}
	return { topics: list, body, gather, timeout, subscribers, onPart, maxBytes };
}

module.exports = { Requests, requestOptions };
