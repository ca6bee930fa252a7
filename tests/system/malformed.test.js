'use strict';

/*
 * Each row of support/malformed.js runs against one and the same daemon, and
 * after each a message and two PINGs between two other clients must come
 * through whole: nobody pays for a neighbour.
 */

const assert = require('node:assert');
const { once } = require('node:events');
const { TYPE, hello, publish } = require('./support/frames');
const { scenario } = require('./support/daemon');
const { ARGS, TABLES } = require('./support/malformed');
const { until, within } = require('./support/wait');

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
	 * What has ended since the last call, of this process: the connections of
	 * --stats itself have another pid. Who ends before HELLO has no id yet, so
	 * it is by their number that they are told apart.
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
