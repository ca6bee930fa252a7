'use strict';

/* seeds-resp.js FOLDER: the requests of the comparison with redis-server as
 * seeds: sequences of valid ones, and all malformed ones. */

const fs = require('node:fs');
const path = require('node:path');
const {
	Chance, MALFORMED, NOTHING, request,
} = require('../system/support/resp-traffic');

const N_SEQUENCES = 64;
const N_REQUESTS = 8;
const LONGEST = 4096; // bytes

const [folder] = process.argv.slice(2);

function write(name, how, bytes) {
	fs.writeFileSync(path.join(folder, name),
		Buffer.concat([Buffer.from([how]), bytes]));
}

for (let seed = 0; seed < N_SEQUENCES; seed++) {
	const chance = new Chance(seed);
	const requests = Array.from({ length: N_REQUESTS },
		() => request(chance).bytes).filter(({ length }) => length < LONGEST);
	write(`requests-${seed}`, seed, Buffer.concat(requests));
}
for (const [i, bytes] of [...MALFORMED, ...NOTHING].entries())
	write(`odd-${i}`, i & 1 ? 0x80 | i : i, bytes.subarray(0, LONGEST));
