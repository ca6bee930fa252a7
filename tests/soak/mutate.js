'use strict';

/* Mutations of bytes. Each returns a Buffer of its own. */

const LONGEST = 1 << 20; // bytes of what a mutation makes

/* Bytes at which msgpack, frames and RESP change their mind. */
const ODD = [0x00, 0x01, 0x0a, 0x0d, 0x20, 0x24, 0x2a, 0x7f, 0x80, 0x90, 0xa0,
	0xc0, 0xc1, 0xc4, 0xc6, 0xca, 0xcf, 0xd3, 0xd9, 0xdb, 0xdc, 0xdd, 0xdf,
	0xe0, 0xff];
const ODD_LENGTHS = [0, 1, 3, 4, 5, 8, 0x7f, 0x80, 0xff, 0x100, 0xfff, 0x1000,
	0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffb, 0xffffffff];

function flip(chance, bytes) {
	const at = chance.below(bytes.length);
	bytes[at] ^= 1 << chance.below(8);
	return bytes;
}

function set(chance, bytes) {
	bytes[chance.below(bytes.length)] = chance.one(ODD);
	return bytes;
}

function setLength(chance, bytes) {
	if (bytes.length < 4)
		return set(chance, bytes);
	bytes.writeUInt32BE(chance.one(ODD_LENGTHS),
		chance.below(bytes.length - 3));
	return bytes;
}

function remove(chance, bytes) {
	const from = chance.below(bytes.length);
	const n = 1 + chance.below(Math.min(bytes.length - from, 16));
	return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + n)]);
}

function insert(chance, bytes) {
	const at = chance.below(bytes.length + 1);
	const fresh = Buffer.from(chance.some(8, () => chance.one(ODD)));
	return Buffer.concat([bytes.subarray(0, at), fresh, bytes.subarray(at)]);
}

function repeat(chance, bytes) {
	const from = chance.below(bytes.length);
	const part = bytes.subarray(from, from + 1 + chance.below(32));
	const copies = Array(1 + chance.below(20)).fill(part);
	return Buffer.concat([bytes.subarray(0, from), ...copies,
		bytes.subarray(from)]);
}

function truncate(chance, bytes) {
	return bytes.subarray(0, chance.below(bytes.length + 1));
}

const WAYS = [flip, flip, set, set, setLength, remove, insert, repeat, truncate];

function mutate(chance, bytes) {
	let out = Buffer.from(bytes);
	for (let n = 1 + chance.below(3); n > 0 && out.length > 0; n--)
		out = chance.one(WAYS)(chance, out);
	return out.length > LONGEST ? out.subarray(0, LONGEST) : out;
}

/* Mutates a frame; its length field is mostly right again, so that the daemon
 * reads the changed bytes behind it. */
function mutateFrame(chance, frame) {
	if (chance.below(5) === 0)
		return mutate(chance, frame);
	const rest = mutate(chance, frame.subarray(4));
	const head = Buffer.alloc(4);
	head.writeUInt32BE(rest.length);
	return Buffer.concat([head, rest]);
}

module.exports = { mutate, mutateFrame };
