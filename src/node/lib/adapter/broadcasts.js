'use strict';

/*
 * Broadcasts of one adapter to clients, in the encoding of the sender's parser:
 * the sender encodes a packet once, for its own clients and for all others, and
 * the other workers hand the bytes on. They are decoded only for who listens to
 * what clients get, and by a worker with a parser of another kind.
 *
 * What a parser writes is known by what it looks like and not by its name. So a
 * parser of one's own that writes as Socket.IO does is as good as that, and what
 * others write travels as a packet.
 */

const { dropUnsent, publishFrame } = require('../client/client');
const { Encoded, encodedFrame, senderOf } = require('../socketio/encoded-packet');
const { Pm2aError } = require('../client/errors');
const { EVENT, EncodedEvent } = require('../socketio/packets');
const { encodePayload, readBroadcast } = require('../socketio/payload');
const { fieldOf, publishFlags } = require('../wire/frame-writer');
const { elsewhere, isWithin, listOf } = require('../socketio/topics');

const SAMPLE = { type: EVENT, nsp: '/a', data: ['b', { c: [1, '\u00e9'] }] };
const SAMPLE_TEXT = '2/a,["b",{"c":[1,"\u00e9"]}]';

const NO_OPTIONS = Object.freeze({});

/* Of a message that is not sent. */
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
	#isPlain; // whether our parser writes as Socket.IO's; unknown at first

	/* topicsOf(rooms): those that something for them goes to. fail(error): of
	 * what can't be encoded. */
	constructor({ client, uid, nsp, local, topicsOf, fail }) {
		this.#client = client;
		this.#uid = uid;
		this.#nsp = nsp;
		this.#local = local;
		this.#topicsOf = topicsOf;
		this.#fail = fail;
		this.#sender = senderOf(uid);
	}

	/* To the other workers. parts: what the parser has made of the packet. */
	publish(parts, packet, opts) {
		if (typeof parts[0] !== 'string' || EncodedEvent.read(parts)?.nsp !== this.#nsp ||
			(parts.length > 1 && !parts.slice(1).every(isBytes))) {
			this.publishPacket(packet, opts);
			return;
		}
		const to = elsewhere(opts);
		const topics = to && this.#topicsOf(listOf(to.rooms));
		const wrong = this.#wrongWith(topics);
		const frame = wrong === null ? encodedFrame({
			field: fieldOf(topics),
			flags: publishFlags(topics, isVolatile(opts)),
			sender: this.#sender,
			opts: to,
			parts,
		}) : null;
		if (frame === null) {
			this.#client[dropUnsent](bytesOf(parts), wrong ?? 'too-big');
		} else {
			this.#client[publishFrame](frame);
		}
	}

	/* Why a message can't go to topics, or null. */
	#wrongWith(topics) {
		if (topics === null) {
			return 'bad-room';
		}
		// Several were judged when they were chosen.
		return topics.length > 1 || isWithin(topics[0], this.#client.maxTopic) ?
			null : 'topic-too-long';
	}

	/* A command, or a packet for which there is no other form. */
	publishPacket(packet, opts) {
		const to = elsewhere(opts);
		if (to === null || readBroadcast(packet, NO_OPTIONS) === null) {
			this.#client[dropUnsent](0, to === null ? 'bad-room' : 'bad-event');
			return;
		}
		let body;
		try {
			body = encodePayload(this.#uid, packet, to);
		} catch (error) {
			this.#fail(new Pm2aError('PM2A_ERR_ENCODE',
				`${this.#nsp}: ${error.message}`, error));
			return;
		}
		this.#client.publish(this.#topicsOf(listOf(to.rooms)), body,
			{ volatile: isVolatile(opts) });
	}

	/* What has come: an Encoded, or as decodePayload() gives it. False where it
	 * is malformed. */
	receive(payload) {
		if (payload instanceof Encoded) {
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
		if (this.#isPlain ?? this.#look()) {
			this.#local.deliver(parts, event, opts);
		} else {
			const { type, nsp, data, id } = event;
			this.#local.broadcast({ type, nsp, data, ...(id !== undefined && { id }) }, opts);
		}
	}

	#look() {
		this.#isPlain = false;
		this.#local.encode(SAMPLE, {}, (parts) => {
			this.#isPlain = parts.length === 1 && parts[0] === SAMPLE_TEXT;
		});
		return this.#isPlain;
	}
}

module.exports = { Broadcasts };
