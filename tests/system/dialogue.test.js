'use strict';

/* The dialogue in docs/PROTOCOL.md, held with the daemon: what clients send there is sent, and what
 * the daemon sends there is what it sends, byte for byte but for those that are ?? there. */

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { TYPE } = require('./support/frames');
const { ROOT } = require('../support/daemon');
const { scenario } = require('./support/scenario');

const [, DIALOGUE] = fs.readFileSync(path.join(ROOT, 'docs/PROTOCOL.md'), 'utf8')
	.match(/^```dialogue\n([^]*?)^```$/m);

/* [{ from, to, type, hex }] */
const FRAMES = DIALOGUE.trim().split('\n\n').map((text) => {
	const [head, ...lines] = text.split('\n');
	const [, from, to, type] = /^(\w+) -> (\w+): (\w+)$/.exec(head);
	const hex = lines.map((line) => /^ +([0-9a-f?]+)(?:\s{2,}\S.*)?$/.exec(line)[1]).join('');
	return { from, to, type, hex };
});

/* bytes in hex, with those that `hex` leaves open as it has them. */
function masked(bytes, hex) {
	return [...bytes.toString('hex')].map((digit, i) => (hex[i] === '?' ? '?' : digit)).join('');
}

scenario('the dialogue of docs/PROTOCOL.md is one that the daemon holds', async (start) => {
	const daemon = await start();
	const peers = {};
	for (const { from, to, type, hex } of FRAMES) {
		const client = from === 'daemon' ? to : from;
		peers[client] ??= await daemon.connect();
		assert.strictEqual(parseInt(hex.slice(8, 10), 16), TYPE[type], type);
		if (from === 'daemon') {
			const { raw } = await peers[client].expect(TYPE[type]);
			assert.strictEqual(masked(raw, hex), hex, `${type} to the ${to}`);
		} else {
			peers[client].write(Buffer.from(hex, 'hex'));
		}
	}
	for (const peer of Object.values(peers))
		await peer.barrier();
	assert.deepStrictEqual(daemon.rows('overview').errors, {});
	assert.ok(FRAMES.length > 10);
});
