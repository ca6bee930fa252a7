/*
 * glob - Redis's patterns of channels.
 *
 * "*" matches any bytes, "?" any byte, "[a-c]" one of these, "[^a]" any other,
 * "\" the next byte literally. Odd cases are as in redis-server 7: an unclosed
 * class ends with the pattern, a range may be reversed, and only the empty
 * pattern matches an empty name.
 */
#ifndef PM2A_WIRE_GLOB_H
#define PM2A_WIRE_GLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GLOB_RUN_MAX 64 /* characters between two stars */

/* Returns whether the pattern matches all of `name`. Allocates nothing. Takes
 * time in proportion to the sum of the lengths if glob_cost() accepts the
 * pattern. */
bool glob_match(const uint8_t *pattern, size_t pattern_len, const uint8_t *name,
    size_t name_len);

/*
 * Sets *out to the maximum number of steps, of about a nanosecond each, to
 * match a name of `name_len` bytes. Returns false if more than GLOB_RUN_MAX
 * characters are between two stars of the pattern: then it must not be matched
 * against names of others. Takes time in proportion to `pattern_len`.
 */
bool glob_cost(
    const uint8_t *pattern, size_t pattern_len, size_t name_len, size_t *out);

/*
 * Writes the common prefix of all names that the pattern matches to `out`,
 * which has room for `pattern_len` bytes, and returns its length.
 */
size_t glob_prefix(const uint8_t *pattern, size_t pattern_len, uint8_t *out);

#endif
