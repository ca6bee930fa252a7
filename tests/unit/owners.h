/*
 * owners - owners without members, for the tests of open questions: owner i has
 * the id 10 + i and the name "n<i>". Who is asked is a string of digits. A
 * question that has ended is told as "ask-id outcome answered/expected", then
 * "reason:id" of each who did not answer, then "=" and each answer.
 */
#ifndef PM2A_TESTS_UNIT_OWNERS_H
#define PM2A_TESTS_UNIT_OWNERS_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/request.h"
#include "unit/support.h"

#define N_OWNERS 10
#define ROOM 1000000

static struct request_registry *reg;
static struct request_owner owners[N_OWNERS];
static struct instant now;
static int64_t last_ask_id;

static inline void
begin(void)
{
	char name[8];

	reg = request_registry_new((struct hash_key){ 5, 6 });
	now = (struct instant){ 1000 };
	last_ask_id = 0;
	for (unsigned i = 0; i < N_OWNERS; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		request_owner_init(&owners[i], 10 + i, name);
	}
}

static inline void
end(void)
{
	ck_assert_ptr_null(request_take_ended(reg));
	for (int i = 0; i < N_OWNERS; i++) {
		request_owner_fini(reg, &owners[i]);
		ck_assert_uint_eq(owners[i].n_asked, 0);
	}
	for (int i = 0; i < N_OWNERS; i++)
		ck_assert_uint_eq(owners[i].n_debts, 0);
	ck_assert_ptr_null(request_take_ended(reg));
	ck_assert_uint_eq(request_n_open(reg), 0);
	ck_assert_uint_eq(request_n_gathered_bytes(reg), 0);
	ck_assert_int_eq(request_next_deadline(reg).ms, INSTANT_NEVER.ms);
	request_registry_free(reg);
	ck_assert_uint_eq(blob_total_bytes(), 0);
}

static inline struct request *
open_spec(int asker, const struct request_spec *spec, const char *whom)
{
	struct request_owner *asked[N_OWNERS];
	size_t n = strlen(whom);

	for (size_t i = 0; i < n; i++)
		asked[i] = &owners[whom[i] - '0'];
	return request_open(
	    reg, &owners[asker], spec, n == 0 ? NULL : asked, n, now);
}

/* Owner 0 asks; the ask ids of a test count from 1. */
static inline uint64_t
ask(enum request_gather gather, int64_t timeout_ms, const char *whom)
{
	struct request_spec spec = {
		.ask_id = ++last_ask_id,
		.gather = gather,
		.timeout_ms = timeout_ms,
		.gather_max_bytes = ROOM,
	};
	struct request *request;

	request = open_spec(0, &spec, whom);
	ck_assert_int_eq(request->ask_id, spec.ask_id);
	return request->id;
}

static inline uint64_t
ask_scope(const void *scope, const char *whom)
{
	struct request_spec spec = {
		.gather = REQUEST_LIST,
		.timeout_ms = 100,
		.scope = scope,
		.gather_max_bytes = ROOM,
	};

	return open_spec(0, &spec, whom)->id;
}

static inline int
give(int owner, uint64_t id, enum request_verdict verdict, const char *text)
{
	struct buffer bytes = exactly(text, strlen(text));
	struct answer answer = {
		.question = id,
		.verdict = verdict,
		.bytes = bytes.data,
		.len = bytes.len,
	};
	struct request *request = NULL;
	int r = request_answer(reg, &owners[owner], &answer, &request);

	if (r == 0)
		ck_assert_uint_eq(request->id, id);
	free(bytes.data);
	return r;
}

static inline int
yes(int owner, uint64_t id, const char *text)
{
	return give(owner, id, REQUEST_YES, text);
}

static inline int
no(int owner, uint64_t id)
{
	return give(owner, id, REQUEST_NO, "");
}

/* Yes to a union: the words of text, one blank between two. */
static inline int
yes_strings(int owner, uint64_t id, const char *text)
{
	struct answer_string strings[16];
	struct answer answer = {
		.question = id,
		.verdict = REQUEST_YES,
		.strings = strings,
	};
	struct request *request;

	for (const char *at = text; *at != '\0'; at += strspn(at, " ")) {
		strings[answer.n_strings] =
		    (struct answer_string){ at, strcspn(at, " ") };
		at += strings[answer.n_strings++].len;
	}
	return request_answer(reg, &owners[owner], &answer, &request);
}

static inline void
pass(int64_t ms)
{
	now = instant_after(now, ms);
	request_expire(reg, now);
}

static const char *const outcome_words[] = {
	[REQUEST_OPEN] = "open",
	[REQUEST_COMPLETE] = "complete",
	[REQUEST_FOUND] = "found",
	[REQUEST_UNKNOWN] = "unknown",
	[REQUEST_TIMEOUT] = "timeout",
	[REQUEST_FULL] = "full",
};

static const char *const state_words[] = {
	[DEBT_OWED] = "owed",
	[DEBT_PAID] = "paid",
	[DEBT_LEFT] = "left",
	[DEBT_LATE] = "late",
	[DEBT_TOO_BIG] = "big",
	[DEBT_DISMISSED] = "dismissed",
};

static char told[1024];

static inline void __attribute__((format(printf, 1, 2)))
tell(const char *format, ...)
{
	size_t at = strlen(told);
	va_list args;

	va_start(args, format);
	vsnprintf(told + at, sizeof(told) - at, format, args);
	va_end(args);
	ck_assert_uint_lt(strlen(told) + 1, sizeof(told));
}

static inline void
tell_answers(const struct gather *gather)
{
	size_t cursor = 0, len;
	const char *bytes;

	if (gather->n_answers + gather->n_strings > 0)
		tell(" =");
	for (size_t i = 0; i < gather->n_answers; i++)
		tell(" %.*s", (int)gather->answers[i].len,
		    (const char *)gather->bytes + gather->answers[i].off);
	if (gather->n_strings > 0)
		while (
		    (bytes = gather_next_string(gather, &cursor, &len)) != NULL)
			tell(" %.*s", (int)len, bytes);
}

static inline void
tell_request(const struct request *request)
{
	ck_assert_uint_eq(request->n_owed, 0);
	tell("%lld %s %u/%u", (long long)request->ask_id,
	    outcome_words[request->outcome], request->n_answered,
	    request->n_debts);
	for (uint32_t i = 0; i < request->n_debts; i++) {
		const struct debt *debt = &request->debts[i];

		ck_assert_int_ne(debt->state, DEBT_OWED);
		ck_assert_ptr_null(debt->owner);
		ck_assert_int_eq(debt->name->data[0], 'n');
		ck_assert_uint_eq(
		    (unsigned)(debt->name->data[1] - '0') + 10, debt->id);
		if (debt->state != DEBT_PAID)
			tell(" %s:%d", state_words[debt->state],
			    (int)debt->id - 10);
	}
	tell_answers(&request->gathered);
}

/* All that have ended since it was asked last, with "; " between two. */
static inline const char *
ended(void)
{
	struct request *request;

	told[0] = '\0';
	while ((request = request_take_ended(reg)) != NULL) {
		if (told[0] != '\0')
			tell("; ");
		tell_request(request);
		ck_assert_ptr_null(request_find(reg, request->id));
		request_free(request);
	}
	return told;
}

#endif
