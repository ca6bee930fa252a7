/*
 * pm2a - the C client of pm2adapterd.
 *
 * A struct pm2a is one client of one daemon. It has no thread and no event
 * loop: whoever has one watches the descriptor that pm2a_fd() names, until
 * pm2a_deadline_ms(), and calls pm2a_dispatch(). All input and output happens
 * there, and all callbacks are called from there (and from pm2a_free(), for
 * questions that are still open). It connects by itself, and again when the
 * connection ends, after a growing and random delay; subscriptions are kept and
 * made again, and what was published meanwhile waits in a bounded queue.
 *
 * Results. 0: done. Positive, PM2A_E_*: an outcome that is documented with the
 * function. Negative: an errno of the system, such as -ENOMEM; nothing has
 * happened then. Nothing here ends the process, installs a signal handler,
 * raises SIGPIPE or writes to a standard stream.
 *
 * A struct pm2a is used by one thread at a time; several of them are
 * independent. Functions may be called from callbacks, unless it is said
 * otherwise. Pointers that a callback gets are good until it returns.
 *
 * libpm2a(3) is the manual, docs/PROTOCOL.md says what goes over the wire.
 */
#ifndef PM2A_H
#define PM2A_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PM2A_API __attribute__((visibility("default")))
#define PM2A_MUST_CHECK __attribute__((warn_unused_result))
#else
#define PM2A_API
#define PM2A_MUST_CHECK
#endif

struct pm2a;

enum pm2a_error {
	PM2A_E_AWAY = 1, /* there is no connection to the daemon */
	PM2A_E_LOST,     /* the connection ended before it was done */
	PM2A_E_CLOSED,   /* pm2a_close() was called, and it has ended */
	PM2A_E_REFUSED,  /* the daemon refused, and says why in a code */
	PM2A_E_TIMEOUT,  /* nothing came in time */
	PM2A_E_FULL,     /* queue_max_bytes wait already */
	PM2A_E_TOO_BIG,  /* above what the daemon or the protocol takes */
	PM2A_E_ARGUMENT, /* an argument is wrong or out of its range */
	PM2A_E_GONE,     /* no such question is open */
	PM2A_E_PROTOCOL, /* what answers is no daemon of this protocol */
};

/* What a result means, in English: for positive and for negative ones. Never
 * NULL, and not to be freed. */
PM2A_API const char *pm2a_strerror(int result);

/* The library's version: "0.1.0". */
PM2A_API const char *pm2a_version(void);

/* Bytes of somebody: of a topic (1 to 4096 bytes, unless the daemon's max-topic
 * is another) or of a payload. */
struct pm2a_bytes {
	const void *data;
	size_t len;
};

static inline struct pm2a_bytes
pm2a_bytes(const void *data, size_t len)
{
	struct pm2a_bytes bytes;

	bytes.data = data;
	bytes.len = len;
	return bytes;
}

/* The bytes of a string, without its zero. */
static inline struct pm2a_bytes
pm2a_str(const char *s)
{
	return pm2a_bytes(s, strlen(s));
}

/* What each client may do: see docs/PROTOCOL.md. */
enum pm2a_role {
	PM2A_ROLE_MEMBER,   /* everything */
	PM2A_ROLE_EMITTER,  /* everything but be a member; is never asked */
	PM2A_ROLE_OBSERVER, /* subscribe, and no more */
};

/* How the daemon gathers the answers to a question. */
enum pm2a_gather {
	PM2A_GATHER_LIST,   /* the payload of each yes */
	PM2A_GATHER_UNION,  /* of msgpack arrays of str; each string once */
	PM2A_GATHER_FIRST,  /* the first yes, which ends the question */
	PM2A_GATHER_STREAM, /* each part as it comes: on_part */
};

/* How a topic is subscribed to. The three come and go each by itself. */
enum pm2a_kind {
	PM2A_EXACT,
	PM2A_PREFIX, /* every topic that begins so; of 0 bytes: every topic */
	PM2A_MEMBER, /* exact, and: is asked questions, and counts as present */
};

