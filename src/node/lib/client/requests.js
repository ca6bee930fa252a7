'use strict';

/*
 * The questions of a client, in both directions: those that it asks, and those
 * that it is asked. The client knows whether there is a connection and what may
 * be sent at once; here is what is sent, and who is told what came of it.
 *
 * Questions and answers keep their place among the messages, for they may be
 * about them: while messages wait, these wait for their turn.
 */

const debug = require('debug')('socket.io-pm2adapter:client');
const { Question, Questions, VERDICT } = require('./open-requests');
const sender = require('../wire/frame-writer');

const TURNS_MAX = 10_000; // questions and answers that wait
const ANSWER_ROOM = 64; // bytes of max_frame that stand around an answer

class Asking {
	#client;
	#stats;
	#queue;
	#questions = new Questions();

	/*
	 * stats, queue: the client's. client: its link, welcome and limits, which
	 * change; its functions isFree(), isTooBig(frame) and tell(...event).
	 */
	constructor(stats, queue, client) {
		this.#stats = stats;
		this.#queue = queue;
		this.#client = client;
	}

	/* How many of ours are open. */
	get size() {
		return this.#questions.size;
	}

	/* question: as askOptions() gives it. Only while there is a connection, or
	 * one is being made. */
	ask(question) {
		this.#stats.asked++;
		const { id, promise } = this.#questions.open(question);
		if (this.#client.isFree()) {
			this.#sendQuestion(id, question);
		} else if (this.#queue.turns < TURNS_MAX) {
			this.#sendQuestionInTurn(id, question);
		} else {
			this.#questions.refuse(id, 'queue-full',
				`${TURNS_MAX} questions and answers wait`);
		}
		return promise;
	}

	/* Ends all of ours that are open. */
	failAll(code, message) {
		this.#questions.failAll(code, message);
	}

	/* The daemon has refused something. False where that was no question of ours. */
	refuse(id, code, message) {
		const isOurs = this.#questions.has(id);
		if (isOurs) {
			this.#questions.refuse(id, code, message);
		}
		return isOurs;
	}

	onResult(body) {
		this.#onAnswers(this.#questions.end(body));
	}

	onPart(body) {
		try {
			this.#onAnswers(this.#questions.part(body));
		} catch (error) {
			process.nextTick(() => { throw error; });
		}
	}

	/* We are asked. */
	onQuestion({ id, ...rest }) {
		const { link } = this.#client;
		const question = new Question(rest,
			(verdict, body) => link.canSend && this.#sendAnswer(id, verdict, body));
		this.#stats.questions++;
		if (!this.#client.tell('question', question)) {
			question.decline();
		}
	}

	/* Its caller may write to the body meanwhile, and waits for no more than the
	 * timeout in all. */
	#sendQuestionInTurn(id, question) {
		const body = Buffer.from(question.body);
		this.#queue.wait(() => {
			const timeout = this.#questions.timeLeft(id);
			if (timeout > 0) {
				this.#sendQuestion(id, { ...question, body, timeout });
			}
		});
	}

	#sendQuestion(id, { topics, body, subscribers, gather, timeout }) {
		const refuse = (reason, message) => this.#questions.refuse(id, reason, message);
		const { link, limits, welcome } = this.#client;
		const { server, features } = welcome;
		if (!Array.isArray(features) || !features.includes('ask')) {
			refuse('unsupported', `${server} takes no questions`);
			return;
		}
		const isTooLong = (topic) => Buffer.byteLength(topic) > limits.maxTopic;
		const frame = topics.some(isTooLong) ?
			null : sender.ask(topics, subscribers, { id, gather, timeout }, body);
		if (frame === null) {
			refuse('topic-too-long', `a topic over ${limits.maxTopic} bytes, or too many`);
		} else if (this.#client.isTooBig(frame)) {
			refuse('too-big', `${frame.length} bytes; max-frame is ${limits.maxFrame}`);
		} else {
			link.send(frame);
		}
	}

	/* What is of no question that is open has come too late for its asker. */
	#onAnswers(isTaken) {
		if (!isTaken) {
			this.#stats.malformed++;
			debug('an answer that nobody waits for, or a malformed one');
		}
	}

	/* Returns false where it had to be a no. None is dropped for a bound, since
	 * each is owed. */
	#sendAnswer(id, verdict, body) {
		const isTooBig = body?.length + ANSWER_ROOM > this.#client.limits.maxFrame;
		if (isTooBig) {
			this.#stats.errors++;
			debug('an answer of %d bytes is more than the daemon takes', body.length);
		}
		const frame = isTooBig ?
			sender.answer(id, VERDICT.NO) : sender.answer(id, verdict, body);
		if (this.#client.isFree()) {
			this.#client.link.send(frame);
		} else {
			this.#queue.wait(() => this.#client.link.send(frame));
		}
		return !isTooBig;
	}
}

module.exports = { Asking };
