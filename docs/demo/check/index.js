'use strict';

/*
 * The demo's check of itself: real clients on all workers, and every delivery is verified. A phase
 * begins when all messages of the one before have arrived, since rooms may change between phases.
 * Requests to all workers follow. Two rounds of fences end the deliveries: a message to all from
 * every sender. Messages of one sender arrive in order, so none of them can arrive after its fence;
 * one that does, such as a duplicate, is found before the second round ends. At the very end a
 * worker dies, and its clients are lost.
 */

const { ACK_MS, DEFAULT, POLLING, WEBSOCKET, visit } = require('./connect');
const Ledger = require('./ledger');
const pattern = require('./pattern');
const plan = require('./plan');
const Questions = require('./questions');

/* The clients of each worker: half of them only poll. */
const WAYS = [POLLING, DEFAULT];
const PER_WORKER = WAYS.length;

const label = (index) => `client ${index + 1}`;

async function ask(socket, event, room) {
	const { ok, why } = await socket.timeout(ACK_MS).emitWithAck(event, room);
	if (!ok)
		throw new Error(`${event} ${room}: ${why}`);
}

/*
 * A client of each way on each worker. Node distributes connections to the workers in turn. Closes
 * those that a worker does not need.
 */
async function spread(url, workers, ways) {
	const clients = [];
	for (const way of ways) {
		const seats = new Map();
		for (let tries = 0; seats.size < workers; tries++) {
			if (tries > workers * 20)
				throw new Error(`no client on each of ${workers} workers after ${tries} connections`);
			const { worker, pid, socket } = await visit(url, way);
			if (seats.has(worker))
				socket.disconnect();
			else
				seats.set(worker, { worker, pid, sockets: { '/': socket } });
		}
		clients.push(...seats.values());
	}
	return clients;
}

class Check {
	#ledger = new Ledger();
	#clients = [];
	#spaces = {};
	#sizes = new Map();
	#broken = [];
	#questions = null;
	#closing = false;