struct pm2a_message {
	const struct pm2a_bytes *topics; /* that it was published to */
	size_t n_topics;                 /* at least 1 */
	struct pm2a_bytes body;
	bool is_volatile;
};

struct pm2a_question {
	uint64_t id; /* for pm2a_answer() and its like */
	const struct pm2a_bytes *topics;
	size_t n_topics; /* at least 1 */
	struct pm2a_bytes body;
	enum pm2a_gather gather;
	bool to_subscribers; /* and not to the topic's members */
};

struct pm2a_presence {
	struct pm2a_bytes topic;
	bool joined;      /* or has left */
	uint64_t id;      /* of the connection */
	const char *name; /* what it calls itself */
	uint32_t count;   /* members that the topic has now */
};

struct pm2a_welcome {
	const char *server; /* "pm2adapterd/0.1.0" */
	uint64_t id;        /* of this connection */
	int64_t epoch_ms;   /* when the daemon started, ms since 1970 */
	uint32_t max_frame; /* bytes */
	uint32_t max_topic; /* bytes */
};

/* What went by between two connections. */
struct pm2a_missed {
	int why; /* the first one ended: as on_disconnect was told */

	/* How the daemon ended it: a code or reason of docs/PROTOCOL.md, such
	 * as "slow-consumer" (we did not read what was sent to us),
	 * "memory-limit" or "eof"; "restart": another daemon answers now;
	 * "unknown": it can't say. */
	const char *reason;
	uint64_t unwritten; /* bytes that waited for us and were thrown away */
	int64_t away_ms;    /* from that end to now */
};

/*
 * What the caller is told; NULL where it doesn't matter. user is that of
 * struct pm2a_options.
 */
struct pm2a_callbacks {
	/* There is a connection, and all subscriptions are in force. */
	void (*on_connect)(
	    struct pm2a *p, const struct pm2a_welcome *welcome, void *user);

	/* That connection has ended; once for each on_connect. why: 0 in order
	 * (pm2a_close(), or the daemon ends), PM2A_E_LOST, PM2A_E_TIMEOUT,
	 * PM2A_E_REFUSED, PM2A_E_PROTOCOL or a negative errno. text says it in
	 * words. */
	void (*on_disconnect)(
	    struct pm2a *p, int why, const char *text, void *user);

	/* An attempt to connect has failed, for a reason as above or for
	 * PM2A_E_AWAY: nobody listens there. The next attempt follows. */
	void (*on_connect_error)(
	    struct pm2a *p, int why, const char *text, void *user);

	/* A message for a topic that was subscribed to. */
	void (*on_message)(
	    struct pm2a *p, const struct pm2a_message *message, void *user);

	/* Somebody asks. It must be answered, now or later: pm2a_answer(),
	 * pm2a_decline(). Without this callback, the library declines. */
	void (*on_question)(
	    struct pm2a *p, const struct pm2a_question *question, void *user);

	/* A member joined or left a topic that we are a member of. */
	void (*on_presence)(
	    struct pm2a *p, const struct pm2a_presence *presence, void *user);

	/* The daemon refused something that wasn't a question. code is one of
	 * docs/PROTOCOL.md; after a fatal one the connection ends. */
	void (*on_refusal)(struct pm2a *p, const char *code,
	    const char *message, bool fatal, void *user);

	/* We are connected again, and what was published meanwhile to topics
	 * that we had subscribed to has not come to us and won't come. Behind
	 * on_connect; not where nothing was subscribed to. */
	void (*on_missed)(
	    struct pm2a *p, const struct pm2a_missed *missed, void *user);
};

/* All zeros are the defaults. Strings are copied. */
struct pm2a_options {
	/* The daemon's Unix socket, at most 107 bytes. NULL:
	 * $PM2ADAPTERD_SOCKET, else pm2adapterd.sock in $PM2_HOME, else in
	 * ~/.pm2. */
	const char *socket;

	/* What --stats calls this process, 1 to 128 bytes. NULL: $name where
	 * pm2 runs it, else the program's name. */
	const char *name;

