import { EventEmitter } from 'node:events';
import { Adapter } from 'socket.io-adapter';

/**
 * What `io.adapter()` takes. Each call has one connection, which the namespaces
 * of the server share; it is made with the first namespace.
 *
 * @throws {Pm2aError} PM2A_ERR_OPTION
 */
declare function adapter(options?: adapter.AdapterOptions): adapter.AdapterConstructor;

declare namespace adapter {
	/** What an error is: stable codes, listed in the README. */
	type ErrorCode =
		| 'PM2A_ERR_OPTION'
		| 'PM2A_ERR_CONNECT'
		| 'PM2A_ERR_TIMEOUT'
		| 'PM2A_ERR_SILENT'
		| 'PM2A_ERR_PROTOCOL'
		| 'PM2A_ERR_DAEMON'
		| 'PM2A_ERR_CLOSED'
		| 'PM2A_ERR_ENCODE'
		| 'PM2A_ERR_RECEIVE';

	class Pm2aError extends Error {
		readonly name: 'Pm2aError';
		readonly code: ErrorCode;
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
		 * each, and a random part of it is waited. Default: 50.
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
		/** Times that a connection was made. */
		connects: number;
		/** Failed attempts, ERROR frames, packets that could not be en- or decoded. */
		errors: number;
		/** Payloads and frames that were not of their form; ignored. */
		malformed: number;
	}

	interface Drop {
		messages: number;
		bytes: number;
		/** Of the last of them. */
		reason: 'queue-full' | 'volatile' | 'too-big' | 'topic-too-long' | 'disconnect' | 'closed';
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

	interface ClientEvents {
		/** All subscriptions are in force, and what waited is on its way. */
		connect: [];
		/** `goodbye`, `eof` or the code of error. A new attempt follows. */
		disconnect: [reason: string, error?: Error];
		/** An attempt failed. A new one follows. */
		connect_error: [error: Pm2aError];
		/** Messages were dropped; at most once a tick. */
		drop: [drop: Drop];
		/** The daemon refused something; see docs/PROTOCOL.md for the codes. */
		daemon_error: [error: Pm2aError, detail: { code: string; message: string; fatal: boolean }];
		/** Somebody joined or left a topic that we are a member of. */
		presence: [presence: Presence];
		/** A message was delivered. topics is what it was published to. */
		message: [topics: string[], body: Buffer, flags: number];
		/** A broadcast reached the clients of this worker alone. */
		encode_error: [error: Pm2aError];
		/**
		 * A received packet could not be given to the clients of this worker, since
		 * a listener threw. Without a listener here it is said once as a warning.
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
		/** Messages that wait. */
		readonly queued: { messages: number; bytes: number };
		/** What the daemon said of itself, or null. */
		readonly welcome: Welcome | null;
		/** The longest topic, bytes. */
		readonly maxTopic: number;
		/** Connects, and stays so until close(). */
		connect(): this;
		/** Fulfilled once connected; rejected with PM2A_ERR_CLOSED. */
		ready(): Promise<void>;
		/**
		 * Fulfilled when all that was called for before is in force at the daemon;
		 * at once when there is no connection. Never rejected.
		 */
		barrier(): Promise<void>;
		subscribe(topic: string, options?: { member?: boolean }): void;
		unsubscribe(topic: string): void;
		/** Sends what was called for so far, before the end of the tick. */
		flush(): void;
		/** False where it was dropped at once. Each receiver gets it once. */
		publish(topics: string | string[], body: Uint8Array, options?: { volatile?: boolean }): boolean;
		/** Sends what was published, then ends; connect() begins anew. */
		close(): Promise<void>;
		/** Ends at once. */
		destroy(): void;
		on<E extends keyof ClientEvents>(event: E, listener: (...args: ClientEvents[E]) => void): this;
		once<E extends keyof ClientEvents>(event: E, listener: (...args: ClientEvents[E]) => void): this;
		off<E extends keyof ClientEvents>(event: E, listener: (...args: ClientEvents[E]) => void): this;
	}

	/** The adapter of one namespace. */
	class PM2Adapter extends Adapter {
		/** This server's mark on its messages. */
		readonly uid: string;
		/** The key. */
		readonly prefix: string;
		/** ms */
		readonly requestsTimeout: number;
		/** The connection that the namespaces of a server share. */
		readonly client: Client;
	}

	interface AdapterConstructor {
		new (nsp: any): PM2Adapter;
		(nsp: any): PM2Adapter;
		/** The connection of the server that this is given to. */
		readonly client: Client;
	}

	/** The function itself, for who imports by name. */
	function adapter(options?: AdapterOptions): AdapterConstructor;
}

export = adapter;
