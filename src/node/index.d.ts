import { EventEmitter } from 'node:events';
import { Adapter } from 'socket.io-adapter';

/**
 * What `io.adapter()` takes, of Socket.IO 4 and 2: an adapter extends the one of
 * the host application's own socket.io-adapter. Each server that it is given to
 * has one connection, which its namespaces share; it is made with the first.
 *
 * @throws {Pm2aError} PM2A_ERR_OPTION. The constructor that it returns throws
 *	PM2A_ERR_VERSION if the server's Socket.IO is not in the range of this
 *	package's peerDependencies: so does `new Server()` or `io.adapter()`.
 */
declare function adapter(options?: adapter.AdapterOptions): adapter.AdapterConstructor;

declare namespace adapter {
	/** What an error is: stable codes, listed in the README. */
	type ErrorCode =
		| 'PM2A_ERR_OPTION'
		| 'PM2A_ERR_VERSION'
		| 'PM2A_ERR_CONNECT'
		| 'PM2A_ERR_TIMEOUT'
		| 'PM2A_ERR_SILENT'
		| 'PM2A_ERR_PROTOCOL'
		| 'PM2A_ERR_DAEMON'
		| 'PM2A_ERR_AWAY'
		| 'PM2A_ERR_LOST'
		| 'PM2A_ERR_REFUSED'
		| 'PM2A_ERR_UNKNOWN'
		| 'PM2A_ERR_CLOSED'
		| 'PM2A_ERR_ENCODE'
		| 'PM2A_ERR_RECEIVE';

	class Pm2aError extends Error {
		readonly name: 'Pm2aError';
		readonly code: ErrorCode;
		/**
		 * With PM2A_ERR_REFUSED, why: a code of the daemon (docs/PROTOCOL.md), or of
		 * the client `topic-too-long`, `too-big`, `queue-full` (too many questions
		 * wait), `unsupported` (a daemon that takes no questions) or `malformed` (see
		 * Missing).
		 */
		readonly reason?: string;
		/** Of an adapter's question: who was asked and has not answered. */
		readonly missing?: Missing[];
		/** Of an adapter's question: the answers that came nevertheless. */
		readonly responses?: any[];
		/** The error behind it, where there is one. */
		readonly cause?: unknown;
	}

	interface ClientOptions {
		/**
		 * The daemon's Unix socket, 1 to 107 bytes. By default
		 * `$PM2ADAPTERD_SOCKET`, else `pm2adapterd.sock` in `$PM2_HOME`, else in
		 * `~/.pm2`.
		 */
		socket?: string;
		/**
		 * What `pm2adapterd --stats` calls this process, 1 to 128 bytes. By default
		 * the name that pm2 gave it, else that of its script.
		 */
		name?: string;
		/**
		 * The prefix of all topics, 1 to 256 bytes without `#`: the border between
		 * applications. Default: `socket.io`.
		 */
		key?: string;
		/** What it may do; see docs/PROTOCOL.md. Default: `member`. */
		role?: 'member' | 'emitter' | 'observer';
		/** Whether the connection keeps the process alive. Default: false. */
		ref?: boolean;
		/**
		 * Bytes of messages that wait while there is no connection, or while it
		 * takes no more; beyond it the oldest are dropped. Default: 16 MiB.
		 */
		queueMaxBytes?: number;
		/**
		 * The first delay before a new attempt, in ms, 1 to 600,000; it doubles with
		 * each, and a random part of it is waited. A socket that appears where the
		 * daemon's should be is tried at once. Default: 50.
		 */
		reconnectDelay?: number;
		/** The longest delay, in ms, reconnectDelay to 600,000. Default: 2000. */
		reconnectDelayMax?: number;
		/**
		 * How long connecting may take, and close(), in ms, 10 to 600,000.
		 * Default: 5000.
		 */
		connectTimeout?: number;
	}

