/*
 * pm2a - the C client of pm2adapterd.
 *
 * A struct pm2a is one client of one daemon. It has no thread and no event
 * loop: the program watches the descriptor pm2a_fd() for pm2a_events() until
 * pm2a_deadline_ms(), and then calls pm2a_dispatch(). All input and output
 * happens there, and all callbacks are called from there (and from pm2a_free(),
 * for requests that are open). The client connects by itself, and reconnects
 * after a growing and random delay when the connection ends; it keeps its
 * subscriptions and makes them again, and messages that are published in the
 * meantime wait in a bounded queue.
 *
 * Results. 0: done. Positive, PM2A_E_*: an outcome that is documented with the
 * function. Negative: an errno of the system, such as -ENOMEM; then the call
 * had no effect. The library never ends the process, installs a signal handler,
 * raises SIGPIPE or writes to a standard stream.
 *
 * A struct pm2a must be used by one thread at a time; several of them are
 * independent. Functions may be called from callbacks unless their description
 * says otherwise. Pointers that a callback receives are borrowed: they are
 * valid until it returns.
 *
 * libpm2a(3) is the manual; docs/PROTOCOL.md describes the protocol.
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
	PM2A_E_LOST,     /* the connection ended first */
	PM2A_E_CLOSED,   /* the client is closing, closed or freed */
	PM2A_E_REFUSED,  /* the daemon refused; its code says why */
	PM2A_E_TIMEOUT,  /* the time limit has passed */
	PM2A_E_FULL,     /* queue_max_bytes are waiting */
	PM2A_E_TOO_BIG,  /* over a limit of the daemon or the protocol */
	PM2A_E_ARGUMENT, /* an argument is wrong or out of its range */
	PM2A_E_GONE,     /* the question is no longer open */
	PM2A_E_PROTOCOL, /* the peer does not speak this protocol */
};

/* Returns the meaning of a result, positive or negative, in English. Never
 * NULL; do not free it. */
PM2A_API const char *pm2a_strerror(int result);

/* Returns the library's version: "0.1.0". */
PM2A_API const char *pm2a_version(void);

/* A topic (1 to 4096 bytes, or up to the daemon's max-topic) or a payload. Does
 * not own its bytes. */
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

/* Returns the bytes of a string, without the terminating zero. */
static inline struct pm2a_bytes
pm2a_str(const char *s)
{
	return pm2a_bytes(s, strlen(s));
}

/* The role of a client: see docs/PROTOCOL.md. */
enum pm2a_role {
	PM2A_ROLE_MEMBER,   /* may do everything */
	PM2A_ROLE_EMITTER,  /* may not subscribe as a member; receives no
			     * questions */
	PM2A_ROLE_OBSERVER, /* may subscribe and request statistics only */
};

/* How the daemon gathers the answers to a request. */
enum pm2a_gather {
	PM2A_GATHER_LIST,   /* the payload of each yes */
	PM2A_GATHER_UNION,  /* the union of msgpack arrays of str */
	PM2A_GATHER_FIRST,  /* the first yes, which ends the request */
	PM2A_GATHER_STREAM, /* each part as it arrives: on_part */
};

/* The kind of a subscription. The three kinds are independent of each other. */
enum pm2a_kind {
	PM2A_EXACT,
	PM2A_PREFIX, /* all topics with this prefix; of 0 bytes: all topics */
	PM2A_MEMBER, /* exact; the client also receives questions and counts as
		      * present */
};

struct pm2a_message {
	const struct pm2a_bytes *topics; /* to which it was published */
	size_t n_topics;                 /* at least 1 */
	struct pm2a_bytes body;
	bool is_volatile;
};

struct pm2a_question {
	uint64_t id; /* for pm2a_answer(), pm2a_answer_more(), pm2a_decline() */
	const struct pm2a_bytes *topics;
	size_t n_topics; /* at least 1 */
	struct pm2a_bytes body;
	enum pm2a_gather gather;
	bool to_subscribers; /* not only to the topic's members */
};

struct pm2a_presence {
	struct pm2a_bytes topic;
	bool joined;      /* false: it has left */
	uint64_t id;      /* of the member's connection */
	const char *name; /* of the member's process */
	uint32_t count;   /* members of the topic now */
};

struct pm2a_welcome {
	const char *server; /* "pm2adapterd/0.1.0" */
	uint64_t id;        /* of this connection */
	int64_t epoch_ms;   /* when the daemon started, ms since 1970 */
	uint32_t max_frame; /* bytes */
	uint32_t max_topic; /* bytes */
};

/* The gap between two connections. */
struct pm2a_missed {
	int why; /* the first connection ended: the `why` of on_disconnect */

