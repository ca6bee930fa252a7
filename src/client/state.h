/*
 * state - the one state of a client, and the event that leads from one to the
 * next; state.c has the table. Pure: it knows no client, and does nothing.
 */
#ifndef PM2A_CLIENT_STATE_H
#define PM2A_CLIENT_STATE_H

#include <stdbool.h>

enum state {
	STATE_SAME, /* no state; in the table: the event changes nothing */

	STATE_NEW,      /* no attempt to connect has been made */
	STATE_WAITING,  /* no connection; the next attempt has a deadline */
	STATE_GREETING, /* HELLO is sent */
	STATE_JOINING,  /* WELCOME has come; subscriptions and PING are sent */
	STATE_OPEN,     /* PONG has come, and on_connect was called */
	STATE_LEAVING_EARLY, /* GOODBYE has come, before OPEN */
	STATE_LEAVING,       /* GOODBYE has come, in OPEN */

	/* pm2a_close() was called. */
	STATE_LAST_ATTEMPT,  /* in NEW; messages wait for an attempt */
	STATE_LAST_GREETING, /* in GREETING; messages wait for WELCOME */
	STATE_CLOSING_EARLY, /* the rest is written; on_connect was not called
			      */
	STATE_CLOSING,       /* the rest is written; on_connect was called */
	STATE_ENDING,        /* the next dispatch ends it */
	STATE_CLOSED,
	STATE_FREED, /* by pm2a_free() */
	STATE_N,
};

enum state_event {
	STATE_ON_ATTEMPT, /* a socket is connected, and HELLO is queued */
	STATE_ON_WELCOME,
	STATE_ON_PONG,
	STATE_ON_GOODBYE,
	STATE_ON_END,         /* of a connection, or of an attempt to connect */
	STATE_ON_CLOSE,       /* pm2a_close(), and no message waits */
	STATE_ON_CLOSE_LATER, /* pm2a_close(), and messages wait */
	STATE_ON_FREE,
	STATE_N_EVENTS,
};

/* Returns the state that follows: `state` itself if the event changes nothing.
 */
enum state state_next(enum state state, enum state_event event);

/* Returns true if frames of the caller are sent now, or while a connection is
 * being made. */
bool state_can_send(enum state state);
bool state_is_trying(enum state state);

/* Returns true if the next attempt is made at the client's deadline. */
bool state_awaits_attempt(enum state state);

/* Returns true if WELCOME is the next frame that changes the state. */
bool state_awaits_welcome(enum state state);

/* Returns true if on_connect was called, and on_disconnect is to follow. */
bool state_is_announced(enum state state);

/* Returns true if our side is closed as soon as the outbox is written. */
bool state_is_leaving(enum state state);

/* Returns true if pm2a_close() or pm2a_free() was called. */
bool state_is_closing(enum state state);

#endif
