'use strict';

/*
 * Makes writing to WebSockets cheaper. The frame of a text is computed once for
 * all its clients. Engine.IO takes it from the options of a packet, except for a
 * client with compression or another transport.
 *
 * While a WebSocket is being written to, Engine.IO collects packets, and then
 * writes them one by one. Each write is a system call, which is most of the cost
 * of a message to a client. Here the collected packets leave in one write.
 */

const MESSAGE = 0x34; // '4', a packet of Engine.IO that carries one of Socket.IO
const FIN_TEXT = 0x81;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

/* Returns a list of buffers, as the sender of ws writes them. */
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

const joined = new WeakSet(); // servers of Engine.IO

/* Returns the TCP or TLS socket of an Engine.IO connection, if that is a WebSocket
 * of ws. */
function streamOf({ transport }) {
	return transport?.name === 'websocket' ? transport.socket?._socket : undefined;
}

function onFlush(conn, packets) {
	const stream = packets.length > 1 ? streamOf(conn) : undefined;
	if (stream !== undefined && stream !== null) {
		stream.cork();
		process.nextTick(() => stream.uncork());
	}
}

/* engine: a server of Engine.IO, or undefined if there is none yet. */
function joinWrites(engine) {
	if (engine !== undefined && !joined.has(engine)) {
		joined.add(engine);
		engine.on('flush', onFlush);
	}
}

module.exports = { frameOf, joinWrites };
