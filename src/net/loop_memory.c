#include "net/loop_memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "base/container.h"
#include "base/pool.h"

/* Precedes each piece, since pool_free() needs its size. */
struct head {
	size_t size;     /* with the head */
	uint64_t data[]; /* a pool's alignment */
};

static struct pool pool;

static struct head *
head_of(void *p)
{
	return container_of(p, struct head, data);
}

static void *
allocate(size_t size)
{
	struct head *head;

	if (size > SIZE_MAX - sizeof(*head)) {
		errno = ENOMEM;
		return NULL;
	}
	size += sizeof(*head);
	head = pool_alloc(&pool, size);
	head->size = size;
	return head->data;
}

static void
release(void *p)
{
	if (p != NULL)
		pool_free(&pool, head_of(p), head_of(p)->size);
}

static void *
resize(void *p, size_t size)
{
	void *fresh = allocate(size);
	size_t old;

	if (p == NULL || fresh == NULL)
		return fresh;
	old = head_of(p)->size - sizeof(struct head);
	memcpy(fresh, p, old < size ? old : size);
	release(p);
	return fresh;
}

void
loop_memory_init(void)
{
	static bool is_done;

	if (is_done)
		return;
	is_done = true;
	pool_init(&pool);
	event_set_mem_functions(allocate, resize, release);
}
