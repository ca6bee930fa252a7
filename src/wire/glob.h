/*
 * glob - Redis's patterns of channels.
 *
 * "*" any bytes, "?" any byte, "[a-c]" and "[^a]" one of or none of, "\" takes
 * the next byte as it is. What is odd is as redis-server 7 has it: a class that
 * is never closed ends with the pattern, a range may stand the wrong way round,
 * and an empty name is matched by the empty pattern alone.
 */
#ifndef PM2A_WIRE_GLOB_H
#define PM2A_WIRE_GLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GLOB_RUN_MAX 64 /* characters between two stars */

/* Whether the pattern matches all of name. Allocates nothing. Takes time in
 * proportion to the sum of the lengths if glob_cost() accepts the pattern. */
bool glob_match(const uint8_t *pattern, size_t pattern_len, const uint8_t *name,
    size_t name_len);

/*
 * Sets *out to the steps, of about a nanosecond each, that matching a name of
 * name_len bytes takes at most. Returns false if more than GLOB_RUN_MAX
 * characters stand between two stars of the pattern: it must not be matched
 * against names of others then. Takes time in proportion to pattern_len.
 */
bool glob_cost(
    const uint8_t *pattern, size_t pattern_len, size_t name_len, size_t *out);

/*
 * Writes what every name that the pattern matches begins with to out, which has
 * room for pattern_len bytes, and returns its length.
 */
size_t glob_prefix(const uint8_t *pattern, size_t pattern_len, uint8_t *out);

#endif
