/*
 * guessers - the origins from which wrong passwords came.
 *
 * An origin is the peer's user id on a Unix socket, an IPv4 address, or the
 * first 64 bits of an IPv6 address, since one host can use all addresses with
 * the same ones. Origins that have failed are in a table of fixed size; the one
 * that failed longest ago is dropped first.
 */
#ifndef PM2A_EDGE_REDIS_GUESSERS_H
#define PM2A_EDGE_REDIS_GUESSERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

struct peer;

#define GUESSERS_MAX 64

/* Its kind, then the bytes of a user id or of an address. */
struct guessers_origin {
	uint8_t bytes[16];
};

struct guesser {
	struct guessers_origin origin;
	unsigned n_failed;
	struct instant last;  /* failure */
	struct instant until; /* when it may try again */
};

/* Zeroed it is empty. */
struct guessers {
	struct guesser at[GUESSERS_MAX];
	size_t n;
};

/* The origin of the peer of the socket `fd`. */
struct guessers_origin guessers_origin(int fd, const struct peer *peer);

/* Writes it as text; INET6_ADDRSTRLEN bytes are enough. */
void guessers_write_origin(
    const struct guessers_origin *origin, char *out, size_t size);

/* Returns the origin's entry, or NULL if it has not failed for a minute. */
struct guesser *guessers_find(struct guessers *guessers,
    const struct guessers_origin *origin, struct instant now);

/* Returns a fresh entry for the origin. */
struct guesser *guessers_add(struct guessers *guessers,
    const struct guessers_origin *origin) __attribute__((returns_nonnull));

#endif
