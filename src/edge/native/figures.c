#include "edge/native/figures.h"

#include "base/log.h"
#include "net/piped.h"
#include "edge/native/session.h"

const struct figure_info figures_info[N_FIGURES] = {
	[FIGURE_UPTIME_MS] = { NULL, "uptime_ms", "pm2adapterd_uptime_seconds",
	    FIGURE_GAUGE, "Time since the start" },
	[FIGURE_CONNECTIONS] = { NULL, "connections", "pm2adapterd_connections",
	    FIGURE_GAUGE, "Open connections" },
	[FIGURE_MEMBERS] = { NULL, "members", "pm2adapterd_members",
	    FIGURE_GAUGE, "Connections of workers" },
	[FIGURE_TOPICS] = { NULL, "topics", "pm2adapterd_topics", FIGURE_GAUGE,
	    "Topics with a subscription" },
	[FIGURE_PREFIXES] = { NULL, "prefixes", "pm2adapterd_prefixes",
	    FIGURE_GAUGE, "Topic prefixes with a subscription" },
	[FIGURE_SUBSCRIPTIONS] = { NULL, "subscriptions",
	    "pm2adapterd_subscriptions", FIGURE_GAUGE,
	    "Subscriptions of all connections" },
	[FIGURE_PUBLISHED] = { NULL, "published",
	    "pm2adapterd_published_messages", FIGURE_COUNTER,
	    "Messages published" },
	[FIGURE_PUBLISHED_BYTES] = { NULL, "published_bytes",
	    "pm2adapterd_published_bytes", FIGURE_COUNTER,
	    "Bytes of the frames published" },
	[FIGURE_DELIVERED] = { NULL, "delivered",
	    "pm2adapterd_delivered_messages", FIGURE_COUNTER,
	    "Messages queued to receivers" },
	[FIGURE_DELIVERED_BYTES] = { NULL, "delivered_bytes",
	    "pm2adapterd_delivered_bytes", FIGURE_COUNTER,
	    "Bytes of the frames queued to receivers" },
	[FIGURE_UNROUTED] = { NULL, "unrouted", "pm2adapterd_unrouted_messages",
	    FIGURE_COUNTER, "Messages without a receiver" },
	[FIGURE_BYTES_IN] = { NULL, "bytes_in", "pm2adapterd_received_bytes",
	    FIGURE_COUNTER, "Bytes read from sockets" },
	[FIGURE_BYTES_OUT] = { NULL, "bytes_out", "pm2adapterd_sent_bytes",
	    FIGURE_COUNTER, "Bytes written to sockets" },
	[FIGURE_QUEUE_BYTES] = { NULL, "queue_bytes", "pm2adapterd_queue_bytes",
	    FIGURE_GAUGE, "Bytes queued for writing, once for each receiver" },
	[FIGURE_BLOB_BYTES] = { NULL, "blob_bytes", "pm2adapterd_blob_bytes",
	    FIGURE_GAUGE, "Bytes of messages in memory, each once" },
	[FIGURE_MEMORY_BYTES] = { NULL, "memory_bytes",
	    "pm2adapterd_memory_bytes", FIGURE_GAUGE,
	    "Bytes that count towards memory-limit" },
	[FIGURE_MEMORY_PEAK_BYTES] = { NULL, "memory_peak_bytes",
	    "pm2adapterd_memory_peak_bytes", FIGURE_GAUGE,
	    "Peak of these bytes" },
	[FIGURE_MEMORY_LIMIT_BYTES] = { NULL, "memory_limit_bytes",
	    "pm2adapterd_memory_limit_bytes", FIGURE_GAUGE,
	    "The option memory-limit" },
	[FIGURE_ACCEPTED] = { NULL, "accepted",
	    "pm2adapterd_accepted_connections", FIGURE_COUNTER,
	    "Connections accepted on the native socket" },
	[FIGURE_ACCEPT_PAUSES] = { NULL, "accept_pauses",
	    "pm2adapterd_accept_pauses", FIGURE_COUNTER,
	    "Pauses of accepting because descriptors ran out" },
	[FIGURE_TURN_CPU_MAX_US] = { NULL, "turn_cpu_max_us",
	    "pm2adapterd_turn_cpu_max_seconds", FIGURE_GAUGE,
	    "Most CPU time that a turn of the loop took" },
	[FIGURE_LOG_DROPPED] = { NULL, "log_dropped",
	    "pm2adapterd_log_dropped_lines", FIGURE_COUNTER,
	    "Log lines that could not be written" },
	[FIGURE_LOG_SUPPRESSED] = { NULL, "log_suppressed",
	    "pm2adapterd_log_suppressed_lines", FIGURE_COUNTER,
	    "Log lines suppressed because there were too many of their kind" },
	[FIGURE_RELOAD_DONE] = { "reload", "done", "pm2adapterd_reloads",
	    FIGURE_COUNTER, "Reloads of the configuration" },
	[FIGURE_RELOAD_REFUSED] = { "reload", "refused",
	    "pm2adapterd_reloads_refused", FIGURE_COUNTER,
	    "Reloads refused, which changed nothing" },
	[FIGURE_RELOAD_LAST_REFUSED] = { "reload", "last_refused",
	    "pm2adapterd_reload_last_refused", FIGURE_GAUGE,
	    "1 if the last reload was refused" },
	[FIGURE_DROPS_VOLATILE] = { "drops", "volatile",
	    "pm2adapterd_dropped_volatile_messages", FIGURE_COUNTER,
	    "Volatile messages dropped for slow receivers" },
	[FIGURE_DROPS_OBSERVED] = { "drops", "observed",
	    "pm2adapterd_dropped_observed_messages", FIGURE_COUNTER,
	    "Messages dropped for slow observers" },
	[FIGURE_DROPS_UNDELIVERED] = { "drops", "undelivered",
	    "pm2adapterd_dropped_undelivered_messages", FIGURE_COUNTER,
	    "Messages for connections that were ending" },
	[FIGURE_DROPS_UNWRITTEN_BYTES] = { "drops", "unwritten_bytes",
	    "pm2adapterd_dropped_unwritten_bytes", FIGURE_COUNTER,
	    "Bytes still queued for connections when they ended" },
	[FIGURE_SPLICED_MESSAGES] = { "spliced", "messages",
	    "pm2adapterd_spliced_messages", FIGURE_COUNTER,
	    "Messages passed without copying" },
	[FIGURE_SPLICED_BYTES] = { "spliced", "bytes",
	    "pm2adapterd_spliced_bytes", FIGURE_COUNTER,
	    "Bytes of these messages" },
	[FIGURE_SPLICED_SETTLED] = { "spliced", "settled",
	    "pm2adapterd_spliced_settled", FIGURE_COUNTER,
	    "Spliced messages copied to memory later" },
	[FIGURE_SPLICED_FAILED] = { "spliced", "failed",
	    "pm2adapterd_spliced_failed", FIGURE_COUNTER,
	    "Messages copied because no pipe was free" },
	[FIGURE_QUESTIONS_ASKED] = { "questions", "asked",
	    "pm2adapterd_questions_asked", FIGURE_COUNTER, "Requests opened" },
	[FIGURE_QUESTIONS_OPEN] = { "questions", "open",
	    "pm2adapterd_questions_open", FIGURE_GAUGE, "Open requests" },
	[FIGURE_QUESTIONS_GATHERED_BYTES] = { "questions", "gathered_bytes",
	    "pm2adapterd_questions_gathered_bytes", FIGURE_GAUGE,
	    "Bytes of gathered answers of open requests" },
	[FIGURE_QUESTIONS_SENT] = { "questions", "sent",
	    "pm2adapterd_questions_sent", FIGURE_COUNTER,
	    "Questions sent to connections" },
	[FIGURE_QUESTIONS_ANSWERS] = { "questions", "answers",
	    "pm2adapterd_questions_answers", FIGURE_COUNTER,
	    "Answers accepted" },
	[FIGURE_QUESTIONS_TIMEOUT] = { "questions", "timeout",
	    "pm2adapterd_questions_timeout", FIGURE_COUNTER,
	    "Requests that ended at their deadline" },
	[FIGURE_QUESTIONS_ABANDONED] = { "questions", "abandoned",
	    "pm2adapterd_questions_abandoned", FIGURE_COUNTER,
	    "Requests whose asker disconnected" },
	[FIGURE_QUESTIONS_LATE] = { "questions", "late",
	    "pm2adapterd_answers_late", FIGURE_COUNTER,
	    "Answers to requests that had ended" },
	[FIGURE_QUESTIONS_DOUBLED] = { "questions", "doubled",
	    "pm2adapterd_answers_doubled", FIGURE_COUNTER,
	    "Second answers of a connection" },
	[FIGURE_QUESTIONS_FOREIGN] = { "questions", "foreign",
	    "pm2adapterd_answers_foreign", FIGURE_COUNTER,
	    "Answers of connections that were not asked" },
	[FIGURE_REDIS_CLIENTS] = { "redis", "clients",
	    "pm2adapterd_redis_clients", FIGURE_GAUGE,
	    "Connected Redis clients" },
	[FIGURE_REDIS_CONNECTIONS] = { "redis", "connections",
	    "pm2adapterd_redis_connections", FIGURE_COUNTER,
	    "Connections accepted on resp-listen" },
	[FIGURE_REDIS_COMMANDS] = { "redis", "commands",
	    "pm2adapterd_redis_commands", FIGURE_COUNTER,
	    "Commands of Redis clients" },
	[FIGURE_REDIS_ERRORS] = { "redis", "errors", "pm2adapterd_redis_errors",
	    FIGURE_COUNTER,
	    "Commands of Redis clients answered with an error" },
	[FIGURE_REDIS_AUTH_FAILURES] = { "redis", "auth_failures",
	    "pm2adapterd_redis_auth_failures", FIGURE_COUNTER,
	    "Wrong passwords sent by Redis clients" },
	[FIGURE_REDIS_PUBLISHED] = { "redis", "published",
	    "pm2adapterd_redis_published_messages", FIGURE_COUNTER,
	    "Messages published by Redis clients" },
	[FIGURE_REDIS_DELIVERED] = { "redis", "delivered",
	    "pm2adapterd_redis_delivered_messages", FIGURE_COUNTER,
	    "Messages queued to Redis clients" },
	[FIGURE_REDIS_PATTERNS] = { "redis", "patterns",
	    "pm2adapterd_redis_patterns", FIGURE_GAUGE,
	    "Patterns with a subscription" },
	[FIGURE_REDIS_TRANSLATED] = { "redis", "translated",
	    "pm2adapterd_redis_translated_messages", FIGURE_COUNTER,
	    "Native messages translated for Redis clients" },
	[FIGURE_REDIS_MALFORMED] = { "redis", "malformed",
	    "pm2adapterd_redis_malformed_messages", FIGURE_COUNTER,
	    "Messages not translated because they are malformed" },
	[FIGURE_REDIS_TOO_DEEP] = { "redis", "too_deep",
	    "pm2adapterd_redis_too_deep_messages", FIGURE_COUNTER,
	    "Messages not translated because they nest deeper than 512" },
	[FIGURE_REDIS_TOO_COSTLY] = { "redis", "too_costly",
	    "pm2adapterd_redis_too_costly_messages", FIGURE_COUNTER,
	    "Messages not translated because they would delay others" },
	[FIGURE_METRICS_CONNECTIONS] = { "metrics", "connections",
	    "pm2adapterd_metrics_connections", FIGURE_COUNTER,
	    "Connections accepted on metrics-socket and metrics-listen" },
	[FIGURE_METRICS_REQUESTS] = { "metrics", "requests",
	    "pm2adapterd_metrics_requests", FIGURE_COUNTER,
	    "Requests for metrics answered, including refused ones" },
	[FIGURE_METRICS_REFUSED] = { "metrics", "refused",
	    "pm2adapterd_metrics_refused_requests", FIGURE_COUNTER,
	    "HTTP requests answered with status 400 or above" },
	[FIGURE_METRICS_CROWDED_OUT] = { "metrics", "crowded_out",
	    "pm2adapterd_metrics_crowded_out_connections", FIGURE_COUNTER,
	    "Busy connections for metrics closed to make room" },
	[FIGURE_METRICS_TIMED_OUT] = { "metrics", "timed_out",
	    "pm2adapterd_metrics_timed_out_connections", FIGURE_COUNTER,
	    "Connections for metrics closed because a request or reply took "
	    "over ten seconds" },
};

