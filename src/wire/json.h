/*
 * json - JSON texts as msgpack and back. Texts come from a command line, and
 * msgpack from peers: either may nest to any depth.
 */
#ifndef PM2A_WIRE_JSON_H
#define PM2A_WIRE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/err.h"
#include "wire/msg.h"

/* Maximum nesting of values, in both directions. */
#define JSON_DEPTH_MAX 100

enum json_error {
	JSON_E_SYNTAX = 1, /* not JSON, or nested too deep */
};

struct json_why {
	char text[200];
};

/* Appends the one value of a JSON text (RFC 8259) to `w`. Returns 0 or
 * JSON_E_SYNTAX, with *why. */
int must_check json_read(
    struct msg_writer *w, const char *text, struct json_why *why);

/*
 * Takes one value from `b` and prints it on one line, without a newline. A bin
 * is {"bin":"hex digits"}, an ext {"ext":"…"} with its type first, NaN or
 * infinity null, and a value that nests too deep "…". Returns false if there is
 * no value: a part of it may have been printed, so check with msg_skip() first.
 */
bool json_print(FILE *out, struct bytes *b);

/* How far a value has been printed; json_walk_init() puts it before the
 * first. */
struct json_walk {
	int depth;
	struct json_level {
		bool is_map;
		uint64_t n_left, n_done; /* pairs, or values */
	} levels[JSON_DEPTH_MAX + 1];
};

enum json_progress {
	JSON_DONE,
	JSON_MORE,
	JSON_BROKEN, /* there is no value */
};

void json_walk_init(struct json_walk *walk);

/* As json_print(), in pieces: returns JSON_MORE after it has taken `max_bytes`
 * bytes or a little more, to be called again with the same `b` and `walk`. */
enum json_progress json_print_some(
    FILE *out, struct bytes *b, struct json_walk *walk, size_t max_bytes);

/* Returns jansson's version: "2.14". */
const char *json_library_version(void);

#endif