	/* How the daemon ended it: a code or reason of docs/PROTOCOL.md, such
	 * as "slow-consumer" (this client did not read what was sent to it),
	 * "memory-limit" or "eof"; "restart" if another daemon answers now;
	 * "unknown" if the daemon does not know. */
	const char *reason;
	uint64_t unwritten; /* bytes that waited for this client and were
			     * dropped */
	uint64_t messages;  /* of these bytes; 0 if the daemon does not count
			     * them */
	int64_t away_ms;    /* from the oldest of them, by the daemon's clock,
			     * or from that end, to now */
};

/* NULL: the event is ignored. `user` is that of struct pm2a_options. */
struct pm2a_callbacks {
	/* The client is connected, and all subscriptions are active. */
	void (*on_connect)(
	    struct pm2a *p, const struct pm2a_welcome *welcome, void *user);

	/* The connection has ended; called once for each on_connect. `why` is 0
	 * for an end in order (pm2a_close(), or the daemon shuts down),
	 * PM2A_E_LOST, PM2A_E_TIMEOUT, PM2A_E_REFUSED, PM2A_E_PROTOCOL or a
	 * negative errno. `text` describes it. */
	void (*on_disconnect)(
	    struct pm2a *p, int why, const char *text, void *user);

	/* An attempt to connect has failed, for a reason as above or with
	 * PM2A_E_AWAY: nothing listens on the socket. The next attempt
	 * follows. */
	void (*on_connect_error)(
	    struct pm2a *p, int why, const char *text, void *user);

	/* A message for a subscribed topic. */
	void (*on_message)(
	    struct pm2a *p, const struct pm2a_message *message, void *user);

	/* A question. It must be answered, now or later, with pm2a_answer() or
	 * pm2a_decline(). Without this callback the library declines. */
	void (*on_question)(
	    struct pm2a *p, const struct pm2a_question *question, void *user);

	/* A member joined or left a topic of which this client is a member. */
	void (*on_presence)(
	    struct pm2a *p, const struct pm2a_presence *presence, void *user);

	/* The daemon refused something other than a request. `code` is one of
	 * docs/PROTOCOL.md; after a fatal one the connection ends. */
	void (*on_refusal)(struct pm2a *p, const char *code,
	    const char *message, bool fatal, void *user);

	/* The client has reconnected: messages that were published to its
	 * topics in the meantime are lost to it. Called after on_connect, if
	 * there were subscriptions. */
	void (*on_missed)(
	    struct pm2a *p, const struct pm2a_missed *missed, void *user);
};

/* All zeros are the defaults. Strings are copied. */
struct pm2a_options {
	/* The path of the daemon's Unix socket, at most 107 bytes. NULL:
	 * $PM2ADAPTERD_SOCKET, else pm2adapterd.sock in $PM2_HOME, else in
	 * ~/.pm2. */
	const char *socket;

	/* The name of this process in --stats, 1 to 128 bytes. NULL: $name if
	 * pm2 runs it, else the program's name. */
	const char *name;

	/* The application's key, 1 to 256 bytes without '#': the prefix of the
	 * topics that pm2a_emit() uses. NULL: "socket.io". */
	const char *key;

	enum pm2a_role role;

	/* The most bytes that may wait to be sent; 0: 16 MiB. */
	size_t queue_max_bytes;

	/* How long a message may wait for a connection, in ms, 1 to
	 * 86,400,000; 0: 30,000. Older ones are dropped. */
	int queue_max_age_ms;

	/* ms, 1 to 600,000; 0: 50 and 2000. The delay before an attempt is a
	 * random part of a ceiling that doubles from the first value to the
	 * second. */
	int reconnect_min_ms, reconnect_max_ms;

	/* The time limit of an attempt to connect, and of pm2a_close(), in ms,
	 * 10 to 600,000; 0: 5000. */
	int connect_timeout_ms;

	struct pm2a_callbacks callbacks;
	void *user; /* passed to the callbacks */
};

/*
 * Creates a client; free it with pm2a_free(). The first pm2a_dispatch() makes
 * the first attempt to connect. `options` may be NULL.
 *
 * Returns 0, PM2A_E_ARGUMENT if an option is out of its range, or -ENOMEM.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_new(
    const struct pm2a_options *options, struct pm2a **out);

/*
 * Ends the connection at once and frees the client. Drops everything that
 * waits; open requests end with PM2A_E_CLOSED, and no other callback follows.
 * Within a callback the socket is closed at once, and the rest happens after
 * the callback has returned. NULL is allowed.
 */
