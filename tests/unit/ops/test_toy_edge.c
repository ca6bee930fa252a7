#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "ops/openmetrics.h"
#include "stats/report.h"
#include "unit/rig/edges.h"

/* An edge that stats/ and ops/ have never heard of: all that it needs there is
 * a source. */

static const struct figure_info own[] = {
	{ "toy", "birds", "pm2adapterd_toy_birds", FIGURE_GAUGE,
	    "Birds that sing", 0 },
};

static void
set_figures(struct stats_source *source, int64_t *values)
{
	(void)source;
	values[0] = 7;
}

static void
add_figures(struct stats_source *source, struct figures *figures)
{
	(void)source;
	figures->values[FIGURE_QUEUE_BYTES] += 1000;
}

static void
each_client(struct stats_source *source,
    void (*each)(const struct client_row *row, void *arg), void *arg)
{
	const struct client_row row = { .id = 77,
		.name = "sparrow",
		.pm_id = -1,
		.role = "bird",
		.client = "",
		.key = "",
		.script = "",
		.queue_bytes = 1000 };

	(void)source;
	each(&row, arg);
}

static void
each_refusal(struct stats_source *source,
    void (*each)(const char *code, uint64_t n, void *arg), void *arg)
{
	(void)source;
	each("no-song", 3, arg);
}

static void (*toy_drained)(void *arg);
static void *toy_drained_arg;

static void
drain(struct stats_source *source, void (*done)(void *arg), void *arg)
{
	(void)source;
	toy_drained = done;
	toy_drained_arg = arg;
}

static struct stats_source toy = {
	.figures = own,
	.n_figures = 1,
	.set_figures = set_figures,
	.add_figures = add_figures,
	.each_client = each_client,
	.each_refusal = each_refusal,
	.drain = drain,
};

static int64_t
number(const struct msg_node *map, const char *key)
{
	const struct msg_node *node = msg_find(map, key);
	int64_t value = -1;

	ck_assert_msg(node != NULL && msg_int(node, &value), "no %s", key);
	return value;
}

TEST(a_new_edge_appears_in_stats_with_its_figures_clients_and_refusals)
{
	struct control_stats wanted = { .n_rows = 10 };
	const struct msg_node *overview, *rows;
	struct msg_tree *tree = NULL;
	struct msg_writer w = { 0 };

	begin();
	hub_add_source(hub, &toy);
	wanted.wanted[CONTROL_OVERVIEW] = wanted.wanted[CONTROL_CLIENTS] = true;
	report_now(hub, &wanted, &w);
	ck_assert_int_eq(msg_tree_new(w.data, w.len, &tree), 0);
	overview = msg_find(msg_root(tree), "overview");
	rows = msg_find(msg_root(tree), "clients");
	ck_assert_int_eq(number(msg_find(overview, "toy"), "birds"), 7);
	ck_assert_int_eq(number(overview, "queue_bytes"), 1000);
	ck_assert_int_eq(number(msg_find(overview, "errors"), "no-song"), 3);
	ck_assert_uint_eq(msg_count(rows), 1);
	ck_assert_int_eq(number(msg_at(rows, 0), "id"), 77);
	msg_tree_free(tree);
	msg_writer_fini(&w);
	hub_remove_source(hub, &toy);
	end();
}

TEST(a_new_edge_appears_in_the_metrics)
{
	static const char *const lines[] = {
		"\npm2adapterd_toy_birds 7\n",
		"\npm2adapterd_queue_bytes 1000\n",
		"client_queue_bytes{id=\"77\",name=\"sparrow\",role=\"bird\"",
		"\npm2adapterd_refused_frames_total{code=\"no-song\"} 3\n",
	};
	char *text = NULL;
	size_t len = 0;
	FILE *out = xmemstream(&text, &len);

	begin();
	hub_add_source(hub, &toy);
	openmetrics_write(out, hub, true);
	fclose(out);
	for (size_t i = 0; i < N_ELEMENTS(lines); i++)
		ck_assert_msg(strstr(text, lines[i]) != NULL, "no %s in %s",
		    lines[i], text);
	free(text);
	hub_remove_source(hub, &toy);
	end();
}

static void
on_drained(void *arg)
{
	*(bool *)arg = true;
}

TEST(a_drain_ends_when_the_connections_of_a_new_edge_are_gone)
{
	bool is_drained = false;

	begin();
	hub_add_source(hub, &toy);
	hub_drain(hub, on_drained, &is_drained);
	ck_assert_ptr_nonnull(toy_drained);
	ck_assert(!is_drained);
	toy_drained(toy_drained_arg);
	ck_assert(is_drained);
	hub_remove_source(hub, &toy);
	end();
}

TEST(a_drain_without_edges_ends_at_once)
{
	bool is_drained = false;

	begin();
	hub_drain(hub, on_drained, &is_drained);
	ck_assert(is_drained);
	end();
}
