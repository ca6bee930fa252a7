'use strict';

/*
 * A msgpack of our own, apart from the packages that the client uses: when both
 * ends of a test share one encoder, a defect in it shows nowhere.
 */

function head(tiny, tinyMax, first, n) {
	if (n <= tinyMax)
		return Buffer.from([tiny | n]);
	if (n <= 0xff && first[0])
		return Buffer.from([first[0], n]);
	const wide = n > 0xffff;
	const out = Buffer.alloc(wide ? 5 : 3);
	out[0] = wide ? first[2] : first[1];
	if (wide)
		out.writeUInt32BE(n, 1);
	else
		out.writeUInt16BE(n, 1);
	return out;
}

function encodeInteger(value) {
	const n = BigInt(value);
	if (n >= 0n && n < 128n)
		return Buffer.from([Number(n)]);
	if (n < 0n && n >= -32n)
		return Buffer.from([Number(n + 256n)]);
	for (const [i, bits] of [8n, 16n, 32n, 64n].entries()) {
		const fits = n >= 0n ? n < 1n << bits : n >= -(1n << (bits - 1n));
		if (!fits)
			continue;
		const digits = BigInt.asUintN(Number(bits), n).toString(16);
		return Buffer.from((n >= 0n ? 0xcc + i : 0xd0 + i).toString(16) +
			digits.padStart(Number(bits / 4n), '0'), 'hex');
	}
	throw new RangeError(`${value} is no 64-bit integer`);
}

function encodeDouble(value) {
	const out = Buffer.alloc(9, 0xcb);
	out.writeDoubleBE(value, 1);
	return out;
}

function encode(value) {
	if (value === null)
		return Buffer.from([0xc0]);
	if (typeof value === 'boolean')
		return Buffer.from([value ? 0xc3 : 0xc2]);
	if (typeof value === 'bigint' || Number.isSafeInteger(value))
		return encodeInteger(value);
	if (typeof value === 'number')
		return encodeDouble(value);
	if (typeof value === 'string') {
		const text = Buffer.from(value);
		return Buffer.concat([
			head(0xa0, 31, [0xd9, 0xda, 0xdb], text.length), text]);
	}
	if (Buffer.isBuffer(value)) {
		return Buffer.concat([
			head(0, -1, [0xc4, 0xc5, 0xc6], value.length), value]);
	}
	if (Array.isArray(value)) {
		return Buffer.concat([
			head(0x90, 15, [0, 0xdc, 0xdd], value.length),
			...value.map(encode)]);
	}
	const entries = Object.entries(value);
	return Buffer.concat([head(0x80, 15, [0, 0xde, 0xdf], entries.length),
		...entries.flat().map(encode)]);
}

class Decoder {
	constructor(bytes) {
		this.bytes = bytes;
		this.at = 0;
	}

	take(n) {
		if (this.at + n > this.bytes.length)
			throw new RangeError('the msgpack ends early');
		this.at += n;
		return this.bytes.subarray(this.at - n, this.at);
	}

	number(n, signed) {
		const digits = BigInt('0x' + this.take(n).toString('hex'));
		const value = signed ? BigInt.asIntN(8 * n, digits) : digits;
		return Number.isSafeInteger(Number(value)) ? Number(value) : value;
	}

	list(n) {
		return Array.from({ length: n }, () => this.value());
	}

	map(n) {
		const pairs = Array.from({ length: n },
			() => [this.value(), this.value()]);
		return Object.fromEntries(pairs);
	}

	text(n) {
		return this.take(n).toString();
	}

	value() {
		const tag = this.take(1)[0];
		if (tag < 0x80)
			return tag;
		if (tag >= 0xe0)
			return tag - 0x100;
		if (tag < 0x90)
			return this.map(tag & 15);
		if (tag < 0xa0)
			return this.list(tag & 15);
		if (tag < 0xc0)
			return this.text(tag & 31);
		switch (tag) {
		case 0xc0: return null;
		case 0xc2: return false;
		case 0xc3: return true;
		case 0xca: return this.take(4).readFloatBE();
		case 0xcb: return this.take(8).readDoubleBE();
		}
		if (tag >= 0xc4 && tag <= 0xc6)
			return Buffer.from(this.take(this.number(1 << (tag - 0xc4))));
		if (tag >= 0xcc && tag <= 0xcf)
			return this.number(1 << (tag - 0xcc), false);
		if (tag >= 0xd0 && tag <= 0xd3)
			return this.number(1 << (tag - 0xd0), true);
		if (tag >= 0xd9 && tag <= 0xdb)
			return this.text(this.number(1 << (tag - 0xd9)));
		if (tag === 0xdc || tag === 0xdd)
			return this.list(this.number(tag === 0xdc ? 2 : 4));
		if (tag === 0xde || tag === 0xdf)
			return this.map(this.number(tag === 0xde ? 2 : 4));
		throw new TypeError(`msgpack tag 0x${tag.toString(16)}`);
	}
}

/* Exactly one value: bytes behind it are an error here as in the daemon. */
function decode(bytes) {
	const decoder = new Decoder(bytes);
	const value = decoder.value();
	if (decoder.at !== bytes.length)
		throw new RangeError('bytes behind the msgpack');
	return value;
}

module.exports = { decode, encode };
