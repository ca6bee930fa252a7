/*
 * parts - the slices of a run that a Redis client receives. A client may
 * receive one message by a thousand patterns, and all of these share the
 * message's bytes. Writes no more than a queue may hold.
 */
#ifndef PM2A_EDGE_REDIS_PARTS_H
#define PM2A_EDGE_REDIS_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/redis/forms.h"
#include "stats/drops.h"
#include "wire/msg_writer.h"

/* Shorter strings are copied: a slice costs as much. */
#define PARTS_SHARED_FROM 256

enum parts_string { PARTS_TOPIC, PARTS_PAYLOAD };

/* Embedded. Zeroed it is empty. */
struct parts {
	struct msg_writer *w; /* for all that is not shared */
	struct forms *forms;
	struct blob *source; /* borrowed: where strings lie that may be shared;
			      * NULL: all are copied */
	struct slice *at;    /* without a blob: bytes of w */
	size_t n, size;
	size_t n_written; /* bytes of w that a slice refers to */
	size_t n_shared;  /* bytes */
	size_t max;       /* bytes in all; more are left out */
};

/* Parts that are all written to w. */
struct parts parts_written_to(struct msg_writer *w);

/* Begins the parts for one client, of strings in source and of what is written
 * to w, which is empty. Ended by parts_send(), or if nothing was put. */
void parts_begin(struct parts *parts, struct msg_writer *w, struct forms *forms,
    struct blob *source, size_t max);

/* Whether the parts are longer than max. */
bool parts_is_over(const struct parts *parts);

/* Puts a bulk string, which lies in source. */
void parts_put(struct parts *parts, enum parts_string which,
    const uint8_t *data, size_t len);

/*
 * Sends what has been put, which is n messages, and empties w. If the parts are
 * longer than max the conn is cut as a slow consumer.
 */
enum sink_verdict parts_send(struct parts *parts, struct drops *drops,
    struct conn *conn, size_t n, bool is_volatile);

/* Idempotent. */
void parts_fini(struct parts *parts);

#endif
