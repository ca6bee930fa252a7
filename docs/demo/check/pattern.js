'use strict';

/*
 * Bytes that can be told from any others: made of the sender and of the message's number, so that
 * a mix-up shows as well as damage. Every value of a byte occurs.
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
