/*
 * lengths - the different lengths of a set of prefixes, sorted, and how many
 * prefixes have each.
 */
#ifndef PM2A_CORE_LENGTHS_H
#define PM2A_CORE_LENGTHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LENGTHS_MAX 64 /* a set may have */

/* Zeroed it is empty. */
struct lengths {
	struct length {
		uint16_t len;
		uint32_t n_prefixes; /* that have it */
	} at[LENGTHS_MAX];
	size_t n;
};

bool lengths_have(const struct lengths *lengths, size_t len);

/* Counts a prefix in, which has one of LENGTHS_MAX lengths; and out. */
void lengths_add(struct lengths *lengths, uint16_t len);
void lengths_remove(struct lengths *lengths, uint16_t len);

#endif