	async run(url, workers, onPhase) {
		this.#clients = await spread(url, workers, WAYS);
		await this.#enter();
		onPhase(`${this.#clients.length} clients, ${PER_WORKER} on each of ${workers} workers, ` +
			'half with long-polling alone');

		const everyone = () => this.#clients.map((_, i) => i);
		const ids = (nsp) => this.#spaces[nsp].map((client) => client.id);
		const perWorker = (nth) => everyone().filter((i) =>
			this.#clients.slice(0, i).filter((c) => c.worker === this.#clients[i].worker).length === nth);

		await this.#phase(everyone(), (me, nsp) => plan.mixed(me, ids(nsp)));
		onPhase('2 namespaces: all, rooms, several rooms, except, local, own ids');
		await this.#phase(everyone(), plan.binary);
		onPhase(`binary, up to ${Math.max(...plan.SIZES)} bytes`);
		await this.#leave('red', [0, 1, 2]);
		await this.#phase(everyone(), plan.toRed);
		onPhase('rooms that somebody left');
		await Promise.all([
			this.#phase(perWorker(0), (me, nsp) => (nsp === '/' ? plan.burst(nsp) : [])),
			this.#phase(perWorker(1), (me, nsp) => (nsp === '/' ? [] : plan.burst(nsp))),
		]);
		onPhase(`bursts of ${plan.BURST} emits in one tick, from every worker at once`);
		await this.#ask(url, workers, onPhase);
		await this.#phase(everyone(), plan.fence);
		await this.#phase(everyone(), plan.fence);
		if (workers > 1) {
			await this.#reconnect(url, workers);
			const { open, ms } = await this.#questions.death();
			onPhase(`a worker killed: ${open} open questions ended with it, the last after ${ms.toFixed(1)} ms`);
		}
	}

	/* Call it also if run() has failed. */
	close() {
		this.#closing = true;
		for (const { sockets } of this.#clients)
			for (const socket of Object.values(sockets))
				socket.disconnect();
		const result = this.#ledger.close();
		const questions = this.#questions?.close() || { asked: 0, right: 0, late: 0, problems: [] };
		return {
			...result,
			questions,
			problems: [...this.#broken, ...questions.problems, ...result.problems],
		};
	}

	async #ask(url, workers, onPhase) {
		this.#questions = new Questions(this.#spaces);
		await this.#questions.lookAround();
		onPhase('questions to all workers: sockets, rooms, ids, acknowledgements, custom requests');
		await this.#questions.commands();
		if (workers > 1)
			await this.#questions.goodbyes(url);
		onPhase('sockets of other workers moved to rooms, out of them, and disconnected');
	}

	/*
	 * The requests that a worker forwards die with it, and so do the sessions that they are of. Those
	 * who see a worker die have WebSockets to their own.
	 */
	async #reconnect(url, workers) {
		this.#closing = true;
		for (const { sockets } of this.#clients)
			for (const socket of Object.values(sockets))
				socket.disconnect();
		this.#closing = false;
		this.#clients = await spread(url, workers, [WEBSOCKET, WEBSOCKET]);
		await this.#enter();
		this.#questions.listen();
		await this.#questions.alone();
	}

	async #enter() {
		for (const nsp of plan.NAMESPACES)
			this.#spaces[nsp] = await Promise.all(
				this.#clients.map((client, index) => this.#enterOne(client, index, nsp)));
	}

	async #enterOne(client, index, nsp) {
		const socket = client.sockets[nsp] || client.sockets['/'].io.socket(nsp);
		client.sockets[nsp] = socket;
		socket.on('item', (item) => this.#arrive(index, nsp, item));
		socket.on('disconnect', (reason) => {
			if (!this.#closing && !this.#questions?.isDying(client.worker))
				this.#broken.push(`${label(index)} lost its connection: ${reason}`);
		});
		if (!socket.connected)
			await new Promise((resolve, reject) => {
				socket.once('connect', resolve);
				socket.once('connect_error', reject);
			});
		const rooms = Object.entries(plan.MEMBERS[nsp])
			.filter(([, isMember]) => isMember(index)).map(([room]) => room);
		for (const room of rooms)
			await ask(socket, 'join', room);
		return { index, worker: client.worker, pid: client.pid, socket, id: socket.id, seq: 0,
			rooms: new Set([socket.id, ...rooms]) };
	}

	async #leave(room, indices) {
		for (const nsp of plan.NAMESPACES)
			for (const index of indices) {
				const client = this.#spaces[nsp][index];
				await ask(client.socket, 'leave', room);
				client.rooms.delete(room);
			}
	}

	async #phase(senders, ordersOf) {
		const done = [];
		for (const nsp of plan.NAMESPACES)
			for (const index of senders) {
				const me = this.#spaces[nsp][index];
				const orders = ordersOf(index, nsp).map((order) => this.#announce(nsp, me, order));
				if (orders.length)
					done.push(me.socket.timeout(ACK_MS).emitWithAck('perform', orders));
			}
		await Promise.all(done);
		await this.#ledger.settled();
	}

	#announce(nsp, me, order) {
		const seq = me.seq;
		me.seq += order.count;
		const counted = !order.flags.includes('volatile');
		const what = plan.describe(order);
		for (const receiver of plan.receivers(this.#spaces[nsp], me, order))
			for (let i = 0; i < order.count; i++)
				this.#ledger.expect(label(receiver.index), nsp, label(me.index), seq + i, what, counted);
		return { ...order, from: me.index, seq, data: this.#payload(nsp, me.index, seq, order.size) };
	}

	#payload(nsp, from, seq, size) {
		if (size === undefined)
			return null;
		this.#sizes.set(`${nsp} ${from} ${seq}`, size);
		return { bytes: pattern(from, seq, size), nested: { list: [pattern(seq, from, 3)] } };
	}

	#isIntact(nsp, { from, seq, data }) {
		const size = this.#sizes.get(`${nsp} ${from} ${seq}`);
		if (size === undefined)
			return data === null;
		const same = (bytes, wanted) => Buffer.isBuffer(bytes) && bytes.equals(wanted);
		return same(data?.bytes, pattern(from, seq, size)) &&
			same(data.nested?.list?.[0], pattern(seq, from, 3));
	}

	#arrive(index, nsp, item) {
		const { from, seq } = item;
		if (!this.#isIntact(nsp, item))
			this.#ledger.problem('damaged', label(index), nsp, label(from), seq, 'other content than was sent');
		this.#ledger.arrive(label(index), nsp, label(from), seq);
	}
}

module.exports = Check;
