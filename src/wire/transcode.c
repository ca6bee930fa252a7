#include "wire/transcode.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "wire/json_number.h"
#include "wire/json_string.h"

/*
 * The output never has more than three times the bytes of the text, and the
 * bins: a container's head has 5 for 2 brackets, a float64 9 for at least 3
 * digits, a string no more than before. A container that the text leaves open
 * has 5 for 1 bracket, so each level may add 2. Room for all of it is reserved
 * once, and no code below checks for room. It is address space; pages that
 * aren't written cost nothing.
 *
 * The number of values of a container is known at its end. Its head has a
 * four-byte count that is filled in then; heads of minimum size would have to
 * move the bytes after them, at each level again. The length of a string is
 * known when its closing quote is found, except for the bytes that escapes
 * save.
 */

#define EXPANSION 3
#define CONTAINER_HEAD 5
#define SPARE \
	(16 + (CONTAINER_HEAD - EXPANSION) * TRANSCODE_DEPTH_MAX) /* bytes */
#define SHORT_MAX 15 /* digits that are always below 2^53 */
#define HARD_COST 32
/* Bytes in a unit of cost: of blanks, of strings, and of strings with escapes
 * or non-ASCII. */
#define BLANKS_SHIFT 3
#define PLAIN_SHIFT 6
#define SPECIAL_SHIFT 2

enum key { KEY_OTHER, KEY_PLACEHOLDER, KEY_NUM };

struct level {
	size_t at;  /* of its head in the output */
	uint32_t n; /* values or pairs so far */
	bool is_map;
	bool is_placeholder; /* its last "_placeholder" is true */
	uint8_t key;         /* enum key of the current value */
	int64_t num;         /* its last "num", or -1 */
};

struct reader {
	const uint8_t *at, *end;
	uint8_t *base, *out; /* the output, and its end */
	const struct transcode_bin *bins;
	size_t n_bins;
	size_t bins_left; /* bytes */
	uint64_t cost;
	size_t depth;
	struct level levels[TRANSCODE_DEPTH_MAX];
};

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Returns the next byte that is not a blank, or 0 at the end. */
static inline uint8_t
peek(struct reader *r)
{
	const uint8_t *from = r->at;

	if (from<r->end && * from> ' ')
		return *from;
	while (r->at < r->end && is_blank(*r->at))
		r->at++;
	r->cost += (size_t)(r->at - from) >> BLANKS_SHIFT;
	return r->at < r->end ? *r->at : 0;
}

static void
put_be(struct reader *r, uint8_t head, uint64_t v, size_t width)
{
	uint64_t be = htobe64(v << (64 - 8 * width));

	*r->out++ = head;
	memcpy(r->out, &be, width);
	r->out += width;
}

static void
put_natural(struct reader *r, uint64_t v)
{
	if (v < 0x80)
		*r->out++ = (uint8_t)v;
	else if (v <= UINT8_MAX)
		put_be(r, 0xcc, v, 1);
	else if (v <= UINT16_MAX)
		put_be(r, 0xcd, v, 2);
	else if (v <= UINT32_MAX)
		put_be(r, 0xce, v, 4);
	else
		put_be(r, 0xcf, v, 8);
}

static void
put_negative(struct reader *r, int64_t v)
{
	if (v >= -0x20)
		*r->out++ = (uint8_t)v;
	else if (v >= INT8_MIN)
		put_be(r, 0xd0, (uint64_t)v, 1);
	else if (v >= INT16_MIN)
		put_be(r, 0xd1, (uint64_t)v, 2);
	else if (v >= INT32_MIN)
		put_be(r, 0xd2, (uint64_t)v, 4);
	else
		put_be(r, 0xd3, (uint64_t)v, 8);
}

static void
put_integer(struct reader *r, int64_t v)
{
	struct level *level = r->depth > 0 ? &r->levels[r->depth - 1] : NULL;

	if (v >= 0)
		put_natural(r, (uint64_t)v);
	else
		put_negative(r, v);
	if (level != NULL && level->key == KEY_NUM)
		level->num = v;
}

static void
put_double(struct reader *r, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	put_be(r, 0xcb, bits, sizeof(bits));
}

/* Takes most numbers: a few digits and the end of the value. Returns false for
 * others. */
