import { EventEmitter } from 'node:events';
import { Adapter } from 'socket.io-adapter';

/**
 * Makes an adapter for `io.adapter()` of Socket.IO 4 and 2, or for the option
 * `adapter` of `new Server()`. It extends the adapter of the application's own
 * socket.io-adapter. Each server that uses it has one connection, which its
 * namespaces share.
 *
 * @throws {Pm2aError} PM2A_ERR_OPTION. The returned constructor throws
 * 	PM2A_ERR_VERSION if the server's Socket.IO is not in the range of this package's
 * 	peerDependencies; so does `new Server()` or `io.adapter()`.
 */
declare function adapter(options?: adapter.AdapterOptions): adapter.AdapterConstructor;

declare namespace adapter {
	/** Stable codes of errors; the README has a table. */
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

	/**
	 * Codes of the warnings that this package emits with process.emitWarning(); their
	 * name is `PM2AdapterWarning`. The README has a table.
	 */
	type WarningCode =
		| 'PM2A_WARN_AWAY'
		| 'PM2A_WARN_BACK'
		| 'PM2A_WARN_SOCKET'
		| 'PM2A_WARN_TOO_BIG'
		| 'PM2A_WARN_QUEUE_FULL'
		| 'PM2A_WARN_EXPIRED'
		| 'PM2A_WARN_TOPIC'
		| 'PM2A_WARN_ROOM'
		| 'PM2A_WARN_EVENT'
		| 'PM2A_WARN_MALFORMED'
		| 'PM2A_WARN_RECEIVE'
		| 'PM2A_WARN_UNSENT'
		| 'PM2A_WARN_POLLING'
		| 'PM2A_WARN_ANY_WORKER'
		| 'PM2A_WARN_RECOVERY';

	class Pm2aError extends Error {
		readonly name: 'Pm2aError';
		readonly code: ErrorCode;
		/**
		 * The reason of PM2A_ERR_REFUSED: a code of the daemon (docs/PROTOCOL.md),
		 * or of the client `topic-too-long`, `too-big`, `queue-full` (too many
		 * requests wait), `unsupported` (the daemon knows no requests) or
		 * `malformed`, `unencodable` or `failed` (see Missing).
		 */
		readonly reason?: string;
		/** Of an adapter's request: the workers that did not answer. */
		readonly missing?: Missing[];
		/** Of an adapter's request: the answers that arrived. */
		readonly responses?: any[];
		/** The underlying error, if any. */
		readonly cause?: unknown;
	}

	interface ClientOptions {
		/**
		 * The daemon's Unix socket, at most 107 bytes; a relative path is made
		 * absolute at once. By default `$PM2ADAPTERD_SOCKET`, else
		 * `pm2adapterd.sock` in `$PM2_HOME`, else in `~/.pm2`; if that is too long,
		 * a short path that the daemon finds as well (docs/PROTOCOL.md).
		 */
		socket?: string;
		/**
		 * Name of this process in `pm2adapterd --stats`, 1 to 128 bytes. Default:
		 * pm2's name for it, else the name of its script.
		 */
		name?: string;
		/**
		 * Prefix of all topics, 1 to 256 bytes without `#`; separates applications.
		 * Default: `socket.io`.
		 */
		key?: string;
		/** The role; see docs/PROTOCOL.md. Default: `member`. */
		role?: 'member' | 'emitter' | 'observer';
		/** Whether the connection keeps the process alive. Default: false. */
		ref?: boolean;
		/**
		 * Bytes of messages queued while there is no connection, or while it is
		 * congested; beyond it the oldest are dropped. Default: 16 MiB.
		 */
		queueMaxBytes?: number;
		/**
		 * How long a message is queued, in ms, 1 to 86,400,000; older ones are
		 * dropped. Default: 30,000.
		 */
		queueMaxAge?: number;
		/**
		 * First reconnect delay in ms, 1 to 600,000. It doubles with each attempt
		 * and is jittered. If the daemon's socket appears, the client connects at
		 * once. Default: 50.
		 */
		reconnectDelay?: number;
		/** The longest delay, in ms, reconnectDelay to 600,000. Default: 2000. */
		reconnectDelayMax?: number;
		/**
		 * Time limit for connecting, in ms, 10 to 600,000. Default: 5000. close()
		 * takes at most 1000 ms, or less if this is less.
		 */
		connectTimeout?: number;
	}

