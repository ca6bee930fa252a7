'use strict';

/* Attackers that speak the native protocol: frames of all types and roles. */

const {
	AS_MEMBER, BY_PREFIX, SEVERAL, TO_SUBSCRIBERS, TYPE, VOLATILE, Splitter,
	answer, ask, frame, hello, ping, publish, subscribe, unsubscribe, vectors,
} = require('../system/support/frames');
const { decode, encode } = require('../system/support/msgpack');
const { Attacker } = require('./attacker');
const { mutate, mutateFrame } = require('./mutate');

const GOLDEN = [...vectors().values()].map(({ frame }) => frame);
const POOL_SIZE = 2048; // frames that are sent again and again
const BURST = 24; // frames at most
const QUESTIONS_KEPT = 32;

const TOPICS = ['t', 'u', 'a#/#', 'a#/#room#', 'a#/#other#', 'a#/chat#',
	'a-request#/#', 'a-response#/#', 'witness#/#', 'line\nend', '\u202e', '*',
	'x'.repeat(256)];
const ROLES = ['member', 'member', 'member', 'emitter', 'observer'];
const GATHERS = ['list', 'union', 'first', 'stream'];
const SECTIONS = ['overview', 'clients', 'topics', 'requests', 'closed', 'slow',
	'config', 'secrets'];
const SORTS = ['name', 'queue_bytes', 'subscribers', 'members', 'id', 'none', ''];

function topic(chance) {
	const dice = chance.below(30);
	if (dice === 0)
		return '';
	if (dice === 1)
		return 'y'.repeat(chance.below(300));
	return dice < 8 ? `a#/#${chance.below(200)}#` : chance.one(TOPICS);
}

const topics = (chance, n) =>
	Array.from({ length: chance.below(n + 1) }, () => topic(chance));

/* Most are small; some are spliced, some have the largest size, or more. */
function payload(chance) {
	const dice = chance.below(200);
	if (dice < 180)
		return Buffer.alloc(chance.below(300), dice);
	if (dice < 194)
		return Buffer.alloc(chance.below(8 << 10), dice);
	return Buffer.alloc(chance.below(dice < 199 ? 64 << 10 : 160 << 10), dice);
}

/* Contents of answers, among them strings for a union. */
function answered(chance) {
	switch (chance.below(4)) {
	case 0: return encode(topics(chance, 20));
	case 1: return mutate(chance, encode(topics(chance, 5)));
	default: return payload(chance);
	}
}

function question(chance) {
	const several = chance.below(2) ? topics(chance, 4) : topic(chance);
	return ask(several, chance.below(60), chance.one(GATHERS), payload(chance),
		{ timeout: chance.one([0, 1, 5, 50, 300, 300_000, 300_001, -1]),
			...chance.below(3) ? {} : { flags: Array.isArray(several) ?
				TO_SUBSCRIBERS | SEVERAL : chance.one([0, TO_SUBSCRIBERS]) } });
}

function stats(chance) {
	return frame(TYPE.STATS, { body: encode({
		...chance.below(4) ? { sections: Array.from(
			{ length: chance.below(4) }, () => chance.one(SECTIONS)) } : {},
		...chance.below(2) ? { limit: chance.one([1, 10, 1000, 0]) } : {},
		...chance.below(3) ? {} : { sort: chance.one(SORTS) },
	}) });
}

/* How often, and what. */
const KINDS = [
	[20, (c) => subscribe(topics(c, 8), c.one([0, 0, AS_MEMBER, BY_PREFIX]))],
	[1, (c) => subscribe(topics(c, 300), c.one([0, BY_PREFIX]))],
	[12, (c) => unsubscribe(topics(c, 8), c.one([0, AS_MEMBER, BY_PREFIX]))],
	[40, (c) => publish(topic(c), payload(c), c.one([0, 0, VOLATILE]))],
	[20, (c) => publish(topics(c, 6), payload(c), c.one([0, 0, VOLATILE]))],
	[15, question],
	[8, (c) => answer(c.below(100), c.below(4), answered(c))],
	[6, (c) => ping(Buffer.alloc(c.below(1026)))],
	[2, () => frame(TYPE.PONG)],
	[2, stats],
];
const TOTAL = KINDS.reduce((sum, [weight]) => sum + weight, 0);

