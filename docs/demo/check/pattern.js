'use strict';

/*
 * Bytes that are unique for a sender and the number of its message, so that the receiver detects
 * both damage and mix-ups. Every value of a byte occurs.
 */
function pattern(from, seq, size) {
	const bytes = Buffer.alloc(size);
	let state = (from * 2654435761 + seq * 40503 + size + 1) >>> 0;
	for (let i = 0; i < size; i++) {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		bytes[i] = state >>> 24;
	}
	return bytes;
}

module.exports = pattern;
