/*
 * fake - a daemon in the test's own thread, for tests of the C client: it
 * listens on a real socket and says what it is told to say. Time stands still
 * unless a test moves it, since clock_now() is defined here; and the library's
 * allocations fail when a test wants them to.
 */
#ifndef PM2A_TESTS_UNIT_FAKE_H
#define PM2A_TESTS_UNIT_FAKE_H

#include "pm2a.h"
#include "unit/support.h"
#include "wire/frame.h"

#define N_EVENTS_MAX 64

/* A client's callbacks to its caller, in words: "connect", "message t body". */
struct events {
	char text[N_EVENTS_MAX][160];
	size_t n, n_read;
};

struct fake {
	char dir[32], path[64];
	int listener;
	int fd;         /* of the connection that was accepted last, or -1 */
	uint8_t *input; /* from that connection */
	size_t len, off;
	struct pm2a *p;
	const char *reason; /* that WELCOME gives for the last end, or NULL */
	int64_t since_ms;   /* likewise, with 99 messages; 0: not given */
	bool is_restarted;  /* WELCOME has another epoch */
	bool lacks_stats;   /* WELCOME lists no such feature */
	bool has_failures;  /* WELCOME lists the feature `failed` */
	bool is_driven;     /* by an event loop: nothing here dispatches */
	struct events events;
};

/* Listens, and makes a client with options, whose socket and callbacks are set
 * here: all of them write events. */
void fake_start(struct fake *fake, struct pm2a_options options);

/* Frees the client, and takes everything down. */
void fake_stop(struct fake *fake);

/* Dispatches, accepts and reads until nothing happens. Returns what the last
 * dispatch did. */
int fake_settle(struct fake *fake);

/* Accepts and reads what there is. */
void fake_receive(struct fake *fake);

/* Settles, after so many ms have passed. */
int fake_after(struct fake *fake, int64_t ms);

/* fake_start(), and everything up to "connect"; has_requests: the feature. */
void fake_connect(struct fake *fake, struct pm2a_options options);

/* WELCOME as an answer to HELLO, which must have come, and PONG. */
void fake_welcome(struct fake *fake, bool has_requests, uint32_t max_frame,
    int64_t ping_interval_ms);

/* Everything from the attempt, which may have been made, to "connect". */
void fake_rejoin(struct fake *fake);

/* Moves time on until the next attempt to connect has been made. */
void fake_wait_for_attempt(struct fake *fake);

/* Listens no more, and listens again. */
void fake_close_listener(struct fake *fake);
void fake_open_listener(struct fake *fake);

/* Sends a frame, and settles. */
void fake_say(struct fake *fake, enum frame_type type, uint8_t flags,
    const char *topic, const char *body_hex);

/* Sends bytes, and settles. */
void fake_say_bytes(struct fake *fake, const void *data, size_t len);

/* Sends a golden frame, and settles. */
void fake_say_golden(struct fake *fake, const char *name);

/* Ends the connection; in order, or without a word. */
void fake_hang_up(struct fake *fake);

/* The next frame from the client, which must be of this type. */
struct frame fake_hear(struct fake *fake, enum frame_type type);

/* The next frame must be this golden one. */
void fake_hear_golden(struct fake *fake, const char *name);

/* Nothing more has come from the client. */
void fake_hear_nothing(struct fake *fake);

/* The next event must be this one; and there must be no more. */
void fake_expect(struct fake *fake, const char *event);
void fake_expect_none(struct fake *fake);

/* For callbacks of a test's own. */
__attribute__((format(printf, 2, 3))) void fake_note(
    struct fake *fake, const char *fmt, ...);

/* An ask whose result and parts become events. */
struct pm2a_ask fake_ask(
    struct fake *fake, const struct pm2a_bytes *topic, const char *body);

/* Time, as the library sees it. */
extern int64_t fake_now_ms;

/* From now on the library's allocations fail from number n on (0: the next),
 * or only that one; -1: none. Returns how many there were since. */
size_t fake_fail_allocations(int64_t n, bool once);

#endif
