#include "base/xalloc.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static void *
check(void *p, size_t n, size_t size)
{
	if (p == NULL)
		log_fatal("out-of-memory", "bytes=%zux%zu", n, size);
	return p;
}

void *
xcalloc(size_t n, size_t size)
{
	return check(calloc(n, size), n, size);
}

void *
xreallocarray(void *p, size_t n, size_t size)
{
	return check(reallocarray(p, n, size), n, size);
}

void *
xaligned(size_t align, size_t size)
{
	void *p = NULL;

	if (posix_memalign(&p, align, size) != 0)
		p = NULL;
	return check(p, 1, size);
}

#define HEAP_TOP_KEPT (256 << 10)

void
xtune(void)
{
	mallopt(M_MMAP_THRESHOLD, (int)XALLOC_MAPPED);
	mallopt(M_TRIM_THRESHOLD, HEAP_TOP_KEPT);
}

void
xtrim(void)
{
	malloc_trim(0);
}

char *
xstrdup(const char *s)
{
	return check(strdup(s), 1, strlen(s) + 1);
}

FILE *
xmemstream(char **text, size_t *len)
{
	FILE *stream = open_memstream(text, len);

	if (stream == NULL)
		log_fatal("out-of-memory", "opening=stream");
	return stream;
}
