#include "wire/reply.h"

#include <string.h>

#include "wire/msg.h"

#define N_ELEMENTS(array) (sizeof(array) / sizeof(*(array)))

/*
 * A body is scanned first, so heads can't be missing afterwards and only their
 * types are checked. Arrays may have more elements than we know, and
 * maps more keys: they are skipped.
 */

static bool
text_is(const struct reply_text *text, const char *s)
{
	return text->len == strlen(s) && memcmp(text->data, s, text->len) == 0;
}

static struct reply_text
text_of(const struct msg_token *t)
{
	return (struct reply_text){ (const char *)t->data, t->len };
}

static bool
take_int(struct bytes *b, int64_t min, int64_t max, int64_t *out)
{
	struct msg_token t;

	return msg_take(b, &t) && msg_token_int(&t, out) && *out >= min &&
	       *out <= max;
}

static bool
take_id(struct bytes *b, uint64_t *out)
{
	int64_t n;

	if (!take_int(b, 0, INT64_MAX, &n))
		return false;
	*out = (uint64_t)n;
	return true;
}

static bool
take_count(struct bytes *b, uint32_t *out)
{
	int64_t n;

	if (!take_int(b, 0, UINT32_MAX, &n))
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool
take_str(struct bytes *b, struct reply_text *out)
{
	struct msg_token t;

	if (!msg_take(b, &t) || t.type != MSG_STR)
		return false;
	*out = text_of(&t);
	return true;
}

static bool
take_payload(struct bytes *b, struct reply_text *out)
{
	struct msg_token t;

	if (!msg_take(b, &t) || (t.type != MSG_STR && t.type != MSG_BIN))
		return false;
	*out = text_of(&t);
	return true;
}

static bool
take_bool(struct bytes *b, bool *out)
{
	struct msg_token t;

	if (!msg_take(b, &t) || t.type != MSG_BOOL)
		return false;
	*out = t.head == 0xc3;
	return true;
}

/* An array of at least n_least elements; *n is how many it has. */
static bool
open_array(struct bytes *b, uint32_t n_least, uint32_t *n)
{
	struct msg_token t;

	if (!msg_take(b, &t) || t.type != MSG_ARRAY || t.n_children < n_least)
		return false;
	*n = (uint32_t)t.n_children;
	return true;
}

static bool
skip(struct bytes *b, uint32_t n)
{
	while (n-- > 0)
		if (!msg_skip(b))
			return false;
	return true;
}

static bool
open_body(const void *body, size_t len, enum msg_type type, struct bytes *b,
    uint32_t *n)
{
	struct msg_token t;

	*b = bytes_over(body, len);
	if (msg_scan(body, len) != 0 || !msg_take(b, &t) || t.type != type)
		return false;
	*n = (uint32_t)t.n_children;
	return true;
}

/* A key of a map, and the function that reads its value. */
struct field {
	const char *key;
	bool (*take)(struct bytes *b, void *out);
	bool is_required;
};

static bool
take_field(const struct field *fields, size_t n_fields, struct bytes *b,
    void *out, unsigned *seen)
{
	struct msg_token t;
	struct reply_text key;

	if (!msg_take(b, &t))
		return false;
	if (t.type != MSG_STR)
		return skip(b, (uint32_t)t.n_children) && msg_skip(b);
	key = text_of(&t);
	for (size_t i = 0; i < n_fields; i++)
		if (text_is(&key, fields[i].key)) {
			*seen |= 1u << i;
			return fields[i].take(b, out);
		}
	return msg_skip(b);
}

/* Reads the `n` keys and values of a map, after its head. */
static bool
take_fields(struct bytes *b, uint32_t n, const struct field *fields,
    size_t n_fields, void *out)
{
	unsigned seen = 0;

	for (uint32_t i = 0; i < n / 2; i++)
		if (!take_field(fields, n_fields, b, out, &seen))
			return false;
	for (size_t i = 0; i < n_fields; i++)
		if (fields[i].is_required && (seen & 1u << i) == 0)
			return false;
	return true;
}

static int
read_map(const void *body, size_t len, const struct field *fields,
    size_t n_fields, void *out)
{
	struct bytes b;
	uint32_t n;

	if (open_body(body, len, MSG_MAP, &b, &n) &&
	    take_fields(&b, n, fields, n_fields, out))
		return 0;
	return REPLY_E_MALFORMED;
}

static bool
take_server(struct bytes *b, void *out)
{
	return take_str(b, &((struct reply_welcome *)out)->server);
}

static bool
take_welcome_id(struct bytes *b, void *out)
{
	return take_id(b, &((struct reply_welcome *)out)->id);
}

static bool
take_epoch(struct bytes *b, void *out)
{
	return take_int(
	    b, 0, INT64_MAX, &((struct reply_welcome *)out)->epoch_ms);
}

static bool
take_max_frame(struct bytes *b, void *out)
{
	struct reply_welcome *welcome = out;

	return take_count(b, &welcome->max_frame) && welcome->max_frame > 0;
}

static bool
take_max_topic(struct bytes *b, void *out)
{
	struct reply_welcome *welcome = out;

	return take_count(b, &welcome->max_topic) && welcome->max_topic > 0;
}

static bool
take_ping_interval(struct bytes *b, void *out)
{
	return take_int(
	    b, 0, INT32_MAX, &((struct reply_welcome *)out)->ping_interval_ms);
}

static bool
take_features(struct bytes *b, void *out)
{
	struct reply_welcome *welcome = out;
	struct reply_text name;
	uint32_t n;

	if (!open_array(b, 0, &n))
		return false;
	for (; n > 0; n--) {
		if (!take_str(b, &name))
			return false;
		welcome->has_requests |= text_is(&name, "ask");
		welcome->has_failures |= text_is(&name, "failed");
		welcome->has_stats |= text_is(&name, "stats");
	}
	return true;
}

static bool
take_ending_reason(struct bytes *b, void *out)
{
	return take_str(b, &((struct reply_ending *)out)->reason);
}

static bool
take_unwritten(struct bytes *b, void *out)
{
	return take_id(b, &((struct reply_ending *)out)->n_unwritten);
}

static bool
take_messages(struct bytes *b, void *out)
{
	return take_id(b, &((struct reply_ending *)out)->n_messages);
}

static bool
take_since(struct bytes *b, void *out)
{
	return take_id(b, &((struct reply_ending *)out)->since_ms);
}

static bool
take_previous(struct bytes *b, void *out)
{
	static const struct field fields[] = {
		{ "reason", take_ending_reason, true },
		{ "unwritten", take_unwritten, false },
		{ "messages", take_messages, false },
		{ "since_ms", take_since, false },
	};
	struct reply_welcome *welcome = out;
	struct msg_token t;

	return msg_take(b, &t) && t.type == MSG_MAP &&
	       take_fields(b, (uint32_t)t.n_children, fields,
		   N_ELEMENTS(fields), &welcome->previous);
}

int
reply_read_welcome(const void *body, size_t len, struct reply_welcome *out)
{
	static const struct field fields[] = {
		{ "server", take_server, false },
		{ "id", take_welcome_id, true },
		{ "epoch", take_epoch, true },
		{ "max_frame", take_max_frame, true },
		{ "max_topic", take_max_topic, true },
		{ "ping_interval_ms", take_ping_interval, false },
		{ "features", take_features, false },
		{ "previous", take_previous, false },
	};

	*out = (struct reply_welcome){ .server = { "", 0 },
		.previous = { .reason = { "", 0 } } };
	return read_map(body, len, fields, N_ELEMENTS(fields), out);
}

static bool
take_event(struct bytes *b, void *out)
{
	struct reply_text event;

	if (!take_str(b, &event))
		return false;
	((struct reply_presence *)out)->joined = text_is(&event, "joined");
	return text_is(&event, "joined") || text_is(&event, "left");
}

static bool
take_presence_id(struct bytes *b, void *out)
{
	return take_id(b, &((struct reply_presence *)out)->id);
}

static bool
take_presence_name(struct bytes *b, void *out)
{
	return take_str(b, &((struct reply_presence *)out)->name);
}

static bool
take_presence_count(struct bytes *b, void *out)
{
	return take_count(b, &((struct reply_presence *)out)->count);
}

int
reply_read_presence(const void *body, size_t len, struct reply_presence *out)
{
	static const struct field fields[] = {
		{ "event", take_event, true },
		{ "id", take_presence_id, true },
		{ "name", take_presence_name, true },
		{ "count", take_presence_count, true },
	};

	*out = (struct reply_presence){ .joined = false };
	return read_map(body, len, fields, N_ELEMENTS(fields), out);
}

static bool
take_reason(struct bytes *b, void *out)
{
	return take_str(b, &((struct reply_goodbye *)out)->reason);
}

static bool
take_retry_after(struct bytes *b, void *out)
{
	return take_int(
	    b, 0, INT32_MAX, &((struct reply_goodbye *)out)->retry_after_ms);
}

int
reply_read_goodbye(const void *body, size_t len, struct reply_goodbye *out)
{
	static const struct field fields[] = {
		{ "reason", take_reason, false },
		{ "retry_after_ms", take_retry_after, false },
	};

	*out = (struct reply_goodbye){ .reason = { "", 0 } };
	return read_map(body, len, fields, N_ELEMENTS(fields), out);
}

int
reply_read_question(const void *body, size_t len, struct reply_question *out)
{
	struct bytes b;
	uint32_t n;

	if (open_body(body, len, MSG_ARRAY, &b, &n) && n >= 3 &&
	    take_id(&b, &out->id) && take_payload(&b, &out->payload) &&
	    take_str(&b, &out->gather))
		return 0;
	return REPLY_E_MALFORMED;
}

int
reply_read_part(const void *body, size_t len, struct reply_part *out)
{
	struct bytes b;
	uint32_t n;

	if (open_body(body, len, MSG_ARRAY, &b, &n) && n >= 3 &&
	    take_id(&b, &out->ask_id) && take_id(&b, &out->from) &&
	    take_payload(&b, &out->payload))
		return 0;
	return REPLY_E_MALFORMED;
}

int
reply_read_refusal(const void *body, size_t len, struct reply_refusal *out)
{
	struct bytes b;
	uint32_t n;

	if (!open_body(body, len, MSG_ARRAY, &b, &n) || n < 3 ||
	    !take_str(&b, &out->code) || !take_str(&b, &out->message) ||
	    !take_bool(&b, &out->fatal))
		return REPLY_E_MALFORMED;
	out->has_ask_id = n > 3;
	out->ask_id = 0;
	if (out->has_ask_id && !take_id(&b, &out->ask_id))
		return REPLY_E_MALFORMED;
	return 0;
}

static bool
take_outcome(struct bytes *b, enum outcome *out)
{
	struct reply_text name;

	return take_str(b, &name) && outcome_find(name.data, name.len, out);
}

static bool
take_missing(struct bytes *b, struct reply_missing *out)
{
	uint32_t n;

	return open_array(b, 3, &n) && take_id(b, &out->id) &&
	       take_str(b, &out->name) && take_str(b, &out->reason) &&
	       skip(b, n - 3);
}

static bool
take_answer(struct bytes *b, struct reply_answer *out)
{
	struct bytes ahead = *b;
	struct msg_token t;
	uint32_t n;

	*out = (struct reply_answer){ .name = { "", 0 } };
	if (msg_take(&ahead, &t) && t.type == MSG_STR)
		return take_str(b, &out->payload);
	return open_array(b, 3, &n) && take_id(b, &out->id) &&
	       take_str(b, &out->name) && take_payload(b, &out->payload) &&
	       skip(b, n - 3);
}

/* Leaves both cursors before the first, when all of them have been judged. */
static bool
take_lists(struct bytes *b, struct reply_result *out)
{
	struct reply_missing missing;
	struct reply_answer answer;

	if (!open_array(b, 0, &out->n_missing))
		return false;
	out->missing = *b;
	for (uint32_t i = 0; i < out->n_missing; i++)
		if (!take_missing(b, &missing))
			return false;
	if (!open_array(b, 0, &out->n_answers))
		return false;
	out->answers = *b;
	for (uint32_t i = 0; i < out->n_answers; i++)
		if (!take_answer(b, &answer))
			return false;
	return true;
}

int
reply_read_result(const void *body, size_t len, struct reply_result *out)
{
	struct bytes b;
	uint32_t n;

	if (open_body(body, len, MSG_ARRAY, &b, &n) && n >= 6 &&
	    take_id(&b, &out->ask_id) && take_outcome(&b, &out->outcome) &&
	    take_count(&b, &out->expected) && take_count(&b, &out->answered) &&
	    take_lists(&b, out))
		return 0;
	return REPLY_E_MALFORMED;
}

struct reply_missing
reply_next_missing(struct reply_result *result)
{
	struct reply_missing missing = { 0 };

	(void)take_missing(&result->missing, &missing);
	return missing;
}

struct reply_answer
reply_next_answer(struct reply_result *result)
{
	struct reply_answer answer = { 0 };

	(void)take_answer(&result->answers, &answer);
	return answer;
}
