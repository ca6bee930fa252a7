#include "wire/stringify.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

#define PLAIN_SHIFT 5 /* bytes of a string in units of cost */
#define BIN_SHIFT 1   /* and those of a bin */
#define BIN_BYTE_SIZE 4
#define NUMBER_COST 16
#define NUMBER_SIZE 32
#define DATE_SIZE 40
#define FIXEXT_1 0xd4
#define EXT_TIMESTAMP 0xff
#define DATE_MAX_S INT64_C(8640000000000) /* maximum of a JavaScript Date */

struct level {
	uint64_t n_left; /* values, including the keys of a map */
	bool is_map;
	bool is_first;
};

struct printer {
	struct msg_writer *w;
	struct bytes b;
	uint64_t cost;
	size_t depth;
	struct level levels[TRANSCODE_DEPTH_MAX];
};

static void
put(struct printer *p, const char *text)
{
	msg_put_raw(p->w, text, strlen(text));
}

/* Writes a byte that must be escaped in JSON. */
static void
put_escape(struct printer *p, uint8_t c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *found = memchr(from, c, sizeof(from) - 1);
	char text[8];

	if (found != NULL)
		snprintf(text, sizeof(text), "\\%c", to[found - from]);
	else
		snprintf(text, sizeof(text), "\\u%04x", c);
	put(p, text);
}

static bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static int
put_string(struct printer *p, const struct msg_token *t)
{
	const uint8_t *at = t->data, *end = t->data + t->len, *from;
	size_t n;

	p->cost += t->len >> PLAIN_SHIFT;
	put(p, "\"");
	while (at < end) {
		for (from = at; at < end && is_plain(*at);)
			at++;
		msg_put_raw(p->w, from, (size_t)(at - from));
		if (at == end)
			break;
		n = text_utf8_length(at, (size_t)(end - at));
		if (n == 0)
			return TRANSCODE_E_MALFORMED;
		p->cost += n == 1 ? NUMBER_COST : 1;
		if (n == 1)
			put_escape(p, *at);
		else
			msg_put_raw(p->w, at, n);
		at += n;
	}
	put(p, "\"");
	return 0;
}

static uint8_t *
write_byte(uint8_t *out, uint8_t byte)
{
	if (byte >= 100)
		*out++ = (uint8_t)('0' + byte / 100);
	if (byte >= 10)
		*out++ = (uint8_t)('0' + byte / 10 % 10);
	*out++ = (uint8_t)('0' + byte % 10);
	return out;
}

static int
put_bin(struct printer *p, const struct msg_token *t)
{
	uint8_t *from, *out;

	p->cost += t->len >> BIN_SHIFT;
	if (p->cost > TRANSCODE_COST_MAX)
		return TRANSCODE_E_COSTLY;
	put(p, "{\"type\":\"Buffer\",\"data\":[");
	from = out = msg_reserve(p->w, BIN_BYTE_SIZE * t->len);
	if (out == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < t->len; i++) {
		if (i > 0)
			*out++ = ',';
		out = write_byte(out, t->data[i]);
	}
	p->w->len += (size_t)(out - from);
	put(p, "]}");
	return 0;
}

static void
put_number(struct printer *p, const struct msg_token *t)
{
	char text[NUMBER_SIZE] = "null";
	uint64_t beyond = 0;
	int64_t n;
	double d;

	p->cost += NUMBER_COST;
	if (msg_token_int(t, &n)) {
		snprintf(text, sizeof(text), "%" PRId64, n);
	} else if (t->type == MSG_INT) {
		for (size_t i = 0; i < t->len; i++)
			beyond = beyond << 8 | t->data[i];
		snprintf(text, sizeof(text), "%" PRIu64, beyond);
	} else if (msg_token_float(t, &d) && isfinite(d)) {
		snprintf(text, sizeof(text), "%.17g", d);
	}
	put(p, text);
}

static uint64_t
be(const uint8_t *data, size_t len)
{
	uint64_t v = 0;

	for (size_t i = 0; i < len; i++)
		v = v << 8 | data[i];
	return v;
}

/* The three forms of a timestamp, by their lengths. If an ext has no length
 * field, its type is among its bytes. */
