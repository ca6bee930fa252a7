#include "core/gather.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

void
gather_init(struct gathered *gather, size_t max_bytes)
{
	assert(max_bytes < UINT32_MAX);
	*gather = (struct gathered){ .max_bytes = max_bytes };
}

void
gather_fini(struct gathered *gather)
{
	for (size_t i = 0; i < gather->n_answers; i++)
		blob_unref(gather->answers[i].name);
	free(gather->answers);
	free(gather->bytes);
	free(gather->slots);
	*gather = (struct gathered){ .max_bytes = gather->max_bytes };
}

int
gather_reserve(struct gathered *gather, size_t n)
{
	if (n > gather->max_bytes - gather->n_counted)
		return GATHER_E_FULL;
	gather->n_counted += n;
	return 0;
}

/* Counts an answer of len bytes, if they are not too many. */
static bool
has_room(struct gathered *gather, size_t len)
{
	return gather_reserve(gather, len + GATHER_ENTRY_BYTES) == 0;
}

static void
append(struct gathered *gather, const void *bytes, size_t len)
{
	size_t size = gather->bytes_size == 0 ? 64 : gather->bytes_size;

	while (size - gather->n_bytes < len)
		size *= 2;
	if (size != gather->bytes_size) {
		gather->bytes = xreallocarray(gather->bytes, size, 1);
		gather->bytes_size = size;
	}
	if (len > 0)
		memcpy(gather->bytes + gather->n_bytes, bytes, len);
	gather->n_bytes += len;
}

int
gather_add(struct gathered *gather, uint64_t from, struct blob *name,
    const void *bytes, size_t len)
{
	if (!has_room(gather, len))
		return GATHER_E_FULL;
	if (gather->n_answers == gather->answers_size) {
		gather->answers_size =
		    gather->n_answers == 0 ? 4 : 2 * gather->n_answers;
		gather->answers = xreallocarray(gather->answers,
		    gather->answers_size, sizeof(*gather->answers));
	}
	gather->answers[gather->n_answers++] = (struct gather_answer){
		.from = from,
		.name = blob_ref(name),
		.off = gather->n_bytes,
		.len = len,
	};
	append(gather, bytes, len);
	return 0;
}

static const void *
string_at(const struct gathered *gather, size_t off, size_t *len)
{
	uint32_t n;

	memcpy(&n, gather->bytes + off, sizeof(n));
	*len = n;
	return gather->bytes + off + sizeof(n);
}

/* The slot that has the string, or the free one that it belongs into. */
static uint32_t *
find_slot(const struct gathered *gather, const struct hash_key *key,
    const void *bytes, size_t len)
{
	size_t mask = gather->n_slots - 1;
	size_t i = hash_bytes(key, bytes, len) & mask, other_len;
	const void *other;

	while (gather->slots[i] != 0) {
		other = string_at(gather, gather->slots[i] - 1, &other_len);
		if (other_len == len && memcmp(other, bytes, len) == 0)
			break;
		i = (i + 1) & mask;
	}
	return &gather->slots[i];
}

/* Room for one string more, at most two thirds full. */
static void
grow_slots(struct gathered *gather, const struct hash_key *key)
{
	const void *bytes;
	size_t cursor = 0, at = 0, len;

	if (gather->n_strings + 1 <= gather->n_slots / 3 * 2)
		return;
	gather->n_slots = gather->n_slots == 0 ? 16 : 2 * gather->n_slots;
	free(gather->slots);
	gather->slots = xcalloc(gather->n_slots, sizeof(*gather->slots));
	while ((bytes = gather_next_string(gather, &cursor, &len)) != NULL) {
		*find_slot(gather, key, bytes, len) = (uint32_t)at + 1;
		at = cursor;
	}
}

int
gather_add_string(struct gathered *gather, const struct hash_key *key,
    const void *bytes, size_t len)
{
	uint32_t n = (uint32_t)len, *slot;

	grow_slots(gather, key);
	slot = find_slot(gather, key, bytes, len);
	if (*slot != 0)
		return 0;
	if (!has_room(gather, len))
		return GATHER_E_FULL;
	*slot = (uint32_t)gather->n_bytes + 1;
	append(gather, &n, sizeof(n));
	append(gather, bytes, len);
	gather->n_strings++;
	return 0;
}

const void *
gather_next_string(const struct gathered *gather, size_t *cursor, size_t *len)
{
	const void *bytes;

	if (*cursor == gather->n_bytes)
		return NULL;
	bytes = string_at(gather, *cursor, len);
	*cursor += sizeof(uint32_t) + *len;
	return bytes;
}