	interface AdapterOptions extends ClientOptions {
		/** How long questions wait for answers, in ms, 1 to 300,000. Default: 5000. */
		requestsTimeout?: number;
		/**
		 * Whether a question that some have not answered in time gives the answers of
		 * the others, and no error. Among the flags of a call it holds for that one.
		 * Default: false.
		 */
		partial?: boolean;
	}

	/** Counters that only grow. */
	interface ClientStats {
		/** Messages given to publish(). */
		published: number;
		/** Messages that the daemon delivered, and bytes of their bodies. */
		received: number;
		receivedBytes: number;
		/** Published messages that were not sent, or not wholly, and their bytes. */
		dropped: number;
		droppedBytes: number;
		/** The same messages, by why they were dropped. */
		droppedFor: Record<DropReason, number>;
		/** Times that a connection was made. */
		connects: number;
		/** Failed attempts, ERROR frames, packets that could not be en- or decoded. */
		errors: number;
		/**
		 * Payloads, answers and frames that were not of their form, over the limits of
		 * docs/PROTOCOL.md (1,048,576 values and more) or of no open question; ignored.
		 * A warning names the first payload.
		 */
		malformed: number;
		/** Questions given to ask() and not rejected at once. */
		asked: number;
		/** Questions that we were asked. */
		questions: number;
		/**
		 * Of an adapter's connection: broadcasts with acknowledgements that counted
		 * this worker's clients alone, or no more than had answered, for want of a
		 * connection; and questions that no other worker can be asked, since the
		 * namespace's name is too long for a topic or a room is no string or number.
		 */
		unasked?: number;
		/** Times that messages may have been missed: those of the event `missed`. */
		missed: number;
		/** Bytes that the daemon had queued for us and threw away when it cut us. */
		missedBytes: number;
	}

	/**
	 * `queue-full`: queueMaxBytes was reached. `volatile`: a volatile message would
	 * have had to wait. `too-big`: it is over the daemon's max-frame.
	 * `topic-too-long`: a topic, or the name of a namespace, is over max-topic.
	 * `bad-room`: none of its rooms is a string or a number, so no other process has
	 * them. `bad-event`: the event's name is one that clients or workers refuse.
	 * `disconnect`: the connection ended. `closed`: the client was closed.
	 */
	type DropReason = 'queue-full' | 'volatile' | 'too-big' | 'topic-too-long' | 'bad-room' |
		'bad-event' | 'disconnect' | 'closed';

	interface Drop {
		messages: number;
		bytes: number;
		/** Of the last of them. */
		reason: DropReason;
	}

	interface Missed {
		/**
		 * How the daemon says that the connection before this one ended:
		 * `slow-consumer` (this process did not read fast enough), `memory-limit`
		 * (it pinned most of the daemon's memory when that ran out), another reason
		 * of docs/PROTOCOL.md, `restart` (it was a connection to another daemon), or
		 * `unknown`.
		 */
		reason: string;
		/** What this process saw of that end: the reason of the event `disconnect`. */
		disconnect: string;
		/** Bytes that were queued for us and thrown away. */
		unwritten: number;
		/** From that end until everything was in force again, in ms. */
		awayMs: number;
	}

	interface Presence {
		topic: string;
		event: 'joined' | 'left';
		/** The connection's number. */
		id: number;
		name: string;
		/** Members of the topic now. */
		count: number;
	}

	interface Welcome {
		protocol: number;
		server: string;
		id: number;
		/** When the daemon started, ms since 1970. */
		epoch: number;
		/** Bytes. */
		max_frame: number;
		/** Bytes. */
		max_topic: number;
		ping_interval_ms: number;
		features: string[];
	}

	/** How answers are gathered; see docs/PROTOCOL.md. */
	type Gather = 'list' | 'union' | 'first' | 'stream';

	interface AskOptions<G extends Gather = Gather> {
		/** Default: `list`. */
		gather?: G;
		/** How long the answers are waited for, in ms, 1 to 300,000. Default: 5000. */
		timeout?: number;
		/**
		 * Asks who has subscribed to the topic, or to one of the topics, and not the
		 * members of the topic alone. Default: false.
		 */
		subscribers?: boolean;
		/**
		 * With `stream`: is given each part as it comes, with the number of the
		 * connection that it is from. body is as in the event `message`.
		 */
		onPart?: (from: number, body: Buffer) => void;
	}