/* A frame that a client may send, in form if not in sense. */
function regular(chance) {
	let at = chance.below(TOTAL);
	return KINDS.find(([weight]) => (at -= weight) < 0)[1](chance);
}

/* A frame that no client should send. */
function wrong(chance, frames) {
	switch (chance.below(6)) {
	case 0:
		return mutateFrame(chance, chance.one(GOLDEN));
	case 1:
		return frame(chance.below(256), { flags: chance.below(256),
			topic: topic(chance), body: payload(chance) });
	case 2:
		return Buffer.from(chance.some(64, () => chance.below(256)));
	case 3:
		return chance.one(GOLDEN);
	default:
		return mutateFrame(chance, chance.one(frames));
	}
}

/* The frames from which all native attackers take theirs. */
class Pool {
	#chance;
	frames;

	constructor(chance) {
		this.#chance = chance;
		this.frames = Array.from({ length: POOL_SIZE }, () => regular(chance));
	}

	/* Makes some anew. */
	stir() {
		for (let n = 0; n < 8; n++)
			this.frames[this.#chance.below(POOL_SIZE)] = regular(this.#chance);
	}
}

class NativeAttacker extends Attacker {
	#pool;
	#path;
	#splitter;
	#questions = [];
	#previous = null; // of WELCOME
	#isListening; // to questions
	#wildness; // of 1000 frames, those that are wrong

	constructor(name, chance, record, { path, pool }) {
		super(name, chance, record);
		this.#path = path;
		this.#pool = pool;
	}

	address() {
		return { path: this.#path };
	}

	greeting() {
		const { chance } = this;
		this.#splitter = new Splitter((f) => this.#onFrame(f));
		this.#isListening = chance.below(3) === 0;
		this.#wildness = chance.one([0, 1, 5, 50, 300]);
		this.#questions = [];
		const greeting = hello({ name: `attacker ${this.name}`,
			role: chance.one(ROLES),
			...chance.below(2) ? { key: 'a', script: '/srv/a.js' } : {},
			...this.#previous && chance.below(4) ?
				{ previous: this.#previous } : {} });
		switch (chance.below(20)) {
		case 0: return mutateFrame(chance, greeting);
		case 1: return wrong(chance, this.#pool.frames);
		case 2: return Buffer.alloc(0);
		default: return greeting;
		}
	}

	onData(chunk) {
		this.#splitter?.push(chunk);
	}

	#onFrame({ type, body }) {
		if (type === TYPE.WELCOME) {
			const { epoch, id } = decode(body);
			this.#previous = { epoch, id };
			if (!this.#isListening)
				this.#splitter = null;
		} else if (type === TYPE.QUESTION) {
			this.#questions.push(decode(body)[0]);
			if (this.#questions.length > QUESTIONS_KEPT)
				this.#questions.shift();
		}
	}

	#frame() {
		const { chance } = this;
		if (chance.below(1000) < this.#wildness)
			return wrong(chance, this.#pool.frames);
		if (this.#questions.length > 0 && chance.below(3) > 0) {
			return answer(this.#questions[chance.below(
				this.#questions.length)], chance.below(3), answered(chance));
		}
		return chance.one(this.#pool.frames);
	}

	burst() {
		const list = this.chance.some(BURST, () => this.#frame());
		return { bytes: Buffer.concat(list), n: list.length };
	}

	large() {
		const { chance } = this;
		const whole = publish(chance.one(TOPICS),
			Buffer.alloc(chance.below(200 << 10), 'l'));
		if (chance.below(4) === 0)
			whole.writeUInt32BE(chance.below(2 ** 32), 0);
		return whole.subarray(0, chance.below(whole.length));
	}
}

module.exports = { NativeAttacker, Pool };
