/*
 * xalloc - allocation that ends the process when there is no memory.
 *
 * For the daemon only: a size that comes from a peer has passed a limit before
 * it gets here. wire/ and client/ return -ENOMEM instead.
 */
#ifndef PM2A_BASE_XALLOC_H
#define PM2A_BASE_XALLOC_H

#include <stddef.h>

/* Zeroed memory for n objects of size bytes; free() ends it. */
void *xcalloc(size_t n, size_t size)
    __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));

/* realloc() to n objects of size bytes; new bytes are not set. */
void *xreallocarray(void *p, size_t n, size_t size)
    __attribute__((returns_nonnull, alloc_size(2, 3)));

/* size bytes at a multiple of align, a power of two; not set. */
void *xaligned(size_t align, size_t size)
    __attribute__((malloc, returns_nonnull, alloc_size(2)));

/* A copy of the string s. */
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));

#endif
