/*
 * request - open requests: the answers still owed, the answers received, and
 * the deadlines.
 *
 * The registry is the index of open requests and deadlines; a request_owner is
 * embedded in a member, and lists the requests that it has opened and the
 * answers that it owes. This module knows only owners, gets the time as an
 * argument, and calls nobody: a request that has ended goes on a list, from
 * which the broker takes it.
 */
#ifndef PM2A_CORE_REQUEST_H
#define PM2A_CORE_REQUEST_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "core/deadlines.h"
#include "core/gather.h"
#include "core/question.h"

/* The answer that one owner owes to one question. */
struct debt {
	LIST_ENTRY(debt) in_owner; /* while DEBT_OWED */
	struct request *request;
	struct request_owner *owner; /* while DEBT_OWED */
	uint64_t id;                 /* of the owner, which may be gone */
	struct blob *name;           /* likewise, with a reference */
	enum debt_state state;
};

struct request_owner {
	uint64_t id;
	struct blob *name; /* a zero behind it; with a reference */
	LIST_HEAD(debt_list, debt) debts;
	LIST_HEAD(request_list, request) opened; /* open ones */
	uint32_t n_debts, n_asked;
};

/* The count of each question against gather_max_bytes, in addition to its
 * owner's name. */
#define REQUEST_ROW_BYTES 32

/* Bytes of a label that are kept. */
#define REQUEST_LABEL_SIZE 64

struct request {
	uint64_t id;
	int64_t ask_id;    /* the asker's number for it */
	int64_t opened_us; /* likewise its time, which nothing here reads */
	enum gather gather;
	enum outcome outcome;
	struct request_owner *asker;
	const void *scope;        /* see request_release() */
	struct deadline deadline; /* while open */
	struct gathered gathered;
	uint64_t parts_max_bytes, n_part_bytes; /* of a stream */
	uint8_t label[REQUEST_LABEL_SIZE];
	size_t label_len;
	uint32_t n_owed, n_answered;
	uint32_t n_debts;
	struct debt *debts;            /* by id */
	LIST_ENTRY(request) in_bucket; /* while open */
	LIST_ENTRY(request) in_ids;    /* while open, by asker and ask_id */
	LIST_ENTRY(request) in_asker;  /* while open */
	TAILQ_ENTRY(request) in_ended; /* until it is taken */
};

struct request_registry;

/* key: of the sets of strings. */
struct request_registry *request_registry_new(struct hash_key key)
    __attribute__((returns_nonnull));

/* Limits the gathered bytes of all open requests; 0: no limit. */
void request_set_max_bytes(struct request_registry *reg, size_t max_bytes);

/* Every owner must have been ended. */
void request_registry_free(struct request_registry *reg);

/* Ids are unique; `name` is copied. */
void request_owner_init(
    struct request_owner *owner, uint64_t id, const char *name);

/* Drops what the owner has opened; settles what it owes as DEBT_LEFT. Returns
 * how many requests were dropped. Keeps its name. */
uint32_t request_owner_end(
    struct request_registry *reg, struct request_owner *owner);

/* As request_owner_end(), and frees the name. Idempotent. */
uint32_t request_owner_fini(
    struct request_registry *reg, struct request_owner *owner);

/* Opens a request of `asker` with questions to n owners, none of them twice,
 * which it sorts. It has ended if n is 0. */
struct request *request_open(struct request_registry *reg,
    struct request_owner *asker, const struct request_spec *spec,
    struct request_owner **owners, size_t n, struct instant now)
    __attribute__((returns_nonnull));

/* Whether a request of `asker` with the id `ask_id` is open. */
bool request_is_open(struct request_registry *reg,
    const struct request_owner *asker, int64_t ask_id);

/* The open question of that id, or NULL. */
struct request *request_find(struct request_registry *reg, uint64_t id);

/* The open question of that id that owner owes an answer, or NULL. */
const struct request *request_find_owed(struct request_registry *reg,
    const struct request_owner *owner, uint64_t id);

/* Takes an answer of owner. Returns 0 with *out the question, which may have
 * ended, or REQUEST_E_*. */
int must_check request_answer(struct request_registry *reg,
    struct request_owner *owner, const struct answer *answer,
    struct request **out);

/* Adds strings of an answer to a union, before request_answer() settles it
 * without these. Returns whether more of them can be added. */
bool request_add_strings(struct request_registry *reg,
    struct request_owner *owner, uint64_t id,
    const struct answer_string *strings, size_t n);

/* The owner gives no answer to the question, or none that can be taken: its
 * debt becomes `state`. Returns 0 or REQUEST_E_*. */
int must_check request_waive(struct request_registry *reg,
    struct request_owner *owner, uint64_t id, enum debt_state state);

/* Settles what owner owes to questions of a scope (NULL: all) as DEBT_LEFT. */
void request_release(struct request_registry *reg, struct request_owner *owner,
    const void *scope);

/* Ends every request whose deadline is at or before `now`. */
void request_expire(struct request_registry *reg, struct instant now);

/* Returns the earliest deadline, or INSTANT_NEVER. */
struct instant request_next_deadline(struct request_registry *reg);

/* The next question that has ended, which is the caller's to free; or NULL. */
struct request *request_take_ended(struct request_registry *reg);

void request_free(struct request *request);

/* Calls each(request, arg) for every open request. */
void request_for_each(const struct request_registry *reg,
    void (*each)(const struct request *request, void *arg), void *arg);

/* Return the number of open requests, and the bytes of their answers. */
size_t request_n_open(const struct request_registry *reg);
size_t request_n_gathered_bytes(const struct request_registry *reg);

#endif
