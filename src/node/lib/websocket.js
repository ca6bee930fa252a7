'use strict';

/*
 * The WebSocket frame of a text, computed once for all clients that get it.
 * Engine.IO takes it from the options of a packet, where it can: not for a
 * client with compression, or with another transport.
 */

const MESSAGE = 0x34; // '4', a packet of Engine.IO that carries one of Socket.IO
const FIN_TEXT = 0x81;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/* A list of buffers, as the sender of ws writes them. */
function frameOf(text) {
	const size = 1 + Buffer.byteLength(text);
	const headSize = size < LENGTH_16 ? 2 : size < 0x10000 ? 4 : 10;
	const frame = Buffer.allocUnsafe(headSize + size);
	frame[0] = FIN_TEXT;
	if (headSize === 2) {
		frame[1] = size;
	} else if (headSize === 4) {
		frame[1] = LENGTH_16;
		frame.writeUInt16BE(size, 2);
	} else {
		frame[1] = LENGTH_64;
		frame.writeBigUInt64BE(BigInt(size), 2);
	}
	frame[headSize] = MESSAGE;
	frame.utf8Write(text, headSize + 1);
	return [frame];
}

module.exports = { frameOf };
