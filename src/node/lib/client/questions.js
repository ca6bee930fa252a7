'use strict';

/*
 * The questions that this client is asked. Each that is taken gets an answer,
 * unless the connection ends first; the daemon waits for it. Answers keep their
 * place among the messages, like requests.
 */

const debug = require('debug')('socket.io-pm2adapter:client');
const sender = require('../wire/frame-writer');
const { mustBeBytes } = require('./options');

const { VERDICT } = sender;
const TOO_BIG = Buffer.from('too-big');
const ANSWER_ROOM = 64; // bytes of max_frame that are not the answer's body

/* A question as listeners get it. Its first answer() or decline() counts; later
 * calls have no effect. */
class Question {
	#send; // (verdict, body): false if no more can be sent; null after the end

	constructor({ topics, body, gather, subscribers }, send) {
		this.topics = topics;
		this.body = body;
		this.gather = gather;
		this.subscribers = subscribers;
		this.#send = send;
	}

	/** Answers yes, with `body`. */
	answer(body) {
		mustBeBytes('body', body);
		this.#end(VERDICT.YES, body);
	}

	/** Sends a part of the answer, if it is gathered as a stream. */
	more(body) {
		mustBeBytes('body', body);
		if (this.gather === 'stream' && this.#send?.(VERDICT.MORE, body) === false) {
			this.#send = null;
		}
	}

	/** Answers no. */
	decline() {
		this.#end(VERDICT.NO);
	}

	/** There is an answer that cannot be given: the asker gets the reason. */
	fail(reason) {
		this.#end(VERDICT.FAILED, Buffer.from(reason));
	}

	#end(verdict, body) {
		const send = this.#send;
		this.#send = null;
		send?.(verdict, body);
	}
}

class Questions {
	#stats;
	#outgoing;
	#tell;
	#reserved = new Map(); // prefix of topics → answer(question)
	#canFail = false; // whether the daemon knows VERDICT.FAILED

	/* stats, outgoing: the client's. tell(question): false if nobody listens. */
	constructor(stats, outgoing, tell) {
		this.#stats = stats;
		this.#outgoing = outgoing;
		this.#tell = tell;
	}

	/* Gives the questions on topics that begin with `prefix` to `answer` alone. */
	reserve(prefix, answer) {
		this.#reserved.set(prefix, answer);
	}

	/* body: of the WELCOME. */
	onWelcome({ features }) {
		this.#canFail = Array.isArray(features) && features.includes('failed');
	}

	/* Passes a question on; declines it if nobody listens. */
	take({ id, ...rest }) {
		const { connection } = this.#outgoing;
		const question = new Question(rest,
			(verdict, body) => connection.canSend && this.#answer(id, verdict, body));
		this.#stats.questions++;
		const answer = this.#answererOf(question.topics[0]);
		if (answer !== undefined) {
			answer(question);
		} else if (!this.#tell(question)) {
			question.decline();
		}
	}

	#answererOf(topic) {
		for (const [prefix, answer] of this.#reserved) {
			if (topic.startsWith(prefix)) {
				return answer;
			}
		}
		return undefined;
	}

	/* Returns false if the answer is too big. The daemon waits for each answer, so it
	 * gets that instead; an older one gets a no. */
	#answer(id, verdict, body) {
		const { connection, limits } = this.#outgoing;
		const isTooBig = body?.length + ANSWER_ROOM > limits.maxFrame;
		if (isTooBig) {
			this.#stats.errors++;
			debug('an answer of %d bytes is over the limit of the daemon', body.length);
		}
		const frame = isTooBig ? this.#frame(id, VERDICT.FAILED, TOO_BIG) :
			this.#frame(id, verdict, body);
		if (this.#outgoing.isFree()) {
			connection.send(frame);
		} else {
			this.#outgoing.wait(() => connection.send(frame));
		}
		return !isTooBig;
	}

	#frame(id, verdict, body) {
		return verdict === VERDICT.FAILED && !this.#canFail ?
			sender.answer(id, VERDICT.NO) : sender.answer(id, verdict, body);
	}
}

module.exports = { Questions };