static inline bool
take_short(struct reader *r)
{
	bool is_negative = *r->at == '-';
	const uint8_t *from = r->at + is_negative, *p = from;
	int64_t v = 0;

	for (; p < r->end && *p >= '0' && *p <= '9'; p++) {
		if (p - from == SHORT_MAX)
			return false;
		v = 10 * v + (*p - '0');
	}
	if (p == from || p == r->end || (*from == '0' && p - from > 1) ||
	    (*p != ',' && *p != ']' && *p != '}'))
		return false;
	put_integer(r, is_negative ? -v : v);
	r->at = p;
	return true;
}

static int
take_number(struct reader *r)
{
	size_t left = (size_t)(r->end - r->at), n;
	struct json_number number;

	if (take_short(r))
		return 0;
	n = json_number(r->at, left, &number);
	if (n == 0)
		return TRANSCODE_E_MALFORMED;
	r->at += n;
	if (number.is_integer)
		put_integer(r, number.integer);
	else
		put_double(r, number.real);
	if (number.is_hard)
		r->cost += HARD_COST + (n >> SPECIAL_SHIFT);
	return 0;
}

static int
take_word(struct reader *r, const char *word, uint8_t head)
{
	size_t len = strlen(word);

	if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
		return TRANSCODE_E_MALFORMED;
	r->at += len;
	*r->out++ = head;
	return 0;
}

static int
take_true(struct reader *r)
{
	int e = take_word(r, "true", 0xc3);
	struct level *level = r->depth > 0 ? &r->levels[r->depth - 1] : NULL;

	if (level != NULL && level->key == KEY_PLACEHOLDER)
		level->is_placeholder = true;
	return e;
}

/* Writes at `out` the head of a string of `n` bytes, with `width` bytes of
 * length. */
static void
put_string_head(struct reader *r, uint8_t *out, size_t n, size_t width)
{
	static const uint8_t heads[] = { [1] = 0xd9, [2] = 0xda, [4] = 0xdb };
	uint8_t *after = r->out;

	r->out = out;
	if (width == 0)
		*out = (uint8_t)(0xa0 | n);
	else
		put_be(r, heads[width], n, width);
	r->out = after;
}

static size_t
width_of(size_t n)
{
	if (n < 0x20)
		return 0;
	if (n <= UINT8_MAX)
		return 1;
	return n <= UINT16_MAX ? 2 : 4;
}

/* Takes a string; its opening quote is current. */
static int
take_string(struct reader *r)
{
	const uint8_t *from = r->at + 1;
	uint8_t *head = r->out;
	struct json_string string;
	size_t n, width;

	if (!json_string_scan(from, (size_t)(r->end - from), &string))
		return TRANSCODE_E_MALFORMED;
	n = string.len;
	width = width_of(n);
	r->at = from + n + 1;
	r->out = head + 1 + width;
	if (string.is_plain) {
		r->cost += n >> PLAIN_SHIFT;
		memcpy(r->out, from, n);
	} else {
		r->cost += n >> SPECIAL_SHIFT;
		n = json_string_decode(from, n, r->out);
		if (n == SIZE_MAX)
			return TRANSCODE_E_MALFORMED;
	}
	r->out += n;
	put_string_head(r, head, n, width);
	return 0;
}

static int
open_container(struct reader *r, bool is_map)
{
	struct level *level = &r->levels[r->depth];

	if (r->depth == TRANSCODE_DEPTH_MAX)
		return TRANSCODE_E_DEEP;
	r->depth++;
	r->at++;
	level->at = (size_t)(r->out - r->base);
	level->n = 0;
	level->is_map = is_map;
	level->is_placeholder = false;
	level->key = KEY_OTHER;
	level->num = -1;
	r->out += CONTAINER_HEAD;
	return 0;
}

/* Writes the bin over the object that began at `head`. */
static void
put_bin(struct reader *r, uint8_t *head, const struct transcode_bin *bin)
{
	r->bins_left -= bin->len;
	r->out = head;
	if (bin->len <= UINT8_MAX)
		put_be(r, 0xc4, bin->len, 1);
	else if (bin->len <= UINT16_MAX)
		put_be(r, 0xc5, bin->len, 2);
	else
		put_be(r, 0xc6, bin->len, 4);
	if (bin->len > 0)
		memcpy(r->out, bin->data, bin->len);
	r->out += bin->len;
}

