#include "cli/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/print.h"

#define NO_ANSWER "no answer from the daemon"
#define NO_DAEMON "no daemon is running there"

static void
set_why(struct query *query, const char *why)
{
	snprintf(query->why, sizeof(query->why), "%s", why);
}

static void
reply_fini(struct query_reply *reply)
{
	msg_tree_free(reply->tree);
	free(reply->body);
	*reply = (struct query_reply){ NULL, NULL };
}

static void
drop_replies(struct query *query)
{
	reply_fini(&query->reply);
	reply_fini(&query->previous);
}

/* Translates the end of the connection for a caller that waits for a reply. */
static void
on_end(struct pm2a *p, int why, const char *text, void *user)
{
	struct query *query = user;

	(void)p;
	drop_replies(query);
	if (why == PM2A_E_AWAY)
		set_why(query, NO_DAEMON);
	else if (why == PM2A_E_PROTOCOL)
		set_why(query, pm2a_strerror(why));
	else if (why == PM2A_E_REFUSED || why < 0)
		set_why(query, text);
	else
		set_why(query, NO_ANSWER);
}

static void
on_disconnect(struct pm2a *p, int why, const char *text, void *user)
{
	struct query *query = user;

	query->has_ended = true;
	pm2a_stop(p);
	on_end(p, why, text, user);
}

int
query_open(struct query *query, const char *socket, const char *name,
    int timeout_ms, int retry_ms)
{
	/* Later than the request's own timeout. */
	int connect_ms = timeout_ms + 1000;
	struct pm2a_options options = {
		.socket = socket,
		.name = name,
		.role = PM2A_ROLE_OBSERVER,
		.reconnect_min_ms = retry_ms,
		.reconnect_max_ms = retry_ms,
		.connect_timeout_ms = connect_ms,
		.callbacks = { .on_connect_error = on_end,
		    .on_disconnect = on_disconnect },
		.user = query,
	};
	int r;

	*query = (struct query){ .p = NULL };
	r = pm2a_new(&options, &query->p);
	if (r == 0)
		return 0;
	set_why(query,
	    r == PM2A_E_ARGUMENT ? strerror(ENAMETOOLONG) : pm2a_strerror(r));
	return EX_UNAVAILABLE;
}

void
query_close(struct query *query)
{
	pm2a_free(query->p);
	query->p = NULL;
	drop_replies(query);
}

static void
keep(struct query *query, struct pm2a_bytes body)
{
	struct query_reply reply = { NULL, xcalloc(1, body.len) };

	memcpy(reply.body, body.data, body.len);
	if (msg_tree_new(reply.body, body.len, &reply.tree) != 0) {
		reply_fini(&reply);
		drop_replies(query);
		set_why(query, "the daemon's answer can't be read");
		return;
	}
	reply_fini(&query->previous);
	query->previous = query->reply;
	query->reply = reply;
}

static void
on_reply(struct pm2a *p, const struct pm2a_stats_reply *reply, void *arg)
{
	struct query *query = arg;

	pm2a_stop(p);
	query->is_pending = false;
	if (reply->error == 0) {
		keep(query, reply->body);
		return;
	}
	/* If the connection has ended, on_end() follows and knows better. */
	drop_replies(query);
	if (reply->error == PM2A_E_REFUSED)
		set_why(query, reply->message[0] == '\0' ? "the daemon refuses"
							 : reply->message);
	else
		set_why(query, NO_ANSWER);
}

void
query_start(
    struct query *query, const struct control_stats *wanted, int timeout_ms)
{
	const char *sections[CONTROL_N_SECTIONS];
	size_t n = 0;
	int r;

	for (size_t i = 0; i < CONTROL_N_SECTIONS; i++)
		if (wanted->wanted[i])
			sections[n++] =
			    control_section_name((enum control_section)i);
	r = pm2a_stats(
	    query->p, &(struct pm2a_stats_request){
			  .sections = sections,
			  .n_sections = n,
			  .limit = wanted->n_rows,
			  .sort = wanted->sort[0] == '\0' ? NULL : wanted->sort,
			  .timeout_ms = timeout_ms,
			  .on_reply = on_reply,
			  .arg = query,
		      });
	query->is_pending = r == 0;
	if (r == 0)
		return;
	drop_replies(query);
	/* While it is away, the last attempt to connect has given the reason.
	 */
	if (r != PM2A_E_AWAY || query->why[0] == '\0')
		set_why(query, pm2a_strerror(r));
}

int
query_run(
    struct query *query, const struct control_stats *wanted, int timeout_ms)
{
	query_start(query, wanted, timeout_ms);
	while (query->is_pending)
		(void)!pm2a_run(query->p, -1);
	return query->reply.tree == NULL ? EX_UNAVAILABLE : 0;
}

void
query_await_end(struct query *query, int timeout_ms)
{
	struct instant deadline = instant_after(clock_now(), timeout_ms);
	int64_t left_ms = timeout_ms;

	while (!query->has_ended && left_ms > 0) {
		(void)!pm2a_run(query->p, (int)left_ms);
		left_ms = deadline.ms - clock_now().ms;
	}
}

int
query_print(
    const char *socket, const struct control_stats *wanted, bool as_json)
{
	struct query query;
	int r = query_open(&query, socket, "pm2adapterd --stats",
	    QUERY_TIMEOUT_MS, QUERY_TIMEOUT_MS);

	if (r == 0)
		r = query_run(&query, wanted, QUERY_TIMEOUT_MS);
	if (r != 0)
		fprintf(stderr, "pm2adapterd: %s: %s\n", socket, query.why);
	else if (as_json)
		print_json(stdout, msg_root(query.reply.tree));
	else
		print_tables(stdout, msg_root(query.reply.tree));
	if (r == 0 && fflush(stdout) != 0)
		r = EX_IOERR;
	query_close(&query);
	return r;
}