	interface Missing {
		/** The connection's number. */
		id: number;
		name: string;
		/**
		 * `left`: its connection has ended. `timeout`: it did not answer in time.
		 * `too-big`: its answer was more than the daemon takes. `malformed`: its
		 * answer to a method of the adapter was not of that method's form.
		 */
		reason: 'left' | 'timeout' | 'too-big' | 'malformed';
	}

	interface Answer {
		/** The connection's number. */
		id: number;
		name: string;
		/** As in the event `message`. */
		body: Buffer;
	}

	interface Result<G extends Gather = Gather> {
		/**
		 * `complete`: all have answered or are gone. `timeout`: somebody has not.
		 * With `first`: `found` when somebody said yes, `unknown` when nobody did.
		 */
		outcome: 'complete' | 'found' | 'unknown' | 'timeout';
		/** How many were asked. */
		expected: number;
		/** How many of them have answered, be it with a no. */
		answered: number;
		/** Who was asked and has not answered. */
		missing: Missing[];
		/** In the order in which they came; with `union`, each string once. */
		answers: G extends 'union' ? string[] : G extends 'stream' ? [] : Answer[];
	}

	/**
	 * A question that we are asked. answer() or decline() ends it, and what is
	 * called after that does nothing, as when the connection has ended.
	 */
	interface Question {
		/** What was asked: one topic, or several. */
		readonly topics: string[];
		/** As in the event `message`. */
		readonly body: Buffer;
		readonly gather: Gather;
		/** Whether subscribers were asked, and not members. */
		readonly subscribers: boolean;
		/**
		 * Yes. With `union`, body is a msgpack array of strings. An answer that is
		 * larger than the daemon takes becomes a no, and counts as an error.
		 *
		 * @throws {Pm2aError} PM2A_ERR_OPTION: body is no Uint8Array
		 */
		answer(body: Uint8Array): void;
		/** With `stream`: a part of the answer; others are to follow. Throws as answer(). */
		more(body: Uint8Array): void;
		/** No: there is nothing to say, or it isn't here. */
		decline(): void;
	}

	interface ClientEvents {
		/** All subscriptions are in force, and what waited is on its way. */
		connect: [];
		/** `goodbye`, `eof` or the code of error. A new attempt follows. */
		disconnect: [reason: string, error?: Error];
		/**
		 * Behind `connect`, where there was a connection before: from its end until
		 * now, messages may have gone to others and not to us.
		 */
		missed: [missed: Missed];
		/** An attempt failed. A new one follows. */
		connect_error: [error: Pm2aError];
		/** Messages were dropped; at most once a tick. */
		drop: [drop: Drop];
		/** The daemon refused something; see docs/PROTOCOL.md for the codes. */
		daemon_error: [error: Pm2aError, detail: { code: string; message: string; fatal: boolean }];
		/** Somebody joined or left a topic that we are a member of. */
		presence: [presence: Presence];
		/**
		 * A message was delivered. topics is what it was published to. body is a view
		 * of the bytes that came with it: who keeps a small one for long copies it.
		 */
		message: [topics: string[], body: Buffer, flags: number];
		/**
		 * We are asked, and must answer or decline, now or later. Who listens answers
		 * for all that is asked; without a listener, the client declines. The client
		 * of an adapter leaves to other listeners what is not on its own topics.
		 */
		question: [question: Question];
		/** A broadcast reached the clients of this worker alone. */
		encode_error: [error: Pm2aError];
		/**
		 * What others sent could not be carried out, since a listener or a hook of
		 * the application threw. Without a listener here it is said once as a warning.
		 */
		receive_error: [error: Pm2aError];
	}

