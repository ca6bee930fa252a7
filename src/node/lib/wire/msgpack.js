'use strict';

/* Finds and decodes values in bytes that may be malformed. */

const { DEPTH_MAX, decode, valuesMax } = require('./msgpack-reader');

/* The heads 0xc0 to 0xdf: [bytes after the head, width of a length field that
 * counts bytes, width of one that counts values, values for each]. */
const HEADS = [
	[0], null, [0], [0], [0, 1], [0, 2], [0, 4], [1, 1], [1, 2], [1, 4],
	[4], [8], [1], [2], [4], [8], [1], [2], [4], [8],
	[2], [3], [5], [9], [17], [0, 1], [0, 2], [0, 4],
	[0, 0, 2, 1], [0, 0, 4, 1], [0, 0, 2, 2], [0, 0, 4, 2],
];

/* Returns where the value that begins at `from` ends. Returns -1 if it is malformed,
 * if it does not end before `end`, or if the reader would refuse its many values. */
function skip(bytes, from, end) {
	const left = [1]; // values that are left, for each level
	let at = from;
	let allowed = valuesMax(end - from);
	while (left.length > 0) {
		if (left[left.length - 1]-- === 0) {
			left.pop();
			continue;
		}
		if (at >= end || left.length > DEPTH_MAX) {
			return -1;
		}
		const head = bytes[at++];
		let size = 0;
		let children = 0;
		if (head >= 0xc0 && head < 0xe0) {
			const shape = HEADS[head - 0xc0];
			if (shape === null) {
				return -1;
			}
			const width = shape[1] || shape[2] || 0;
			if (at + width > end) {
				return -1;
			}
			const n = width > 0 ? bytes.readUIntBE(at, width) : 0;
			at += width;
			size = shape[0] + (shape[1] ? n : 0);
			children = shape[2] ? n * shape[3] : 0;
		} else if (head >= 0xa0 && head < 0xc0) {
			size = head & 0x1f;
		} else if (head >= 0x80 && head < 0xa0) {
			children = (head & 0x0f) * (head < 0x90 ? 2 : 1);
		}
		at += size;
		allowed -= children;
		if (at > end || children > end - at || allowed < 0) {
			return -1;
		}
		if (children > 0) {
			left.push(children);
		}
	}
	return at;
}

/* Returns the value, or undefined if `bytes` are not exactly one valid value. */
function tryDecode(bytes) {
	try {
		return decode(bytes);
	} catch {
		return undefined;
	}
}

/* Returns why `bytes` are refused, or null if they are valid. */
function faultOf(bytes) {
	try {
		decode(bytes);
		return null;
	} catch (error) {
		return error.message;
	}
}

module.exports = { DEPTH_MAX, faultOf, skip, tryDecode };
