'use strict';

/*
 * A Socket.IO server of the comparison of requests. Its sockets are stand-ins, so that
 * the adapter's part is measured. argv: the settings as JSON (see asking.js).
 */

const http = require('node:http');

const { Server } = require('socket.io');

const { PEERS } = require('./adapters');
const { obey } = require('./control');

const ROOMS = 10_000;
const ROOMS_EACH = 5;

/* As a browser's WebSocket brings them. */
function handshake(n) {
	return {
		headers: {
			host: 'chat.example.com', connection: 'Upgrade', pragma: 'no-cache',
			'cache-control': 'no-cache',
			'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) ' +
				'Chrome/126.0.0.0 Safari/537.36',
			upgrade: 'websocket', origin: 'https://chat.example.com', 'sec-websocket-version': '13',
			'accept-encoding': 'gzip, deflate, br', 'accept-language': 'en-US,en;q=0.9',
			'sec-websocket-key': `${n}`.padStart(22, 'k'),
			'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits',
		},
		time: 'Tue Dec 01 2026 00:00:00 GMT+0000 (Coordinated Universal Time)',
		address: `10.0.${n >> 8}.${n & 255}`, xdomain: true, secure: false,
		issued: 1796083200000 + n, url: '/socket.io/?EIO=4&transport=websocket',
		query: { EIO: '4', transport: 'websocket' }, auth: { token: `token of ${n}` },
	};
}

function fill(io, index, count) {
	const nsp = io.of('/');
	for (let i = 0; i < count; i++) {
		const n = index * count + i;
		const id = `stand-in ${n}`;
		const rooms = [id];
		for (let r = 0; r < ROOMS_EACH; r++)
			rooms.push(`room ${(n * ROOMS_EACH + r) * 7919 % ROOMS}`);
		nsp.sockets.set(id, {
			id, handshake: handshake(n), rooms: new Set(rooms), data: { user: n, name: `user ${n}` },
		});
		nsp.adapter.addAll(id, new Set(rooms));
	}
}

/* Each call resolves to how much came. */
const CALLS = {
	fetchSockets: async (io) => (await io.fetchSockets()).length,
	room: async (io) => (await io.in('room 7').fetchSockets()).length,
	allRooms: async (io) => (await io.of('/').adapter.allRooms()).size,
	serverSideEmit: async (io) => (await io.serverSideEmitWithAck('ask', { n: 1 })).length,
};

async function run(io, { call, n }) {
	const times = [];
	let came;
	for (let i = 0; i < n; i++) {
		const start = performance.now();
		came = await CALLS[call](io);
		times.push(performance.now() - start);
	}
	return { came, times };
}

/* The longest time between two turns of the loop since the last call. */
class Held {
	#timer;
	#last;
	#longest;

	start() {
		this.#last = performance.now();
		this.#longest = 0;
		this.#timer = setInterval(() => {
			const now = performance.now();
			this.#longest = Math.max(this.#longest, now - this.#last - 1);
			this.#last = now;
		}, 1);
	}

	stop() {
		clearInterval(this.#timer);
		return this.#longest;
	}
}

async function main() {
	const { peer, index, workers, sockets, broker, control } = JSON.parse(process.argv[2]);
	const io = new Server(http.createServer());
	const held = new Held();
	io.adapter(await PEERS[peer].create(broker));
	io.of('/').adapter.requestsTimeout = 60_000;
	io.on('ask', (value, reply) => reply({ index, value }));
	obey(control, `${peer}-${index}`, {
		async see() {
			while (await io.of('/').adapter.serverCount() !== workers)
				await new Promise((resolve) => setTimeout(resolve, 20));
		},
		fill: () => fill(io, index, sockets),
		run: (what) => run(io, what),
		watch: () => held.start(),
		held: () => held.stop(),
	});
}

main();
