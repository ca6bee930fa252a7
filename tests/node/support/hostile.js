'use strict';

/* Random msgpack, as a peer may send it that means no good. The same seed gives the same. */

const { encode } = require('notepack.io');

const NAMES = ['__proto__', 'constructor', 'prototype', 'toJSON', 'then', 'length', 'toString',
	'valueOf', 'hasOwnProperty', '_placeholder', 'num', 'isAdmin', 'nsp', 'cmd', 'type', 'data', 'rooms',
	'except', 'flags', 'args', 'id', 'close', 'room', 'handshake', '', '/', '\u0000', 'ä', 'x'.repeat(300)];
const hex = (text) => Buffer.from(text, 'hex');

/* Complete values that are seldom sent. */
const ODD = ['c0', 'c2', 'c3', '00', 'ff', 'cbfff8000000000000', 'cb7ff0000000000000', 'ca7fc00000',
	'cfffffffffffffffff', 'd38000000000000000', 'd6ffffffffff', 'd7ffffffffffffffffff',
	'c70cffffffffffffffffffffffffff', 'd40000', 'd700ffffffffffffffff', 'c70000', 'c7020000ff',
	'd40501', 'd8070102030405060708090a0b0c0d0e0f10', 'c70009', 'c403010203', 'c400', 'a2c3a4', 'a1ff',
	'd900', 'dc0000', 'de0000'].map(hex);
/* Bytes that are not one value. */
const WRONG = ['c1', 'dbffffffff', 'c6ffffffff', 'c9ffffffff00', 'ddffffffff', 'dfffffffff', 'c704ff00',
	'92c0', 'a561', 'ddfffffff0c0c0'].map(hex);

class Random {
	#state;

	constructor(seed) {
		this.#state = seed >>> 0;
	}

	/* An integer from 0 to n - 1 (mulberry32). */
	below(n) {
		this.#state = (this.#state + 0x6d2b79f5) >>> 0;
		let t = this.#state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return Math.floor(((t ^ (t >>> 14)) >>> 0) / 2 ** 32 * n);
	}

	of(list) {
		return list[this.below(list.length)];
	}
}

/* Bytes of one random value; `isTame`: it is well-formed, and no key is `__proto__`. */
function tree(random, { isTame = false, depth = 0 } = {}) {
	const inner = () => tree(random, { isTame, depth: depth + 1 });
	const name = () => {
		const text = random.of(NAMES);
		return encode(isTame && text === '__proto__' ? 'tame' : text);
	};
	const n = random.below(4);
	switch (random.below(depth > 6 ? 4 : 8)) {
	case 0:
		return random.of(ODD);
	case 1:
		return isTame || random.below(20) > 0 ? name() : random.of(WRONG);
	case 2:
		return encode(random.below(2) ? random.below(2 ** 31) - 2 ** 30 : random.below(1000) / 7);
	case 3:
		return isTame || random.below(50) > 0 ? encode(Buffer.alloc(n, 7)) :
			Buffer.concat([Buffer.alloc(random.below(600), 0x91), hex('c0')]);
	case 4:
	case 5:
		return Buffer.concat([Buffer.of(0x90 | n), ...Array.from({ length: n }, inner)]);
	default:
		return Buffer.concat([Buffer.of(0x80 | n),
			...Array.from({ length: n }, () => Buffer.concat([name(), inner()]))]);
	}
}

module.exports = { Random, tree };
