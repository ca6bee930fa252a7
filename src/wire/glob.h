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

/* Whether the pattern matches all of name. Takes no longer than the product of
 * the lengths, and no memory. */
bool glob_match(const uint8_t *pattern, size_t pattern_len, const uint8_t *name,
    size_t name_len);

/*
 * Writes what every name that the pattern matches begins with to out, which has
 * room for pattern_len bytes, and returns its length.
 */
size_t glob_prefix(const uint8_t *pattern, size_t pattern_len, uint8_t *out);

#endif
