/*
 * poison - memory that is kept for reuse, for AddressSanitizer: it reports a
 * use of n poisoned bytes at p. Of no effect without it.
 */
#ifndef PM2A_BASE_POISON_H
#define PM2A_BASE_POISON_H

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION((p), (n))
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#endif