	/** The form of the payloads of broadcasts, as with the Redis adapter and emitter. */
	interface Parser {
		/** Throws for what it cannot encode. */
		encode(payload: any): string | Uint8Array;
		/** Throws for malformed bytes. */
		decode(bytes: Buffer): any;
	}

	interface AdapterOptions extends ClientOptions {
		/**
		 * How long requests wait for answers, in ms, 1 to 300,000. Default: 5000.
		 */
		requestsTimeout?: number;
		/**
		 * If true, a request that times out returns the answers that arrived,
		 * instead of an error. Also valid among the flags of a call. Default:
		 * false.
		 */
		partial?: boolean;
		/**
		 * Writes and reads the payloads of broadcasts, for emitters and Redis adapters that
		 * have such an option too; all workers need the same. Payloads in msgpack are read
		 * as well. Broadcasts cost more, since each worker encodes them again. Default:
		 * none; broadcasts travel as the sender's clients get them.
		 */
		parser?: Parser;
		/**
		 * Whether any worker takes any request of a client: requests of a session
		 * that another worker has are forwarded to that worker. Session ids then end
		 * in `.` and six characters. Default: true.
		 */
		anyWorker?: boolean;
	}

	/** Counters that only grow. */
	interface ClientStats {
		/** Messages passed to publish(). */
		published: number;
		/** Messages that the daemon delivered, and bytes of their bodies. */
		received: number;
		receivedBytes: number;
		/** Published messages that were not sent completely, and their bytes. */
		dropped: number;
		droppedBytes: number;
		/** The same messages, by reason. */
		droppedFor: Record<DropReason, number>;
		/** Connections made. */
		connects: number;
		/**
		 * Failed attempts, ERROR frames, packets that could not be encoded or
		 * decoded.
		 */
		errors: number;
		/**
		 * Payloads, answers and frames that were malformed, beyond the limits of
		 * docs/PROTOCOL.md (1,048,576 values and more), or of no open request; they
		 * are ignored. A warning names the first payload.
		 */
		malformed: number;
		/** Requests passed to ask() and not rejected at once. */
		asked: number;
		/** Questions received. */
		questions: number;
		/**
		 * Of an adapter's connection: broadcasts with acknowledgements that counted
		 * local clients only, or only those that had answered, because there was no
		 * connection; and requests for which no other worker can be asked, because
		 * the namespace's name is too long for a topic or a room is no string or
		 * number.
		 */
		unasked?: number;
		/**
		 * Of an adapter's connection: HTTP requests forwarded to the worker that has
		 * their session.
		 */
		forwarded?: number;
		/**
		 * WebSockets that this worker passes on, message by message, to the worker that
		 * has their session; counted when they begin. They end with either worker.
		 */
		tunnelled?: number;
		/**
		 * WebSockets that this worker accepted and gave to the worker that has their
		 * session. This worker has no part in them any more.
		 */
		handedOver?: number;
		/**
		 * Whether a WebSocket of another worker's session would be handed over now, or
		 * tunnelled. It is `tunnelled` until the daemon is connected and a test has
		 * succeeded; with TLS in Node a WebSocket is tunnelled in any case.
		 */
		upgrades?: 'handed-over' | 'tunnelled';
		/**
		 * Requests whose session no worker has: its worker has ended, or the id names
		 * none. They are answered with `Session ID unknown`.
		 */
		ownerGone?: number;
		/** Number of `missed` events. */
		missed: number;
		/**
		 * Bytes that the daemon had queued for this client and threw away when it
		 * closed the connection.
		 */
		missedBytes: number;
	}

