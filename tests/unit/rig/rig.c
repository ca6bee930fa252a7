#include "unit/rig/rig.h"

struct broker *broker;
struct instant now;

const char *const rig_outcomes[] = {
	[OUTCOME_OPEN] = "open",
	[OUTCOME_COMPLETE] = "complete",
	[OUTCOME_FOUND] = "found",
	[OUTCOME_UNKNOWN] = "unknown",
	[OUTCOME_TIMEOUT] = "timeout",
	[OUTCOME_FULL] = "full",
};

const char *const rig_states[] = {
	[DEBT_OWED] = "owed",
	[DEBT_PAID] = "paid",
	[DEBT_LEFT] = "left",
	[DEBT_LATE] = "late",
	[DEBT_TOO_BIG] = "big",
	[DEBT_UNENCODABLE] = "unencodable",
	[DEBT_FAILED] = "failed",
	[DEBT_DISMISSED] = "dismissed",
};

void
rig_open(const struct broker_limits *limits)
{
	broker = broker_new(limits, (struct hash_key){ 1, 2 });
}

void
rig_close(void)
{
	const struct request_registry *requests = broker_requests(broker);

	ck_assert_uint_eq(broker_n_members(broker), 0);
	ck_assert_uint_eq(topic_n_subscriptions(broker_topics(broker)), 0);
	ck_assert_uint_eq(request_n_open(requests), 0);
	ck_assert_uint_eq(request_n_gathered_bytes(requests), 0);
	ck_assert_int_eq(broker_next_deadline(broker).ms, INSTANT_NEVER.ms);
	broker_free(broker);
}

void
rig_expect_no_blobs(void)
{
	blob_trim();
	ck_assert_uint_eq(blob_total_bytes(), 0);
	ck_assert_uint_eq(blob_held_bytes(), 0);
}
