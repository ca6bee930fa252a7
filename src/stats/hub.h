/*
 * hub - every number of the daemon, and every text that statistics show.
 *
 * STATS, the metrics, pm2 and systemd read here and nowhere else, so that they
 * agree. The hub takes what it can see by itself (broker, connections, memory,
 * turns of the loop), keeps what all edges report (ends of connections, scripts
 * of keys, slow turns and questions), and asks its sources for the rest: an
 * edge embeds a struct stats_source and adds it. The hub knows no edge.
 */
#ifndef PM2A_STATS_HUB_H
#define PM2A_STATS_HUB_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/broker.h"
#include "net/conn_set.h"
#include "net/listen.h"
#include "net/loop.h"
#include "stats/apps.h"
#include "stats/clients.h"
#include "stats/closed.h"
#include "stats/figures.h"
#include "stats/rates.h"
#include "stats/timing.h"
#include "wire/msg.h"

/* The part of one edge, or of another module. Embedded in its owner, which
 * removes it before it ends. Functions may be NULL. */
struct stats_source {
	TAILQ_ENTRY(stats_source) link;
	/* Figures of its own, and how many. */
	const struct figure_info *figures;
	size_t n_figures;
	/* Sets the values of its own figures, which are 0, in their order. */
	void (*set_figures)(struct stats_source *source, int64_t *values);
	/* Adds to the figures that all edges share, such as queue_bytes. */
	void (*add_figures)(
	    struct stats_source *source, struct figures *figures);
	/* Calls each(row, arg) for every client that is in. */
	void (*each_client)(struct stats_source *source,
	    void (*each)(const struct client_row *row, void *arg), void *arg);
	/* Calls each(code, n, arg) for every code with which it refuses. */
	void (*each_refusal)(struct stats_source *source,
	    void (*each)(const char *code, uint64_t n, void *arg), void *arg);
	/* Ends its connections in order, and calls done(arg) once they are
	 * gone, perhaps before it returns. */
	void (*drain)(
	    struct stats_source *source, void (*done)(void *arg), void *arg);
};

/* Strings are borrowed. */
struct hub_settings {
	const char *server;   /* name and version */
	const char *socket;   /* where the daemon listens */
	int64_t slow_turn_us; /* turns of that length are kept; 0: none */
	int64_t slow_question_us;
	/* Puts a map of the configuration. */
	void (*put_config)(struct msg_writer *w, void *arg);
	void *put_config_arg;
};

/* Open to stats/ alone; others call the functions below. */
struct hub {
	struct loop *loop;
	struct conn_set *set;
	struct broker *broker;
	struct hub_settings settings;
	TAILQ_HEAD(stats_sources, stats_source) sources;
	const struct listener *listener;
	struct loop_source deadlines;
	struct apps apps;
	struct closed closed;
	struct rates rates;
	struct timing timing;
	uint64_t n_reloaded, n_reloads_refused;
	bool is_reload_refused; /* the last one */
	char reload_said[256];  /* of the last one */
	struct instant started;
	int64_t epoch_ms;
	unsigned n_drains; /* sources whose connections are not yet gone */
	void (*drained)(void *arg);
	void *drained_arg;
};

/* Copies `settings`; borrows the rest. */
struct hub *hub_new(struct loop *loop, struct conn_set *set,
    struct broker *broker, const struct hub_settings *settings)
    __attribute__((returns_nonnull));

/* All sources must be removed. NULL is allowed. */
void hub_free(struct hub *hub);

void hub_configure(struct hub *hub, const struct hub_settings *settings);

void hub_add_source(struct hub *hub, struct stats_source *source);
void hub_remove_source(struct hub *hub, struct stats_source *source);

/* Has every source end its connections, the newest source first, and calls
 * done(arg) once all are gone, perhaps before it returns. Call it once. */
void hub_drain(struct hub *hub, void (*done)(void *arg), void *arg);

/* The listener whose counters are shown, or NULL. */
void hub_set_listener(struct hub *hub, const struct listener *listener);

/* The configuration was read again, or refused; `said` is one line. */
void hub_note_reload(struct hub *hub, bool is_done, const char *said);

/* When the daemon started, milliseconds since 1970. */
int64_t hub_epoch_ms(const struct hub *hub);

/* The modules that edges report to: how connections end, which scripts use
 * which key, how long things take. */
struct closed *hub_closed(struct hub *hub);
struct apps *hub_apps(struct hub *hub);
struct timing *hub_timing(struct hub *hub);

/* The figures that all share, as they are now; looks at each connection. */
void hub_figures(struct hub *hub, struct figures *out);

/* Calls each() for the figures of `figures`, and then for those that each
 * source has for itself. */
void hub_each_figure(struct hub *hub, const struct figures *figures,
    void (*each)(const struct figure_info *info, int64_t value, void *arg),
    void *arg);

/* Calls each() for every client of every source. */
void hub_each_client(struct hub *hub,
    void (*each)(const struct client_row *row, void *arg), void *arg);

/* Call each() for every reason with which connections end, and for every code
 * with which something is refused; counters of 0 too. */
void hub_each_close(struct hub *hub,
    void (*each)(const char *reason, uint64_t n, void *arg), void *arg);
void hub_each_refusal(struct hub *hub,
    void (*each)(const char *code, uint64_t n, void *arg), void *arg);

#endif
