#include "unit/rig/requests.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct request_registry *reg;
struct request_owner owners[N_OWNERS];

static int64_t last_ask_id;
static char told[1024];

void
owners_begin(void)
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

void
owners_end(void)
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
	rig_expect_no_blobs();
}

struct request *
open_spec(int asker, const struct request_spec *spec, const char *whom)
{
	struct request_owner *asked[N_OWNERS];
	size_t n = strlen(whom);

	for (size_t i = 0; i < n; i++)
		asked[i] = &owners[whom[i] - '0'];
	return request_open(
	    reg, &owners[asker], spec, n == 0 ? NULL : asked, n, now);
}

uint64_t
owner_ask(enum gather gather, int64_t timeout_ms, const char *whom)
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

uint64_t
ask_scope(const void *scope, const char *whom)
{
	struct request_spec spec = {
		.gather = GATHER_LIST,
		.timeout_ms = 100,
		.scope = scope,
		.gather_max_bytes = ROOM,
	};

	return open_spec(0, &spec, whom)->id;
}

int
owner_give(int owner, uint64_t id, enum verdict verdict, const char *text)
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

int
owner_yes(int owner, uint64_t id, const char *text)
{
	return owner_give(owner, id, VERDICT_YES, text);
}

int
owner_no(int owner, uint64_t id)
{
	return owner_give(owner, id, VERDICT_NO, "");
}

int
yes_strings(int owner, uint64_t id, const char *text)
{
	struct answer_string strings[16];
	struct answer answer = {
		.question = id,
		.verdict = VERDICT_YES,
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

void
owners_pass(int64_t ms)
{
	now = instant_after(now, ms);
	request_expire(reg, now);
}

static void __attribute__((format(printf, 1, 2))) tell(const char *format, ...)
{
	size_t at = strlen(told);
	va_list args;

	va_start(args, format);
	vsnprintf(told + at, sizeof(told) - at, format, args);
	va_end(args);
	ck_assert_uint_lt(strlen(told) + 1, sizeof(told));
}

static void
tell_answers(const struct gathered *gather)
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

static void
tell_request(const struct request *request)
{
	ck_assert_uint_eq(request->n_owed, 0);
	tell("%lld %s %u/%u", (long long)request->ask_id,
	    rig_outcomes[request->outcome], request->n_answered,
	    request->n_debts);
	for (uint32_t i = 0; i < request->n_debts; i++) {
		const struct debt *debt = &request->debts[i];

		ck_assert_int_ne(debt->state, DEBT_OWED);
		ck_assert_ptr_null(debt->owner);
		ck_assert_int_eq(debt->name->data[0], 'n');
		ck_assert_uint_eq(
		    (unsigned)(debt->name->data[1] - '0') + 10, debt->id);
		if (debt->state != DEBT_PAID)
			tell(" %s:%d", rig_states[debt->state],
			    (int)debt->id - 10);
	}
	tell_answers(&request->gathered);
}

const char *
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
