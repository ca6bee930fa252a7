'use strict';

/*
 * What is written to WebSockets, at less cost. Engine.IO takes the frame of a
 * text, computed once for all clients that get it, from the options of a packet,
 * where it can: not for a client with compression, or with another transport.
 *
 * While a WebSocket is written to, Engine.IO gathers packets, and then writes
 * them one by one, each with a system call, which is most of what a message to a
 * client costs. Packets that it has gathered leave as one write here.
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

const joined = new WeakSet(); // servers of Engine.IO

/* The TCP or TLS socket below a connection of Engine.IO, if it is a WebSocket of
 * ws; others have none that we know of. */
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

/* engine: a server of Engine.IO, or undefined where there is none yet. */
function joinWrites(engine) {
	if (engine !== undefined && !joined.has(engine)) {
		joined.add(engine);
		engine.on('flush', onFlush);
	}
}

module.exports = { frameOf, joinWrites };
