#include "client/state.h"

/*
 * The life of a client:
 *
 *   NEW → GREETING → JOINING → OPEN → LEAVING → WAITING → GREETING → …
 *    HELLO      WELCOME     PONG  GOODBYE     end     HELLO
 *
 * HELLO is sent alone. After WELCOME, whose limits apply from then on, all
 * subscriptions, a PING and what has waited follow in one write; the PONG means
 * that the subscriptions are active. LEAVING is the end in order: the outbox
 * is written, our side is closed, and the daemon closes its side when it has
 * read everything.
 *
 * A connection can end in any state, by END, and then the next attempt follows
 * (WAITING). pm2a_close() leads to the second half of the table, where END
 * leads to CLOSED. It takes effect at once, but calls no callback: the next
 * dispatch ends open requests and goes on. Messages that wait are still sent if
 * an attempt is being made or the first one is due (LAST_…); without any the
 * attempt is given up (ENDING), and so is the wait between two attempts.
 *
 * Two pairs of states differ only in whether on_connect was called, because the
 * end of one is on_disconnect and that of the other on_connect_error: these are
 * the …_EARLY ones. pm2a_free() leads to FREED from everywhere and nothing
 * leads back, so code that runs after a callback may apply its event whatever
 * the callback did. For the same reason a state changes before the callbacks
 * that tell of it.
 *
 * Everything else that the client remembers is data, not state: deadlines, and
 * in outbox.h whether the socket accepts more and whether our side is closed.
 */

enum trait {
	TRYING = 1u << 0,
	SENDS = 1u << 1,
	ATTEMPT = 1u << 2,
	WELCOME = 1u << 3,
	ANNOUNCED = 1u << 4,
	LEAVES = 1u << 5,
	CLOSES = 1u << 6,
};

struct row {
	unsigned traits;
	enum state next[STATE_N_EVENTS];
};

#define ON(event, state) [STATE_ON_##event] = STATE_##state

static const struct row table[STATE_N] = {
	[STATE_NEW] = { TRYING | ATTEMPT,
	    { ON(ATTEMPT, GREETING), ON(END, WAITING), ON(CLOSE, ENDING),
		ON(CLOSE_LATER, LAST_ATTEMPT), ON(FREE, FREED) } },
	[STATE_WAITING] = { ATTEMPT,
	    { ON(ATTEMPT, GREETING), ON(CLOSE, ENDING), ON(CLOSE_LATER, ENDING),
		ON(FREE, FREED) } },
	[STATE_GREETING] = { TRYING | WELCOME,
	    { ON(WELCOME, JOINING), ON(GOODBYE, LEAVING_EARLY),
		ON(END, WAITING), ON(CLOSE, ENDING),
		ON(CLOSE_LATER, LAST_GREETING), ON(FREE, FREED) } },
	[STATE_JOINING] = { TRYING | SENDS,
	    { ON(PONG, OPEN), ON(GOODBYE, LEAVING_EARLY), ON(END, WAITING),
		ON(CLOSE, CLOSING_EARLY), ON(CLOSE_LATER, CLOSING_EARLY),
		ON(FREE, FREED) } },
	[STATE_OPEN] = { SENDS | ANNOUNCED,
	    { ON(GOODBYE, LEAVING), ON(END, WAITING), ON(CLOSE, CLOSING),
		ON(CLOSE_LATER, CLOSING), ON(FREE, FREED) } },
	[STATE_LEAVING_EARLY] = { LEAVES,
	    { ON(END, WAITING), ON(CLOSE, CLOSING_EARLY),
		ON(CLOSE_LATER, CLOSING_EARLY), ON(FREE, FREED) } },
	[STATE_LEAVING] = { LEAVES | ANNOUNCED,
	    { ON(END, WAITING), ON(CLOSE, CLOSING), ON(CLOSE_LATER, CLOSING),
		ON(FREE, FREED) } },

	[STATE_LAST_ATTEMPT] = { CLOSES | ATTEMPT,
	    { ON(ATTEMPT, LAST_GREETING), ON(END, CLOSED), ON(FREE, FREED) } },
	[STATE_LAST_GREETING] = { CLOSES | WELCOME,
	    { ON(WELCOME, CLOSING_EARLY), ON(GOODBYE, CLOSING_EARLY),
		ON(END, CLOSED), ON(FREE, FREED) } },
	[STATE_CLOSING_EARLY] = { CLOSES | LEAVES,
	    { ON(END, CLOSED), ON(FREE, FREED) } },
	[STATE_CLOSING] = { CLOSES | LEAVES | ANNOUNCED,
	    { ON(END, CLOSED), ON(FREE, FREED) } },
	[STATE_ENDING] = { CLOSES, { ON(END, CLOSED), ON(FREE, FREED) } },
	[STATE_CLOSED] = { CLOSES, { ON(FREE, FREED) } },
	[STATE_FREED] = { CLOSES, { STATE_SAME } },
};

enum state
state_next(enum state state, enum state_event event)
{
	enum state next = table[state].next[event];

	return next == STATE_SAME ? state : next;
}

static bool
has(enum state state, enum trait trait)
{
	return (table[state].traits & trait) != 0;
}

bool
state_can_send(enum state state)
{
	return has(state, SENDS);
}

bool
state_is_trying(enum state state)
{
	return has(state, TRYING);
}

bool
state_awaits_attempt(enum state state)
{
	return has(state, ATTEMPT);
}

bool
state_awaits_welcome(enum state state)
{
	return has(state, WELCOME);
}

bool
state_is_announced(enum state state)
{
	return has(state, ANNOUNCED);
}

bool
state_is_leaving(enum state state)
{
	return has(state, LEAVES);
}

bool
state_is_closing(enum state state)
{
	return has(state, CLOSES);
}
