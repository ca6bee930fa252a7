/*
 * members - a broker whose members write down what the broker gives them, for
 * tests of core/. Member i has the id i + 1 and the name "n<i>"; a log names it
 * i. Each entry has a blank before it.
 *
 *   q1:topic,topic:payload      question 1
 *   p7<2:text                   a part of request 7, from member 2
 *   r7:complete:1/2:left.2:a,b  the result of request 7
 *   j2:topic=3, l2:topic=2      member 2 has joined, has left; members now
 *   m:text                      a message
 */
#ifndef PM2A_TESTS_UNIT_RIG_MEMBERS_H
#define PM2A_TESTS_UNIT_RIG_MEMBERS_H

#include "unit/rig/rig.h"

#define N_MEMBERS 8

extern struct member *members[N_MEMBERS];
extern char logs[N_MEMBERS][4096];
extern bool refuses[N_MEMBERS]; /* the sink takes no messages for it */
extern const struct broker_limits member_limits;

/* A broker with n members, or six. */
void members_begin_with(int n);
void members_begin(void);

/* All members leave; nothing may be left open or allocated. */
void members_end(void);

void member_join(int i);
void leave(int i);

/* As leave(), in so many steps. Returns whether something is left. */
bool leave_some(int i, uint32_t n_steps);

/* The log of member i must be this text; the log is empty afterwards. */
void expect(int i, const char *text);

/* All logs must be empty. */
void expect_silence(void);

struct topic_name name_of(const char *topic);

/* Returns what broker_subscribe() returns. */
int try_subscribe(int i, enum topic_kind kind, const char *topic);

/* Subscribes each member of `whom`, a string of digits, and empties all logs.
 */
void subscribe(const char *whom, enum topic_kind kind, const char *topic);
void unsubscribe(int i, enum topic_kind kind, const char *topic);

/* Publishes text to one topic, or to two if the second is not NULL. */
void member_publish(
    int from, const char *text, const char *one, const char *two);

/* Member `from` opens a request to `topics`; each has a blank before it. */
int put(int from, struct broker_request ask, const char *topics);

/* put() to members, with a timeout of 100 ms. */
int ask(int from, int64_t ask_id, enum gather gather, const char *topic);

/* put() to subscribers, with a timeout of 100 ms. */
int ask_subscribers(int from, int64_t ask_id, const char *topics);

/* Member i answers question `id`. yes() and no() must succeed. */
int give(int i, uint64_t id, enum verdict verdict, const char *text);
void yes(int i, uint64_t id, const char *text);
void no(int i, uint64_t id);

/* Advances `now`, and expires what is due. */
void pass(int64_t ms);

#endif
