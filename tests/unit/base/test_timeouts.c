#include "base/timeouts.h"

#include "base/container.h"
#include "unit/support.h"

struct guest {
	struct timeout timeout;
	int n_expired;
};

static struct timeouts queue;

static void
on_expired(struct timeout *entry)
{
	struct guest *guest = container_of(entry, struct guest, timeout);

	ck_assert(!entry->is_queued);
	guest->n_expired++;
}

static const struct guest new_guest = { .timeout.expire = on_expired };

TEST(the_first_to_enter_expires_first_and_not_before_its_time)
{
	struct guest a = new_guest, b = new_guest;

	timeouts_init(&queue);
	ck_assert_int_eq(timeouts_deadline(&queue, 100).ms, INSTANT_NEVER.ms);
	timeouts_enter(&queue, &a.timeout, (struct instant){ 1000 });
	timeouts_enter(&queue, &b.timeout, (struct instant){ 1050 });
	ck_assert_int_eq(timeouts_deadline(&queue, 100).ms, 1100);
	timeouts_expire(&queue, 100, (struct instant){ 1099 });
	ck_assert_int_eq(a.n_expired, 0);
	timeouts_expire(&queue, 100, (struct instant){ 1100 });
	ck_assert_int_eq(a.n_expired, 1);
	ck_assert_int_eq(b.n_expired, 0);
	timeouts_expire(&queue, 100, (struct instant){ 5000 });
	ck_assert_int_eq(b.n_expired, 1);
}

TEST(entering_again_keeps_the_time_and_leaving_is_idempotent)
{
	struct guest a = new_guest;

	timeouts_init(&queue);
	timeouts_enter(&queue, &a.timeout, (struct instant){ 1000 });
	timeouts_enter(&queue, &a.timeout, (struct instant){ 2000 });
	ck_assert_int_eq(timeouts_deadline(&queue, 1).ms, 1001);
	timeouts_leave(&queue, &a.timeout);
	timeouts_leave(&queue, &a.timeout);
	timeouts_expire(&queue, 1, (struct instant){ 9000 });
	ck_assert_int_eq(a.n_expired, 0);
}
