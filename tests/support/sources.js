'use strict';

/* The daemon's and the C client's source files, as names below src. */

const fs = require('node:fs');
const path = require('node:path');

const SRC = path.join(__dirname, '../../src');

/* src/node is left out: while the package is packed, it holds a copy of them. */
const cSources = () => fs.readdirSync(SRC).filter((name) => name !== 'node')
	.flatMap((layer) => fs.readdirSync(path.join(SRC, layer), { recursive: true })
		.map((name) => path.join(layer, name)))
	.filter((name) => /\.[ch]$/.test(name));

module.exports = { SRC, cSources };
