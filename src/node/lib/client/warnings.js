'use strict';

/*
 * The warnings of this package: everything that goes wrong without an error that
 * the application sees. Each is a `PM2AdapterWarning` of process.emitWarning(), so
 * it reaches standard error, and the log of pm2, with a code, the cause and the
 * remedy. README.md lists the codes.
 *
 * A fault that goes on is reported once for a process and a socket, however many
 * servers and emitters share it, and is counted from then on.
 */

const fs = require('node:fs');
const path = require('node:path');
const { getSystemErrorMap } = require('node:util');

const AWAY_MS = 2000;
/* A timer that is later than this shows a blocked event loop: replies of the
 * daemon may be unread. */
const LATE_MS = 500;

const CODES = {
	PM2A_WARN_AWAY: 'there has been no connection to the daemon for 2 s',
	PM2A_WARN_BACK: 'the connection is there after all',
	PM2A_WARN_SOCKET: 'the default path of the socket is too long; another one is used',
	PM2A_WARN_TOO_BIG: 'a message was larger than the daemon accepts',
	PM2A_WARN_QUEUE_FULL: 'messages are dropped because too many wait',
	PM2A_WARN_EXPIRED: 'messages are dropped because they have waited too long',
	PM2A_WARN_TOPIC: 'a topic or the name of a namespace is too long',
	PM2A_WARN_ROOM: 'a room is no string or number',
	PM2A_WARN_EVENT: 'an event has a name that others refuse',
	PM2A_WARN_MALFORMED: 'another process sent something malformed',
	PM2A_WARN_RECEIVE: 'a received message could not be delivered',
	PM2A_WARN_UNSENT: 'an emitter gives up and messages wait',
	PM2A_WARN_POLLING: 'clients poll without sticky sessions, and anyWorker is false',
	PM2A_WARN_ANY_WORKER: 'requests of other workers\' sessions are not forwarded',
	PM2A_WARN_RECOVERY: 'connectionStateRecovery is not supported',
};

const told = new Set(); // `code subject` of what is reported once

/* Emits a warning. `detail`: more lines, such as a stack; optional. */
function warn(code, text, detail) {
	process.emitWarning(`socket.io-pm2adapter: ${text}`,
		{ type: 'PM2AdapterWarning', code, detail });
}

/* Emits it unless the process has for the same subject. Returns whether it did. */
function warnOnce(code, subject, text) {
	const key = `${code} ${subject}`;
	if (told.has(key)) {
		return false;
	}
	told.add(key);
	warn(code, text);
	return true;
}

const START = 'add require(\'socket.io-pm2adapter/pm2\')() to the apps of the ecosystem ' +
	'file, or see "pm2 logs pm2adapterd" if it is there';
const DENIED = () => `the user with uid ${process.getuid()} may not connect; run the ` +
	'daemon as the same user, or see its options socket-mode and allow-users';
const DESCRIPTORS = () => 'raise the limit of open files (ulimit -n)';

/* Remedies for a failed attempt, by the code of its error. */
const REMEDIES = {
	ENOENT: (socket) => (fs.existsSync(path.dirname(socket)) ?
		`no daemon listens there; ${START}` :
		`there is no folder ${path.dirname(socket)}; ${START}, with the same PM2_HOME`),
	ECONNREFUSED: () => `the daemon that made this socket has ended; ${START}`,
	EACCES: DENIED,
	EPERM: DENIED,
	EMFILE: DESCRIPTORS,
	ENFILE: DESCRIPTORS,
	PM2A_ERR_TIMEOUT: () => 'something listens and does not answer; if it is the ' +
		'daemon, restart it',
	PM2A_ERR_PROTOCOL: () => 'another program listens there; let the daemon have a ' +
		'socket of its own',
};

/* Returns an errno with its meaning, or the message of another error. */
function inWords(error) {
	const meaning = getSystemErrorMap().get(error.errno)?.[1];
	return meaning === undefined ? error.message : `${error.code} (${meaning})`;
}

function seconds(ms) {
	return `${(ms / 1000).toFixed(1)} s`;
}

/* Lists reason → number as a text. */
function listed(counts) {
	const entries = Object.entries(counts).filter(([, n]) => n > 0);
	return entries.map(([reason, n]) => `${reason}: ${n}`).join(', ');
}

/* The text about the first drop for a reason. The application has asked for the
 * other drops, or sees their cause. */