/* Returns the bin that an object stands for, or NULL. */
static const struct transcode_bin *
bin_of(const struct reader *r, const struct level *level)
{
	const struct transcode_bin *bin;

	if (!level->is_placeholder || level->num < 0 ||
	    (uint64_t)level->num >= r->n_bins)
		return NULL;
	bin = &r->bins[level->num];
	return bin->len <= r->bins_left ? bin : NULL;
}

static void
close_container(struct reader *r)
{
	const struct level *level = &r->levels[--r->depth];
	const struct transcode_bin *bin = bin_of(r, level);
	uint8_t *head = r->base + level->at, *after = r->out;

	r->at++;
	if (bin != NULL) {
		put_bin(r, head, bin);
		return;
	}
	r->out = head;
	put_be(r, level->is_map ? 0xdf : 0xdd, level->n, 4);
	r->out = after;
}

/* Classifies the key that was just written, of `len` bytes with its head. */
static void
note_key(struct level *level, const uint8_t *written, size_t len)
{
	static const char placeholder[] = "\xac_placeholder", num[] = "\xa3num";

	level->key = KEY_OTHER;
	if (len == sizeof(placeholder) - 1 &&
	    memcmp(written, placeholder, len) == 0) {
		level->key = KEY_PLACEHOLDER;
		level->is_placeholder = false;
	} else if (len == sizeof(num) - 1 && memcmp(written, num, len) == 0) {
		level->key = KEY_NUM;
		level->num = -1;
	}
}

/* Takes a key and its colon. */
static int
take_key(struct reader *r, struct level *level)
{
	size_t at = (size_t)(r->out - r->base);
	int e = *r->at == '"' ? take_string(r) : TRANSCODE_E_MALFORMED;

	if (e != 0)
		return e;
	if (r->n_bins > 0)
		note_key(level, r->base + at, (size_t)(r->out - r->base) - at);
	if (peek(r) != ':')
		return TRANSCODE_E_MALFORMED;
	r->at++;
	return peek(r) == 0 ? TRANSCODE_E_MALFORMED : 0;
}

/* Takes a value, or the beginning of a container. */
static int
take_value(struct reader *r)
{
	if (++r->cost > TRANSCODE_COST_MAX)
		return TRANSCODE_E_COSTLY;
	switch (*r->at) {
	case '"':
		return take_string(r);
	case '{':
	case '[':
		return open_container(r, *r->at == '{');
	case 't':
		return take_true(r);
	case 'f':
		return take_word(r, "false", 0xc2);
	case 'n':
		return take_word(r, "null", 0xc0);
	default:
		return take_number(r);
	}
}

/* Takes the next item of the current container: its end, or one more value. */
static int
step(struct reader *r)
{
	struct level *level = &r->levels[r->depth - 1];
	uint8_t c = peek(r);
	int e = 0;

	if (c == (level->is_map ? '}' : ']')) {
		close_container(r);
		return 0;
	}
	if (level->n++ > 0) {
		if (c != ',')
			return TRANSCODE_E_MALFORMED;
		r->at++;
		c = peek(r);
	}
	if (c == 0)
		return TRANSCODE_E_MALFORMED;
	if (level->is_map)
		e = take_key(r, level);
	return e == 0 ? take_value(r) : e;
}

static int
take_all(struct reader *r)
{
	uint8_t c = peek(r);
	int e = TRANSCODE_E_MALFORMED;

	if (c == '[' || c == '{')
		e = take_value(r);
	while (e == 0 && r->depth > 0)
		e = step(r);
	if (e == 0 && peek(r) != 0)
		e = TRANSCODE_E_MALFORMED;
	return e == 0 && r->at != r->end ? TRANSCODE_E_MALFORMED : e;
}

int
transcode_json(struct msg_writer *w, const uint8_t *text, size_t len,
    const struct transcode_bin *bins, size_t n_bins)
{
	struct reader r;
	size_t room;
	int e;

	r.at = text;
	r.end = text + len;
	r.bins = bins;
	r.n_bins = n_bins;
	r.bins_left = 0;
	r.cost = 0;
	r.depth = 0;
	for (size_t i = 0; i < n_bins; i++)
		r.bins_left += bins[i].len;
	room = EXPANSION * len + r.bins_left + SPARE;
	r.base = r.out = msg_reserve(w, room);
	if (r.base == NULL)
		return -ENOMEM;
	e = take_all(&r);
	assert((size_t)(r.out - r.base) <= room);
	if (e != 0)
		return e;
	w->len += (size_t)(r.out - r.base);
	w->n_values++;
	return 0;
}
