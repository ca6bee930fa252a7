/*
 * heard - the messages that a member receives in one step of a model test,
 * written in the same words by the receiver and by the model.
 */
#ifndef PM2A_TESTS_UNIT_HEARD_H
#define PM2A_TESTS_UNIT_HEARD_H

#include <string.h>

#include "core/sink.h"
#include "unit/support.h"

#ifndef SEED
#define SEED 9482761
#endif
#define N_TOPICS 12
#define N_HEARD_MAX 16

struct log {
	size_t n, used;
	struct entry {
		int64_t ask_id; /* of a result, or 0 */
		size_t off, len;
	} entries[8];
	char text[16384];
	bool any_presence, any_result;
	struct heard {
		size_t n;
		struct {
			uint64_t who;
			uint32_t count;
			bool joined;
		} at[N_HEARD_MAX];
	} presence[N_TOPICS];
};

static int step;
static char operation[160];

static inline void __attribute__((noreturn)) mismatch(const char *what)
{
	ck_abort_msg("seed %d, step %d, %s: %s", SEED, step, operation, what);
}

/* Check's own assertions leave a trace for each that holds, which is more than
 * the operations cost. */
static inline void
require(bool holds, const char *what)
{
	if (!holds)
		mismatch(what);
}

static inline void
put_bytes(struct log *log, const void *bytes, size_t len)
{
	require(log->used + len <= sizeof(log->text), "too much to hear");
	if (len > 0)
		memcpy(log->text + log->used, bytes, len);
	log->used += len;
	log->entries[log->n - 1].len += len;
}

static inline void
put_text(struct log *log, const char *text)
{
	put_bytes(log, text, strlen(text));
}

static inline void
put_number(struct log *log, uint64_t n)
{
	char digits[24];
	size_t at = sizeof(digits);

	digits[--at] = ' ';
	do
		digits[--at] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	put_bytes(log, digits + at, sizeof(digits) - at);
}

static inline void
put_entry(struct log *log, const char *word, int64_t ask_id)
{
	require(log->n < N_ELEMENTS(log->entries), "too much to hear");
	log->entries[log->n++] = (struct entry){ ask_id, log->used, 0 };
	put_text(log, word);
}

static inline void
put_message(struct log *log, uint32_t n, const void *bytes, size_t len)
{
	put_entry(log, "message ", 0);
	put_number(log, n);
	put_bytes(log, bytes, len);
}

static inline void
put_question(struct log *log, const struct broker_request *ask)
{
	put_entry(log, "question ", 0);
	put_number(log, ask->gather);
	for (size_t i = 0; i < ask->n_topics; i++) {
		put_bytes(log, ask->topics[i].bytes, ask->topics[i].len);
		put_text(log, " ");
	}
	put_bytes(log, ask->payload, ask->payload_len);
}

static inline void
put_part(
    struct log *log, int64_t ask_id, uint64_t from, const struct answer *answer)
{
	put_entry(log, "part ", 0);
	put_number(log, (uint64_t)ask_id);
	put_number(log, from);
	put_bytes(log, answer->bytes, answer->len);
}

static inline void
put_result(struct log *log, int64_t ask_id, enum outcome outcome,
    unsigned n_answered, unsigned n_asked, int64_t deadline_ms)
{
	log->any_result = true;
	put_entry(log, "result ", ask_id);
	put_number(log, (uint64_t)ask_id);
	put_number(log, outcome);
	put_number(log, n_answered);
	put_number(log, n_asked);
	put_number(log, (uint64_t)deadline_ms);
}

static inline void
put_row(struct log *log, uint64_t id, const char *name, enum debt_state state)
{
	put_number(log, id);
	put_text(log, name);
	put_text(log, ":");
	put_number(log, state);
}

static inline void
put_answer(struct log *log, uint64_t from, const char *name, const void *bytes,
    size_t len)
{
	put_text(log, "\"");
	put_number(log, from);
	put_text(log, name);
	put_text(log, ":");
	put_bytes(log, bytes, len);
}

static inline void
put_string(struct log *log, const void *bytes, size_t len)
{
	put_text(log, "'");
	put_bytes(log, bytes, len);
}

static inline void
put_presence(
    struct log *log, size_t topic, uint64_t who, bool joined, uint32_t count)
{
	struct heard *heard = &log->presence[topic];

	require(heard->n < N_HEARD_MAX, "too much presence");
	log->any_presence = true;
	heard->at[heard->n].who = who;
	heard->at[heard->n].count = count;
	heard->at[heard->n++].joined = joined;
}

static inline void
sort_entries(struct log *log)
{
	for (size_t i = 1; i < log->n; i++)
		for (size_t k = i; k > 0 && log->entries[k - 1].ask_id >
						log->entries[k].ask_id;
		     k--) {
			struct entry swap = log->entries[k];

			log->entries[k] = log->entries[k - 1];
			log->entries[k - 1] = swap;
		}
}

static inline bool
same_entry(const struct log *a, const struct log *b, size_t i)
{
	const struct entry *x = &a->entries[i], *y = &b->entries[i];

	return x->ask_id == y->ask_id && x->len == y->len &&
	       memcmp(a->text + x->off, b->text + y->off, x->len) == 0;
}

static inline bool
same_presence(const struct log *a, const struct log *b)
{
	if (a->any_presence != b->any_presence)
		return false;
	for (size_t t = 0; a->any_presence && t < N_TOPICS; t++) {
		const struct heard *x = &a->presence[t], *y = &b->presence[t];

		if (x->n != y->n)
			return false;
		for (size_t i = 0; i < x->n; i++)
			if (x->at[i].who != y->at[i].who ||
			    x->at[i].count != y->at[i].count ||
			    x->at[i].joined != y->at[i].joined)
				return false;
	}
	return true;
}

static inline void
forget(struct log *log)
{
	log->n = log->used = 0;
	log->any_result = false;
	for (size_t t = 0; log->any_presence && t < N_TOPICS; t++)
		log->presence[t].n = 0;
	log->any_presence = false;
}

#endif