	/** The connection to the daemon. Never emits `error`. */
	class Client extends EventEmitter {
		/** @throws {Pm2aError} PM2A_ERR_OPTION */
		constructor(options?: ClientOptions);
		readonly stats: ClientStats;
		readonly socketPath: string;
		readonly key: string;
		/** Whether everything is in force. */
		readonly connected: boolean;
		/**
		 * Messages that wait: for a connection, for room in it, or, at a daemon that
		 * has just started, for the others to come back, 250 ms at most.
		 */
		readonly queued: { messages: number; bytes: number };
		/** What the daemon said of itself, or null. */
		readonly welcome: Welcome | null;
		/** The longest topic, bytes. */
		readonly maxTopic: number;
		/** Questions of ours that are open. */
		readonly openQuestions: number;
		/** Connects, and stays so until close(). */
		connect(): this;
		/** Fulfilled once connected; rejected with PM2A_ERR_CLOSED. */
		ready(): Promise<void>;
		/**
		 * Fulfilled when all that was called for before is in force at the daemon;
		 * at once when there is no connection. Never rejected.
		 */
		barrier(): Promise<void>;
		/**
		 * A topic over max-topic is not subscribed; `daemon_error` says so.
		 *
		 * @throws {Pm2aError} PM2A_ERR_OPTION for what is no topic, here and below
		 */
		subscribe(topic: string, options?: { member?: boolean }): void;
		unsubscribe(topic: string): void;
		/** Sends what was called for so far, before the end of the tick. */
		flush(): void;
		/** False where it was dropped at once. Each receiver gets it once. */
		publish(topics: string | string[], body: Uint8Array, options?: { volatile?: boolean }): boolean;
		/**
		 * Asks the members of a topic, or with `subscribers` who has subscribed to it
		 * or to one of several, but never this client. While a connection is being
		 * made the question waits for it; it is never sent twice. That somebody did
		 * not answer in time is a result, with outcome `timeout`.
		 *
		 * Rejected with PM2A_ERR_AWAY (there is no connection, or none could be made),
		 * PM2A_ERR_LOST (it ended before the answer), PM2A_ERR_CLOSED,
		 * PM2A_ERR_REFUSED (see `reason`), PM2A_ERR_TIMEOUT (the daemon hangs: it has
		 * said nothing a second after the timeout), PM2A_ERR_PROTOCOL or
		 * PM2A_ERR_OPTION.
		 */
		ask<G extends Gather = 'list'>(topics: string | string[], body: Uint8Array,
			options?: AskOptions<G>): Promise<Result<G>>;
		/** Sends what was published, then ends; connect() begins anew. */
		close(): Promise<void>;
		/** Ends at once. */
		destroy(): void;
		on<E extends keyof ClientEvents>(event: E, listener: (...args: ClientEvents[E]) => void): this;
		once<E extends keyof ClientEvents>(event: E, listener: (...args: ClientEvents[E]) => void): this;
		off<E extends keyof ClientEvents>(event: E, listener: (...args: ClientEvents[E]) => void): this;
	}

	/** What a callback gets: the error, or null and the value. */
	type Callback<T> = (error: Pm2aError | null, value: T) => void;

	/**
	 * The adapter of one namespace. `instanceof` knows it; it cannot be extended,
	 * for what it extends is known when a namespace asks for it.
	 *
	 * What asks other workers takes a callback, which is called later and once, or
	 * gives a promise without one. A worker that dies is waited for no longer, and
	 * its part is missing. The errors are PM2A_ERR_TIMEOUT (`timeout reached:
	 * missing N responses`; `missing` says whose, `responses` is what came),
	 * PM2A_ERR_AWAY (there is no connection, at once), PM2A_ERR_LOST (it ended),
	 * PM2A_ERR_REFUSED (over a limit; `reason` says which), PM2A_ERR_ENCODE and
	 * PM2A_ERR_CLOSED. A callback gets `responses` as its second argument besides.
	 */
	abstract class PM2Adapter extends Adapter {
		/** This server's mark on its messages. */
		readonly uid: string;
		/** The key. */
		readonly prefix: string;
		/**
		 * How long questions wait for answers where a call doesn't say, in ms, 1 to
		 * 300,000.
		 */
		requestsTimeout: number;
		/** Questions that are open. */
		readonly requests: Map<number, unknown>;
		/** Broadcasts with acknowledgements that are open. */
		readonly ackRequests: Map<number, unknown>;
		/** The connection that the namespaces of a server share. */
		readonly client: Client;

