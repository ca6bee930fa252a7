#include "core/request.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/xalloc.h"

#define LARGE_ANSWER 262144 /* bytes of one that is not copied */

/*
 * A request is a row of debts, one for each owner that has its question. A debt
 * is settled once: by an answer, by the end of its owner, by the deadline. A
 * request ends when no debt is owed any more; since debts are counted and not
 * answers, nothing that arrives twice or from elsewhere ends one early.
 *
 * Ids count up, so the buckets are indexed with the low bits, and no peer can
 * choose them. Peers choose the ids of their requests, so these have buckets by
 * a keyed hash.
 */
struct request_registry {
	struct hash_key key;
	struct request_list *buckets; /* by id */
	struct request_list *ids;     /* by asker and ask_id */
	size_t n_buckets;             /* of each; a power of two */
	size_t n_open;
	size_t n_bytes;   /* gathered for open ones */
	size_t max_bytes; /* of that; 0: any */
	uint64_t last_id;
	struct deadlines deadlines;
	TAILQ_HEAD(request_queue, request) ended;
};

struct request_registry *
request_registry_new(struct hash_key key)
{
	struct request_registry *reg = xcalloc(1, sizeof(*reg));

	reg->key = key;
	reg->n_buckets = 64;
	reg->buckets = xcalloc(reg->n_buckets, sizeof(*reg->buckets));
	reg->ids = xcalloc(reg->n_buckets, sizeof(*reg->ids));
	deadlines_init(&reg->deadlines);
	TAILQ_INIT(&reg->ended);
	return reg;
}

void
request_set_max_bytes(struct request_registry *reg, size_t max_bytes)
{
	reg->max_bytes = max_bytes;
}

void
request_registry_free(struct request_registry *reg)
{
	if (reg == NULL)
		return;
	assert(reg->n_open == 0 && TAILQ_EMPTY(&reg->ended));
	free(reg->buckets);
	free(reg->ids);
	free(reg);
}

static struct request_list *
bucket(struct request_registry *reg, uint64_t id)
{
	return &reg->buckets[id & (reg->n_buckets - 1)];
}

static struct request_list *
id_bucket(struct request_registry *reg, const struct request_owner *asker,
    int64_t ask_id)
{
	const uint64_t both[] = { asker->id, (uint64_t)ask_id };

	return &reg->ids[hash_bytes(&reg->key, both, sizeof(both)) &
			 (reg->n_buckets - 1)];
}

static void
index_request(struct request_registry *reg, struct request *request)
{
	LIST_INSERT_HEAD(bucket(reg, request->id), request, in_bucket);
	LIST_INSERT_HEAD(
	    id_bucket(reg, request->asker, request->ask_id), request, in_ids);
}

static void
grow_buckets(struct request_registry *reg)
{
	struct request_list *old = reg->buckets;
	size_t n = reg->n_buckets;
	struct request *request;

	reg->n_buckets *= 2;
	reg->buckets = xcalloc(reg->n_buckets, sizeof(*reg->buckets));
	free(reg->ids);
	reg->ids = xcalloc(reg->n_buckets, sizeof(*reg->ids));
	for (size_t i = 0; i < n; i++)
		while ((request = LIST_FIRST(&old[i])) != NULL) {
			LIST_REMOVE(request, in_bucket);
			index_request(reg, request);
		}
	free(old);
}

bool
request_is_open(struct request_registry *reg, const struct request_owner *asker,
    int64_t ask_id)
{
	const struct request *request;

	LIST_FOREACH (request, id_bucket(reg, asker, ask_id), in_ids)
		if (request->asker == asker && request->ask_id == ask_id)
			return true;
	return false;
}

struct request *
request_find(struct request_registry *reg, uint64_t id)
{
	struct request *request;

	LIST_FOREACH (request, bucket(reg, id), in_bucket)
		if (request->id == id)
			return request;
	return NULL;
}