	/**
	 * `queue-full`: queueMaxBytes was reached. `expired`: it had waited longer than
	 * queueMaxAge. `volatile`: a volatile message would have had to wait. `too-big`: larger than the daemon's max-frame.
	 * `topic-too-long`: a topic, or the name of a namespace, is longer than
	 * max-topic. `bad-room`: none of its rooms is a string or a number, so no other
	 * process can have them. `bad-event`: the event's name is one that clients or
	 * workers refuse. `disconnect`: the connection ended. `closed`: the client was
	 * closed.
	 */
	type DropReason = 'queue-full' | 'expired' | 'volatile' | 'too-big' | 'topic-too-long' | 'bad-room' |
		'bad-event' | 'disconnect' | 'closed';

	interface Drop {
		messages: number;
		bytes: number;
		/** Reason of the last of them. */
		reason: DropReason;
	}

	interface Missed {
		/**
		 * Why the previous connection ended, according to the daemon:
		 * `slow-consumer` (this process did not read fast enough), `memory-limit`
		 * (the daemon's memory was full and this process's queue held most of it),
		 * another reason of docs/PROTOCOL.md, `restart` (another daemon process),
		 * or `unknown`.
		 */
		reason: string;
		/** The reason of the event `disconnect`, as this process saw it. */
		disconnect: string;
		/** Bytes that were queued for this process and thrown away. */
		unwritten: number;
		/**
		 * Number of these messages; above 65,536 an estimate, 0 with a daemon that
		 * does not count them.
		 */
		messages: number;
		/**
		 * Time in ms from the oldest of them, by the daemon's clock, or from that end,
		 * until the subscriptions were active again.
		 */
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
		/** Time limit for the answers, in ms, 1 to 300,000. Default: 5000. */
		timeout?: number;
		/**
		 * If true, asks all subscribers of the topic or topics, not only the
		 * members of the topic. Default: false.
		 */
		subscribers?: boolean;
		/**
		 * With `stream`: receives each part as it arrives, with the number of the
		 * connection that sent it. `body` is as in the event `message`.
		 */
		onPart?: (from: number, body: Buffer) => void;
		/**
		 * With `stream`: the most bytes of all parts together. The daemon enforces it, or
		 * its max-gather if that is less, with PM2A_ERR_REFUSED and the reason
		 * `gather-too-big`. Default: no limit.
		 */
		maxBytes?: number;
	}

	interface Missing {
		/** The connection's number. */
		id: number;
		/** Empty for a malformed answer to fetchSockets(). */
		name: string;
		/**
		 * `left`: its connection ended. `timeout`: it did not answer in time.
		 * `too-big`: its answer exceeded the daemon's limit. `unencodable`: its answer
		 * has a value that cannot be encoded, such as a circular reference. `failed`:
		 * it reported another reason. `malformed`: its answer to a method of the
		 * adapter did not have that method's form.
		 */
		reason: 'left' | 'timeout' | 'too-big' | 'unencodable' | 'failed' | 'malformed';
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
		 * `complete`: all have answered or have disconnected. `timeout`: some have
		 * not. With `first`: `found` if one said yes, `unknown` if none did.
		 */
		outcome: 'complete' | 'found' | 'unknown' | 'timeout';
		/** Number of connections asked. */
		expected: number;
		/** Number of those that answered, with yes or no. */
		answered: number;
		/** The connections that did not answer. */
		missing: Missing[];
		/** In order of arrival; with `union`, each string once. */
		answers: G extends 'union' ? string[] : G extends 'stream' ? [] : Answer[];
	}

