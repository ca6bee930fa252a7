'use strict';

/*
 * Requests to all workers, from every worker. The answers are compared with the workers and rooms
 * of the check's own clients. Concurrent requests do not change each other's answers.
 */

const { setTimeout: sleep } = require('timers/promises');
const { inspect, isDeepStrictEqual } = require('util');

const { ACK_MS, visit } = require('./connect');
const pattern = require('./pattern');

const GUESTS = 2;
const LOOK_MS = 20;
const BYTES = 5000;
const INSPECT = { breakLength: Infinity, depth: 4 };

const compare = (a, b) => (a < b ? -1 : Number(a > b));
const sorted = (values) => [...values].sort(compare);
const by = (key) => (a, b) => compare(a[key], b[key]);
const ids = (clients) => sorted(clients.map((client) => client.id));
const within = (clients, rooms) =>
	clients.filter((client) => rooms.length === 0 || rooms.some((room) => client.rooms.has(room)));

const seats = (clients) => clients
	.map(({ id, worker, rooms }) => ({ id, worker, rooms: sorted(rooms) })).sort(by('id'));
const workersOf = (clients) => sorted(new Set(clients.map((client) => client.worker)));
const others = (clients, me) => workersOf(clients).filter((worker) => worker !== me.worker);

function next(socket, event, isIt = () => true) {
	return new Promise((resolve) => {
		const listen = (value) => {
			if (!isIt(value))
				return;
			socket.off(event, listen);
			resolve(performance.now());
		};
		socket.on(event, listen);
	});
}

const codeOf = (value, error) => error?.code;

/* Compares an outcome with the expected one: an error, or a value of any shape. */
function normalOf({ value, error }, normal) {
	if (error && normal !== codeOf)
		return error;
	try {
		return normal(value, error);
	} catch (err) {
		return err;
	}
}

class Questions {
	#spaces;
	#dying = null;
	#counts = { asked: 0, right: 0, late: 0 };
	#problems = [];

	/* spaces: namespace → clients { index, worker, pid, socket, id, rooms }. */
	constructor(spaces) {
		this.#spaces = spaces;
		this.listen();
	}

