'use strict';

/*
 * Lets any worker take any request of a client: a request of a session that another
 * worker has is passed to that worker, its owner, over the owner's Unix socket, and
 * the answer is passed back. A session never moves, so all that Engine.IO does for
 * it (transports, upgrades, limits, compression, middlewares) happens at its owner.
 *
 * The session id names the owner, so there is nothing to look up, and the daemon is
 * not needed. A request whose owner is gone is given to this worker's own Engine.IO,
 * which answers that the session is unknown.
 *
 * There is one AnyWorker for each Engine.IO, and it replaces methods of that
 * instance. Engine.IO calls them for each request, so it does not matter whether it
 * was attached to the HTTP server before.
 */

const debug = require('debug')('socket.io-pm2adapter:engine');
const { warnOnce } = require('../client/warnings');
const { forwardChunked, hasUnknownLength } = require('./chunked-request');
const { Channel } = require('./channel');
const { foldersFor } = require('./folder');
const { ForwardedRequest } = require('./forwarded-request');
const { wrapGenerateId } = require('./generate-id');
const { InnerServer } = require('./inner-server');
const { OpenPolls } = require('./open-polls');
const { OwnerLookup } = require('./owner-lookup');
const { OwnerPool } = require('./owner-pool');
const { sessionIn, tagOf } = require('./session-id');
const { tunnel } = require('./tunnel');

const UPGRADE_MS = 1000;

const isInner = Symbol('isInner'); // on a request: another worker forwarded it

