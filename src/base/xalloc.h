/*
 * xalloc - allocation that ends the process when there is no memory.
 *
 * For the daemon only: a size that comes from a peer has passed a limit before
 * it gets here. wire/ and client/ return -ENOMEM instead.
 */
#ifndef PM2A_BASE_XALLOC_H
#define PM2A_BASE_XALLOC_H

#include <stddef.h>
#include <stdio.h>

/* After xtune(), blocks of this size or more are mappings of their own, which
 * return to the system when freed. */
#define XALLOC_MAPPED ((size_t)64 << 10)

/* Returns zeroed memory for `n` objects of `size` bytes; free it with free().
 */
void *xcalloc(size_t n, size_t size)
    __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));

/* Reallocates to `n` objects of `size` bytes; new bytes are uninitialized. */
void *xreallocarray(void *p, size_t n, size_t size)
    __attribute__((returns_nonnull, alloc_size(2, 3)));

/* Returns `size` bytes at a multiple of `align`, a power of two, uninitialized.
 */
void *xaligned(size_t align, size_t size)
    __attribute__((malloc, returns_nonnull, alloc_size(2)));

/*
 * Makes malloc return memory. By default it raises its threshold for mappings
 * to the largest block that was ever freed, at most 32 MiB; from then on large
 * blocks are cut out of the heap, and a few small ones between them keep it
 * from ever shrinking.
 */
void xtune(void);

/* Returns the free pages of the heap to the system. It visits each free block,
 * which takes 90 ms after a million topics were freed. */
void xtrim(void);

/* Returns a copy of the string `s`. */
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));

/* Returns a stream whose bytes are at *text, *len of them, after it is closed
 * (open_memstream(3)). */
FILE *xmemstream(char **text, size_t *len) __attribute__((returns_nonnull));

#endif
