'use strict';

/*
 * Clients of the workers, in a process that isn't measured. They speak as much
 * WebSocket and Socket.IO as they need to count what they get: were they
 * socket.io-client, they would be all that the machine does.
 * argv: { control, name, progress } as JSON.
 */

const net = require('node:net');

const { obey } = require('./control');
const { Ledger, MARK, numberAt } = require('./ledger');

const HEAD = Buffer.from(`42["event","${MARK}`);
const MARK_AT = HEAD.length - MARK.length;
// A client's frames are masked; with zeros the payload stays as it is.
const JOIN = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x34, 0x30]); // '40'

const UPGRADE = [
	'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1',
	'Host: localhost',
	'Connection: Upgrade',
	'Upgrade: websocket',
	'Sec-WebSocket-Version: 13',
	'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
	'', '',
].join('\r\n');

/* { start, end } of the first frame's payload, or null while it isn't whole. */
function frameIn(bytes, offset) {
	if (bytes.length < offset + 4)
		return null;
	const short = bytes[offset + 1];
	const start = offset + (short < 126 ? 2 : 4);
	const end = start + (short < 126 ? short : bytes.readUInt16BE(offset + 2));
	return end <= bytes.length ? { start, end } : null;
}

class Visitor {
	#socket;
	#rest = Buffer.alloc(0);
	#isUpgraded = false;
	#took;
	#onJoined;

	/* took(number) is called for each event. */
	constructor(port, took) {
		this.#took = took;
		this.#socket = net.connect(port, '127.0.0.1', () => this.#socket.write(UPGRADE));
		this.#socket.on('data', (chunk) => this.#take(chunk));
		this.joined = new Promise((resolve) => { this.#onJoined = resolve; });
	}

	#take(chunk) {
		const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
		let offset = 0;
		if (!this.#isUpgraded) {
			const end = bytes.indexOf('\r\n\r\n');
			this.#isUpgraded = end >= 0;
			offset = end >= 0 ? end + 4 : 0;
		}
		if (this.#isUpgraded)
			offset = this.#frames(bytes, offset);
		this.#rest = bytes.subarray(offset);
	}

	/* Returns where the first frame begins that isn't whole. */
	#frames(bytes, from) {
		let offset = from;
		for (let frame; (frame = frameIn(bytes, offset)) !== null; offset = frame.end) {
			const { start, end } = frame;
			if (bytes.compare(HEAD, 0, HEAD.length, start, start + HEAD.length) === 0)
				this.#took(numberAt(bytes, start + MARK_AT));
			else
				this.#greeting(bytes.latin1Slice(start, end));
		}
		return offset;
	}

	#greeting(text) {
		if (text.startsWith('0'))
			this.#socket.write(JOIN);
		else if (text.startsWith('40'))
			this.#onJoined();
		else
			throw new Error(`a client got ${text.slice(0, 80)}`);
	}
}

const { control, name, progress } = JSON.parse(process.argv[2]);
let ledger = null;
const fault = obey(control, name, {
	/* each: how many at each of the ports. first: the number that comes next. */
	async visit({ ports, each, first }) {
		const all = ports.flatMap((port) => new Array(each).fill(port));
		ledger = new Ledger({ sources: all.length, first, path: progress, fault });
		await Promise.all(all.map((port, i) =>
			new Visitor(port, (n) => ledger.took(i, n)).joined));
	},
	last: () => ledger.last,
});