PM2A_API void pm2a_free(struct pm2a *p);

/*
 * Begins the end in order: accepts nothing more, sends what waits, lets the
 * daemon read it, and ends the connection, within connect_timeout_ms. Drops
 * what waits if there is no connection and none is being made. Open requests
 * end with PM2A_E_CLOSED. Continue to dispatch until pm2a_dispatch() returns
 * PM2A_E_CLOSED. No effect if the client is closing.
 */
PM2A_API void pm2a_close(struct pm2a *p);

/*
 * Return the descriptor to watch, or -1; the events to watch it for, POLLIN and
 * POLLOUT of <poll.h>, or 0; and the time at which pm2a_dispatch() is due even
 * if there is no event, in ms on CLOCK_MONOTONIC, or -1. Every call of the
 * library may change all three: read them before each wait, or use
 * pm2a_watch(). The library owns the descriptor.
 */
PM2A_API int pm2a_fd(const struct pm2a *p);
PM2A_API short pm2a_events(const struct pm2a *p);
PM2A_API int64_t pm2a_deadline_ms(const struct pm2a *p);

/* Returns the ms from now until that deadline, for poll(2): 0 to INT_MAX, or
 * -1. */
PM2A_API int pm2a_timeout_ms(const struct pm2a *p);

/*
 * For event loops that keep a list of what they watch: calls `on_change`
 * whenever one of the three above has changed, and before a descriptor is
 * closed (pm2a_fd() is -1 then). `on_change` may call these three and no other
 * function of the library. NULL removes it.
 */
PM2A_API void pm2a_watch(
    struct pm2a *p, void (*on_change)(struct pm2a *p, void *arg), void *arg);

/*
 * Does everything that is possible without waiting: connects, writes, reads at
 * most 1 MiB, calls callbacks and handles deadlines. `revents` is what poll(2)
 * returned for the descriptor; it may be wrong, and 0 is allowed.
 *
 * Returns 0; PM2A_E_CLOSED if pm2a_close() has finished or a callback has
 * called pm2a_free(); PM2A_E_ARGUMENT within a callback; or -ENOMEM: then the
 * connection has ended, and later dispatches reconnect.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_dispatch(struct pm2a *p, short revents);

/*
 * For programs without an event loop: dispatches until `timeout_ms` have passed
 * (-1: without limit; 0: once, without waiting) or pm2a_stop() is called.
 *
 * Returns 0, the result of pm2a_dispatch() if it is not 0, or -EINTR after a
 * signal.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_run(struct pm2a *p, int timeout_ms);

/* Makes pm2a_run() return after the callback that calls pm2a_stop() has
 * returned. */
PM2A_API void pm2a_stop(struct pm2a *p);

/*
 * Closes the client and dispatches until it is closed, for at most `timeout_ms`
 * (1 or more). Ignores pm2a_stop(). Free the client afterwards, unless a
 * callback has done so (PM2A_E_CLOSED).
 *
 * Returns 0 if the daemon has read every message since pm2a_new() and refused
 * nothing; PM2A_E_AWAY if there is no daemon; PM2A_E_LOST if a message was
 * dropped or may not have arrived; PM2A_E_REFUSED if the daemon refused
 * something; PM2A_E_TIMEOUT; PM2A_E_ARGUMENT within a callback or for a wrong
 * `timeout_ms`; or a negative errno.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_finish(struct pm2a *p, int timeout_ms);

/* Returns true if the client is connected, all subscriptions are active, and
 * pm2a_close() was not called. */
PM2A_API bool pm2a_is_connected(const struct pm2a *p);

/*
 * Subscribes, now and after each reconnection; unsubscribes. No effect if that
 * is done already. The daemon applies a subscription before anything that is
 * sent after it.
 *
 * Returns 0; PM2A_E_TOO_BIG (over 65,500 bytes; the daemon refuses topics over
 * its max-topic with on_refusal); PM2A_E_ARGUMENT (an empty topic, unless the
 * kind is PM2A_PREFIX; PM2A_MEMBER if the role is not PM2A_ROLE_MEMBER);
 * PM2A_E_CLOSED; or -ENOMEM.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_subscribe(
    struct pm2a *p, enum pm2a_kind kind, struct pm2a_bytes topic);
PM2A_API PM2A_MUST_CHECK int pm2a_unsubscribe(
    struct pm2a *p, enum pm2a_kind kind, struct pm2a_bytes topic);

#define PM2A_VOLATILE 0x01u /* drop it if it would have to wait */

