#include "wire/resp_write.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ERROR_MAX 512

/* Writes a type's sign and a number, which begin most replies. */
static void
put_head(struct msg_writer *w, char sign, int64_t n)
{
	char text[24];
	char *end = text + sizeof(text), *p = end;
	uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;

	*--p = '\n';
	*--p = '\r';
	do {
		*--p = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (n < 0)
		*--p = '-';
	*--p = sign;
	msg_put_raw(w, p, (size_t)(end - p));
}

void
resp_put_simple(struct msg_writer *w, const char *text)
{
	msg_put_raw(w, "+", 1);
	msg_put_raw(w, text, strlen(text));
	msg_put_raw(w, "\r\n", 2);
}

void
resp_put_int(struct msg_writer *w, int64_t v)
{
	put_head(w, ':', v);
}

void
resp_put_bulk_head(struct msg_writer *w, size_t len)
{
	put_head(w, '$', (int64_t)len);
}

void
resp_put_bulk(struct msg_writer *w, const void *data, size_t len)
{
	resp_put_bulk_head(w, len);
	msg_put_raw(w, data, len);
	msg_put_raw(w, "\r\n", 2);
}

void
resp_put_text(struct msg_writer *w, const char *text)
{
	resp_put_bulk(w, text, strlen(text));
}

void
resp_put_null(struct msg_writer *w, int version)
{
	const char *text = version == 3 ? "_\r\n" : "$-1\r\n";

	msg_put_raw(w, text, strlen(text));
}

void
resp_put_error(struct msg_writer *w, const char *fmt, ...)
{
	char text[ERROR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *p = text; *p != '\0'; p++)
		if (*p == '\r' || *p == '\n')
			*p = ' ';
	msg_put_raw(w, "-", 1);
	msg_put_raw(w, text, strlen(text));
	msg_put_raw(w, "\r\n", 2);
}

void
resp_put_array(struct msg_writer *w, size_t n)
{
	put_head(w, '*', (int64_t)n);
}

void
resp_put_map(struct msg_writer *w, int version, size_t n)
{
	if (version == 3)
		put_head(w, '%', (int64_t)n);
	else
		put_head(w, '*', 2 * (int64_t)n);
}

void
resp_put_set(struct msg_writer *w, int version, size_t n)
{
	put_head(w, version == 3 ? '~' : '*', (int64_t)n);
}

void
resp_put_push(struct msg_writer *w, int version, size_t n)
{
	put_head(w, version == 3 ? '>' : '*', (int64_t)n);
}

void
resp_put_verbatim_head(struct msg_writer *w, int version, size_t len)
{
	if (version != 3) {
		put_head(w, '$', (int64_t)len);
		return;
	}
	put_head(w, '=', (int64_t)len + 4);
	msg_put_raw(w, "txt:", 4);
}

void
resp_put_verbatim(
    struct msg_writer *w, int version, const char *text, size_t len)
{
	resp_put_verbatim_head(w, version, len);
	msg_put_raw(w, text, len);
	msg_put_raw(w, "\r\n", 2);
}
