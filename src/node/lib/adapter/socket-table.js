'use strict';

/*
 * Descriptions of sockets as a table, which is JSON text:
 *
 *	{ templates, values, ids, rooms, data, changes }
 *
 * Handshakes have the same keys and mostly the same values, and parsing them is the
 * largest cost of fetchSockets(). So a handshake is written as its differences from a
 * template, the first one with the same keys. The receiver copies the template, which
 * costs little, and all descriptions share its strings.
 *
 * `ids`, `rooms` and `data` have an element for each socket. `changes` is flat: for
 * each socket the number of its template, the number of differences, and for each of
 * those the number of the leaf and of its value. A leaf is what is no object, or is an
 * array or deeper than DEPTH_MAX; leaves are counted in the order of the keys.
 */

const { isMap } = require('../socketio/payload');
const { setOwn } = require('../wire/msgpack-reader');

const TEMPLATES_MAX = 64; // of one table
const DEPTH_MAX = 4;
const VALUE_DEPTH_MAX = 64;
const LEAVES_MAX = 1024 * 1024; // of all copies of the templates of a table
const LEAVES_EACH_MAX = 32 * 1024; // of a handshake that is written
const CHANGE_BYTES = 7; // about
const OPEN = Symbol('open'); // marks among the keys of a handshake
const CLOSE = Symbol('close');

function isScalar(value) {
	return typeof value !== 'object' || value === null;
}

function isLeaf(value, depth) {
	return isScalar(value) || Array.isArray(value) || depth >= DEPTH_MAX;
}

function put(object, key, value) {
	if (key === '__proto__') {
		setOwn(object, key, value);
	} else {
		object[key] = value;
	}
}

/* Whether JSON leaves a value out. */
function isOmitted(value) {
	return value === undefined || typeof value === 'function' || typeof value === 'symbol';
}

/* Whether JSON or msgpack does not write an object key by key. */
function isSpecial(object) {
	return typeof object.toJSON === 'function' || ArrayBuffer.isView(object) ||
		object instanceof ArrayBuffer || object instanceof Number || object instanceof String ||
		object instanceof Boolean;
}

/* Returns about how many characters the JSON of a value has; NaN if JSON does not convey
 * it as msgpack does. */
function sizeOf(value, depth = 0) {
	switch (typeof value) {
	case 'string':
		return value.length + 3;
	case 'number':
		return Number.isFinite(value) ? 8 : NaN;
	case 'bigint':
		return NaN;
	case 'object':
		return value === null ? 5 : sizeOfObject(value, depth);
	default:
		return 6;
	}
}

function sizeOfObject(object, depth) {
	if (depth >= VALUE_DEPTH_MAX || isSpecial(object)) {
		return NaN;
	}
	let size = 2;
	if (Array.isArray(object)) {
		for (let i = 0; i < object.length && size > 0; i++) {
			size += sizeOf(object[i], depth + 1);
		}
		return size;
	}
	for (const key in object) {
		size += key.length + 3 + sizeOf(object[key], depth + 1);
		if (!(size > 0)) {
			return NaN;
		}
	}
	return size;
}

/* The keys and leaves of one handshake after the other. */
class Walk {
	keys = [];
	leaves = [];

	/* Returns false if JSON does not convey the handshake. */
	read(handshake) {
		this.keys.length = 0;
		this.leaves.length = 0;
		return this.#object(handshake, 0);
	}

	#object(object, depth) {
		if (isSpecial(object)) {
			return false;
		}
		for (const key of Object.keys(object)) {
			const value = object[key];
			if (isOmitted(value)) {
				continue;
			}
			this.keys.push(key);
			if (isLeaf(value, depth)) {
				this.leaves.push(value);
				continue;
			}
			this.keys.push(OPEN);
			if (!this.#object(value, depth + 1)) {
				return false;
			}
			this.keys.push(CLOSE);
		}
		return true;
	}
}

function isSame(a, b) {
	if (a.length !== b.length) {
		return false;
	}
	for (let i = 0; i < a.length; i++) {
		if (a[i] !== b[i]) {
			return false;
		}
	}
	return true;
}

class TableWriter {
	#walk = new Walk();
	#numbers = new Map(); // scalar → number
	#templates; // { handshake, keys, leaves }
	#last; // number of the template of the last socket
	#table;
	size; // characters of its text, about

	constructor() {
		this.#begin();
	}

	/* Returns false if JSON does not convey the socket. May throw what getters throw. */
	add({ id, handshake, rooms, data }) {
		const size = sizeOf(rooms) + (data === undefined ? 0 : sizeOf(data));
		if (Number.isNaN(size) || typeof id !== 'string' || !isMap(handshake) ||
			!this.#walk.read(handshake)) {
			return false;
		}
		const { leaves } = this.#walk;
		if (leaves.length > LEAVES_EACH_MAX || leaves.some((leaf) => Number.isNaN(sizeOf(leaf)))) {
			return false;
		}
		const number = this.#templateOf(handshake);
		if (number < 0) {
			return false;
		}
		this.#addChanges(number, leaves);
		this.#table.ids.push(id);
		this.#table.rooms.push(rooms);
		this.#table.data.push(data);
		this.size += id.length + size + leaves.length; // so that the copies are bounded too
		return true;
	}

