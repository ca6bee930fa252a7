#include "wire/glob.h"

/*
 * A star is tried with as little as possible first. When what follows it does
 * not match, the last star takes one byte more; those before it need not be
 * tried again, for whatever they could take the last one can. So there is one
 * place to go back to, and no recursion.
 */

struct cursor {
	const uint8_t *at, *end;
};

/* Whether c is in the class that begins behind "[" at *p; *p ends behind it. */
static bool
take_class(struct cursor *p, uint8_t c)
{
	bool is_none = p->at < p->end && *p->at == '^', found = false;
	uint8_t from, to;

	p->at += is_none;
	while (p->at < p->end && *p->at != ']') {
		if (*p->at == '\\' && p->end - p->at >= 2) {
			from = to = p->at[1];
			p->at += 2;
		} else if (p->end - p->at >= 3 && p->at[1] == '-') {
			from = p->at[0];
			to = p->at[2];
			p->at += 3;
		} else {
			from = to = *p->at++;
		}
		found |=
		    from <= to ? c >= from && c <= to : c >= to && c <= from;
	}
	p->at += p->at < p->end;
	return found != is_none;
}

/* Whether what stands at *p, which is no star, takes c; *p ends behind it. */
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

bool
glob_match(const uint8_t *pattern, size_t pattern_len, const uint8_t *name,
    size_t name_len)
{
	struct cursor p = { pattern, pattern + pattern_len };
	const uint8_t *s = name, *end = name + name_len;
	const uint8_t *star = NULL, *taken = NULL;

	if (name_len == 0)
		return pattern_len == 0;
	while (s < end) {
		if (p.at < p.end && *p.at == '*') {
			star = ++p.at;
			taken = s;
			continue;
		}
		if (p.at < p.end && take_one(&p, *s)) {
			s++;
			continue;
		}
		if (star == NULL)
			return false;
		p.at = star;
		s = ++taken;
	}
	while (p.at < p.end && *p.at == '*')
		p.at++;
	return p.at == p.end;
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
