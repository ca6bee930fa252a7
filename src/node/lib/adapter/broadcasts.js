'use strict';

/*
 * Broadcasts of one adapter to clients, in the encoding of the sender's parser:
 * the sender encodes a packet once, for its own clients and for all others, and
 * the other workers pass the bytes on. A worker decodes them only if a listener
 * for outgoing packets is registered, or if its parser is of another kind.
 *
 * A parser is recognized by what it writes, not by its name: a custom parser that
 * writes as Socket.IO's does is treated alike. The output of other parsers is not
 * sent; the packet is.
 */

const { dropUnsent, publishFrame } = require('../client/client');
const { Pm2aError } = require('../client/errors');
const { isWithin } = require('../client/limits');
const { EncodedPacket, encodedFrame, senderOf } = require('../socketio/encoded-packet');
const { EVENT, EncodedEvent } = require('../socketio/packets');
const {
	encodeEvent, encodePayload, formatPayload, readBroadcast,
} = require('../socketio/payload');
const { elsewhere, listOf } = require('../socketio/topics');
const { fieldOf, publishFlags } = require('../wire/frame-writer');

const SAMPLE = { type: EVENT, nsp: '/a', data: ['b', { c: [1, '\u00e9'] }] };
const SAMPLE_TEXT = '2/a,["b",{"c":[1,"\u00e9"]}]';

const NO_OPTIONS = Object.freeze({});

/* The size of a message that is not sent, for the counter. */
function bytesOf(parts) {
	return parts.reduce((n, part) => n +
		(typeof part === 'string' ? Buffer.byteLength(part) : part.byteLength), 0);
}

function isBytes(value) {
	return ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
}

function isVolatile({ flags }) {
	return flags?.volatile === true;
}

class Broadcasts {
	#client;
	#uid;
	#nsp;
	#local;
	#topicsOf;
	#fail;
	#sender;
	#parser;
	#isPlain; // whether our parser writes as Socket.IO's; undefined at first

	/* topicsOf(rooms): the topics of a message to them. parser: the option, or
	 * undefined. fail(error): called for a packet that cannot be encoded. */
	constructor({ client, uid, nsp, local, topicsOf, parser, fail }) {
		this.#parser = parser;
		this.#client = client;
		this.#uid = uid;
		this.#nsp = nsp;
		this.#local = local;
		this.#topicsOf = topicsOf;
		this.#fail = fail;
		this.#sender = senderOf(uid);
	}

	/* Sends to the other workers. parts: the parser's output for the packet. */
	publish(parts, packet, opts) {
		if (this.#parser !== undefined || typeof parts[0] !== 'string' || EncodedEvent.read(parts)?.nsp !== this.#nsp ||
			(parts.length > 1 && !parts.slice(1).every(isBytes))) {
			this.publishPacket(packet, opts);
			return;
		}
		const to = elsewhere(opts);
		const topics = to && this.#topicsOf(listOf(to.rooms));
		const reason = this.#dropReason(topics);
		const frame = reason === null ? encodedFrame({
			field: fieldOf(topics),
			flags: publishFlags(topics, isVolatile(opts)),
			sender: this.#sender,
			opts: to,
			parts,
		}) : null;
		if (frame === null) {
			this.#client[dropUnsent](bytesOf(parts), reason ?? 'too-big');
		} else {
			this.#client[publishFrame](frame);
		}
	}

	/* Returns the reason to drop a message to `topics`, or null. */
	#dropReason(topics) {
		if (topics === null) {
			return 'bad-room';
		}
		// topicsOf() returns several only if all are short enough.
		return topics.length > 1 || isWithin(topics[0], this.#client.maxTopic) ?
			null : 'topic-too-long';
	}

	/* Sends a command, or a packet that has no encoded form. */
	publishPacket(packet, opts) {
		const to = elsewhere(opts);
		if (to === null || readBroadcast(packet, NO_OPTIONS) === null) {
			this.#client[dropUnsent](0, to === null ? 'bad-room' : 'bad-event');
			return;
		}
		let body;
		try {
			body = this.#write(packet, to);
		} catch (error) {
			this.#fail(new Pm2aError('PM2A_ERR_ENCODE',
				`${this.#nsp}: ${error.message}`, error));
			return;
		}
		this.#client.publish(this.#topicsOf(listOf(to.rooms)), body,
			{ volatile: isVolatile(opts) });
	}

	/* Commands are for workers, which all read msgpack. */
	#write(packet, to) {
		if (packet.cmd !== undefined) {
			return encodePayload(this.#uid, packet, to);
		}
		return this.#parser === undefined ? encodeEvent(this.#uid, packet, to) :
			formatPayload(this.#parser, this.#uid, packet, to);
	}

	/* Delivers an EncodedPacket, or a payload of decodePayload(). Returns false if
	 * it is malformed. */
	receive(payload) {
		if (payload instanceof EncodedPacket) {
			return this.#receiveEncoded(payload);
		}
		const { uid, packet, opts } = payload;
		if (uid !== this.#uid && packet?.nsp === this.#nsp) {
			this.#local[packet.cmd === undefined ? 'broadcast' : 'obey'](packet, opts);
		}
		return true;
	}

	#receiveEncoded(encoded) {
		if (encoded.isOf(this.#sender)) {
			return true;
		}
		const { opts } = encoded;
		if (opts === null || !this.#local.hasAny(opts)) {
			return opts !== null;
		}
		const event = EncodedEvent.read(encoded.parts);
		if (event?.nsp === this.#nsp) {
			this.#hand(encoded.parts, event, opts);
		}
		return event !== null;
	}

	#hand(parts, event, opts) {
		if (this.#isPlain ?? this.#probe()) {
			this.#local.deliver(parts, event, opts);
		} else {
			const { type, nsp, data, id } = event;
			this.#local.broadcast({ type, nsp, data, ...(id !== undefined && { id }) }, opts);
		}
	}

	#probe() {
		this.#isPlain = false;
		this.#local.encode(SAMPLE, {}, (parts) => {
			this.#isPlain = parts.length === 1 && parts[0] === SAMPLE_TEXT;
		});
		return this.#isPlain;
	}
}

module.exports = { Broadcasts };
