'use strict';

/*
 * createEmitter(): emits from a process without a Socket.IO server, such as a cron
 * job, an API or a shell. The interface is that of @socket.io/redis-emitter.
 */

const { Client } = require('../client/client');
const { Pm2aError } = require('../client/errors');
const { Joins } = require('./joins');
const {
	clientOptions, described, integer, refuse, withMethods,
} = require('../client/options');
const { Delivery } = require('./delivery');
const { EVENT } = require('../socketio/packets');
const {
	encodePayload, formatPayload, isRoom, isServerEvent, readBroadcast,
} = require('../socketio/payload');
const { RedisPublisher } = require('./redis-publisher');
const { everyone } = require('../socketio/topics');

const UID = 'emitter'; // of all emitters, as with the Redis emitters

function roomsOf(rooms) {
	const list = Array.isArray(rooms) ? rooms : [rooms];
	return list.every(isRoom) ? list :
		refuse('rooms', rooms, 'a room, or an array of rooms');
}

function refuseAcks(args) {
	if (typeof args.at(-1) === 'function') {
		throw new Pm2aError('PM2A_ERR_OPTION', 'Acknowledgements are not supported');
	}
}

/* Throws unless the workers would accept the event. */
function mustBeEvent(isEvent, name) {
	if (!isEvent) {
		throw new Pm2aError('PM2A_ERR_OPTION', typeof name === 'string' ?
			`"${described(name)}" is a reserved event name` :
			`event: ${described(name)} is not a string or a number`);
	}
}

/* The connection that all operators of an emitter share. */
class Exit {
	#parser;

	/* parser: the option, or undefined. */
	constructor(delivery, parser) {
		this.#parser = parser;
		this.delivery = delivery;
		this.joins = new Joins(delivery.client);
		this.redisClient = new RedisPublisher(delivery, this.joins);
	}

	get key() {
		return this.delivery.client.key;
	}

	/* Returns false if the message is dropped at once. */
	publish(topics, packet, opts) {
		let body;
		try {
			body = this.#parser === undefined || packet.cmd !== undefined ?
				encodePayload(UID, packet, opts) :
				formatPayload(this.#parser, UID, packet, opts);
		} catch (error) {
			throw new Pm2aError('PM2A_ERR_ENCODE',
				`${packet.nsp}: ${error.message}`, error);
		}
		return this.delivery.publish(topics, body,
			{ volatile: opts.flags.volatile === true });
	}
}

/** Selects the clients to emit to. Methods that narrow it return a new one. */
class BroadcastOperator {
	#exit;
	#nsp;
	#rooms;
	#except;
	#flags;

	constructor(exit, nsp, { rooms = [], except = [], flags = {} } = {}) {
		this.#exit = exit;
		this.#nsp = nsp;
		this.#rooms = rooms;
		this.#except = except;
		this.#flags = flags;
	}

	to(rooms) {
		return this.#with({ rooms: [...this.#rooms, ...roomsOf(rooms)] });
	}

	in(rooms) {
		return this.to(rooms);
	}

	except(rooms) {
		return this.#with({ except: [...this.#except, ...roomsOf(rooms)] });
	}

	compress(compress) {
		return this.#with({ flags: { ...this.#flags, compress } });
	}

	get volatile() {
		return this.#with({ flags: { ...this.#flags, volatile: true } });
	}

	emit(event, ...args) {
		refuseAcks(args);
		const packet = { type: EVENT, data: [event, ...args], nsp: this.#nsp };
		mustBeEvent(readBroadcast(packet, this.#options()) !== null, event);
		return this.#publish(packet);
	}

	socketsJoin(rooms) {
		const names = roomsOf(rooms);
		this.#publish({ nsp: this.#nsp, cmd: 'socketsJoin', rooms: names });
		this.#exit.joins.add(this.#exit.key, this.#nsp, names);
	}

	socketsLeave(rooms) {
		this.#publish({ nsp: this.#nsp, cmd: 'socketsLeave', rooms: roomsOf(rooms) });
	}

	disconnectSockets(close = false) {
		this.#publish({ nsp: this.#nsp, cmd: 'disconnectSockets', close: Boolean(close) });
	}

	#with(changes) {
		return new BroadcastOperator(this.#exit, this.#nsp,
			{ ...this.#options(), ...changes });
	}

	#options() {
		return { rooms: this.#rooms, except: this.#except, flags: this.#flags };
	}

	#publish(packet) {
		const { key, joins } = this.#exit;
		const rooms = [...new Set(this.#rooms)];
		return this.#exit.publish(joins.topicsOf(key, this.#nsp, rooms), packet,
			{ ...this.#options(), rooms });
	}
}

/** Emits to a whole namespace, and has the connection. */
class Emitter extends BroadcastOperator {
	#exit;

	constructor(exit, nsp) {
		super(exit, nsp);
		this.#exit = exit;
		this.nsp = nsp;
	}

	/** The connection to the daemon. */
	get client() {
		return this.#exit.delivery.client;
	}

	/** The client that the Redis emitters can use as a Redis client. */
	get redisClient() {
		return this.#exit.redisClient;
	}

	of(nsp) {
		return new Emitter(this.#exit, nspOf(nsp));
	}

	serverSideEmit(...args) {
		refuseAcks(args);
		mustBeEvent(isServerEvent(args), args[0]);
		const { nsp } = this;
		this.#exit.publish(everyone(this.#exit.key, nsp),
			{ nsp, cmd: 'serverSideEmit', args }, { flags: {} });
	}

	ready() {
		return this.#exit.delivery.ready();
	}

	flush() {
		return this.#exit.delivery.flush();
	}

	close() {
		return this.#exit.delivery.close();
	}

	destroy() {
		this.#exit.delivery.destroy();
	}
}

/* Adds the slash that names of namespaces begin with; callers may leave it out. */
function nspOf(nsp) {
	if (typeof nsp !== 'string') {
		refuse('nsp', nsp, 'a string');
	}
	return nsp.startsWith('/') ? nsp : `/${nsp}`;
}

/**
 * @see index.d.ts for the options.
 */
function createEmitter(opts = {}) {
	clientOptions(opts, ['nsp', 'timeout', 'parser']);
	const { nsp = '/', timeout = 5000, parser, ...options } = opts;
	const name = nspOf(nsp);
	withMethods('parser', parser, ['encode']);
	integer('timeout', timeout, 1, 600_000);
	const client = new Client({ ...options, role: 'emitter' });
	const emitter = new Emitter(new Exit(new Delivery(client, timeout), parser), name);
	client.connect();
	return emitter;
}

module.exports = { createEmitter };
