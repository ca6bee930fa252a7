#include "wire/glob.h"

/*
 * A run is the part between two stars. The first must match at the beginning of
 * the name and the last at its end. Each of the others is searched after the
 * previous one, and the first match is taken, since no other leaves more for
 * the following runs. So there is no backtracking.
 *
 * Searching for a run at each position takes the product of the lengths if the
 * name nearly matches everywhere ("*aaaab" and a name of a's). So that is
 * bounded, and beyond the bound all positions are followed at once, one bit for
 * each character of the run (Baeza-Yates and Gonnet's Shift-And): a few
 * instructions for each byte of the name, after building a table that costs
 * more than most names.
 */

#define PATIENCE 256   /* bytes of pattern compared before that */
#define COST_MATCH 64  /* steps of any match */
#define COST_TABLE 256 /* of building the table */
#define COST_CLASS 86  /* of a byte of a class in the table, on average */

struct cursor {
	const uint8_t *at, *end;
};

struct run {
	struct cursor text;
	size_t n; /* characters it matches */
};

/* Takes the next range of the class at `p`. Returns false at its end; then `p`
 * is after the class. */
static bool
take_range(struct cursor *p, uint8_t *from, uint8_t *to)
{
	if (p->at == p->end)
		return false;
	if (*p->at == ']') {
		p->at++;
		return false;
	}
	if (*p->at == '\\' && p->end - p->at >= 2) {
		*from = *to = p->at[1];
		p->at += 2;
	} else if (p->end - p->at >= 3 && p->at[1] == '-') {
		*from = p->at[0] < p->at[2] ? p->at[0] : p->at[2];
		*to = p->at[0] < p->at[2] ? p->at[2] : p->at[0];
		p->at += 3;
	} else {
		*from = *to = *p->at++;
	}
	return true;
}

/* Returns whether the class, "[" of which is passed, is negated. */
static bool
take_negation(struct cursor *p)
{
	bool is_none = p->at < p->end && *p->at == '^';

	p->at += is_none;
	return is_none;
}

/* Returns whether `c` is in the class that begins after "[" at *p; moves *p to
 * its end. */
static bool
take_class(struct cursor *p, uint8_t c)
{
	bool is_none = take_negation(p), found = false;
	uint8_t from, to;

	while (take_range(p, &from, &to))
		found |= c >= from && c <= to;
	return found != is_none;
}

/* Returns whether the element at *p, which is not a star, matches `c`; moves *p
 * to its end. */
static bool
take_one(struct cursor *p, uint8_t c)
{
	uint8_t first = *p->at++;

	switch (first) {
	case '?':
		return true;
	case '[':
		return take_class(p, c);
	case '\\':
		if (p->at < p->end)
			first = *p->at++;
		return first == c;
	default:
		return first == c;
	}
}

static bool
is_at_star(const struct cursor *p)
{
	return p->at < p->end && *p->at == '*';
}

static void
skip_stars(struct cursor *p)
{
	while (is_at_star(p))
		p->at++;
}

/* Returns the run at *p, and moves *p to its end. */
static struct run
take_run(struct cursor *p)
{
	struct run run = { .text.at = p->at };

	for (; p->at < p->end && *p->at != '*'; run.n++)
		take_one(p, 0);
	run.text.end = p->at;
	return run;
}

/* Returns whether the run matches the run->n bytes at `s`. Adds the compared
 * bytes of the pattern to *looked. */
static bool
matches_at(const struct run *run, const uint8_t *s, size_t *looked)
{
	struct cursor p = run->text;
	bool is_match = true;

	while (is_match && p.at < p.end)
		is_match = take_one(&p, *s++);
	*looked += (size_t)(p.at - run->text.at);
	return is_match;
}

