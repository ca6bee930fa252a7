/*
 * container - from a part that is embedded in a struct to the struct.
 */
#ifndef PM2A_BASE_CONTAINER_H
#define PM2A_BASE_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

/* The `type` whose `member` is at `pointer`; a compile error if `pointer` has
 * not the member's type. Loses const. */
#define container_of(pointer, type, member)                                   \
	((type *)((char *)(uintptr_t)(1 ? (pointer) : &((type *)0)->member) - \
		  offsetof(type, member)))

#endif