/*
 * Publishes `body` to `n_topics` topics, at least 1. A client that has
 * subscribed to several of them receives it once. The arguments are copied. The
 * next dispatch sends the message; without a connection it waits, unless it is
 * volatile. Messages arrive in order and at most once.
 *
 * Returns 0; PM2A_E_AWAY (volatile, and no connection), PM2A_E_FULL or
 * PM2A_E_TOO_BIG (over the daemon's limits, as far as they are known): the
 * message is dropped and counted; PM2A_E_ARGUMENT (no topic, an empty topic, or
 * other flags), PM2A_E_CLOSED, or -ENOMEM.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_publish(struct pm2a *p,
    const struct pm2a_bytes *topics, size_t n_topics, struct pm2a_bytes body,
    unsigned flags);

/* An event for Socket.IO clients. If only `event` is set: to all clients. */
struct pm2a_emit {
	const char *nsp; /* begins with '/', at most 2048 bytes; NULL: "/" */
	const struct pm2a_bytes *rooms;  /* to clients in one of these */
	size_t n_rooms;                  /* 0: to all clients */
	const struct pm2a_bytes *except; /* but not in one of these */
	size_t n_except;
	const char *event;      /* not a name that Socket.IO reserves */
	struct pm2a_bytes args; /* msgpack values, one after another */
	unsigned flags;         /* PM2A_VOLATILE */
};

/*
 * Emits an event to the clients of all Socket.IO servers with this client's
 * key, like io.emit().
 *
 * Returns what pm2a_publish() does; also PM2A_E_ARGUMENT if `event` is missing
 * or reserved, `nsp` has another form, or `args` is not a sequence of msgpack
 * values.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_emit(
    struct pm2a *p, const struct pm2a_emit *emit);

enum pm2a_outcome {
	PM2A_COMPLETE, /* no answer is owed any more */
	PM2A_FOUND,    /* PM2A_GATHER_FIRST: an answer was a yes */
	PM2A_UNKNOWN,  /* PM2A_GATHER_FIRST: no answer was a yes */
	PM2A_TIMEDOUT, /* the deadline came first */
};

/* A connection that received a question and did not answer it. */
struct pm2a_missing {
	uint64_t id; /* of the connection */
	const char *name;
	const char *reason; /* "left", "timeout", "too-big", "unencodable" or
			     * "failed"; docs/PROTOCOL.md */
};

/* With PM2A_GATHER_UNION `id` is 0, `name` is "" and `body` is one string. */
struct pm2a_answer {
	uint64_t id;
	const char *name;
	struct pm2a_bytes body;
};

struct pm2a_result {
	/*
	 * 0, or why the rest is empty: PM2A_E_AWAY (there was no connection),
	 * PM2A_E_LOST (it ended), PM2A_E_CLOSED, PM2A_E_REFUSED (see
	 * `refusal`), PM2A_E_TOO_BIG (over the daemon's limits, which were not
	 * known to pm2a_ask()), PM2A_E_TIMEOUT (no result within `timeout_ms`
	 * and one more second).
	 */
	int error;
	const char *refusal; /* the daemon's code; "unsupported" if it accepts
			      * no requests; else "" */

	enum pm2a_outcome outcome;
	uint32_t expected; /* connections that received the question */
	uint32_t answered; /* connections that answered, with yes or no */
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
	bool to_subscribers; /* to all that have subscribed to one of the
			      * topics, exactly or as a member, instead of the
			      * members only */

	/* A part of an answer has arrived from the connection `from`. Only with
	 * PM2A_GATHER_STREAM; may be NULL. */
	void (*on_part)(
	    struct pm2a *p, uint64_t from, struct pm2a_bytes body, void *arg);

	/* The request has ended. Called exactly once, if pm2a_ask() returned 0.
	 */
	void (*on_result)(
	    struct pm2a *p, const struct pm2a_result *result, void *arg);
	void *arg;
};

