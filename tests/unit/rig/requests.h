/*
 * requests - the registry of requests with owners that are no members, for
 * tests of core/request. Owner i has the id 10 + i and the name "n<i>"; a
 * string of digits names several. ended() writes a request that has ended as
 * "ask-id outcome answered/expected", then "reason:i" of each owner that did
 * not answer, then "=" and each answer.
 */
#ifndef PM2A_TESTS_UNIT_RIG_REQUESTS_H
#define PM2A_TESTS_UNIT_RIG_REQUESTS_H

#include "core/request.h"
#include "unit/rig/rig.h"

#define N_OWNERS 10
#define ROOM 1000000

extern struct request_registry *reg;
extern struct request_owner owners[N_OWNERS];

void owners_begin(void);

/* Nothing may be left open, ended or allocated. */
void owners_end(void);

struct request *open_spec(
    int asker, const struct request_spec *spec, const char *whom);

/* Owner 0 opens a request; its ask ids count from 1 in each test. Returns the
 * question's id. */
uint64_t owner_ask(enum gather gather, int64_t timeout_ms, const char *whom);
uint64_t ask_scope(const void *scope, const char *whom);

/* Return what request_answer() returns. */
int owner_give(int owner, uint64_t id, enum verdict verdict, const char *text);
int owner_yes(int owner, uint64_t id, const char *text);
int owner_no(int owner, uint64_t id);

/* Yes to a union, with the words of text. */
int yes_strings(int owner, uint64_t id, const char *text);

/* Advances `now`, and expires what is due. */
void owners_pass(int64_t ms);

/* All requests that have ended since the last call, with "; " between two. */
const char *ended(void);

#endif
