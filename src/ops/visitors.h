/*
 * visitors - connections that ask for little and stay short: those of
 * metrics-socket and metrics-listen. A set of them owns its connections, bounds
 * their number, their time and the bytes that wait for them, and does not know
 * their protocol.
 */
#ifndef PM2A_OPS_VISITORS_H
#define PM2A_OPS_VISITORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"

struct visitor;
struct visitors;

#define VISITORS_MAX 16
#define VISITORS_TIMEOUT_MS 10000
#define VISITORS_OUT_MAX ((size_t)32 << 20)

enum visitor_verdict {
	VISITOR_SHORT,   /* more bytes are needed */
	VISITOR_READY,   /* serve it in its turn */
	VISITOR_AT_ONCE, /* cheap: serve it now, if it is its first request */
};

/* The protocol of a set; `user` is that of visitors_new(). */
struct visitors_ops {
	/* Bytes of a request, at most. 0: connecting is the request, and
	 * nothing is read. */
	size_t in_max;
	/* Never VISITOR_SHORT for in_max bytes. NULL if in_max is 0. */
	enum visitor_verdict (*judge)(void *user, const char *data, size_t len);
	/* Answers the request that data begins with; calls visitor_answer()
	 * or visitor_wait() once. Returns how many bytes the request has. */
	size_t (*serve)(
	    void *user, struct visitor *visitor, const char *data, size_t len);
	/* Sent before the end to a visitor whose request is not whole in time,
	 * and to one that must make room. NULL: nothing. */
	const char *late, *crowded;
};

struct visitors_stats {
	uint64_t n_accepted;
	uint64_t n_served;
	uint64_t n_crowded_out; /* closed to make room, while not idle */
	uint64_t n_timed_out;   /* a request or a reply took too long */
};

/* ops must outlive the set. name is for the log. */
struct visitors *visitors_new(struct loop *loop, const char *name,
    const struct visitors_ops *ops, void *user)
    __attribute__((returns_nonnull));

/* Closes all. Must not be called from a task of the loop. NULL is allowed. */
void visitors_free(struct visitors *set);

/* Takes fd, a connected stream socket that doesn't block. */
void visitors_accept(struct visitors *set, int fd);

/* Sends text, len bytes from malloc, from byte `at` on, and frees it. The
 * connection ends after them unless `keeps`. */
void visitor_answer(
    struct visitor *visitor, char *text, size_t at, size_t len, bool keeps);

/* The request is answered later, by visitor_answer(), unless the connection
 * ends before: then cancel(arg) is called. */
void visitor_wait(
    struct visitor *visitor, void (*cancel)(void *arg), void *arg);

const struct visitors_stats *visitors_stats(const struct visitors *set);

#endif
