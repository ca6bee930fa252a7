'use strict';

/*
 * The demo's application under a private stock pm2, with the daemon beside it, and clients that
 * know which worker serves them.
 */


const { io } = require('socket.io-client');

const { PrivatePm2, waitUntil } = require('../../../docs/demo/private-pm2');
const { freePort } = require('../../support/free-port');

const ACK_MS = 30000; // ends a hang; a busy machine takes 10 s for what takes 1 s
// Node's cluster module leaves a connection open that it gave to a worker in the moment of that
// worker's exit, and nobody answers. The client gives up after this time, and tries again.
const CONNECT_MS = 3000;

/*
 * Resolves to { pm2, url } with all workers at the daemon, or with `only` when that one app of
 * the two runs; `which` is the pm2. The caller ends it with pm2.kill().
 */
async function startApp({ workers = 4, env = {}, only = null, which } = {}) {
	const port = await freePort();
	const pm2 = new PrivatePm2({
		...(which && { pm2: which }),
		...(process.env.PM2ADAPTERD && { daemon: process.env.PM2ADAPTERD }),
		env: { PORT: String(port), DEMO_WORKERS: String(workers), ...env },
	});
	try {
		await pm2.start(...(only ? ['--only', only] : []));
		if (!only)
			await pm2.whenJoined(workers);
	} catch (err) {
		const complaints = pm2.complaints();
		await pm2.kill();
		throw new Error(`${err.message}\n${complaints}`, { cause: err });
	}
	return { pm2, url: `http://127.0.0.1:${port}/` };
}

/* A client that is connected; `served` tells by which worker, anew after each connection. */
async function connect(url, options = {}) {
	const socket = io(url, {
		transports: ['websocket'],
		forceNew: true,
		reconnectionDelay: 20,
		reconnectionDelayMax: 200,
		timeout: CONNECT_MS,
		...options,
	});
	const client = { socket, served: null };
	socket.on('you', (you) => { client.served = you; });
	socket.on('disconnect', () => { client.served = null; });
	await waitUntil(`a connection to ${url}`, ACK_MS, () => client.served);
	return client;
}

/* `perWorker` clients on each worker: Node hands out connections in turn, so this ends soon. */
async function spread(url, { workers, perWorker, options }) {
	const clients = [];
	const seats = new Map();
	for (let tries = 0; clients.length < workers * perWorker; tries++) {
		if (tries > workers * perWorker * 20)
			throw new Error(`no ${perWorker} clients on each of ${workers} workers`);
		const client = await connect(url, options);
		const taken = seats.get(client.served.pid) || 0;
		if (taken === perWorker) {
			client.socket.disconnect();
			continue;
		}
		seats.set(client.served.pid, taken + 1);
		clients.push(client);
	}
	return clients;
}

module.exports = { startApp, connect, freePort, spread, waitUntil, ACK_MS };