/* Sets `bit` in the entries of all bytes that the class matches. */
static void
note_class(uint64_t *table, struct cursor *p, uint64_t bit)
{
	uint64_t flip = take_negation(p) ? bit : 0;
	uint8_t from, to;

	while (take_range(p, &from, &to))
		for (unsigned c = from; c <= to; c++)
			table[c] |= bit;
	for (unsigned c = 0; flip != 0 && c < 256; c++)
		table[c] ^= flip;
}

static void
note_one(uint64_t *table, struct cursor *p, uint64_t bit)
{
	uint8_t first = *p->at++;

	if (first == '[') {
		note_class(table, p, bit);
	} else if (first == '?') {
		for (unsigned c = 0; c < 256; c++)
			table[c] |= bit;
	} else {
		if (first == '\\' && p->at < p->end)
			first = *p->at++;
		table[first] |= bit;
	}
}

/* Returns the first match of the run, which has at most GLOB_RUN_MAX bytes. */
static const uint8_t *
find_by_table(const struct run *run, const uint8_t *s, const uint8_t *end)
{
	uint64_t table[256] = { 0 }, places = 0;
	uint64_t last = (uint64_t)1 << (run->n - 1);
	struct cursor p = run->text;

	for (uint64_t bit = 1; p.at < p.end; bit <<= 1)
		note_one(table, &p, bit);
	for (; s < end; s++) {
		places = (places << 1 | 1) & table[*s];
		if (places & last)
			return s + 1 - run->n;
	}
	return NULL;
}

/* Returns the first match of the run, or NULL. */
static const uint8_t *
find_run(const struct run *run, const uint8_t *s, const uint8_t *end)
{
	size_t looked = 0;

	for (; (size_t)(end - s) >= run->n; s++) {
		if (looked > PATIENCE && run->n <= GLOB_RUN_MAX)
			return find_by_table(run, s, end);
		if (matches_at(run, s, &looked))
			return s;
	}
	return NULL;
}

bool
glob_match(const uint8_t *pattern, size_t pattern_len, const uint8_t *name,
    size_t name_len)
{
	struct cursor p = { pattern, pattern + pattern_len };
	const uint8_t *s = name, *end = name + name_len;
	size_t looked = 0;
	struct run run;

	if (name_len == 0)
		return pattern_len == 0;
	while (p.at < p.end && *p.at != '*')
		if (s == end || !take_one(&p, *s++))
			return false;
	if (p.at == p.end)
		return s == end;
	for (;;) {
		skip_stars(&p);
		run = take_run(&p);
		if (p.at == p.end)
			break;
		s = find_run(&run, s, end);
		if (s == NULL)
			return false;
		s += run.n;
	}
	return run.n <= (size_t)(end - s) &&
	       matches_at(&run, end - run.n, &looked);
}

/* Returns the bytes of classes in a run. */
static size_t
class_bytes(const struct run *run)
{
	struct cursor p = run->text;
	const uint8_t *at;
	size_t n = 0;

	while (p.at < p.end) {
		at = p.at;
		take_one(&p, 0);
		n += *at == '[' ? (size_t)(p.at - at) : 0;
	}
	return n;
}

bool
glob_cost(
    const uint8_t *pattern, size_t pattern_len, size_t name_len, size_t *out)
{
	struct cursor p = { pattern, pattern + pattern_len };
	bool is_searched = false;
	struct run run;

	*out = COST_MATCH + pattern_len;
	take_run(&p);
	for (;;) {
		skip_stars(&p);
		run = take_run(&p);
		if (p.at == p.end)
			break;
		if (run.n > GLOB_RUN_MAX)
			return false;
		is_searched = true;
		*out += PATIENCE + COST_TABLE + class_bytes(&run) * COST_CLASS;
	}
	*out += is_searched ? name_len : 0;
	return true;
}

size_t
glob_prefix(const uint8_t *pattern, size_t pattern_len, uint8_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < pattern_len; i++) {
		uint8_t c = pattern[i];

		if (c == '*' || c == '?' || c == '[')
			break;
		if (c == '\\' && i + 1 < pattern_len)
			c = pattern[++i];
		out[n++] = c;
	}
	return n;
}
