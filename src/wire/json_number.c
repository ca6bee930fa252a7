#include "wire/json_number.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/bytes.h"

#define DIGITS_MAX UINT64_C(100000000000000000) /* one more always fits */
#define POWER_MAX 22 /* the greatest power of ten that is a double */
#define EXPONENT_MAX 100000

/* A parsed number: its digits and a power of ten. */
struct decimal {
	uint64_t digits;
	int64_t exponent;
	bool is_negative;
	bool is_long; /* `digits` does not have all digits */
};

/* Returns the number of digits. */
static size_t
take_digits(struct bytes *b, struct decimal *n)
{
	const uint8_t *from = b->at;

	for (; b->at < b->end && *b->at >= '0' && *b->at <= '9'; b->at++) {
		if (n->digits < DIGITS_MAX)
			n->digits = 10 * n->digits + (*b->at - '0');
		else
			n->is_long = true;
	}
	return (size_t)(b->at - from);
}

static bool
take_if(struct bytes *b, uint8_t c)
{
	bool is_there = b->at < b->end && *b->at == c;

	b->at += is_there;
	return is_there;
}

static bool
take_exponent(struct bytes *b, struct decimal *n)
{
	struct decimal e = { 0 };
	int64_t v;

	if (!take_if(b, 'e') && !take_if(b, 'E'))
		return true;
	if (!take_if(b, '+'))
		e.is_negative = take_if(b, '-');
	if (take_digits(b, &e) == 0)
		return false;
	v = e.is_long || e.digits > EXPONENT_MAX ? EXPONENT_MAX
						 : (int64_t)e.digits;
	n->exponent += e.is_negative ? -v : v;
	return true;
}

static bool
take_decimal(struct bytes *b, struct decimal *n)
{
	size_t n_fraction;

	n->is_negative = take_if(b, '-');
	if (!take_if(b, '0') && take_digits(b, n) == 0)
		return false;
	if (take_if(b, '.')) {
		n_fraction = take_digits(b, n);
		if (n_fraction == 0)
			return false;
		n->exponent = -(int64_t)n_fraction;
	}
	return take_exponent(b, n);
}

/* A product or quotient of two exact doubles is rounded once, so it is correct.
 */
static bool
is_easy(const struct decimal *n)
{
	return FLT_EVAL_METHOD == 0 && !n->is_long &&
	       n->digits <= (uint64_t)JSON_SAFE_MAX &&
	       n->exponent >= -POWER_MAX && n->exponent <= POWER_MAX;
}

static double
easy(const struct decimal *n)
{
	static const double powers[POWER_MAX + 1] = { 1e0, 1e1, 1e2, 1e3, 1e4,
		1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
		1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
	double v = (double)n->digits;

	v = n->exponent < 0 ? v / powers[-n->exponent]
			    : v * powers[n->exponent];
	return n->is_negative ? -v : v;
}

/* strtod() stops at the end of the number, since it has no other form, and the
 * byte after it is readable. */
size_t
json_number(const uint8_t *text, size_t len, struct json_number *out)
{
	struct bytes b = bytes_over(text, len);
	struct decimal n = { 0 };

	if (!take_decimal(&b, &n) || b.at == b.end)
		return 0;
	*out = (struct json_number){ .is_hard = !is_easy(&n) };
	out->real = out->is_hard ? strtod((const char *)text, NULL) : easy(&n);
	out->is_integer = fabs(out->real) <= (double)JSON_SAFE_MAX &&
			  out->real == floor(out->real);
	if (out->is_integer)
		out->integer = (int64_t)out->real;
	return (size_t)(b.at - text);
}