static const char *const rate_names[RATES_COUNTERS] = {
	[RATES_PUBLISHED] = "published",
	[RATES_DELIVERED] = "delivered",
	[RATES_BYTES_IN] = "bytes_in",
	[RATES_BYTES_OUT] = "bytes_out",
	[RATES_BUSY_US] = "busy_us",
};

const char *
figures_rate_name(enum rates_counter counter)
{
	return rate_names[counter];
}

static void
take_broker(const struct native *native, int64_t *v)
{
	const struct broker_stats *broker = broker_stats(native->broker);
	const struct topic_registry *topics = broker_topics(native->broker);

	v[FIGURE_TOPICS] = (int64_t)topic_n_exact(topics);
	v[FIGURE_PREFIXES] = (int64_t)topic_n_prefixes(topics);
	v[FIGURE_SUBSCRIPTIONS] = (int64_t)topic_n_subscriptions(topics);
	v[FIGURE_PUBLISHED] = (int64_t)broker->n_published;
	v[FIGURE_PUBLISHED_BYTES] = (int64_t)broker->published_bytes;
	v[FIGURE_DELIVERED] = (int64_t)broker->n_delivered;
	v[FIGURE_DELIVERED_BYTES] = (int64_t)broker->delivered_bytes;
	v[FIGURE_UNROUTED] = (int64_t)broker->n_unrouted;
}