	/**
	 * A question from another process. answer() or decline() ends it; later calls
	 * have no effect, nor do calls after the connection ended.
	 */
	interface Question {
		/** The topic that was asked, or several. */
		readonly topics: string[];
		/** As in the event `message`. */
		readonly body: Buffer;
		readonly gather: Gather;
		/** Whether subscribers were asked, not members. */
		readonly subscribers: boolean;
		/**
		 * Answers yes. With `union`, `body` is a msgpack array of strings. An
		 * answer larger than max_frame counts as an error, and the asker's result
		 * names this client with `too-big`.
		 *
		 * @throws {Pm2aError} PM2A_ERR_OPTION: body is no Uint8Array
		 */
		answer(body: Uint8Array): void;
		/**
		 * With `stream`: sends a part of the answer; others follow. Throws as
		 * answer().
		 */
		more(body: Uint8Array): void;
		/** Answers no. */
		decline(): void;
		/**
		 * There is an answer that cannot be given: the asker's result names this
		 * client, with `too-big`, `unencodable`, or `failed` for any other reason.
		 */
		fail(reason: string): void;
	}

	interface ClientEvents {
		/**
		 * The connection is up, all subscriptions are active, and the queue is
		 * being sent.
		 */
		connect: [];
		/**
		 * The reason is `goodbye`, `eof` or the code of error. Another attempt
		 * follows.
		 */
		disconnect: [reason: string, error?: Error];
		/**
		 * After the `connect` of a reconnect: messages since the last connection
		 * ended may have been lost.
		 */
		missed: [missed: Missed];
		/** An attempt failed. Another one follows. */
		connect_error: [error: Pm2aError];
		/** Messages were dropped; at most once a tick. */
		drop: [drop: Drop];
		/** The daemon refused a frame; docs/PROTOCOL.md lists the codes. */
		daemon_error: [error: Pm2aError, detail: { code: string; message: string; fatal: boolean }];
		/** A process joined or left a topic of which this client is a member. */
		presence: [presence: Presence];
		/**
		 * A message was delivered. `topics` are those that it was published to.
		 * `body` is a view of a larger buffer: copy it to keep it.
		 */
		message: [topics: string[], body: Buffer, flags: number];
		/**
		 * Another process asks a question; answer or decline it, now or later. A
		 * listener is responsible for every question; without one, the client
		 * declines. The client of an adapter leaves questions on other topics than
		 * its own to other listeners.
		 */
		question: [question: Question];
		/** A broadcast could not be encoded and reached local clients only. */
		encode_error: [error: Pm2aError];
		/**
		 * A received message could not be delivered, because a listener or hook of
		 * the application threw. Without a listener for this event, a warning
		 * reports it once.
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
		/** Whether the connection is up and all subscriptions are active. */
		readonly connected: boolean;
		/**
		 * Messages that wait: for a connection, for room in it, or, after a start
		 * of the daemon, for the other workers to come back, at most 250 ms.
		 */
		readonly queued: { messages: number; bytes: number };
		/** The daemon's WELCOME, or null. */
		readonly welcome: Welcome | null;
		/** The longest topic, bytes. */
		readonly maxTopic: number;
		/** Open requests of this client. */
		readonly openQuestions: number;
		/** Connects and keeps the connection until close(). */
		connect(): this;
		/** Resolves once connected; rejects with PM2A_ERR_CLOSED. */
		ready(): Promise<void>;
		/**
		 * Resolves when all earlier calls have taken effect at the daemon; at once
		 * if there is no connection. Never rejects.
		 */
		barrier(): Promise<void>;
		/**
		 * Does not subscribe to a topic longer than max-topic; `daemon_error`
		 * reports it.
		 *
		 * @throws {Pm2aError} PM2A_ERR_OPTION for an invalid topic, here and below
		 */
		subscribe(topic: string, options?: { member?: boolean }): void;
		unsubscribe(topic: string): void;
		/** Sends all pending frames now instead of at the end of the tick. */
		flush(): void;
		/**
		 * Returns false if the message was dropped at once. Each receiver gets it
		 * once.
		 */
		publish(topics: string | string[], body: Uint8Array, options?: { volatile?: boolean }): boolean;
		/**
		 * Asks the members of a topic, or with `subscribers` the subscribers of one
		 * or several topics, but never this client. While connecting, the request
		 * waits; it is never sent twice. A missing answer is no error but a result
		 * with the outcome `timeout`.
		 *
		 * Rejects with PM2A_ERR_AWAY (no connection, or none could be made),
		 * PM2A_ERR_LOST (it ended before the answer), PM2A_ERR_CLOSED,
		 * PM2A_ERR_REFUSED (see `reason`), PM2A_ERR_TIMEOUT (the daemon has sent
		 * nothing a second after the timeout), PM2A_ERR_PROTOCOL or
		 * PM2A_ERR_OPTION.
		 */
		ask<G extends Gather = 'list'>(topics: string | string[], body: Uint8Array,
			options?: AskOptions<G>): Promise<Result<G>>;
		/**
		 * Sends the queued messages, then ends the connection; connect() starts
		 * again. With a daemon that hangs it resolves after 1 s, and messages that were
		 * not sent count as dropped.
		 */
		close(): Promise<void>;
		/** Ends at once. */
		destroy(): void;
		on<E extends keyof ClientEvents>(event: E, listener: (...args: ClientEvents[E]) => void): this;
		once<E extends keyof ClientEvents>(event: E, listener: (...args: ClientEvents[E]) => void): this;
		off<E extends keyof ClientEvents>(event: E, listener: (...args: ClientEvents[E]) => void): this;
	}