/*
 * Opens a request: the daemon sends a question to other connections and gathers
 * their answers. It waits for an attempt to connect that is being made; it is
 * never sent twice. The arguments are copied.
 *
 * Returns 0, and on_result will be called; otherwise it will not be:
 * PM2A_E_AWAY (no connection, and none is being made), PM2A_E_FULL,
 * PM2A_E_TOO_BIG, PM2A_E_REFUSED (this daemon accepts no requests),
 * PM2A_E_ARGUMENT, PM2A_E_CLOSED, or -ENOMEM.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_ask(
    struct pm2a *p, const struct pm2a_ask *ask);

/*
 * Answer a question: pm2a_answer() with a yes and its payload, pm2a_decline()
 * with a no (not here, nothing to report, an unknown question). Both settle it.
 * pm2a_answer_more() adds a part before, if the gather is PM2A_GATHER_STREAM.
 *
 * Return 0; PM2A_E_GONE if the question is not open, because it was answered or
 * its connection has ended; PM2A_E_TOO_BIG (over max_frame) or PM2A_E_FULL: the
 * question stays open; after PM2A_E_TOO_BIG, pm2a_decline() reports this client
 * as missing with the reason "too-big"; PM2A_E_ARGUMENT for a part with another
 * gather; or -ENOMEM.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_answer(
    struct pm2a *p, uint64_t question, struct pm2a_bytes body);
PM2A_API PM2A_MUST_CHECK int pm2a_answer_more(
    struct pm2a *p, uint64_t question, struct pm2a_bytes body);
PM2A_API PM2A_MUST_CHECK int pm2a_decline(struct pm2a *p, uint64_t question);

#define PM2A_STATS_LIMIT_MAX 1000

struct pm2a_stats_reply {
	/*
	 * 0, or why `body` is empty: PM2A_E_AWAY (the attempt to connect
	 * failed), PM2A_E_LOST (the connection ended), PM2A_E_CLOSED,
	 * PM2A_E_REFUSED (see `refusal`) or PM2A_E_TIMEOUT (no reply within
	 * `timeout_ms`).
	 */
	int error;
	const char *refusal; /* the daemon's code, such as "bad-body" for an
			      * unknown section; "unsupported" if it has no
			      * statistics; else "" */
	const char *message; /* the daemon's words for people, or "" */

	/* One msgpack map with an element for each section: a map ("overview",
	 * "config") or an array of maps. docs/STATS.md has the keys. */
	struct pm2a_bytes body;
};

/* All zeros but on_reply: the overview. Everything is copied. */
struct pm2a_stats_request {
	/* "overview", "clients", "topics", "requests", "closed", "slow" or
	 * "config". */
	const char *const *sections;
	size_t n_sections; /* 0: "overview" only */

	uint32_t limit;   /* rows of a section, 1 to PM2A_STATS_LIMIT_MAX; 0:
			   * 100 */
	const char *sort; /* a key of the rows of "clients" or "topics", at most
			   * 32 bytes, to sort by in descending order; NULL:
			   * the daemon's order */
	int timeout_ms;   /* 1 to PM2A_TIMEOUT_MAX_MS; 0: 5000 */

	/* The request has ended. Called exactly once, if pm2a_stats() returned
	 * 0. `reply` and all that it points to are borrowed: copy what is
	 * needed after the callback. */
	void (*on_reply)(
	    struct pm2a *p, const struct pm2a_stats_reply *reply, void *arg);
	void *arg;
};

/*
 * Requests the daemon's statistics: STATS of docs/PROTOCOL.md. Every role may,
 * and no subscription is needed. The request waits for an attempt to connect
 * that is being made; it is never sent twice, and ends with its connection.
 * Requests are sent one after the other, since the daemon handles one of each
 * connection at a time.
 *
 * Returns 0, and on_reply will be called; otherwise it will not be:
 * PM2A_E_AWAY (no connection, and none is being made), PM2A_E_FULL
 * (queue_max_bytes wait, or 16 such requests are open), PM2A_E_TOO_BIG
 * (`sections` take over 4000 bytes), PM2A_E_REFUSED (this daemon has no
 * statistics), PM2A_E_ARGUMENT (a value out of its range, no on_reply),
 * PM2A_E_CLOSED, or -ENOMEM.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_stats(
    struct pm2a *p, const struct pm2a_stats_request *request);

/* Counters of this client since pm2a_new(); the last three are of now. */
struct pm2a_stats {
	uint64_t published;     /* messages that pm2a_publish() accepted */
	uint64_t received;      /* messages */
	uint64_t dropped;       /* messages that were not sent */
	uint64_t dropped_bytes; /* bytes of these messages */
	uint64_t expired;       /* of these messages: waited for longer than
				 * queue_max_age_ms */
	uint64_t asked;         /* requests of pm2a_ask() */
	uint64_t questions;     /* questions received */
	uint64_t connects;      /* calls of on_connect */
	uint64_t refusals;      /* by the daemon */
	uint64_t malformed;     /* connections ended for bytes that no daemon
				 * sends */
	uint64_t missed;        /* times that on_missed was due */
	uint64_t queued;        /* messages that wait */
	uint64_t queued_bytes;  /* bytes that wait to be sent */
	uint64_t open;          /* open requests of pm2a_ask() */
};

/* Fills in *out. */
PM2A_API void pm2a_get_stats(const struct pm2a *p, struct pm2a_stats *out);

#ifdef __cplusplus
}
#endif

#endif
