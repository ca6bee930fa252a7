'use strict';

/*
 * Each row of support/malformed.js runs against one and the same daemon, and
 * after each a message and two PINGs between two other clients must come
 * through whole: nobody pays for a neighbour.
 */

const assert = require('node:assert');
const fs = require('node:fs');
const net = require('node:net');
const { TYPE, frame, hello, publish } = require('./support/frames');
const { scenario } = require('./support/scenario');
const { openRaw } = require('./support/lender');
const { ARGS, HANDLES, TABLES } = require('./support/malformed');
const { until, within } = require('../support/wait');

async function drive(daemon, peer, row) {
	peer.write(row.send);
	if (row.hello)
		await peer.welcomed();
	if (row.code) {
		const [code, message, fatal] = await peer.error();
		assert.deepStrictEqual([code, fatal], [row.code, row.fatal],
			message);
	}
	if (!row.fatal) {
		await peer.barrier();
		const client = daemon.rows('clients')
			.find(({ id }) => id === peer.id);
		assert.strictEqual(client.subscriptions, row.holds);
		peer.end();
	}
	await peer.expectEnd();
}

class Testbed {
	static async open(daemon) {
		const bed = new Testbed();
		bed.daemon = daemon;
		bed.publisher = await daemon.member({ name: 'publisher' });
		bed.receiver = await daemon.member({ name: 'receiver' });
		await bed.receiver.subscribe(['witness']);
		bed.ended = 0;
		bed.serial = 0;
		bed.newlyClosed();
		return bed;
	}

	/*
	 * Connections of this process that have ended since the last call; those of
	 * --stats itself have another pid. A connection that ends before HELLO has no
	 * id, so new entries are found by their number.
	 */
	newlyClosed() {
		const ended = this.daemon.rows('closed')
			.filter(({ pid }) => pid === process.pid);
		const fresh = ended.slice(0, ended.length - this.ended);
		this.ended = ended.length;
		return fresh;
	}

	async run(row) {
		const peer = await this.daemon.connect({ paused: row.paused });
		let reasons;
		try {
			await this.drive(peer, row);
		} finally {
			peer.destroy();
			reasons = await this.reasonsOfEnd();
		}
		assert.deepStrictEqual(reasons, [row.reason]);
		await this.roundTrip();
	}

	async drive(peer, row) {
		if (row.hello)
			peer.write(hello(row.hello));
		if (typeof row.send !== 'function')
			return drive(this.daemon, peer, row);
		if (row.hello && !row.paused)
			await peer.welcomed();
		return row.send(peer, this.publisher);
	}

	reasonsOfEnd() {
		return until(() => {
			const rows = this.newlyClosed();
			return rows.length > 0 && rows.map(({ reason }) => reason);
		}, 'closed connection');
	}

	async roundTrip() {
		const message = publish('witness', `whole ${++this.serial}`);
		this.publisher.write(message);
		const { raw } = await this.receiver.expect(TYPE.PUBLISH);
		assert.deepStrictEqual(raw, message);
		await this.publisher.barrier();
		await this.receiver.barrier();
	}
}

/* The address space of a process, in bytes. */
function addressSpace({ pid }) {
	const status = fs.readFileSync(`/proc/${pid}/status`, 'latin1');
	return 1024 * Number(status.match(/^VmSize:\s+(\d+)/m)[1]);
}

scenario('lengths that are only declared cost no memory', async (start) => {
	const daemon = await start();
	const witness = await daemon.member();
	const before = addressSpace(daemon);
	const promise = frame(TYPE.PUBLISH,
		{ topic: 't', length: 16 << 20, body: Buffer.alloc(100) });
	for (let n = 0; n < 200; n++)
		(await daemon.member()).write(promise);
	await witness.barrier();
	const grown = addressSpace(daemon) - before;
	assert.ok(grown < 100 << 20, `${grown >> 20} MiB for 200 promises`);
});

/* The daemon keeps 256 ended connections; each row makes two, --stats too. */
const ROWS_MAX = 100;

function* portions() {
	for (const [name, rows] of Object.entries(TABLES)) {
		for (let at = 0; at < rows.length; at += ROWS_MAX)
			yield [name, rows.slice(at, at + ROWS_MAX)];
	}
}

for (const [name, rows] of portions()) {
	scenario(`malformed input: ${name}`, async (start, t) => {
		const bed = await Testbed.open(await start({ args: ARGS }));
		const failed = [];
		for (const row of rows) {
			await t.test(row.name, () => bed.run(row).catch((err) => {
				failed.push(row.name);
				throw err;
			}));
		}
		assert.deepStrictEqual(failed, []);
	});
}

/* Sends the bytes of a row, and waits for the end of the connection. */
async function send(daemon, row, tag) {
	const socket = row.channel ? await openRaw(daemon, tag) :
		net.connect(`${daemon.socket}.handles`);
	socket.on('error', () => {});
	const closed = new Promise((resolve) => { socket.once('close', resolve); });
	socket.resume().write(row.send);
	if (row.counter === null) {
		const { channels } = (await daemon.statsAsync()).overview.handles;
		assert.strictEqual(channels, 1);
		socket.destroy();
	}
	await within(closed, 'end');
}

scenario('malformed input: the socket for handles', async (start, t) => {
	const daemon = await start({ args: ARGS });
	const bed = await Testbed.open(daemon);
	const grown = { lends_refused: 0, malformed: 0 };
	for (const row of HANDLES) {
		await t.test(`${row.channel ? 'channel' : 'instead of a channel'}: ${row.name}`, async () => {
			await send(daemon, row, 'hostil');
			if (row.counter !== null)
				grown[row.counter]++;
			await daemon.until(({ overview: { handles } }) => handles.channels === 0 &&
				Object.keys(grown).every((name) => handles[name] === grown[name]), row.counter ?? 'end');
			await bed.roundTrip();
		});
	}
});