const DROPS = {
	'too-big': {
		code: 'PM2A_WARN_TOO_BIG',
		text: ({ bytes, maxFrame }) => `a message of ${bytes} bytes exceeds the daemon's ` +
			`max-frame, ${maxFrame}; send it in parts, or raise max-frame`,
	},
	'queue-full': {
		code: 'PM2A_WARN_QUEUE_FULL',
		text: ({ queueMaxBytes }) => `messages wait for the daemon and exceed ` +
			`queueMaxBytes, ${queueMaxBytes}, so the oldest are dropped`,
	},
	expired: {
		code: 'PM2A_WARN_EXPIRED',
		text: ({ queueMaxAge }) => 'messages that have waited for the daemon longer than ' +
			`queueMaxAge, ${queueMaxAge} ms, are dropped`,
	},
	'topic-too-long': {
		code: 'PM2A_WARN_TOPIC',
		text: ({ maxTopic }) => 'a message for a room or namespace whose topic is longer ' +
			`than ${maxTopic} bytes (max-topic) reached local clients only`,
	},
	'bad-room': {
		code: 'PM2A_WARN_ROOM',
		text: () => 'a message for rooms of which none is a string or a number reached ' +
			'local clients only',
	},
	'bad-event': {
		code: 'PM2A_WARN_EVENT',
		text: () => 'an event whose name is reserved, or no string or number, reached ' +
			'local clients only',
	},
};

/* The warnings of one client about its connection and its messages. */
class Warnings {
	#socket;
	#stats;
	#timer = null;
	#since; // ms: when the connection was needed first or ended
	#before; // stats.droppedFor at that time
	#cause = null; // of the last failed attempt
	#refusal = null; // the daemon's, in this attempt
	#waited; // { messages, bytes } in the queue at the time of WELCOME
	#hasTold = false; // of the absence, by this client
	#dropped = new Set(); // reasons of drops so far

	/* socket: the path. stats: the client's. */
	constructor(socket, stats) {
		this.#socket = socket;
		this.#stats = stats;
	}

	/* There is no connection, and there should be one. */
	onAway() {
		this.#since = performance.now();
		this.#before = { ...this.#stats.droppedFor };
		this.#cause = null;
		this.#wait(AWAY_MS);
	}

	/* The daemon has refused the client; it closes the connection now. */
	onRefusal(error) {
		this.#refusal = error;
	}

	/* An attempt has failed. error: null if the daemon closed the connection. */
	onFailure(error) {
		this.#cause = error ?? this.#refusal;
		this.#refusal = null;
	}

	/* queued: { messages, bytes } that wait. */
	onWelcome(queued) {
		this.#waited = queued;
	}

	/* The connection is in force. */
	onReady() {
		clearTimeout(this.#timer);
		if (this.#hasTold) {
			this.#forget();
			this.#tellBack();
		}
	}

	/* The client is closed. */
	onStop() {
		clearTimeout(this.#timer);
		this.#forget();
	}

	/* A message was dropped. limits: the values in the texts of DROPS. */
	onDrop(reason, limits) {
		if (this.#dropped.has(reason)) {
			return;
		}
		this.#dropped.add(reason);
		if (Object.hasOwn(DROPS, reason)) {
			const { code, text } = DROPS[reason];
			warnOnce(code, this.#socket, `${text(limits)}; from now on such messages are ` +
				'only counted, in stats.droppedFor');
		}
	}

	#wait(ms) {
		clearTimeout(this.#timer);
		const due = performance.now() + ms;
		this.#timer = setTimeout(() => {
			if (performance.now() - due > LATE_MS) {
				this.#wait(LATE_MS);
			} else {
				this.#tellAway();
			}
		}, ms).unref();
	}

	#tellAway() {
		const error = this.#cause;
		const what = error === null ? 'no answer yet' : inWords(error);
		const remedy = REMEDIES[error?.code]?.(this.#socket) ?? 'see the log of the daemon';
		this.#hasTold = warnOnce('PM2A_WARN_AWAY', this.#socket,
			`no connection to the daemon for ${seconds(performance.now() - this.#since)}, ` +
			`so no other process is reached: ${this.#socket}: ${what}: ${remedy}`);
	}

	#tellBack() {
		const { messages, bytes } = this.#waited;
		const dropped = {};
		for (const [reason, n] of Object.entries(this.#stats.droppedFor)) {
			dropped[reason] = n - this.#before[reason];
		}
		warn('PM2A_WARN_BACK', `connected to the daemon at ${this.#socket} after ` +
			`${seconds(performance.now() - this.#since)}; messages that waited: ${messages} ` +
			`(${bytes} bytes); dropped: ${listed(dropped) || 'none'}`);
	}

	/* The next absence is reported again. */
	#forget() {
		if (this.#hasTold) {
			this.#hasTold = false;
			told.delete(`PM2A_WARN_AWAY ${this.#socket}`);
		}
	}
}

module.exports = { AWAY_MS, CODES, Warnings, warn, warnOnce };