/* Takes the question out of every index. */
static void
shut(struct request_registry *reg, struct request *request)
{
	deadlines_leave(&reg->deadlines, &request->deadline);
	LIST_REMOVE(request, in_bucket);
	LIST_REMOVE(request, in_ids);
	LIST_REMOVE(request, in_asker);
	request->asker->n_asked--;
	reg->n_open--;
	reg->n_bytes -= request->gathered.n_counted;
}

static void
settle(struct debt *debt, enum debt_state state)
{
	assert(debt->state == DEBT_OWED);
	debt->state = state;
	LIST_REMOVE(debt, in_owner);
	debt->owner->n_debts--;
	debt->owner = NULL;
	debt->request->n_owed--;
}

static void
settle_all(struct request *request, enum debt_state state)
{
	for (uint32_t i = 0; i < request->n_debts; i++)
		if (request->debts[i].state == DEBT_OWED)
			settle(&request->debts[i], state);
}

static void
end(struct request_registry *reg, struct request *request, enum outcome outcome)
{
	shut(reg, request);
	request->outcome = outcome;
	settle_all(
	    request, outcome == OUTCOME_TIMEOUT ? DEBT_LATE : DEBT_DISMISSED);
	TAILQ_INSERT_TAIL(&reg->ended, request, in_ended);
}

static void
end_if_settled(struct request_registry *reg, struct request *request)
{
	if (request->outcome == OUTCOME_OPEN && request->n_owed == 0)
		end(reg, request,
		    request->gather == GATHER_FIRST ? OUTCOME_UNKNOWN
						    : OUTCOME_COMPLETE);
}

void
request_owner_init(struct request_owner *owner, uint64_t id, const char *name)
{
	*owner = (struct request_owner){ .id = id };
	owner->name = blob_copy(name, strlen(name) + 1);
	LIST_INIT(&owner->debts);
	LIST_INIT(&owner->opened);
}

uint32_t
request_owner_end(struct request_registry *reg, struct request_owner *owner)
{
	struct request *request;
	uint32_t n_dropped = 0;

	while ((request = LIST_FIRST(&owner->opened)) != NULL) {
		shut(reg, request);
		settle_all(request, DEBT_DISMISSED);
		request_free(request);
		n_dropped++;
	}
	request_release(reg, owner, NULL);
	return n_dropped;
}

uint32_t
request_owner_fini(struct request_registry *reg, struct request_owner *owner)
{
	uint32_t n_dropped = request_owner_end(reg, owner);

	blob_unref(owner->name);
	owner->name = NULL;
	return n_dropped;
}

static int
compare_debts(const void *a, const void *b)
{
	uint64_t x = ((const struct debt *)a)->id;
	uint64_t y = ((const struct debt *)b)->id;

	return x < y ? -1 : x > y;
}

static int
compare_owners(const void *a, const void *b)
{
	uint64_t x = (*(struct request_owner *const *)a)->id;
	uint64_t y = (*(struct request_owner *const *)b)->id;

	return x < y ? -1 : x > y;
}

/* Returns 0 or GATHER_E_FULL, where the rows of the result alone are more than
 * it may have: each is in it, be it as an answer or as missing. */
static int
incur(struct request *request, struct request_owner *owner)
{
	struct debt *debt = &request->debts[request->n_debts++];

	*debt = (struct debt){
		.request = request,
		.owner = owner,
		.id = owner->id,
		.name = blob_ref(owner->name),
		.state = DEBT_OWED,
	};
	LIST_INSERT_HEAD(&owner->debts, debt, in_owner);
	owner->n_debts++;
	request->n_owed++;
	return gather_reserve(
	    &request->gathered, owner->name->size + REQUEST_ROW_BYTES);
}

struct request *
request_open(struct request_registry *reg, struct request_owner *asker,
    const struct request_spec *spec, struct request_owner **owners, size_t n,
    struct instant now)
{
	struct request *request = xcalloc(1, sizeof(*request));
	bool is_full = false;