		/** The ids of all sockets in one of the rooms; without rooms, of all. */
		clients(rooms?: Iterable<string>): Promise<string[]>;
		clients(fn: Callback<string[]>): void;
		clients(rooms: Iterable<string> | null, fn: Callback<string[]>): void;
		/** The rooms of a socket; PM2A_ERR_UNKNOWN where no worker has it. */
		clientRooms(id: string): Promise<string[]>;
		clientRooms(id: string, fn: Callback<string[]>): void;
		/** All rooms, those of socket ids among them. */
		allRooms(): Promise<Set<string>>;
		allRooms(fn: Callback<string[]>): void;
		/**
		 * Makes a socket join a room; it has joined when this is done.
		 * PM2A_ERR_UNKNOWN where no worker has it.
		 */
		remoteJoin(id: string, room: string): Promise<void>;
		remoteJoin(id: string, room: string, fn: Callback<void>): void;
		/** Makes a socket leave a room; errors as remoteJoin(). */
		remoteLeave(id: string, room: string): Promise<void>;
		remoteLeave(id: string, room: string, fn: Callback<void>): void;
		/**
		 * Disconnects a socket; close: with the connection that its namespaces
		 * share. Errors as remoteJoin().
		 */
		remoteDisconnect(id: string, close?: boolean): Promise<void>;
		remoteDisconnect(id: string, close: boolean, fn: Callback<void>): void;
		/**
		 * What customHook() of each worker makes of data, of this one first. One
		 * whose hook throws has no part in it.
		 */
		customRequest(data: any): Promise<any[]>;
		customRequest(data: any, fn: Callback<any[]>): void;
		/**
		 * Answers customRequest() of any worker: to be replaced by the application.
		 * cb must be called, once, now or later; as it is, it gives null.
		 */
		customHook: (data: any, cb: (answer?: any) => void) => void;
		/** How many servers have this namespace, this one too; 1 without a connection. */
		serverCount(): Promise<number>;
		/** Leaves the namespace; open questions end with PM2A_ERR_CLOSED. */
		close(): Promise<void> | void;
	}

	interface AdapterConstructor {
		new (nsp: any): PM2Adapter;
		(nsp: any): PM2Adapter;
		/** The connection of the first server that this is given to. */
		readonly client: Client;
	}

	interface EmitterOptions extends Omit<ClientOptions, 'role'> {
		/** The namespace; the slash may be left out. Default: `/`. */
		nsp?: string;
		/**
		 * How long the daemon may be silent, in ms, 1 to 600,000, before nobody
		 * waits for it any longer: not ready(), flush() and close(), nor the process,
		 * which is kept alive until the daemon has what was emitted. Default: 5000.
		 */
		timeout?: number;
	}

	/** Events and the types of their listeners, as Socket.IO's types have them. */
	interface EventsMap {
		[event: string]: any;
	}

	interface DefaultEventsMap {
		[event: string]: (...args: any[]) => void;
	}

	type Room = string | number;

