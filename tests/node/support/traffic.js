'use strict';

const { ACK_MS, waitUntil } = require('./pm2');

const EVERY_MS = 5;

function streamFaults(numbers, { must, gaps }) {
	const faults = [];
	for (let i = 1; i < numbers.length; i++)
		if (gaps ? numbers[i] <= numbers[i - 1] : numbers[i] !== numbers[i - 1] + 1)
			faults.push(`${numbers[i]} after ${numbers[i - 1]}`);
	const got = new Set(numbers);
	const lost = must.filter((number) => !got.has(number));
	return lost.length ? [...faults, `lost ${lost.join(' ')}`] : faults;
}

/*
 * Steady traffic from every client to all, and a record of it by connections. A message carries
 * who sent it, on which of its connections (`life`), and its number there. A receiver keeps what
 * came on each of its own connections. One stream is what one connection of a sender sent to one
 * connection of a receiver: it has no gap and no repetition, whatever else broke around it, since
 * both ends of it held throughout.
 */
class Traffic {
	#ends;
	#timer = null;

	constructor(clients) {
		this.#ends = clients.map((client, index) => this.#end(client, index));
	}

	start() {
		this.#timer = setInterval(() => {
			for (const end of this.#ends)
				this.#send(end);
		}, EVERY_MS);
	}

	/* Ends the traffic; resolves when what each client sent last has come to all the others. */
	async stop() {
		clearInterval(this.#timer);
		this.#timer = null;
		await waitUntil('all clients connected', ACK_MS, () =>
			this.#ends.every(({ client }) => client.socket.connected && client.served));
		await this.round();
	}

	/* One message from each, which every client must get. */
	async round() {
		const last = this.#ends.map((end) => this.#send(end));
		await waitUntil('the last message of each client everywhere', ACK_MS, () =>
			this.#ends.every((end) => last.every((key) => end.got.has(key))));
	}

	/* How many messages all clients have got so far. */
	get arrived() {
		return this.#ends.reduce((sum, end) => sum + end.got.size, 0);
	}

	/* Until `count` more have arrived, so that something surely went on meanwhile. */
	async flow(count) {
		const goal = this.arrived + count;
		await waitUntil(`${count} more messages`, ACK_MS, () => this.arrived >= goal);
	}

	/* How often a client connected. */
	lives(client) {
		return this.#ends.find((end) => end.client === client).lives.length;
	}

	/*
	 * Returns the faults as text. Nothing may come twice, and no stream may have a gap unless `gaps`
	 * allows it. Among the clients of `whole` no connection may have ended, and everything
	 * acknowledged must have come. With `tails` the same holds for the end of a sender's connection
	 * while the receiver's went on, as when a worker closes in good order.
	 */
	faults({ whole = [], tails = false, gaps = false } = {}) {
		const faults = [];
		for (const receiver of this.#ends) {
			faults.push(...receiver.repeated.map((key) => `client ${receiver.index} got ${key} twice`));
			if (whole.includes(receiver.client) && receiver.lives.length > 1)
				faults.push(`client ${receiver.index} lost its connection`);
			receiver.lives.forEach((streams, life) => {
				for (const sender of this.#ends)
					faults.push(...sender.sent.flatMap((acknowledged, sent) => {
						const got = (n) => streams.get(`${sender.index}.${n}`) || [];
						const all = whole.includes(receiver.client) && whole.includes(sender.client);
						const held = tails && got(sent).length > 0 && got(sent + 1).length > 0;
						return streamFaults(got(sent), {
							must: all ? acknowledged
								: held ? acknowledged.filter((n) => n > got(sent)[0]) : [],
							gaps,
						}).map((why) =>
							`client ${receiver.index}.${life} of client ${sender.index}.${sent}: ${why}`);
					}));
			});
		}
		return faults;
	}

	/* The clients are the caller's, and go on. */
	end() {
		clearInterval(this.#timer);
		for (const { client, onMessage, onDisconnect } of this.#ends)
			client.socket.off('message', onMessage).off('disconnect', onDisconnect);
	}

	#end(client, index) {
		const end = {
			client,
			index,
			number: 0,
			sent: [[]],
			lives: [new Map()],
			got: new Set(),
			repeated: [],
			onMessage: ({ text }) => this.#arrive(end, text),
			onDisconnect: () => {
				end.number = 0;
				end.sent.push([]);
				end.lives.push(new Map());
			},
		};
		client.socket.on('message', end.onMessage).on('disconnect', end.onDisconnect);
		return end;
	}

	#arrive(end, text) {
		const [stream, number] = text.split(' ');
		if (end.got.has(text))
			end.repeated.push(text);
		end.got.add(text);
		const streams = end.lives.at(-1);
		if (!streams.has(stream))
			streams.set(stream, []);
		streams.get(stream).push(Number(number));
	}

	#send(end) {
		const { socket, served } = end.client;
		if (!socket.connected || !served)
			return null;
		const acknowledged = end.sent.at(-1);
		const number = end.number++;
		const text = `${end.index}.${end.sent.length - 1} ${number}`;
		socket.emit('send', { text, to: { kind: 'all' } }, () => acknowledged.push(number));
		return text;
	}
}

module.exports = Traffic;
