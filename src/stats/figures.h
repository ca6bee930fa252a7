/*
 * figures - every number that the daemon shows of itself, once: its names,
 * whether it only grows, and its meaning. STATS, the metrics and pm2
 * show them from here, so that they agree.
 */
#ifndef PM2A_STATS_FIGURES_H
#define PM2A_STATS_FIGURES_H

#include <stdint.h>

#include "stats/histogram.h"
#include "stats/rates.h"

enum figure {
	FIGURE_UPTIME_MS,
	FIGURE_CONNECTIONS,
	FIGURE_MEMBERS,
	FIGURE_TOPICS,
	FIGURE_PREFIXES,
	FIGURE_SUBSCRIPTIONS,
	FIGURE_PUBLISHED,
	FIGURE_PUBLISHED_BYTES,
	FIGURE_DELIVERED,
	FIGURE_DELIVERED_BYTES,
	FIGURE_UNROUTED,
	FIGURE_BYTES_IN,
	FIGURE_BYTES_OUT,
	FIGURE_QUEUE_BYTES,
	FIGURE_BLOB_BYTES,
	FIGURE_MEMORY_BYTES,
	FIGURE_MEMORY_PEAK_BYTES,
	FIGURE_MEMORY_LIMIT_BYTES,
	FIGURE_ACCEPTED,
	FIGURE_ACCEPT_PAUSES,
	FIGURE_SOCKETS_RESTORED,
	FIGURE_SOCKETS_ABSENT,
	FIGURE_TURN_CPU_MAX_US,
	FIGURE_LOG_DROPPED,
	FIGURE_LOG_SUPPRESSED,
	FIGURE_RELOAD_DONE,
	FIGURE_RELOAD_REFUSED,
	FIGURE_RELOAD_LAST_REFUSED,
	FIGURE_DROPS_VOLATILE,
	FIGURE_DROPS_OBSERVED,
	FIGURE_DROPS_UNDELIVERED,
	FIGURE_DROPS_UNWRITTEN_BYTES,
	FIGURE_SPLICED_MESSAGES,
	FIGURE_SPLICED_BYTES,
	FIGURE_SPLICED_SETTLED,
	FIGURE_SPLICED_FAILED,
	FIGURE_QUESTIONS_ASKED,
	FIGURE_QUESTIONS_OPEN,
	FIGURE_QUESTIONS_GATHERED_BYTES,
	FIGURE_QUESTIONS_SENT,
	FIGURE_QUESTIONS_ANSWERS,
	FIGURE_QUESTIONS_TIMEOUT,
	FIGURE_QUESTIONS_ABANDONED,
	FIGURE_QUESTIONS_LATE,
	FIGURE_QUESTIONS_DOUBLED,
	FIGURE_QUESTIONS_FOREIGN,
	N_FIGURES,
};

enum figure_kind {
	FIGURE_COUNTER, /* only grows */
	FIGURE_GAUGE,
};

struct figure_info {
	const char *group;  /* the map of STATS' overview, or NULL: itself */
	const char *name;   /* its key there */
	const char *metric; /* OpenMetrics' name, without _total */
	enum figure_kind kind;
	const char *help; /* a sentence without a full stop */
	int decimals;     /* of the metric, whose unit is so much larger */
};

extern const struct figure_info figures_info[N_FIGURES];

struct figures {
	int64_t values[N_FIGURES];
	/* Per second, over the last ten: see figures_rate_name(). */
	double rates[RATES_COUNTERS];
	/* The share of the last ten seconds that the loop worked, 0 to 1. */
	double busy;
	/* Borrowed from the hub. From reading a message to having written it
	 * or queued it to all receivers; from ASK to RESULT; a turn's work. */
	const struct histogram *transit, *gather, *turn;
};

/* "published", "delivered", "bytes_in", "bytes_out", "busy_us". */
const char *figures_rate_name(enum rates_counter counter);

#endif
