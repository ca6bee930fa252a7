#include "client/state.h"

#include "unit/support.h"

static const enum state_event events[] = { STATE_ON_ATTEMPT, STATE_ON_WELCOME,
	STATE_ON_PONG, STATE_ON_GOODBYE, STATE_ON_END, STATE_ON_CLOSE,
	STATE_ON_CLOSE_LATER, STATE_ON_FREE };

/* Calls fn for each state, and each event in it. */
static void
each(void (*fn)(enum state state, enum state_event event, enum state next))
{
	ck_assert_uint_eq(N_ELEMENTS(events), STATE_N_EVENTS);
	for (int s = STATE_NEW; s < STATE_N; s++)
		for (size_t i = 0; i < N_ELEMENTS(events); i++)
			fn((enum state)s, events[i],
			    state_next((enum state)s, events[i]));
}

static void
stays_closing(enum state state, enum state_event event, enum state next)
{
	(void)event;
	ck_assert_int_ge(next, STATE_NEW);
	ck_assert_int_lt(next, STATE_N);
	if (state_is_closing(state))
		ck_assert(state_is_closing(next));
}

TEST(nothing_leads_back_from_a_close)
{
	each(stays_closing);
}

static void
ends_alike(enum state state, enum state_event event, enum state next)
{
	if (event == STATE_ON_FREE)
		ck_assert_int_eq(next, STATE_FREED);
	else if (state == STATE_FREED || state == STATE_CLOSED)
		ck_assert_int_eq(next, state);
	else if (event == STATE_ON_END)
		ck_assert_int_eq(next,
		    state_is_closing(state) ? STATE_CLOSED : STATE_WAITING);
	else if (event == STATE_ON_CLOSE || event == STATE_ON_CLOSE_LATER)
		ck_assert(state_is_closing(next));
}

TEST(every_state_ends_closes_and_is_freed_alike)
{
	each(ends_alike);
}

static void
keeps_its_word(enum state state, enum state_event event, enum state next)
{
	if (event != STATE_ON_END && event != STATE_ON_FREE &&
	    state_is_announced(state))
		ck_assert(state_is_announced(next));
	if (state_is_announced(next) && !state_is_announced(state))
		ck_assert_int_eq(event, STATE_ON_PONG);
}

TEST(only_pong_announces_and_only_an_end_takes_it_back)
{
	each(keeps_its_word);
}

static void
is_of_one_kind(enum state state, enum state_event event, enum state next)
{
	(void)event;
	(void)next;
	ck_assert_int_le(state_can_send(state) + state_is_leaving(state) +
			     state_awaits_welcome(state) +
			     state_awaits_attempt(state),
	    1);
	if (state_is_closing(state))
		ck_assert(!state_can_send(state) && !state_is_trying(state));
}

TEST(a_state_sends_leaves_or_waits_for_one_thing)
{
	each(is_of_one_kind);
}
