#include "wire/control.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire/frame.h"

static const char *const role_names[] = { "member", "emitter", "observer" };

static const char *const section_names[] = {
	"overview",
	"clients",
	"topics",
	"requests",
	"closed",
	"slow",
	"config",
};

const char *
control_role_name(enum control_role role)
{
	return role_names[role];
}

const char *
control_section_name(enum control_section section)
{
	return section_names[section];
}

__attribute__((format(printf, 3, 4))) static int
refuse(struct control_why *why, int r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return r;
}

static int
read_string(const struct msg_node *map, const char *key, size_t max, char *out,
    struct control_why *why)
{
	const struct msg_node *node = msg_find(map, key);
	const char *s;
	size_t len;

	out[0] = '\0';
	if (node == NULL)
		return 0;
	if (msg_type(node) != MSG_STR || !msg_str(node, &s, &len))
		return refuse(why, CONTROL_E_FIELD, "%s is not a str", key);
	if (len > max)
		return refuse(why, CONTROL_E_FIELD,
		    "%s has %zu bytes; at most %zu", key, len, max);
	if (memchr(s, '\0', len) != NULL)
		return refuse(why, CONTROL_E_FIELD, "%s has a zero byte", key);
	memcpy(out, s, len);
	out[len] = '\0';
	return 0;
}

static int
read_int(const struct msg_node *map, const char *key, int64_t min, int64_t max,
    int64_t missing, int64_t *out, struct control_why *why)
{
	const struct msg_node *node = msg_find(map, key);

	*out = missing;
	if (node == NULL)
		return 0;
	if (!msg_int(node, out))
		return refuse(
		    why, CONTROL_E_FIELD, "%s is not an integer", key);
	if (*out < min || *out > max)
		return refuse(why, CONTROL_E_FIELD,
		    "%s is %" PRId64 "; the range is %" PRId64 " to %" PRId64,
		    key, *out, min, max);
	return 0;
}

static int
read_role(
    const struct msg_node *map, enum control_role *out, struct control_why *why)
{
	char name[16];
	int r = read_string(map, "role", sizeof(name) - 1, name, why);

	*out = CONTROL_MEMBER;
	if (r != 0 || msg_find(map, "role") == NULL)
		return r;
	for (size_t i = 0; i < sizeof(role_names) / sizeof(*role_names); i++)
		if (strcmp(name, role_names[i]) == 0) {
			*out = (enum control_role)i;
			return 0;
		}
	return refuse(
	    why, CONTROL_E_FIELD, "role is none of member, emitter, observer");
}

static int
read_version(const struct msg_node *map, struct control_why *why)
{
	const struct msg_node *node = msg_find(map, "protocol");
	int64_t version;

	if (node == NULL)
		return refuse(why, CONTROL_E_FIELD, "protocol is missing");
	if (msg_type(node) != MSG_INT)
		return refuse(
		    why, CONTROL_E_FIELD, "protocol is not an integer");
	if (!msg_int(node, &version) || version != CONTROL_PROTOCOL)
		return refuse(why, CONTROL_E_VERSION,
		    "protocol is not %d, which this daemon speaks",
		    CONTROL_PROTOCOL);
	return 0;
}

static int
read_previous(const struct msg_node *map, struct control_previous *out,
    struct control_why *why)
{
	const struct msg_node *node = msg_find(map, "previous");
	int64_t id = 0;
	int r;

	if (node == NULL)
		return 0;
	if (msg_type(node) != MSG_MAP)
		return refuse(why, CONTROL_E_FIELD, "previous is not a map");
	r = read_int(node, "epoch", 0, INT64_MAX, -1, &out->epoch_ms, why);
	if (r == 0)
		r = read_int(node, "id", 1, INT64_MAX, 0, &id, why);
	if (r == 0 && (out->epoch_ms < 0 || id == 0))
		return refuse(
		    why, CONTROL_E_FIELD, "previous has no epoch or no id");
	out->id = (uint64_t)id;
	return r;
}

static int
read_hello(const struct msg_node *map, struct control_hello *out,
    struct control_why *why)
{
	int r = read_version(map, why);

