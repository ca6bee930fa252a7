#include "stats/closed.h"

#include <stdlib.h>

#include "base/xalloc.h"

struct closed_entry *
closed_add(struct closed *closed)
{
	struct closed_entry *entry;

	if (closed->ring == NULL)
		closed->ring = xcalloc(CLOSED_KEPT, sizeof(*closed->ring));
	entry = &closed->ring[closed->next];
	closed->next = (closed->next + 1) % CLOSED_KEPT;
	if (closed->n < CLOSED_KEPT)
		closed->n++;
	return entry;
}

const struct closed_entry *
closed_get(const struct closed *closed, size_t i)
{
	return &closed
		    ->ring[(closed->next + CLOSED_KEPT - 1 - i) % CLOSED_KEPT];
}

const struct closed_entry *
closed_find(const struct closed *closed, uint64_t id)
{
	for (size_t i = 0; i < closed->n; i++)
		if (closed_get(closed, i)->id == id)
			return closed_get(closed, i);
	return NULL;
}

void
closed_fini(struct closed *closed)
{
	free(closed->ring);
	*closed = (struct closed){ 0 };
}
