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

/* With xtune(), so many bytes or more are a mapping of their own, which goes
 * back to the system when it is freed. */
#define XALLOC_MAPPED ((size_t)64 << 10)

/* Zeroed memory for n objects of size bytes; free() ends it. */
void *xcalloc(size_t n, size_t size)
    __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));

/* realloc() to n objects of size bytes; new bytes are not set. */
void *xreallocarray(void *p, size_t n, size_t size)
    __attribute__((returns_nonnull, alloc_size(2, 3)));

/* size bytes at a multiple of align, a power of two; not set. */
void *xaligned(size_t align, size_t size)
    __attribute__((malloc, returns_nonnull, alloc_size(2)));

/*
 * Makes malloc give memory back. Left to itself it moves its threshold for
 * mappings up to the largest block that was ever freed, 32 MiB at the most;
 * from then on large blocks are cut out of the heap, and a few small ones
 * between them keep it from ever shrinking.
 */
void xtune(void);

/* Gives the system back the free pages of the heap. It looks at each free
 * block: a heap that a million topics have left in pieces takes 90 ms. */
void xtrim(void);

/* A copy of the string s. */
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));

/* A stream whose bytes are at *text, *len of them, once it is closed
 * (open_memstream(3)). */
FILE *xmemstream(char **text, size_t *len) __attribute__((returns_nonnull));

#endif