	if (r == 0)
		r = read_string(map, "name", CONTROL_NAME_MAX, out->name, why);
	if (r == 0 && out->name[0] == '\0')
		return refuse(why, CONTROL_E_FIELD, "name is missing or empty");
	if (r == 0)
		r = read_string(
		    map, "client", CONTROL_CLIENT_MAX, out->client, why);
	if (r == 0)
		r = read_string(map, "key", CONTROL_KEY_MAX, out->key, why);
	if (r == 0)
		r = read_string(
		    map, "script", CONTROL_SCRIPT_MAX, out->script, why);
	if (r == 0)
		r = read_int(map, "pid", 1, INT32_MAX, 0, &out->pid, why);
	if (r == 0)
		r = read_int(map, "pm_id", 0, INT32_MAX, -1, &out->pm_id, why);
	if (r == 0)
		r = read_role(map, &out->role, why);
	if (r == 0)
		r = read_previous(map, &out->previous, why);
	return r;
}

static int
open_map(const void *body, size_t len, struct msg_tree **out,
    struct control_why *why)
{
	int r = msg_tree_new(body, len, out);

	if (r < 0)
		return r;
	if (r != 0)
		return refuse(why, CONTROL_E_BODY,
		    "the body is not one msgpack value, at most %d deep",
		    MSG_DEPTH_MAX);
	if (msg_type(msg_root(*out)) == MSG_MAP)
		return 0;
	msg_tree_free(*out);
	return refuse(why, CONTROL_E_BODY, "the body is not a map");
}

int
control_read_hello(const void *body, size_t len, struct control_hello *out,
    struct control_why *why)
{
	struct msg_tree *tree = NULL;
	int r = open_map(body, len, &tree, why);

	if (r != 0)
		return r;
	*out = (struct control_hello){ .pm_id = -1 };
	r = read_hello(msg_root(tree), out, why);
	msg_tree_free(tree);
	return r;
}

static int
read_section(const struct msg_node *node, struct control_stats *out,
    struct control_why *why)
{
	const char *s;
	size_t len;

	if (!msg_str(node, &s, &len))
		return refuse(why, CONTROL_E_BODY, "a section is not a str");
	for (size_t i = 0; i < CONTROL_N_SECTIONS; i++)
		if (len == strlen(section_names[i]) &&
		    memcmp(s, section_names[i], len) == 0) {
			out->wanted[i] = true;
			return 0;
		}
	return refuse(why, CONTROL_E_SECTION,
	    "a section is none of overview, clients, topics, requests, closed, "
	    "slow, config");
}

static int
read_stats(const struct msg_node *map, struct control_stats *out,
    struct control_why *why)
{
	const struct msg_node *sections = msg_find(map, "sections");
	int64_t n_rows;
	int r = read_int(map, "limit", 1, CONTROL_ROWS_MAX,
	    CONTROL_ROWS_DEFAULT, &n_rows, why);

	if (r != 0)
		return r;
	out->n_rows = (uint32_t)n_rows;
	r = read_string(map, "sort", CONTROL_SORT_MAX, out->sort, why);
	if (r != 0)
		return r;
	if (sections == NULL) {
		out->wanted[CONTROL_OVERVIEW] = true;
		return 0;
	}
	if (msg_type(sections) != MSG_ARRAY)
		return refuse(why, CONTROL_E_FIELD, "sections is not an array");
	for (size_t i = 0; r == 0 && i < msg_count(sections); i++)
		r = read_section(msg_at(sections, i), out, why);
	return r;
}

int
control_read_stats(const void *body, size_t len, struct control_stats *out,
    struct control_why *why)
{
	struct msg_tree *tree = NULL;
	int r = open_map(body, len, &tree, why);

	if (r != 0)
		return r;
	*out = (struct control_stats){ .n_rows = 0 };
	r = read_stats(msg_root(tree), out, why);
	msg_tree_free(tree);
	return r;
}

size_t
control_begin(struct msg_writer *w)
{
	static const uint8_t room[FRAME_HEADER_SIZE];
	size_t start = w->len;

	msg_put_raw(w, room, sizeof(room));
	return start;
}