	/** Whom to emit to. Each method that narrows it returns another one. */
	interface BroadcastOperator<Events extends EventsMap = DefaultEventsMap> {
		/** Only clients in one of these rooms, and of those named before. */
		to(rooms: Room | Room[]): BroadcastOperator<Events>;
		/** The same as to(). */
		in(rooms: Room | Room[]): BroadcastOperator<Events>;
		/** No clients in one of these rooms. */
		except(rooms: Room | Room[]): BroadcastOperator<Events>;
		/** Whether the servers compress what they send. */
		compress(compress: boolean): BroadcastOperator<Events>;
		/**
		 * May be lost where a client, a server or the daemon is not ready for it, and
		 * is dropped at once where there is no connection.
		 */
		readonly volatile: BroadcastOperator<Events>;
		/**
		 * Emits to the clients. While there is no connection it waits, up to
		 * queueMaxBytes.
		 *
		 * @returns false where it was dropped at once
		 * @throws {Pm2aError} PM2A_ERR_OPTION for a reserved event name or an
		 *	acknowledgement, PM2A_ERR_ENCODE for what cannot be encoded
		 */
		emit<Event extends keyof Events & string>(event: Event,
			...args: Parameters<Events[Event]>): boolean;
		/** Makes the clients' sockets join rooms. */
		socketsJoin(rooms: Room | Room[]): void;
		/** Makes them leave rooms. */
		socketsLeave(rooms: Room | Room[]): void;
		/** Disconnects them; close: with the connection that namespaces share. */
		disconnectSockets(close?: boolean): void;
	}

	/** Emits to all clients of a namespace, from a process that has none. */
	interface Emitter<Events extends EventsMap = DefaultEventsMap>
		extends BroadcastOperator<Events> {
		/** The namespace. */
		readonly nsp: string;
		/** The connection, which of() shares. */
		readonly client: Client;
		/** What @socket.io/redis-emitter and socket.io-emitter take for a client of Redis. */
		readonly redisClient: RedisPublisher;
		/** Another namespace; the slash may be left out. */
		of<Others extends EventsMap = Events>(nsp: string): Emitter<Others>;
		/**
		 * An event for the listeners of the namespace on all servers.
		 *
		 * @throws {Pm2aError} as emit()
		 */
		serverSideEmit(event: string, ...args: any[]): void;
		/** Fulfilled once connected; rejected with PM2A_ERR_TIMEOUT or PM2A_ERR_CLOSED. */
		ready(): Promise<void>;
		/**
		 * Fulfilled when the daemon has all that was emitted before. Rejected with
		 * PM2A_ERR_TIMEOUT or PM2A_ERR_CLOSED, or with PM2A_ERR_LOST where something
		 * that was emitted since the last flush() was dropped, or was on its way when
		 * a connection broke. Volatile messages that were dropped don't count.
		 */
		flush(): Promise<void>;
		/**
		 * Sends what was emitted, then ends the connection; never rejected. What is
		 * emitted afterwards is dropped, and counted.
		 */
		close(): Promise<void>;
		/** Ends at once. */
		destroy(): void;
	}

	/**
	 * Emits from a process without a Socket.IO server: a cron job, an API, a shell.
	 * The interface is that of @socket.io/redis-emitter. It connects at once.
	 *
	 * A script may end after emit(): it goes on until the daemon has the message,
	 * or has been silent for `timeout`.
	 *
	 * @throws {Pm2aError} PM2A_ERR_OPTION
	 */
	function createEmitter<Events extends EventsMap = DefaultEventsMap>(
		options?: EmitterOptions): Emitter<Events>;

	interface RedisPublisher {
		/**
		 * Publishes to a topic of that name. The number is always 0: how many have
		 * got it isn't known.
		 *
		 * @throws {Pm2aError} PM2A_ERR_OPTION
		 */
		publish(channel: string | Uint8Array, message: string | Uint8Array,
			callback?: (error: null, receivers: number) => void): Promise<number>;
		/** Is there to be recognized by, and throws. */
		hset(): never;
	}

	/**
	 * What the Redis emitters take for a client of Redis, on top of our connection:
	 * `new Emitter(redisPublisher(client))` of @socket.io/redis-emitter, and
	 * `require('socket.io-emitter')(redisPublisher(client))`. Their option `key`
	 * must be that of the servers. Of an emitter it is its `redisClient`. A client
	 * should not be that of an adapter, whose own server wouldn't hear.
	 *
	 * @throws {Pm2aError} PM2A_ERR_OPTION
	 */
	function redisPublisher(target: Client | Emitter): RedisPublisher;

	/** The function itself, for who imports by name. */
	function adapter(options?: AdapterOptions): AdapterConstructor;
}

export = adapter;