	/* The application, 1 to 256 bytes without '#': the prefix of the topics
	 * that pm2a_emit() uses. NULL: "socket.io". */
	const char *key;

	enum pm2a_role role;

	/* Bytes that may wait to be sent; 0: 16 MiB. */
	size_t queue_max_bytes;

	/* ms, 1 to 600,000; 0: 50 and 2000. The delay before an attempt is a
	 * random part of a ceiling that doubles from the one to the other. */
	int reconnect_min_ms, reconnect_max_ms;

	/* ms for an attempt to connect, and for pm2a_close(); 10 to 600,000; 0:
	 * 5000. */
	int connect_timeout_ms;

	struct pm2a_callbacks callbacks;
	void *user; /* handed to the callbacks */
};

/*
 * Makes a client, which is to be freed. The first attempt to connect is made
 * by the first pm2a_dispatch(). options may be NULL.
 *
 * Returns 0, PM2A_E_ARGUMENT where an option is out of its range, or -ENOMEM.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_new(
    const struct pm2a_options *options, struct pm2a **out);

/*
 * Ends the connection at once. What waits is dropped; open questions end with
 * PM2A_E_CLOSED, and that is the last callback. Within a callback it is
 * postponed until the callback has returned. NULL is fine.
 */
PM2A_API void pm2a_free(struct pm2a *p);

/*
 * The end in order: nothing more is taken, what waits is sent, the daemon reads
 * it, the connection ends; connect_timeout_ms is the limit. Where no connection
 * is there and none is being made, what waits is dropped. Go on dispatching
 * until pm2a_dispatch() says PM2A_E_CLOSED. Open questions end with
 * PM2A_E_CLOSED. Idempotent.
 */
PM2A_API void pm2a_close(struct pm2a *p);

/*
 * The descriptor to watch, or -1; what to watch it for, POLLIN and POLLOUT of
 * <poll.h>, or 0; and when pm2a_dispatch() is due even if nothing happens, in
 * ms on CLOCK_MONOTONIC, or -1. All three may change with every call of the
 * library: ask before each wait, or use pm2a_watch(). The descriptor belongs to
 * the library.
 */
PM2A_API int pm2a_fd(const struct pm2a *p);
PM2A_API short pm2a_events(const struct pm2a *p);
PM2A_API int64_t pm2a_deadline_ms(const struct pm2a *p);

/* ms from now until that deadline, for poll(2): 0 to INT_MAX, or -1. */
PM2A_API int pm2a_timeout_ms(const struct pm2a *p);

/*
 * For event loops that remember what they watch: on_change is called whenever
 * one of the three above has changed, before a descriptor is closed too (it is
 * -1 then). It may call those three, and nothing else of the library. NULL
 * takes it away.
 */
PM2A_API void pm2a_watch(
    struct pm2a *p, void (*on_change)(struct pm2a *p, void *arg), void *arg);

/*
 * Does what can be done without waiting: connects, writes, reads at most 1 MiB,
 * calls callbacks, minds deadlines. revents: what poll(2) said, of which
 * nothing need be true; 0 is fine.
 *
 * Returns 0; PM2A_E_CLOSED when pm2a_close() is done or a callback has called
 * pm2a_free(); PM2A_E_ARGUMENT within a callback; -ENOMEM, and the connection
 * has ended for it: the next dispatches make another.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_dispatch(struct pm2a *p, short revents);

/*
 * For programs without an event loop: dispatches until timeout_ms have passed
 * (-1: for ever; 0: once, without waiting) or pm2a_stop() is called.
 *
 * Returns 0, what pm2a_dispatch() returns, or -EINTR after a signal.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_run(struct pm2a *p, int timeout_ms);

/* Makes pm2a_run() return when the callback that calls this has returned. */
PM2A_API void pm2a_stop(struct pm2a *p);