	/* Makes the clients answer; again if they are others. */
	listen() {
		for (const client of Object.values(this.#spaces).flat()) {
			client.socket.on('echo', (word, done) => done([client.index, word]));
			client.socket.on('patience', (pid, done) => {
				if (pid !== client.pid)
					done(client.index);
			});
		}
	}

	/* The clients of a worker that dies; their connections may end. */
	isDying(worker) {
		return worker === this.#dying;
	}

	close() {
		return { ...this.#counts, problems: this.#problems };
	}

	/* Requests that change nothing. */
	lookAround() {
		const bytes = pattern(1, 1, BYTES);
		return this.#fromEveryWorker((me, all) => [
			...[[], ['red'], ['solo', 'green'], ['nobody']].flatMap((rooms) => {
				const meant = within(all, rooms);
				return [
					this.#ask(me, 'fetchSockets', [rooms], seats(meant), seats),
					this.#ask(me, 'allSockets', [rooms], ids(meant), sorted),
					this.#ask(me, 'clients', [rooms], ids(meant), sorted),
					this.#ask(me, 'broadcast', [rooms, 'echo', 'hello'],
						meant.map(({ index }) => [index, 'hello']), (got) => got.sort(by(0))),
				];
			}),
			...all.map((one) =>
				this.#ask(me, 'clientRooms', [one.id], sorted(one.rooms), sorted)),
			this.#ask(me, 'allRooms', [], sorted(new Set(all.flatMap(({ rooms }) => [...rooms]))), sorted),
			this.#ask(me, 'serverCount', [], workersOf(all).length),
			this.#ask(me, 'serverSideEmit', ['echo', 'psst'],
				others(all, me).map((worker) => ({ worker, word: 'psst' })), (got) => got.sort(by('worker'))),
			this.#echo(me, all, 'text', 'text'),
			this.#echo(me, all, bytes, { bytes: bytes.toString('base64') }),
			this.#unknown(me, 'clientRooms', ['nobody']),
			this.#unknown(me, 'remoteJoin', ['nobody', 'red']),
			this.#unknown(me, 'remoteLeave', ['nobody', 'red']),
			this.#unknown(me, 'remoteDisconnect', ['nobody', true]),
		]);
	}

	/* Moves clients of other workers into a room and out of it. */
	commands() {
		return this.#fromEveryWorker(async (me, all) => {
			const one = all.find((client) => client.worker !== me.worker && client.index > me.index) || all[0];
			const room = `room of ${me.index}`;
			const done = (value) => value ?? null;
			for (const [join, leave] of [['remoteJoin', 'remoteLeave'], ['socketsJoin', 'socketsLeave']]) {
				await this.#ask(me, join, [one.id, room], null, done);
				await this.#ask(me, 'clients', [[room]], [one.id]);
				await this.#ask(me, 'broadcast', [[room], 'echo', room], [[one.index, room]]);
				await this.#ask(me, leave, [one.id, room], null, done);
				await this.#ask(me, 'clients', [[room]], []);
			}
			await this.#ask(me, 'tell', [room], null, done);
			await this.#ask(me, 'customRequest', [{}], others(all, me), (answers) =>
				sorted(answers.filter(({ told }) => told.includes(room)).map(({ worker }) => worker)));
		});
	}

	/* Each guest is disconnected by a worker that does not serve it. */
	async goodbyes(url) {
		const all = this.#spaces['/'];
		for (const method of ['remoteDisconnect', 'disconnectSockets'])
			for (let i = 0; i < GUESTS; i++) {
				const guest = await visit(url);
				const { id } = guest.socket;
				const me = all.find(({ worker }) => worker !== guest.worker);
				const gone = next(guest.socket, 'disconnect');
				await this.#ask(me, method, method === 'remoteDisconnect' ? [id, true] : [id],
					null, (value) => value ?? null);
				await gone;
				await this.#ask(me, 'clients', [[]], ids(all), sorted);
			}
	}

	/* Resolves when no workers have any other clients. */
	async alone() {
		for (const all of Object.values(this.#spaces)) {
			const [{ socket }] = all;
			const here = async () => (await socket.timeout(ACK_MS)
				.emitWithAck('question', { method: 'allSockets', args: [[]] })).value;
			while (!isDeepStrictEqual(sorted(await here()), ids(all)))
				await sleep(LOOK_MS);
		}
	}

	/*
	 * A worker dies while it owes answers: each question ends with it, and nothing is amiss. The
	 * worker dies of the last of the custom requests, and each asker's other two came before that.
	 * Resolves to how many were open and how long after the death the last of them ended.
	 */
	async death() {
		const all = this.#spaces['/'];
		const { worker, pid, socket } = all.at(-1);
		const left = all.filter((client) => client.worker !== worker);
		const askers = this.#askers(left);
		const workers = workersOf(all).length;
		const ended = next(socket, 'disconnect');
		const back = askers.map(async (me) => {
			await next(me.socket, 'servers', (n) => n === workers - 1);
			await next(me.socket, 'servers', (n) => n === workers);
		});
		this.#dying = worker;
		const open = askers.flatMap((me) => [
			this.#ask(me, 'broadcast', [[], 'patience', pid], left.map(({ index }) => index), sorted),
			this.#ask(me, 'serverSideEmit', ['hold', pid], others(left, me), sorted),
			this.#ask(me, 'customRequest', [{ hold: { pid, count: askers.length } }], workersOf(left),
				(got) => sorted(got.map((answer) => answer.worker))),
		]);
		await Promise.all(open);
		const last = performance.now();
		const ms = Math.max(0, last - await ended);
		await Promise.all(back);
		for (const me of askers) {
			await this.#ask(me, 'serverCount', [], workers);
			await this.#ask(me, 'customRequest', [{}], workersOf(all),
				(got) => sorted(got.map((answer) => answer.worker)));
		}
		return { open: open.length, ms };
	}

	#askers(clients) {
		return clients.filter(({ worker }, i) => clients.findIndex((one) => one.worker === worker) === i);
	}

	/* The first client of each worker asks, in both namespaces, concurrently. */
	async #fromEveryWorker(asking) {
		await Promise.all(Object.values(this.#spaces).flatMap((all) =>
			this.#askers(all).flatMap((me) => asking(me, all))));
	}

	#echo(me, all, echo, answer) {
		return this.#ask(me, 'customRequest', [{ echo }],
			workersOf(all).map((worker) => [worker, answer]),
			(got) => got.map(({ worker, echo: came }) => [worker, came]).sort(by(0)));
	}

	#unknown(me, method, args) {
		return this.#ask(me, method, args, 'PM2A_ERR_UNKNOWN', codeOf);
	}

	async #ask(me, method, args, expected, normal = (value) => value) {
		this.#counts.asked++;
		const what = `${method}(${JSON.stringify(args).slice(0, 60)}) from worker ${me.worker}`;
		let reply;
		try {
			reply = await me.socket.timeout(ACK_MS).emitWithAck('question', { method, args });
		} catch (err) {
			this.#problems.push(`unanswered: ${what}: ${err.message}`);
			return;
		}
		if (reply.late) {
			this.#counts.late++;
			this.#problems.push(`late: ${what}, ${Math.round(reply.ms)} ms`);
		}
		if (isDeepStrictEqual(normalOf(reply, normal), expected))
			this.#counts.right++;
		else
			this.#problems.push(`wrong: ${what}: ${inspect(reply, INSPECT).slice(0, 200)}`);
	}
}

module.exports = Questions;
