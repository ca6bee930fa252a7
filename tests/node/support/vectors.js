'use strict';

/* The golden frames of tests/vectors/frames.txt, which the C tests read too. */

const fs = require('fs');
const path = require('path');

const FILE = path.join(__dirname, '../../vectors/frames.txt');

function bytes(hex) {
	if (!/^([0-9a-f]{2})*$/.test(hex))
		throw new Error(`${FILE}: no hex: ${hex}`);
	return Buffer.from(hex, 'hex');
}

function vectorOf(block) {
	const fields = Object.fromEntries(block.split('\n')
		.filter((line) => line && !line.startsWith('#'))
		.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
	return {
		name: fields.name,
		way: fields.way,
		type: Number(fields.type),
		flags: Number(fields.flags),
		topic: bytes(fields['topic-hex']),
		body: bytes(fields.body),
		...(fields.json && { json: JSON.parse(fields.json) }),
		frame: bytes(fields.frame),
	};
}

/* [{ name, way, type, flags, topic, body, frame }], with `json` where a vector has it. */
const vectors = fs.readFileSync(FILE, 'utf8').split(/\n\n+/)
	.filter((block) => /^name:/m.test(block))
	.map(vectorOf);

function vector(name) {
	const found = vectors.find((each) => each.name === name);
	if (!found)
		throw new Error(`${FILE}: no vector ${name}`);
	return found;
}

module.exports = { vector, vectors };
