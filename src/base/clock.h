/*
 * clock - points in time as a type of their own.
 *
 * Modules below edge/ never read the time; it is an argument, so that tests can
 * choose it. Only net/loop and daemon/ call clock_now().
 */
#ifndef PM2A_BASE_CLOCK_H
#define PM2A_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* A point on the monotonic clock. */
struct instant {
	int64_t ms;
};

/* Later than every deadline: there is none. */
#define INSTANT_NEVER ((struct instant){ .ms = INT64_MAX })

static inline struct instant
instant_after(struct instant t, int64_t ms)
{
	return (struct instant){ .ms = t.ms + ms };
}

static inline bool
instant_reached(struct instant deadline, struct instant now)
{
	return now.ms >= deadline.ms;
}

static inline struct instant
instant_earlier(struct instant a, struct instant b)
{
	return a.ms < b.ms ? a : b;
}

/* Reads the monotonic clock. */
struct instant clock_now(void);

/* Reads the same clock in microseconds, to measure durations. */
int64_t clock_us(void);

/* Returns the CPU time of the calling thread in microseconds. */
int64_t clock_thread_us(void);

/* Reads the wall clock in milliseconds since 1970, for people and for epochs.
 */
int64_t clock_wall_ms(void);

#endif
