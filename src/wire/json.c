#include "wire/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <jansson.h>

#include "base/text.h"

static int put_value(
    struct msg_writer *w, json_t *value, int depth, struct json_why *why);

static int
put_array(struct msg_writer *w, json_t *array, int depth, struct json_why *why)
{
	int r = 0;

	msg_put_array(w, json_array_size(array));
	for (size_t i = 0; r == 0 && i < json_array_size(array); i++)
		r = put_value(w, json_array_get(array, i), depth + 1, why);
	return r;
}

static int
put_object(
    struct msg_writer *w, json_t *object, int depth, struct json_why *why)
{
	void *at = json_object_iter(object);
	int r = 0;

	msg_put_map(w, json_object_size(object));
	for (; r == 0 && at != NULL; at = json_object_iter_next(object, at)) {
		msg_put_str(w, json_object_iter_key(at));
		r = put_value(w, json_object_iter_value(at), depth + 1, why);
	}
	return r;
}

/* Recursion is bounded by JSON_DEPTH_MAX. */
static int
put_value(struct msg_writer *w, json_t *value, int depth, struct json_why *why)
{
	bool nests = json_is_array(value) || json_is_object(value);

	if (nests && depth == JSON_DEPTH_MAX) {
		snprintf(why->text, sizeof(why->text), "nested deeper than %d",
		    JSON_DEPTH_MAX);
		return JSON_E_SYNTAX;
	}
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return put_object(w, value, depth, why);
	case JSON_ARRAY:
		return put_array(w, value, depth, why);
	case JSON_STRING:
		msg_put_strn(
		    w, json_string_value(value), json_string_length(value));
		return 0;
	case JSON_INTEGER:
		msg_put_int(w, json_integer_value(value));
		return 0;
	case JSON_REAL:
		msg_put_float(w, json_real_value(value));
		return 0;
	case JSON_TRUE:
	case JSON_FALSE:
		msg_put_bool(w, json_is_true(value));
		return 0;
	case JSON_NULL:
		break;
	}
	msg_put_nil(w);
	return 0;
}

int
json_read(struct msg_writer *w, const char *text, struct json_why *why)
{
	json_error_t error;
	json_t *value = json_loads(text,
	    JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
	int r;

	if (value == NULL) {
		snprintf(why->text, sizeof(why->text), "%.150s", error.text);
		return JSON_E_SYNTAX;
	}
	r = put_value(w, value, 0, why);
	json_decref(value);
	return r;
}

static void
print_hex(FILE *out, const char *key, const struct msg_token *t)
{
	fprintf(out, "{\"%s\":\"", key);
	for (size_t i = 0; i < t->len; i++)
		fprintf(out, "%02x", t->data[i]);
	fputs("\"}", out);
}

static void
print_number(FILE *out, const struct msg_token *t)
{
	uint64_t beyond = 0;
	double d = 0;
	int64_t n;

	if (msg_token_int(t, &n)) {
		fprintf(out, "%" PRId64, n);
	} else if (t->type == MSG_INT) {
		for (size_t i = 0; i < t->len; i++)
			beyond = beyond << 8 | t->data[i];
		fprintf(out, "%" PRIu64, beyond);
	} else if (msg_token_float(t, &d) && isfinite(d)) {
		fprintf(out, "%.17g", d);
	} else {
		fputs("null", out);
	}
}

static void
print_scalar(FILE *out, const struct msg_token *t)
{
	switch (t->type) {
	case MSG_STR:
		text_put_json(out, (const char *)t->data, t->len);
		break;
	case MSG_BIN:
		print_hex(out, "bin", t);
		break;
	case MSG_EXT:
		print_hex(out, "ext", t);
		break;
	case MSG_BOOL:
		fputs(t->head == 0xc3 ? "true" : "false", out);
		break;
	case MSG_INT:
	case MSG_FLOAT:
		print_number(out, t);
		break;
	default:
		fputs("null", out);
		break;
	}
}

/* Writes a key as a string, whatever its msgpack type. */
static bool
print_key(FILE *out, struct bytes *b)
{
	struct bytes ahead = *b;
	struct msg_token t;

	if (!msg_take(&ahead, &t) || t.type == MSG_ARRAY || t.type == MSG_MAP) {
		fputs("\"\"", out);
		return msg_skip(b);
	}
	*b = ahead;
	if (t.type == MSG_STR) {
		print_scalar(out, &t);
		return true;
	}
	fputc('"', out);
	if (t.type == MSG_BIN || t.type == MSG_EXT)
		for (size_t i = 0; i < t.len; i++)
			fprintf(out, "%02x", t.data[i]);
	else
		print_scalar(out, &t);
	fputc('"', out);
	return true;
}

/* Begins the next value of a level: comma and key. */
static bool
begin_value(FILE *out, struct bytes *b, struct json_level *level)
{
	if (level->n_done++ > 0)
		fputc(',', out);
	level->n_left--;
	if (!level->is_map)
		return true;
	if (!print_key(out, b))
		return false;
	fputc(':', out);
	return true;
}

bool
json_print(FILE *out, struct bytes *b)
{
	struct json_walk walk;

	json_walk_init(&walk);
	return json_print_some(out, b, &walk, SIZE_MAX) == JSON_DONE;
}

void
json_walk_init(struct json_walk *walk)
{
	walk->depth = 0;
	walk->levels[0] = (struct json_level){ .n_left = 1 };
}

/* Prints a scalar, or the beginning of an array or a map. */
static bool
print_next(FILE *out, struct bytes *b, struct json_walk *walk)
{
	struct bytes here;
	struct msg_token t;

	if (!begin_value(out, b, &walk->levels[walk->depth]))
		return false;
	here = *b;
	if (!msg_take(b, &t))
		return false;
	if (t.type != MSG_ARRAY && t.type != MSG_MAP) {
		print_scalar(out, &t);
	} else if (walk->depth == JSON_DEPTH_MAX) {
		fputs("\"\xe2\x80\xa6\"", out);
		*b = here;
		return msg_skip(b);
	} else {
		walk->levels[++walk->depth] = (struct json_level){
			.is_map = t.type == MSG_MAP,
			.n_left =
			    t.type == MSG_MAP ? t.n_children / 2 : t.n_children,
		};
		fputc(t.type == MSG_MAP ? '{' : '[', out);
	}
	return true;
}

enum json_progress
json_print_some(
    FILE *out, struct bytes *b, struct json_walk *walk, size_t max_bytes)
{
	const uint8_t *begin = b->at;

	while (walk->depth > 0 || walk->levels[0].n_left > 0) {
		if ((size_t)(b->at - begin) >= max_bytes)
			return JSON_MORE;
		if (walk->levels[walk->depth].n_left > 0) {
			if (!print_next(out, b, walk))
				return JSON_BROKEN;
		} else {
			fputc(walk->levels[walk->depth--].is_map ? '}' : ']',
			    out);
		}
	}
	return JSON_DONE;
}

const char *
json_library_version(void)
{
	return jansson_version_str();
}