	/** A callback with an error, or with null and the value. */
	type Callback<T> = (error: Pm2aError | null, value: T) => void;

	/**
	 * The adapter of one namespace. `instanceof` works; it cannot be extended,
	 * since its base class is known only when a namespace requests it.
	 *
	 * Methods that ask other workers take a callback, which is called
	 * asynchronously and once, or return a promise without one. A worker that dies
	 * is left out. Errors are PM2A_ERR_TIMEOUT (`timeout reached: missing N
	 * responses`, with `missing` and `responses`), PM2A_ERR_AWAY (no connection, at
	 * once), PM2A_ERR_LOST (it ended), PM2A_ERR_REFUSED (beyond a limit; see
	 * `reason`), PM2A_ERR_ENCODE and PM2A_ERR_CLOSED. A callback also gets
	 * `responses`, as its second argument.
	 */
	abstract class PM2Adapter extends Adapter {
		/** Identifies this server in its messages. */
		readonly uid: string;
		/** The key. */
		readonly prefix: string;
		/**
		 * How long requests wait for answers unless a call says otherwise, in ms, 1
		 * to 300,000.
		 */
		requestsTimeout: number;
		/** Open requests. */
		readonly requests: Map<number, unknown>;
		/** Open broadcasts with acknowledgements. */
		readonly ackRequests: Map<number, unknown>;
		/** The connection that the namespaces of a server share. */
		readonly client: Client;

		/**
		 * Returns the ids of all sockets in any of the rooms, or of all sockets.
		 */
		clients(rooms?: Iterable<string>): Promise<string[]>;
		clients(fn: Callback<string[]>): void;
		clients(rooms: Iterable<string> | null, fn: Callback<string[]>): void;
		/** Returns the rooms of a socket; PM2A_ERR_UNKNOWN if no worker has it. */
		clientRooms(id: string): Promise<string[]>;
		clientRooms(id: string, fn: Callback<string[]>): void;
		/** Returns all rooms, including those of socket ids. */
		allRooms(): Promise<Set<string>>;
		allRooms(fn: Callback<string[]>): void;
		/**
		 * Makes a socket join a room; done when it has joined. PM2A_ERR_UNKNOWN if
		 * no worker has it.
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
		 * Returns the answers of every worker's customHook() to `data`, this
		 * worker's first. A worker whose hook throws is left out.
		 */
		customRequest(data: any): Promise<any[]>;
		customRequest(data: any, fn: Callback<any[]>): void;
		/**
		 * Answers customRequest() of any worker; the application replaces it. It
		 * must call `cb` once, now or later. The default answers null.
		 */
		customHook: (data: any, cb: (answer?: any) => void) => void;
		/**
		 * Returns the number of servers with this namespace, including this one; 1
		 * without a connection.
		 */
		serverCount(): Promise<number>;
		/** Leaves the namespace; open requests end with PM2A_ERR_CLOSED. */
		close(): Promise<void> | void;
	}

