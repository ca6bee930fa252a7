'use strict';

/*
 * JSON.parse() for texts of other processes. Objects take many times the bytes of
 * their text, and each new key costs V8 microseconds, so a long text is counted
 * before it is parsed. The limits are those of msgpack-reader.js; a short text cannot
 * exceed them.
 */

const { keyCost, keysMax, objectsMax, valuesMax } = require('./msgpack-reader');

const UNCOUNTED = 512 * 1024; // characters: none has more than the least limit
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const OPEN_MAP = 0x7b;

/* Returns where the string whose text begins at `at` ends. */
function endOfString(text, at) {
	for (let end = text.indexOf('"', at); end >= 0; end = text.indexOf('"', end + 1)) {
		let before = end;
		while (text.charCodeAt(before - 1) === BACKSLASH) {
			before--;
		}
		if ((end - before) % 2 === 0) {
			return end;
		}
	}
	return text.length;
}

/* Throws RangeError if the text has too many values. Malformed text may pass. */
function count(text) {
	const n = text.length;
	const keys = new Set();
	let keysLeft = keysMax(n);
	let objects = objectsMax(n);
	let values = valuesMax(n);
	let string = '';

	for (let i = 0; i < n; i++) {
		switch (text.charCodeAt(i)) {
		case QUOTE: {
			const end = endOfString(text, i + 1);
			string = text.slice(i + 1, end);
			i = end;
			break;
		}
		case COLON:
			values--;
			if (!keys.has(string)) {
				keys.add(string);
				keysLeft -= keyCost(string);
			}
			break;
		case OPEN_LIST:
		case OPEN_MAP:
			objects--;
			values--;
			break;
		case COMMA:
			values--;
			break;
		default:
		}
		if (objects < 0 || values < 0 || keysLeft < 0) {
			throw new RangeError(`over the limits of ${n} characters, which are ` +
				`${valuesMax(n)} values, ${objectsMax(n)} objects and arrays, ` +
				`${keysMax(n)} different keys`);
		}
	}
}

/* Returns the value; throws RangeError or SyntaxError. A key `__proto__` is an own
 * property. */
function parse(text) {
	if (text.length > UNCOUNTED) {
		count(text);
	}
	return JSON.parse(text);
}

module.exports = { UNCOUNTED, parse };
