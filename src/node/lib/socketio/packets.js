'use strict';

/*
 * Events in the encoding of Socket.IO's own parser, the same in versions 2 to 4:
 *
 *	2[namespace,][id]["name",argument…]
 *	5n-[namespace,][id]["name",argument…]	and n attachments, which are bytes
 *
 * A worker passes such texts of other workers to its clients unchanged. Clients
 * disconnect if a text is no event, or has a reserved name; so these two are
 * checked. The JSON after the name is not: its sender is responsible for it.
 */

const { setOwn } = require('../wire/msgpack-reader');
const json = require('../wire/json-reader');

const ZERO = 0x30;
const NINE = 0x39;
const MINUS = 0x2d;
const QUOTE = 0x22;
const SLASH = 0x2f;
const OPEN = 0x5b;
const CLOSE = 0x5d;

const EVENT = 2; // packet types of the Socket.IO protocol
const BINARY_EVENT = 5;

/* Names of events at which Socket.IO's clients disconnect. */
const RESERVED = new Set([
	'connect', 'connect_error', 'disconnect', 'disconnecting',
	'newListener', 'removeListener',
]);

function isDigit(code) {
	return code >= ZERO && code <= NINE;
}

function isEventName(name, reserved = RESERVED) {
	return typeof name === 'number' ||
		(typeof name === 'string' && !reserved.has(name));
}

/* Whether the JSON array that begins at `at` has the name of an event first. */
function hasEventName(text, at) {
	const first = text.charCodeAt(at + 1);
	if (first !== QUOTE) {
		return isDigit(first) || first === MINUS;
	}
	const end = text.indexOf('"', at + 2);
	const name = text.slice(at + 2, end);
	if (!name.includes('\\')) {
		return end > 0 && isEventName(name);
	}
	try {
		return isEventName(json.parse(text.slice(at))[0]);
	} catch {
		return false;
	}
}

/* Returns where the namespace or the rest begins, or -1. */
function skipType(text, attachments) {
	const head = attachments === 0 ? '2' : `5${attachments}-`;
	return text.startsWith(head) ? head.length : -1;
}

/* Returns the attachment of a placeholder, or undefined: applications may send
 * objects that only look like one. */
function attachmentOf(value, attachments) {
	return Object.hasOwn(value, '_placeholder') && value._placeholder === true &&
		Number.isInteger(value.num) ? attachments[value.num] : undefined;
}

/* Replaces the placeholders in `value`, a result of JSON.parse(). */
function restore(value, attachments) {
	const root = [value];
	const left = [root];
	while (left.length > 0) {
		const holder = left.pop();
		for (const key of Object.keys(holder)) {
			const inner = holder[key];
			if (typeof inner !== 'object' || inner === null) {
				continue;
			}
			const attachment = attachmentOf(inner, attachments);
			if (attachment === undefined) {
				left.push(inner);
			} else {
				setOwn(holder, key, attachment);
			}
		}
	}
	return root[0];
}

/* An event as a parser has written it; it is also its packet for listeners. */
class EncodedEvent {
	#parts;
	#idAt;
	#dataAt; // where its JSON begins
	#data; // decoded on demand

	constructor(parts, nsp, idAt, dataAt) {
		this.type = EVENT;
		this.nsp = nsp;
		this.#parts = parts;
		this.#idAt = idAt;
		this.#dataAt = dataAt;
	}

	/* parts: a text and its attachments. Returns null if they are no event. */
	static read(parts) {
		const [text] = parts;
		const nspAt = skipType(text, parts.length - 1);
		if (nspAt < 0) {
			return null;
		}
		const hasName = text.charCodeAt(nspAt) === SLASH;
		const idAt = hasName ? text.indexOf(',', nspAt) + 1 : nspAt;
		let at = idAt;
		while (isDigit(text.charCodeAt(at))) {
			at++;
		}
		const isEvent = text.charCodeAt(at) === OPEN &&
			text.charCodeAt(text.length - 1) === CLOSE && hasEventName(text, at);
		const nsp = hasName ? text.slice(nspAt, idAt - 1) : '/';
		return isEvent ? new EncodedEvent(parts, nsp, idAt, at) : null;
	}

	get id() {
		return this.#idAt === this.#dataAt ? undefined :
			Number(this.#parts[0].slice(this.#idAt, this.#dataAt));
	}

	/* Throws if the text is no JSON. */
	get data() {
		this.#data ??= this.#readData();
		return this.#data;
	}

	#readData() {
		const [text, ...attachments] = this.#parts;
		const data = json.parse(text.slice(this.#dataAt));
		return attachments.length > 0 ? restore(data, attachments) : data;
	}
}

module.exports = { BINARY_EVENT, EVENT, EncodedEvent, isEventName };