static void
take_questions(const struct native *native, int64_t *v)
{
	const struct broker_stats *broker = broker_stats(native->broker);
	const struct request_registry *requests =
	    broker_requests(native->broker);

	v[FIGURE_QUESTIONS_ASKED] = (int64_t)broker->n_asked;
	v[FIGURE_QUESTIONS_OPEN] = (int64_t)request_n_open(requests);
	v[FIGURE_QUESTIONS_GATHERED_BYTES] =
	    (int64_t)request_n_gathered_bytes(requests);
	v[FIGURE_QUESTIONS_SENT] = (int64_t)broker->n_questions;
	v[FIGURE_QUESTIONS_ANSWERS] = (int64_t)broker->n_answers;
	v[FIGURE_QUESTIONS_TIMEOUT] = (int64_t)broker->n_timeouts;
	v[FIGURE_QUESTIONS_ABANDONED] = (int64_t)broker->n_abandoned;
	v[FIGURE_QUESTIONS_LATE] = (int64_t)broker->n_late;
	v[FIGURE_QUESTIONS_DOUBLED] = (int64_t)broker->n_doubled;
	v[FIGURE_QUESTIONS_FOREIGN] = (int64_t)broker->n_foreign;
}

static void
take_net(const struct native *native, int64_t *v)
{
	const struct conn_set_stats *net = conn_set_stats(native->set);
	const struct piped_stats *piped = piped_stats();
	static const struct listen_stats none;
	const struct listen_stats *accepts =
	    native->listener == NULL ? &none : listen_stats(native->listener);

	v[FIGURE_CONNECTIONS] = (int64_t)conn_set_n_open(native->set);
	v[FIGURE_BYTES_IN] = (int64_t)net->bytes_in;
	v[FIGURE_BYTES_OUT] = (int64_t)net->bytes_out;
	v[FIGURE_DROPS_UNWRITTEN_BYTES] = (int64_t)net->n_unwritten;
	v[FIGURE_SPLICED_MESSAGES] = (int64_t)net->n_spliced;
	v[FIGURE_SPLICED_BYTES] = (int64_t)net->spliced_bytes;
	v[FIGURE_SPLICED_SETTLED] = (int64_t)piped->n_settled;
	v[FIGURE_SPLICED_FAILED] = (int64_t)piped->n_failed;
	v[FIGURE_ACCEPTED] = (int64_t)accepts->n_accepted;
	v[FIGURE_ACCEPT_PAUSES] = (int64_t)listen_n_paused();
}

