'use strict';

/* A parser for Socket.IO as an application may bring it: each packet is one msgpack value. */

const { EventEmitter } = require('events');

const { decode, encode } = require('notepack.io');

class Encoder {
	encode(packet) {
		return [encode(packet)];
	}
}

class Decoder extends EventEmitter {
	add(bytes) {
		this.emit('decoded', decode(Buffer.from(bytes)));
	}

	destroy() {}
}

module.exports = { protocol: 5, Encoder, Decoder };