	/* Returns its text, and begins anew; null if it is empty. */
	take() {
		if (this.#table.ids.length === 0) {
			return null;
		}
		const text = JSON.stringify({
			templates: this.#templates.map(({ handshake }) => handshake), ...this.#table,
		});
		this.#begin();
		return text;
	}

	#begin() {
		this.#numbers.clear();
		this.#templates = [];
		this.#last = 0;
		this.#table = { values: [], ids: [], rooms: [], data: [], changes: [] };
		this.size = 0;
	}

	/* Returns the number of the template for what #walk has read; -1 if there would be
	 * too many. */
	#templateOf(handshake) {
		const { keys, leaves } = this.#walk;
		const templates = this.#templates;
		if (templates.length > 0 && isSame(templates[this.#last].keys, keys)) {
			return this.#last;
		}
		let number = templates.findIndex((template) => isSame(template.keys, keys));
		if (number < 0 && templates.length < TEMPLATES_MAX) {
			number = templates.push({ handshake, keys: [...keys], leaves: [...leaves] }) - 1;
			this.size += sizeOf(handshake, DEPTH_MAX);
		}
		this.#last = number < 0 ? this.#last : number;
		return number;
	}

	#addChanges(number, leaves) {
		const { changes } = this.#table;
		const template = this.#templates[number].leaves;
		const at = changes.push(number, 0) - 1;
		for (let i = 0; i < leaves.length; i++) {
			const leaf = leaves[i];
			// Each description gets arrays and objects of its own.
			if (leaf !== template[i] || !isScalar(leaf)) {
				changes.push(i, this.#valueNumber(leaf));
				changes[at]++;
			}
		}
		this.size += (changes.length - at + 1) * CHANGE_BYTES / 2;
	}

	#valueNumber(value) {
		const isShared = isScalar(value);
		let number = isShared ? this.#numbers.get(value) : undefined;
		if (number === undefined) {
			number = this.#table.values.push(value) - 1;
			this.size += sizeOf(value);
			if (isShared) {
				this.#numbers.set(value, number);
			}
		}
		return number;
	}
}

/* Makes copies of a handshake. */
class Template {
	#handshake;
	#inner = []; // [number of the object around it, key] of each object in it
	#leaves = []; // [number of its object, key]

	constructor(handshake) {
		if (!isMap(handshake)) {
			throw new RangeError('a template that is no map');
		}
		this.#handshake = handshake;
		this.#read(handshake, 0, 0);
	}

	/* How many leaves and objects a copy has. */
	get size() {
		return 1 + this.#inner.length + this.#leaves.length;
	}

	/* changes: from `at`, n times the number of a leaf and of its value. */
	copy(changes, at, n, values) {
		const objects = [{ ...this.#handshake }];
		for (const [outer, key] of this.#inner) {
			const copy = { ...objects[outer][key] };
			put(objects[outer], key, copy);
			objects.push(copy);
		}
		for (let i = at; i < at + 2 * n; i += 2) {
			const leaf = this.#leaves[changes[i]];
			const value = values[changes[i + 1]];
			if (leaf === undefined || value === undefined) {
				throw new RangeError('a change of what there is not');
			}
			put(objects[leaf[0]], leaf[1], value);
		}
		return objects[0];
	}

	#read(object, number, depth) {
		for (const key of Object.keys(object)) {
			const value = object[key];
			if (isLeaf(value, depth)) {
				this.#leaves.push([number, key]);
			} else {
				this.#inner.push([number, key]);
				this.#read(value, this.#inner.length, depth + 1);
			}
		}
	}
}

/* Returns the descriptions in a table, the result of JSON.parse(); throws if it is
 * malformed. Each has the keys of a description, with any values. */
function readTable({ templates, values, ids, rooms, data, changes }) {
	if (![templates, values, ids, rooms, data, changes].every(Array.isArray) ||
		!changes.every(Number.isInteger)) {
		throw new RangeError('no table');
	}
	let left = LEAVES_MAX;
	const copiers = templates.map((template) => new Template(template));
	let at = 0;
	const list = ids.map((id, i) => {
		const template = copiers[changes[at]];
		const n = changes[at + 1];
		if (template === undefined || !(n >= 0) || at + 2 + 2 * n > changes.length) {
			throw new RangeError('changes that there are not');
		}
		left -= template.size;
		if (left < 0) {
			throw new RangeError(`more than ${LEAVES_MAX} leaves`);
		}
		const handshake = template.copy(changes, at + 2, n, values);
		at += 2 + 2 * n;
		return { id, handshake, rooms: rooms[i], data: data[i] };
	});
	if (at !== changes.length) {
		throw new RangeError('changes of no socket');
	}
	return list;
}

module.exports = { TableWriter, readTable };