	assert(spec->timeout_ms > 0);
	request->id = ++reg->last_id;
	request->ask_id = spec->ask_id;
	request->opened_us = spec->opened_us;
	request->label_len = spec->label_len < REQUEST_LABEL_SIZE
				 ? spec->label_len
				 : REQUEST_LABEL_SIZE;
	if (request->label_len > 0)
		memcpy(request->label, spec->label, request->label_len);
	request->gather = spec->gather;
	request->asker = asker;
	request->scope = spec->scope;
	gather_init(&request->gathered, spec->gather_max_bytes);
	if (spec->gather == GATHER_STREAM)
		request->parts_max_bytes = spec->parts_max_bytes;
	request->debts = xcalloc(n == 0 ? 1 : n, sizeof(*request->debts));
	if (n > 1)
		qsort(owners, n, sizeof(*owners), compare_owners);
	for (size_t i = 0; i < n; i++)
		is_full |= incur(request, owners[i]) != 0;
	if (reg->n_open++ == reg->n_buckets)
		grow_buckets(reg);
	index_request(reg, request);
	LIST_INSERT_HEAD(&asker->opened, request, in_asker);
	asker->n_asked++;
	deadlines_enter(
	    &reg->deadlines, &request->deadline, spec->timeout_ms, now);
	reg->n_bytes += request->gathered.n_counted;
	if (is_full || (reg->max_bytes > 0 && reg->n_bytes > reg->max_bytes))
		end(reg, request, OUTCOME_FULL);
	end_if_settled(reg, request);
	return request;
}

/* Finds the debt of `owner` to the question `id`. Returns 0 or REQUEST_E_*. */
static int
find_debt(struct request_registry *reg, const struct request_owner *owner,
    uint64_t id, struct debt **out)
{
	struct request *request = request_find(reg, id);
	struct debt key = { .id = owner->id };

	if (request == NULL)
		return id > 0 && id <= reg->last_id ? REQUEST_E_LATE
						    : REQUEST_E_FOREIGN;
	*out = bsearch(
	    &key, request->debts, request->n_debts, sizeof(key), compare_debts);
	if (*out == NULL)
		return REQUEST_E_FOREIGN;
	if ((*out)->state == DEBT_LEFT)
		return REQUEST_E_LATE;
	return (*out)->state == DEBT_OWED ? 0 : REQUEST_E_DOUBLED;
}

const struct request *
request_find_owed(struct request_registry *reg,
    const struct request_owner *owner, uint64_t id)
{
	struct debt *debt;

	return find_debt(reg, owner, id, &debt) == 0 ? debt->request : NULL;
}

static int
gather_strings(struct request_registry *reg, struct gathered *gather,
    const struct answer *answer)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < answer->n_strings; i++)
		r = gather_add_string(gather, &reg->key,
		    answer->strings[i].bytes, answer->strings[i].len);
	return r;
}

/* Whether its buffer, which has a few bytes besides it, is kept. */
static bool
is_large(const struct answer *answer)
{
	return answer->blob != NULL && answer->len >= LARGE_ANSWER &&
	       answer->len >= answer->blob->size / 2;
}

/* Returns 0 or GATHER_E_FULL. */
static int
gather_answer(struct request_registry *reg, const struct debt *debt,
    const struct answer *answer)
{
	struct gathered *gather = &debt->request->gathered;
	size_t before = gather->n_counted;
	int r = 0;

	if (debt->request->gather != GATHER_STREAM && reg->max_bytes > 0 &&
	    answer->len + reg->n_bytes > reg->max_bytes)
		return GATHER_E_FULL;
	if (debt->request->gather == GATHER_UNION)
		r = gather_strings(reg, gather, answer);
	else if (debt->request->gather != GATHER_STREAM && is_large(answer))
		r = gather_add_slice(gather, debt->id, debt->name,
		    &(struct slice){ answer->blob,
			(size_t)((const uint8_t *)answer->bytes -
				 answer->blob->data),
			answer->len });
	else if (debt->request->gather != GATHER_STREAM)
		r = gather_add(
		    gather, debt->id, debt->name, answer->bytes, answer->len);
	reg->n_bytes += gather->n_counted - before;
	if (r == 0 && reg->max_bytes > 0 && reg->n_bytes > reg->max_bytes)
		return GATHER_E_FULL;
	return r;
}