static void
take_memory(const struct native *native, int64_t *v)
{
	v[FIGURE_BLOB_BYTES] = (int64_t)blob_total_bytes();
	v[FIGURE_MEMORY_BYTES] = (int64_t)blob_held_bytes();
	v[FIGURE_MEMORY_PEAK_BYTES] = (int64_t)blob_peak_bytes();
	v[FIGURE_MEMORY_LIMIT_BYTES] =
	    (int64_t)conn_set_limits(native->set)->memory_bytes;
}

static void
take_sessions(struct native *native, int64_t *v)
{
	struct session *s;

	TAILQ_FOREACH (s, &native->sessions, in_native) {
		v[FIGURE_MEMBERS] +=
		    s->member != NULL && s->role == CONTROL_MEMBER;
		v[FIGURE_QUEUE_BYTES] += (int64_t)conn_queue_bytes(s->conn);
	}
}

void
native_figures(struct native *native, struct figures *out)
{
	const struct native_others *others = native->others;
	const struct timing *timing = &native->timing;
	int64_t *v;

	*out = (struct figures){
		.transit = &timing->transit,
		.gather = &timing->gather,
		.turn = &timing->turn,
	};
	v = out->values;
	for (int i = 0; i < RATES_COUNTERS; i++)
		out->rates[i] =
		    rates_per_second(&native->rates, (enum rates_counter)i);
	/* The work of a turn that began before the ten seconds counts too. */
	out->busy = out->rates[RATES_BUSY_US] / 1e6;
	if (out->busy > 1)
		out->busy = 1;
	v[FIGURE_UPTIME_MS] = loop_now(native->loop).ms - native->started.ms;
	v[FIGURE_TURN_CPU_MAX_US] = timing->cpu_max_us;
	v[FIGURE_LOG_DROPPED] = (int64_t)log_n_dropped();
	v[FIGURE_LOG_SUPPRESSED] = (int64_t)log_n_suppressed();
	v[FIGURE_DROPS_VOLATILE] = (int64_t)native->drops.n_volatile;
	v[FIGURE_DROPS_OBSERVED] = (int64_t)native->n_observed_dropped;
	v[FIGURE_DROPS_UNDELIVERED] = (int64_t)native->drops.n_undelivered;
	v[FIGURE_RELOAD_DONE] = (int64_t)native->n_reloaded;
	v[FIGURE_RELOAD_REFUSED] = (int64_t)native->n_reloads_refused;
	v[FIGURE_RELOAD_LAST_REFUSED] = native->is_reload_refused;
	take_broker(native, v);
	take_questions(native, v);
	take_net(native, v);
	take_memory(native, v);
	take_sessions(native, v);
	for (size_t i = 0; i < native->n_others; i++)
		if (others[i].figures != NULL)
			others[i].figures(out, others[i].arg);
}

void
native_each_close(struct native *native,
    void (*each)(const char *reason, uint64_t n, void *arg), void *arg)
{
	const struct closed *closed = &native->closed;

	for (size_t i = 0; i < closed->n_counters; i++)
		each(closed->counters[i].reason, closed->counters[i].n, arg);
}

void
native_each_refusal(struct native *native,
    void (*each)(const char *code, uint64_t n, void *arg), void *arg)
{
	for (int i = 0; i < N_REFUSALS; i++)
		each(refusal_name((enum refusal)i), native->n_refused[i], arg);
}