class AnyWorker {
	#engine;
	#stats;
	#client;
	#pool; // of connections to other workers
	#inner;
	#channel; // to the daemon, for sockets
	#lookup = null; // an OwnerLookup if ids do not name their owner
	#polls = new OpenPolls((...args) => this.#pool.connect(...args));
	#tunnels = new Map(); // client's socket → time of its upgrade, see #endTunnel()
	#original;
	#on = { // see ForwardedRequest
		onGone: (req, res, owner) => {
			this.#onOwnerGone(owner);
			this.#original.handleRequest.call(this.#engine, req, res);
		},
		onEnd: (forwarded) => this.#polls.delete(forwarded),
		isLast: () => this.#polls.isDraining,
	};

	/*
	 * engine: see isSupported(). client: of the adapter. isIdPublic: whether the
	 * application sees ids of Engine.IO's sessions as `socket.id`.
	 */
	constructor(engine, { client, isIdPublic }) {
		this.#engine = engine;
		this.#client = client;
		this.#stats = client.stats;
		const folders = foldersFor(client.socketPath);
		this.#pool = new OwnerPool(folders);
		this.#inner = new InnerServer(folders, {
			request: (req, res) => {
				req[isInner] = true;
				engine.handleRequest(req, res);
			},
			upgrade: (req, socket, head) => {
				req[isInner] = true;
				engine.handleUpgrade(req, socket, head);
			},
			noop: (sid) => this.#sendNoop(sid),
		});
		const { handleRequest, handleUpgrade, close } = engine;
		this.#original = { handleRequest, handleUpgrade };
		engine.handleRequest = (req, res) => this.#onRequest(req, res);
		engine.handleUpgrade = (req, socket, head) => this.#onUpgrade(req, socket, head);
		engine.close = (...args) => {
			const result = close.apply(engine, args);
			this.#onClose();
			return result;
		};
		wrapGenerateId(engine, {
			isIdPublic,
			tag: () => {
				this.#open();
				return this.#inner.tag;
			},
			onCustom: () => this.#lookUpOwners(),
		});
		engine.on('connection', (socket) => this.#lookup?.add(socket));
		client.on('connect', () => this.#reopen());
		this.#open();
		this.#channel = new Channel(client, this.#inner);
	}

	/* Listens; without it this worker still forwards. */
	#open() {
		try {
			this.#inner.open();
		} catch (error) {
			debug('not listening: %s', error.message);
			warnOnce('PM2A_WARN_ANY_WORKER', 'socket', 'this worker cannot listen for requests ' +
				'that reach other workers, so its clients need sticky sessions or the WebSocket ' +
				`transport alone: ${error.message}; this user must be able to write to a folder of the two, ` +
				'which are beside the daemon\'s socket (option `socket`) and in TMPDIR');
		}
	}

	/* The folder may have gone with the daemon. */
	#reopen() {
		if (this.#inner.tag !== null) {
			this.#open();
		}
	}

	#lookUpOwners() {
		this.#lookup ??= new OwnerLookup(this.#client, () => this.#inner.tag);
	}

	#onRequest(req, res) {
		this.#withOwner(req, (tag, sid) => {
			if (tag === null) {
				this.#original.handleRequest.call(this.#engine, req, res);
			} else {
				this.#forward(req, res, { tag, sid });
			}
		});
	}

	#onUpgrade(req, socket, head) {
		this.#withOwner(req, (tag, sid) => {
			if (tag === null) {
				this.#original.handleUpgrade.call(this.#engine, req, socket, head);
			} else {
				this.#passOn(req, socket, head, { tag, sid });
			}
		});
	}

	/* Calls back with the tag of the owner, or null if it is this worker or there is
	 * none. */
	#withOwner(req, fn) {
		const sid = req[isInner] ? undefined : this.#sessionOf(req);
		if (typeof sid !== 'string' || sid === '' || Object.hasOwn(this.#engine.clients, sid)) {
			fn(null);
		} else if (this.#lookup === null) {
			fn(this.#ownerIn(sid), sid);
		} else {
			this.#lookup.find(sid).then((tag) => fn(tag ?? this.#ownerIn(sid), sid));
		}
	}

	#sessionOf(req) {
		const sid = req._query === undefined ? sessionIn(req.url) : null;
		if (sid !== null) {
			return sid;
		}
		this.#engine.prepare(req);
		return req._query.sid;
	}

	#ownerIn(sid) {
		const tag = tagOf(sid);
		if (tag === null) {
			this.#stats.ownerGone++;
		}
		return tag === this.#inner.tag ? null : tag;
	}

	#forward(req, res, owner) {
		this.#stats.forwarded++;
		if (hasUnknownLength(req)) {
			this.#forwardChunked(req, res, owner);
			return;
		}
		const forwarded = new ForwardedRequest(req, res, owner, this.#on);
		if (req.method === 'GET') {
			this.#polls.add(forwarded);
		}
		this.#pool.open(owner.tag, forwarded);
	}

	#forwardChunked(req, res, owner) {
		const { onGone, isLast } = this.#on;
		this.#pool.connect(owner.tag, () => !res.destroyed, (error, socket) => {
			if (error === null) {
				forwardChunked(req, res, socket, { onGone: () => onGone(req, res, owner), isLast });
			} else {
				onGone(req, res, owner);
			}
		});
	}

	/* Hands an upgrade over to the owner, or else tunnels it. */
	#passOn(req, client, head, owner) {
		client.on('error', (error) => debug('a client that upgrades: %s', error.message));
		const isTaken = this.#channel.offer(req, client, head, owner.tag, (isPassed, rest) => {
			if (isPassed) {
				this.#stats.handedOver++;
			} else {
				this.#tunnel(req, client, rest, owner);
			}
		});
		if (!isTaken) {
			this.#tunnel(req, client, head, owner);
		}
	}

	#tunnel(req, client, head, owner) {
		this.#pool.connect(owner.tag, () => !client.destroyed, (error, socket) => {
			if (error !== null) {
				this.#onOwnerGone(owner);
				this.#original.handleUpgrade.call(this.#engine, req, client, head);
				return;
			}
			this.#stats.tunnelled++;
			this.#tunnels.set(client, performance.now());
			client.once('close', () => this.#tunnels.delete(client));
			tunnel(req, client, head, socket);
			if (this.#polls.isDraining) {
				this.#endTunnel(client);
			}
		});
	}

	#onOwnerGone({ sid }) {
		this.#stats.ownerGone++;
		this.#lookup?.forget(sid);
	}

	#sendNoop(sid) {
		const { clients } = this.#engine;
		const transport = Object.hasOwn(clients, sid) ? clients[sid].transport : null;
		if (transport?.name === 'polling' && transport.writable) {
			transport.send([{ type: 'noop' }]);
		}
	}

	/*
	 * Ends a tunnel whose worker closes, but leaves a session the time to upgrade: the
	 * client of Engine.IO that loses a WebSocket between its probe and its upgrade is
	 * stuck until a ping is overdue.
	 */
	#endTunnel(client) {
		const age = performance.now() - this.#tunnels.get(client);
		if (age >= UPGRADE_MS) {
			client.destroySoon();
		} else {
			const timer = setTimeout(() => client.destroySoon(), UPGRADE_MS - age);
			client.once('close', () => clearTimeout(timer));
		}
	}

	/* The sessions of this worker end. Those that still have to be told so, on their
	 * next poll, need the Unix socket. */
	#onClose() {
		this.#polls.drain();
		for (const client of this.#tunnels.keys()) {
			this.#endTunnel(client);
		}
		const closeIfEmpty = () => {
			if (this.#engine.clientsCount === 0) {
				this.#inner.close();
				this.#channel.close();
			}
		};
		for (const socket of Object.values(this.#engine.clients)) {
			socket.once('close', () => process.nextTick(closeIfEmpty));
		}
		closeIfEmpty();
	}
}

module.exports = { AnyWorker };