bool
request_add_strings(struct request_registry *reg, struct request_owner *owner,
    uint64_t id, const struct answer_string *strings, size_t n)
{
	struct request *request;
	struct debt *debt;
	struct answer answer = { .strings = strings, .n_strings = n };

	if (find_debt(reg, owner, id, &debt) != 0)
		return false;
	request = debt->request;
	if (gather_answer(reg, debt, &answer) == 0)
		return true;
	end(reg, request, OUTCOME_FULL);
	return false;
}

/* Counts a payload of a stream, which is not kept. Returns 0 or GATHER_E_FULL.
 */
static int
count_part(struct request *request, const struct answer *answer)
{
	if (request->parts_max_bytes == 0 || answer->verdict == VERDICT_NO)
		return 0;
	if (answer->len > request->parts_max_bytes - request->n_part_bytes)
		return GATHER_E_FULL;
	request->n_part_bytes += answer->len;
	return 0;
}

int
request_answer(struct request_registry *reg, struct request_owner *owner,
    const struct answer *answer, struct request **out)
{
	struct request *request;
	struct debt *debt;
	int r = find_debt(reg, owner, answer->question, &debt);

	if (r != 0)
		return r;
	*out = request = debt->request;
	if (answer->verdict == VERDICT_MORE && request->gather != GATHER_STREAM)
		return REQUEST_E_VERDICT;
	if (count_part(request, answer) != 0) {
		end(reg, request, OUTCOME_FULL);
		return 0;
	}
	if (answer->verdict == VERDICT_MORE)
		return 0;
	settle(debt, DEBT_PAID);
	request->n_answered++;
	if (answer->verdict == VERDICT_YES) {
		if (gather_answer(reg, debt, answer) != 0)
			end(reg, request, OUTCOME_FULL);
		else if (request->gather == GATHER_FIRST)
			end(reg, request, OUTCOME_FOUND);
	}
	end_if_settled(reg, request);
	return 0;
}

int
request_waive(struct request_registry *reg, struct request_owner *owner,
    uint64_t id, enum debt_state state)
{
	struct debt *debt;
	int r = find_debt(reg, owner, id, &debt);

	if (r != 0)
		return r;
	settle(debt, state);
	end_if_settled(reg, debt->request);
	return 0;
}

void
request_release(struct request_registry *reg, struct request_owner *owner,
    const void *scope)
{
	struct debt *debt, *next;

	LIST_FOREACH_SAFE (debt, &owner->debts, in_owner, next)
		if (scope == NULL || debt->request->scope == scope) {
			settle(debt, DEBT_LEFT);
			end_if_settled(reg, debt->request);
		}
}

void
request_expire(struct request_registry *reg, struct instant now)
{
	struct deadline *first;

	while ((first = deadlines_first(&reg->deadlines)) != NULL &&
	       instant_reached(first->at, now))
		end(reg, container_of(first, struct request, deadline),
		    OUTCOME_TIMEOUT);
}

struct instant
request_next_deadline(struct request_registry *reg)
{
	const struct deadline *first = deadlines_first(&reg->deadlines);

	return first == NULL ? INSTANT_NEVER : first->at;
}

struct request *
request_take_ended(struct request_registry *reg)
{
	struct request *request = TAILQ_FIRST(&reg->ended);

	if (request != NULL)
		TAILQ_REMOVE(&reg->ended, request, in_ended);
	return request;
}

void
request_free(struct request *request)
{
	if (request == NULL)
		return;
	for (uint32_t i = 0; i < request->n_debts; i++)
		blob_unref(request->debts[i].name);
	gather_fini(&request->gathered);
	free(request->debts);
	free(request);
}

void
request_for_each(const struct request_registry *reg,
    void (*each)(const struct request *request, void *arg), void *arg)
{
	const struct request *request;

	for (size_t i = 0; i < reg->n_buckets; i++)
		LIST_FOREACH (request, &reg->buckets[i], in_bucket)
			each(request, arg);
}

size_t
request_n_open(const struct request_registry *reg)
{
	return reg->n_open;
}

size_t
request_n_gathered_bytes(const struct request_registry *reg)
{
	return reg->n_bytes;
}
