#include "core/lengths.h"

#include <assert.h>
#include <string.h>

/* Returns the first entry of `lengths` that is not shorter than `len`. */
static size_t
position(const struct lengths *lengths, size_t len)
{
	size_t i = 0;

	while (i < lengths->n && lengths->at[i].len < len)
		i++;
	return i;
}

bool
lengths_have(const struct lengths *lengths, size_t len)
{
	size_t i = position(lengths, len);

	return i < lengths->n && lengths->at[i].len == len;
}

void
lengths_add(struct lengths *lengths, uint16_t len)
{
	size_t i = position(lengths, len);

	if (!lengths_have(lengths, len)) {
		assert(lengths->n < LENGTHS_MAX);
		memmove(&lengths->at[i + 1], &lengths->at[i],
		    (lengths->n - i) * sizeof(struct length));
		lengths->at[i] = (struct length){ .len = len };
		lengths->n++;
	}
	lengths->at[i].n_prefixes++;
}

void
lengths_remove(struct lengths *lengths, uint16_t len)
{
	size_t i = position(lengths, len);

	if (--lengths->at[i].n_prefixes > 0)
		return;
	lengths->n--;
	memmove(&lengths->at[i], &lengths->at[i + 1],
	    (lengths->n - i) * sizeof(struct length));
}
