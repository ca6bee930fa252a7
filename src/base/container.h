/*
 * container - from an embedded member to the struct that contains it.
 */
#ifndef PM2A_BASE_CONTAINER_H
#define PM2A_BASE_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

/* Returns the `type` whose `member` is at `pointer`; a compile error if
 * `pointer` does not have the member's type. Drops const. */
#define container_of(pointer, type, member)                                   \
	((type *)((char *)(uintptr_t)(1 ? (pointer) : &((type *)0)->member) - \
		  offsetof(type, member)))

#endif