/*
 * pm2a_close() and pm2a_run() until it is done, timeout_ms (1 or more) at the
 * most. Returns 0 where the daemon has read everything that was published since
 * pm2a_new() and refused nothing; PM2A_E_AWAY: there is no daemon; PM2A_E_LOST:
 * something was dropped, or may not have arrived; PM2A_E_REFUSED: the daemon
 * refused something; PM2A_E_TIMEOUT; or a negative errno. p is still to be
 * freed, unless a callback has done so: PM2A_E_CLOSED. pm2a_stop() does not end
 * it.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_finish(struct pm2a *p, int timeout_ms);

/* Whether there is a connection with all subscriptions in force. */
PM2A_API bool pm2a_is_connected(const struct pm2a *p);

/*
 * Subscribes, now and after each reconnection; unsubscribes. To do it again
 * changes nothing. A subscription is in force for the daemon before anything
 * that is sent after it.
 *
 * Returns 0, PM2A_E_TOO_BIG (over 65,500 bytes; what is over the daemon's
 * max-topic is refused by the daemon: on_refusal), PM2A_E_ARGUMENT (empty, but
 * for PM2A_PREFIX; as a member where the role isn't PM2A_ROLE_MEMBER),
 * PM2A_E_CLOSED, or -ENOMEM.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_subscribe(
    struct pm2a *p, enum pm2a_kind kind, struct pm2a_bytes topic);
PM2A_API PM2A_MUST_CHECK int pm2a_unsubscribe(
    struct pm2a *p, enum pm2a_kind kind, struct pm2a_bytes topic);

#define PM2A_VOLATILE 0x01u /* rather dropped than late */

/*
 * Publishes body to n topics, at least 1; who has subscribed to several of them
 * gets it once. It is copied, and sent by the next dispatch; while the daemon
 * is away it waits, unless it is volatile. Messages arrive in order and at most
 * once.
 *
 * Returns 0; PM2A_E_AWAY (volatile, and there is no connection), PM2A_E_FULL or
 * PM2A_E_TOO_BIG (over the daemon's limits, as far as they are known): it is
 * dropped and counted; PM2A_E_ARGUMENT (no topic, an empty one, other flags),
 * PM2A_E_CLOSED, or -ENOMEM.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_publish(struct pm2a *p,
    const struct pm2a_bytes *topics, size_t n_topics, struct pm2a_bytes body,
    unsigned flags);

/* What Socket.IO clients are to get. All zeros but event: to everyone. */
struct pm2a_emit {
	const char *nsp; /* begins with '/', at most 2048 bytes; NULL: "/" */
	const struct pm2a_bytes *rooms;  /* to clients in one of them */
	size_t n_rooms;                  /* 0: to all clients */
	const struct pm2a_bytes *except; /* but not in one of these */
	size_t n_except;
	const char *event;      /* not one of those that Socket.IO reserves */
	struct pm2a_bytes args; /* msgpack values, one behind the other */
	unsigned flags;         /* PM2A_VOLATILE */
};

/*
 * Emits an event to the clients of all Socket.IO servers with our key, as
 * io.emit() does. Returns what pm2a_publish() does; PM2A_E_ARGUMENT also where
 * event is missing or reserved, nsp is of another form, or args isn't msgpack
 * to its end.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_emit(
    struct pm2a *p, const struct pm2a_emit *emit);

enum pm2a_outcome {
	PM2A_COMPLETE, /* nobody who was asked still owes an answer */
	PM2A_FOUND,    /* PM2A_GATHER_FIRST: somebody said yes */
	PM2A_UNKNOWN,  /* PM2A_GATHER_FIRST: nobody has */
	PM2A_TIMEDOUT, /* the deadline came first */
};

struct pm2a_missing {
	uint64_t id; /* of the connection */
	const char *name;
	const char *reason; /* "left", "timeout" or "too-big" */
};

/* With PM2A_GATHER_UNION, id is 0, name is "", and body is a string. */
struct pm2a_answer {
	uint64_t id;
	const char *name;
	struct pm2a_bytes body;
};