static bool
read_timestamp(const struct msg_token *t, int64_t *s, uint32_t *ns)
{
	bool is_fixed = t->head >= FIXEXT_1;
	const uint8_t *data = t->data + is_fixed;
	uint64_t v;

	*ns = 0;
	if (data[-1] != EXT_TIMESTAMP)
		return false;
	switch (t->len - is_fixed) {
	case 4:
		*s = (int64_t)be(data, 4);
		return true;
	case 8:
		v = be(data, 8);
		*ns = (uint32_t)(v >> 34);
		*s = (int64_t)(v & ((UINT64_C(1) << 34) - 1));
		return true;
	case 12:
		*ns = (uint32_t)be(data, 4);
		*s = (int64_t)be(data + 4, 8);
		return true;
	default:
		return false;
	}
}

static void
put_ext(struct printer *p, const struct msg_token *t)
{
	char text[DATE_SIZE];
	struct tm tm;
	uint32_t ns;
	int64_t s;
	time_t at;
	int year;

	p->cost += NUMBER_COST;
	if (!read_timestamp(t, &s, &ns) || s > DATE_MAX_S || s < -DATE_MAX_S ||
	    ns > 999999999) {
		put(p, "null");
		return;
	}
	at = s;
	gmtime_r(&at, &tm);
	year = tm.tm_year + 1900;
	snprintf(text, sizeof(text),
	    year < 0 || year > 9999 ? "\"%+07d-%02d-%02dT%02d:%02d:%02d.%03uZ\""
				    : "\"%04d-%02d-%02dT%02d:%02d:%02d.%03uZ\"",
	    year, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
	    (unsigned)(ns / 1000000));
	put(p, text);
}

static int
open_container(struct printer *p, const struct msg_token *t)
{
	if (t->n_children > bytes_left(&p->b))
		return TRANSCODE_E_MALFORMED;
	if (p->depth == TRANSCODE_DEPTH_MAX)
		return TRANSCODE_E_DEEP;
	p->levels[p->depth++] = (struct level){
		.n_left = t->n_children,
		.is_map = t->type == MSG_MAP,
		.is_first = true,
	};
	put(p, t->type == MSG_MAP ? "{" : "[");
	return 0;
}

static int
put_value(struct printer *p)
{
	struct msg_token t;

	if (!msg_take(&p->b, &t))
		return TRANSCODE_E_MALFORMED;
	if (++p->cost > TRANSCODE_COST_MAX)
		return TRANSCODE_E_COSTLY;
	switch (t.type) {
	case MSG_ARRAY:
	case MSG_MAP:
		return open_container(p, &t);
	case MSG_STR:
		return put_string(p, &t);
	case MSG_BIN:
		return put_bin(p, &t);
	case MSG_EXT:
		put_ext(p, &t);
		return 0;
	case MSG_INT:
	case MSG_FLOAT:
		put_number(p, &t);
		return 0;
	case MSG_BOOL:
		put(p, t.head == 0xc3 ? "true" : "false");
		return 0;
	case MSG_NIL:
		break;
	}
	put(p, "null");
	return 0;
}

static int
put_key(struct printer *p)
{
	struct msg_token t;
	int e;

	if (!msg_take(&p->b, &t) || t.type != MSG_STR)
		return TRANSCODE_E_MALFORMED;
	e = put_string(p, &t);
	put(p, ":");
	return e;
}

/* Takes the next item of the current container: its end, or one more value. */
static int
step(struct printer *p)
{
	struct level *level = &p->levels[p->depth - 1];
	int e = 0;

	if (level->n_left == 0) {
		put(p, level->is_map ? "}" : "]");
		p->depth--;
		return 0;
	}
	if (!level->is_first)
		put(p, ",");
	level->is_first = false;
	level->n_left -= level->is_map ? 2 : 1;
	if (level->is_map)
		e = put_key(p);
	return e == 0 ? put_value(p) : e;
}

int
stringify(struct msg_writer *w, const void *data, size_t len)
{
	struct printer p;
	size_t at = w->len;
	int e;

	p.w = w;
	p.b = bytes_over(data, len);
	p.cost = 0;
	p.depth = 0;
	e = put_value(&p);
	while (e == 0 && p.depth > 0)
		e = step(&p);
	if (e == 0 && bytes_left(&p.b) > 0)
		e = TRANSCODE_E_MALFORMED;
	if (e == 0 && p.cost > TRANSCODE_COST_MAX)
		e = TRANSCODE_E_COSTLY;
	if (e == 0 && w->fault)
		e = -ENOMEM;
	if (e != 0)
		w->len = at;
	return e;
}