	interface AdapterConstructor {
		new (nsp: any): PM2Adapter;
		(nsp: any): PM2Adapter;
		/** The connection of the first server that uses this adapter. */
		readonly client: Client;
	}

	interface EmitterOptions extends Omit<ClientOptions, 'role'> {
		/** As in AdapterOptions; only encode() is used. */
		parser?: Pick<Parser, 'encode'>;
		/** The namespace; the slash may be left out. Default: `/`. */
		nsp?: string;
		/**
		 * How long the daemon may be silent, in ms, 1 to 600,000, before ready(),
		 * flush() and close() stop waiting for it, and before the process may exit
		 * with unsent messages. Default: 5000.
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

	/** Selects clients. Each narrowing method returns another operator. */
	interface BroadcastOperator<Events extends EventsMap = DefaultEventsMap> {
		/** Selects clients in any of these rooms, and of those named before. */
		to(rooms: Room | Room[]): BroadcastOperator<Events>;
		/** The same as to(). */
		in(rooms: Room | Room[]): BroadcastOperator<Events>;
		/** Excludes clients in any of these rooms. */
		except(rooms: Room | Room[]): BroadcastOperator<Events>;
		/** Whether the servers compress what they send. */
		compress(compress: boolean): BroadcastOperator<Events>;
		/**
		 * Makes the message volatile: it may be lost if a client, a server or the
		 * daemon is not ready for it, and is dropped at once if there is no
		 * connection.
		 */
		readonly volatile: BroadcastOperator<Events>;
		/**
		 * Emits to the clients. While there is no connection it waits, up to
		 * queueMaxBytes and queueMaxAge.
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
		/**
		 * A stand-in for a Redis client, for @socket.io/redis-emitter and
		 * socket.io-emitter.
		 */
		readonly redisClient: RedisPublisher;
		/** Another namespace; the slash may be left out. */
		of<Others extends EventsMap = Events>(nsp: string): Emitter<Others>;
		/**
		 * An event for the listeners of the namespace on all servers.
		 *
		 * @throws {Pm2aError} as emit()
		 */
		serverSideEmit(event: string, ...args: any[]): void;
		/**
		 * Resolves once connected; rejects with PM2A_ERR_TIMEOUT or
		 * PM2A_ERR_CLOSED.
		 */
		ready(): Promise<void>;
		/**
		 * Resolves when the daemon has received all earlier messages. Rejects with
		 * PM2A_ERR_TIMEOUT or PM2A_ERR_CLOSED, or with PM2A_ERR_LOST if a message
		 * since the last flush() was dropped, or was in flight when a connection
		 * broke. Dropped volatile messages do not count.
		 */
		flush(): Promise<void>;
		/**
		 * Sends the queued messages, then ends the connection; never rejects. Later
		 * messages are dropped and counted.
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
		 * Publishes to the topic of that name. The result is always 0, since the
		 * number of receivers is unknown.
		 *
		 * @throws {Pm2aError} PM2A_ERR_OPTION
		 */
		publish(channel: string | Uint8Array, message: string | Uint8Array,
			callback?: (error: null, receivers: number) => void): Promise<number>;
		/** Marks it as a Redis client; throws if called. */
		hset(): never;
	}

	/**
	 * Makes a stand-in for a Redis client on top of a connection: `new
	 * Emitter(redisPublisher(client))` of @socket.io/redis-emitter, and
	 * `require('socket.io-emitter')(redisPublisher(client))`. Their option `key`
	 * must be that of the servers. For an emitter it is its `redisClient`. Do not
	 * use the client of an adapter: its own server would not receive the messages.
	 *
	 * @throws {Pm2aError} PM2A_ERR_OPTION
	 */
	function redisPublisher(target: Client | Emitter): RedisPublisher;

	/** The function itself, for named imports. */
	function adapter(options?: AdapterOptions): AdapterConstructor;
}

export = adapter;