struct pm2a_result {
	/*
	 * 0, or why there is none of what follows: PM2A_E_AWAY (there was no
	 * connection), PM2A_E_LOST (it ended), PM2A_E_CLOSED, PM2A_E_REFUSED
	 * (see refusal), PM2A_E_TOO_BIG (over the daemon's limits, which were
	 * not known when it was asked), PM2A_E_TIMEOUT (the daemon did not even
	 * say PM2A_TIMEDOUT within a second more).
	 */
	int error;
	const char *refusal; /* the daemon's code, or "unsupported" where it
			      * takes no questions, or "" */

	enum pm2a_outcome outcome;
	uint32_t expected; /* connections that were asked */
	uint32_t answered; /* of them; a no is an answer */
	const struct pm2a_missing *missing;
	size_t n_missing;
	const struct pm2a_answer *answers;
	size_t n_answers;
};

#define PM2A_TIMEOUT_MAX_MS 300000

struct pm2a_ask {
	const struct pm2a_bytes *topics;
	size_t n_topics; /* 1; more only with to_subscribers */
	struct pm2a_bytes body;
	enum pm2a_gather gather;
	int timeout_ms;      /* 1 to PM2A_TIMEOUT_MAX_MS; 0: 5000 */
	bool to_subscribers; /* ask those who have subscribed to a topic exactly
			      * or as a member, and not the members alone */

	/* A part of an answer has come, from the connection `from`. Only with
	 * PM2A_GATHER_STREAM; may be NULL. */
	void (*on_part)(
	    struct pm2a *p, uint64_t from, struct pm2a_bytes body, void *arg);

	/* The question has ended. Called exactly once, if pm2a_ask() gave 0. */
	void (*on_result)(
	    struct pm2a *p, const struct pm2a_result *result, void *arg);
	void *arg;
};

/*
 * Asks others a question. While a connection is being made it waits for that;
 * it is never sent twice.
 *
 * Returns 0, and on_result will be called; PM2A_E_AWAY (no connection, and none
 * is being made), PM2A_E_FULL, PM2A_E_TOO_BIG, PM2A_E_REFUSED (this daemon
 * doesn't know questions), PM2A_E_ARGUMENT, PM2A_E_CLOSED, or -ENOMEM: then it
 * won't be.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_ask(
    struct pm2a *p, const struct pm2a_ask *ask);

/*
 * Answers a question, with pm2a_answer() or with pm2a_decline() ("no": not
 * here, nothing to say, never heard of it) for the last time.
 * pm2a_answer_more() adds a part before that, to a PM2A_GATHER_STREAM.
 *
 * Returns 0; PM2A_E_GONE: it isn't open, since it was answered or the
 * connection has ended, and nobody waits for it; PM2A_E_TOO_BIG: over
 * max_frame, and the question is still open; PM2A_E_FULL; PM2A_E_ARGUMENT:
 * a part for another gather; or -ENOMEM.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_answer(
    struct pm2a *p, uint64_t question, struct pm2a_bytes body);
PM2A_API PM2A_MUST_CHECK int pm2a_answer_more(
    struct pm2a *p, uint64_t question, struct pm2a_bytes body);
PM2A_API PM2A_MUST_CHECK int pm2a_decline(struct pm2a *p, uint64_t question);

/* Since pm2a_new(), but for the last three, which are of now. */
struct pm2a_stats {
	uint64_t published;     /* messages that were taken */
	uint64_t received;      /* messages */
	uint64_t dropped;       /* messages that weren't sent */
	uint64_t dropped_bytes; /* of them */
	uint64_t asked;         /* questions of ours */
	uint64_t questions;     /* that we were asked */
	uint64_t connects;      /* connections that came to on_connect */
	uint64_t refusals;      /* by the daemon */
	uint64_t malformed;     /* bytes that no daemon sends */
	uint64_t missed;        /* times that on_missed was due */
	uint64_t queued;        /* messages that wait */
	uint64_t queued_bytes;  /* all that waits to be sent */
	uint64_t open;          /* questions of ours that are open */
};

PM2A_API void pm2a_get_stats(const struct pm2a *p, struct pm2a_stats *out);

#ifdef __cplusplus
}
#endif

#endif
