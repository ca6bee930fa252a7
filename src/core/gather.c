#include "core/gather.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define BUCKETS_MIN 16

void
gather_init(struct gathered *gather, size_t max_bytes)
{
	assert(max_bytes < UINT32_MAX);
	*gather = (struct gathered){ .max_bytes = max_bytes };
}

void
gather_fini(struct gathered *gather)
{
	for (size_t i = 0; i < gather->n_answers; i++) {
		blob_unref(gather->answers[i].name);
		blob_unref(gather->answers[i].blob);
	}
	free(gather->answers);
	free(gather->bytes);
	free(gather->strings);
	free(gather->buckets);
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

static struct gather_answer *
add_answer(struct gathered *gather, uint64_t from, struct blob *name)
{
	struct gather_answer *answer;

	if (gather->n_answers == gather->answers_size) {
		gather->answers_size =
		    gather->n_answers == 0 ? 4 : 2 * gather->n_answers;
		gather->answers = xreallocarray(gather->answers,
		    gather->answers_size, sizeof(*gather->answers));
	}
	answer = &gather->answers[gather->n_answers++];
	*answer =
	    (struct gather_answer){ .from = from, .name = blob_ref(name) };
	return answer;
}

int
gather_add(struct gathered *gather, uint64_t from, struct blob *name,
    const void *bytes, size_t len)
{
	struct gather_answer *answer;

	if (!has_room(gather, len))
		return GATHER_E_FULL;
	answer = add_answer(gather, from, name);
	answer->off = gather->n_bytes;
	answer->len = len;
	append(gather, bytes, len);
	return 0;
}

int
gather_add_slice(struct gathered *gather, uint64_t from, struct blob *name,
    const struct slice *s)
{
	struct gather_answer *answer;

	if (!has_room(gather, s->len))
		return GATHER_E_FULL;
	answer = add_answer(gather, from, name);
	answer->blob = blob_ref(s->blob);
	answer->off = s->off;
	answer->len = s->len;
	return 0;
}

static const void *
string_at(const struct gathered *gather, size_t i, size_t *len)
{
	size_t off = gather->strings[i].off;
	size_t end = i + 1 < gather->n_strings ? gather->strings[i + 1].off
					       : gather->n_bytes;

	*len = end - off;
	return gather->bytes + off;
}

/*
 * Linear hashing: the buckets grow by one with each string, and the strings of
 * one bucket are told apart anew. Those that are not yet told apart have the
 * lower half of their bits as their bucket.
 */
static uint32_t *
bucket_of(const struct gathered *gather, uint32_t hash)
{
	size_t size = BUCKETS_MIN, i;

	while (size < gather->n_buckets)
		size *= 2;
	i = hash & (size - 1);
	return &gather->buckets[i < gather->n_buckets ? i : i - size / 2];
}

static uint32_t
hash_at(const struct gathered *gather, const struct hash_key *key, size_t i)
{
	size_t len;
	const void *bytes = string_at(gather, i, &len);

	return (uint32_t)hash_bytes(key, bytes, len);
}

/* Puts the strings of a bucket where they belong now. */
static void
split(struct gathered *gather, const struct hash_key *key, uint32_t *bucket)
{
	uint32_t next = *bucket, i, *to;

	*bucket = 0;
	while (next != 0) {
		i = next - 1;
		to = bucket_of(gather, hash_at(gather, key, i));
		next = gather->strings[i].next;
		gather->strings[i].next = *to;
		*to = i + 1;
	}
}

static void
add_bucket(struct gathered *gather, const struct hash_key *key)
{
	size_t half = BUCKETS_MIN, n = gather->n_buckets;

	if (n == gather->buckets_size) {
		gather->buckets_size = n == 0 ? BUCKETS_MIN : 2 * n;
		gather->buckets = xreallocarray(gather->buckets,
		    gather->buckets_size, sizeof(*gather->buckets));
	}
	if (n == 0) {
		memset(gather->buckets, 0, BUCKETS_MIN * sizeof(uint32_t));
		gather->n_buckets = BUCKETS_MIN;
		return;
	}
	while (2 * half <= n)
		half *= 2;
	gather->buckets[n] = 0;
	gather->n_buckets++;
	split(gather, key, &gather->buckets[n - half]);
}
static bool
has_string(const struct gathered *gather, uint32_t first, const void *bytes,
    size_t len)
{
	const void *other;
	size_t other_len;

	for (uint32_t i = first; i != 0; i = gather->strings[i - 1].next) {
		other = string_at(gather, i - 1, &other_len);
		if (other_len == len && memcmp(other, bytes, len) == 0)
			return true;
	}
	return false;
}

static void
append_string(
    struct gathered *gather, uint32_t hash, const void *bytes, size_t len)
{
	uint32_t *bucket = bucket_of(gather, hash);
	size_t n = gather->n_strings;

	if (n == gather->strings_size) {
		gather->strings_size = n == 0 ? 16 : 2 * n;
		gather->strings = xreallocarray(gather->strings,
		    gather->strings_size, sizeof(*gather->strings));
	}
	gather->strings[n] =
	    (struct gather_string){ (uint32_t)gather->n_bytes, *bucket };
	append(gather, bytes, len);
	*bucket = (uint32_t)++gather->n_strings;
}

int
gather_add_string(struct gathered *gather, const struct hash_key *key,
    const void *bytes, size_t len)
{
	uint32_t hash = (uint32_t)hash_bytes(key, bytes, len);

	if (gather->n_buckets == gather->n_strings)
		add_bucket(gather, key);
	if (has_string(gather, *bucket_of(gather, hash), bytes, len))
		return 0;
	if (!has_room(gather, len))
		return GATHER_E_FULL;
	append_string(gather, hash, bytes, len);
	return 0;
}

const void *
gather_next_string(const struct gathered *gather, size_t *cursor, size_t *len)
{
	if (*cursor == gather->n_strings)
		return NULL;
	return string_at(gather, (*cursor)++, len);
}
