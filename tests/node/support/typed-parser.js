'use strict';

/* A parser with which clients tell ArrayBuffers from Buffers, as socket.io-msgpack-parser has it:
 * views of bytes, other than Buffers, arrive as ArrayBuffers. */

const { EventEmitter } = require('events');
const v8 = require('v8');

function sent(value) {
	if (!ArrayBuffer.isView(value) || Buffer.isBuffer(value))
		return value;
	return value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength);
}

class Encoder {
	encode(packet) {
		return [v8.serialize({ ...packet, data: Array.isArray(packet.data) ?
			packet.data.map(sent) : packet.data })];
	}
}

class Decoder extends EventEmitter {
	add(bytes) {
		this.emit('decoded', v8.deserialize(Buffer.from(bytes)));
	}

	destroy() {}
}

module.exports = { protocol: 5, Encoder, Decoder };
