'use strict';

/*
 * Members (member.js), each a Socket.IO server in a process of its own, and visitors of theirs.
 * A test knows from the visitors what the methods must answer.
 */

const assert = require('assert/strict');

const { MAJORS, Visitor } = require('./majors');
const { until, within } = require('../../support/wait');
const { Worker } = require('./workers');

/*
 * Questions of patient members wait this long at most, and an answer must come within the bound:
 * so an answer within the bound did not wait for the end of the question.
 */
const PATIENT_MS = 60_000;
const BOUND_MS = 4000; // less than the default as well

class Member extends Worker {
	constructor(socket, { namespaces = ['/'], requestsTimeout = PATIENT_MS, ...options }) {
		super(socket, {
			script: 'member.js', serialization: 'advanced', namespaces, requestsTimeout, ...options,
		});
		this.name = options.name;
		this.major = options.major;
		this.visitors = [];
	}

	/* Calls a method; returns its result, or throws its error. */
	call(method, ...args) {
		return this.callIn('/', method, ...args);
	}

	async callIn(nsp, method, ...args) {
		return outcomeOf(await this.order('run', { method, nsp, args }));
	}

	/* [{ value } or { error }] of calls that are all made in one tick. */
	callAll(calls) {
		return this.order('runAll', {
			calls: calls.map(([method, ...args]) => ({ method, nsp: '/', args })),
		});
	}

	/* Somebody at this server, in these rooms of / or in those of several namespaces. */
	async visit(rooms = []) {
		const visitor = await Visitor.connect(this.major, this.port,
			Array.isArray(rooms) ? { '/': rooms } : rooms);
		this.visitors.push(visitor);
		return visitor;
	}

	async idle() {
		assert.deepEqual(await this.order('pending'), { requests: 0, ackRequests: 0, questions: 0 });
	}
}

function outcomeOf({ value, error }) {
	if (error === undefined)
		return value;
	throw Object.assign(new Error(error.message), error);
}

class Cluster {
	#options;

	/* `options` are those of each member. */
	constructor(socket, options) {
		this.#options = { socket, ...options };
		this.all = [];
	}

	static async start(socket, options, ...names) {
		const cluster = new Cluster(socket, options);
		await Promise.all(names.map((name) => cluster.add(name)));
		cluster.all.sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name));
		return cluster;
	}

	/* Resolves to a member that is connected to the daemon, unless it is `away`. */
	async add(name, { away = false, ...more } = {}) {
		const { socket, ...options } = this.#options;
		const member = new Member(socket, { name, ...options, ...more });
		this.all.push(member);
		await member.listening;
		if (!away)
			await this.joined(member);
		return member;
	}

	joined(member) {
		return until(async () => (await member.order('stats')).connected, 'member at the daemon');
	}

	/* Each of these sees all of them. */
	async complete(members = this.all) {
		if (members[0].major !== 4)
			return;
		for (const member of members)
			await until(async () => await member.call('serverCount') === members.length, 'members');
	}

	/* The sockets of a namespace, at all members or at some: [{ id, rooms, … }]. */
	sockets(nsp = '/', members = this.all) {
		return members.flatMap(({ visitors }) => visitors)
			.filter(({ sockets }) => sockets.has(nsp)).map((visitor) => visitor.of(nsp));
	}

	/*
	 * { value } or { error } of what `asker` asks while `victim` can't answer, and the ms from the
	 * death of the victim until it came.
	 */
	async atDeath(asker, victim, ask) {
		await victim.freeze();
		let hasCome = false;
		const come = ask(asker).then((value) => ({ value }), (error) => ({ error }))
			.finally(() => { hasCome = true; });
		await Promise.race([asker.order('asked'), come]);
		assert.ok(!hasCome, 'the answer came before the death');
		const start = performance.now();
		const dead = this.kill(victim);
		const outcome = await within(come, 'answer at the death', BOUND_MS);
		const ms = performance.now() - start;
		await dead;
		return { ...outcome, ms };
	}

	/* The process and its visitors are gone at once. */
	async kill(member) {
		this.all.splice(this.all.indexOf(member), 1);
		await member.kill();
		for (const visitor of member.visitors)
			visitor.end();
	}

	/* All end; those that live must have had nothing to complain about. */
	async destroy() {
		for (const member of this.all) {
			await member.kill();
			for (const visitor of member.visitors)
				visitor.end();
		}
		for (const { name, stderr } of this.all)
			assert.equal(stderr, '', name);
	}
}

module.exports = { BOUND_MS, Cluster, MAJORS, PATIENT_MS, outcomeOf };