void
control_end(struct msg_writer *w, size_t start, uint8_t type)
{
	if (!w->fault)
		frame_write_head(w->data + start, type, 0, NULL, 0,
		    w->len - start - FRAME_HEADER_SIZE);
}

static void
put_ending(struct msg_writer *w, const struct control_ending *ending)
{
	struct msg_open map;

	msg_put_str(w, "previous");
	map = msg_begin_map(w);
	msg_put_pair_str(w, "reason", ending->reason);
	msg_put_pair_int(w, "unwritten", (int64_t)ending->n_unwritten);
	if (ending->since_ms >= 0) {
		msg_put_pair_int(w, "messages", (int64_t)ending->n_messages);
		msg_put_pair_int(w, "since_ms", ending->since_ms);
	}
	msg_end_map(w, map);
}

void
control_write_welcome(
    struct msg_writer *w, const struct control_welcome *welcome)
{
	static const char *const features[] = {
		"prefix",
		"multi",
		"presence",
		"stats",
		"ask",
		"failed",
		"handles",
	};
	const size_t n_features =
	    sizeof(features) / sizeof(*features) - !welcome->has_handles;
	size_t start = control_begin(w);
	struct msg_open map;

	map = msg_begin_map(w);
	msg_put_pair_int(w, "protocol", CONTROL_PROTOCOL);
	msg_put_pair_str(w, "server", welcome->server);
	msg_put_pair_int(w, "id", (int64_t)welcome->id);
	msg_put_pair_int(w, "epoch", welcome->epoch_ms);
	msg_put_pair_int(w, "max_frame", welcome->max_frame);
	msg_put_pair_int(w, "max_topic", welcome->max_topic);
	msg_put_pair_int(w, "ping_interval_ms", welcome->ping_interval_ms);
	msg_put_str(w, "features");
	msg_put_array(w, n_features);
	for (size_t i = 0; i < n_features; i++)
		msg_put_str(w, features[i]);
	if (welcome->previous != NULL)
		put_ending(w, welcome->previous);
	msg_end_map(w, map);
	control_end(w, start, FRAME_WELCOME);
}

void
control_write_presence(
    struct msg_writer *w, const struct control_presence *presence)
{
	size_t start = control_begin(w), body;
	struct msg_open map;

	msg_put_raw(w, presence->topic, presence->topic_len);
	body = w->len;
	map = msg_begin_map(w);
	msg_put_pair_str(w, "event", presence->joined ? "joined" : "left");
	msg_put_pair_int(w, "id", (int64_t)presence->id);
	msg_put_pair_str(w, "name", presence->name);
	msg_put_pair_int(w, "count", presence->count);
	msg_end_map(w, map);
	if (!w->fault)
		frame_write_head(w->data + start, FRAME_PRESENCE, 0,
		    presence->topic, presence->topic_len, w->len - body);
}

void
control_write_error(
    struct msg_writer *w, const char *code, const char *message, bool fatal)
{
	size_t start = control_begin(w);

	msg_put_array(w, 3);
	msg_put_str(w, code);
	msg_put_str(w, message);
	msg_put_bool(w, fatal);
	control_end(w, start, FRAME_ERROR);
}

void
control_write_ask_error(
    struct msg_writer *w, const char *code, const char *message, int64_t ask_id)
{
	size_t start = control_begin(w);

	msg_put_array(w, 4);
	msg_put_str(w, code);
	msg_put_str(w, message);
	msg_put_bool(w, false);
	msg_put_int(w, ask_id);
	control_end(w, start, FRAME_ERROR);
}

void
control_write_goodbye(
    struct msg_writer *w, const char *reason, int64_t retry_after_ms)
{
	size_t start = control_begin(w);
	struct msg_open map;

	map = msg_begin_map(w);
	msg_put_pair_str(w, "reason", reason);
	msg_put_pair_int(w, "retry_after_ms", retry_after_ms);
	msg_end_map(w, map);
	control_end(w, start, FRAME_GOODBYE);
}
