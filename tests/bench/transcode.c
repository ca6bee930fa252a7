/*
 * transcode - the cost of converting a broadcast's JSON to msgpack, which each
 * message of a native worker costs once if a client of Redis gets it, compared
 * with jansson (wire/json). CPU time, the median of some runs.
 */

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wire/json.h"
#include "wire/transcode.h"

#define N_RUNS 9
#define RUN_BYTES ((size_t)4 << 20)

static const char item[] =
    "{\"id\":123,\"user\":\"somebody\",\"text\":\"hello there, how are "
    "you?\",\"at\":1700000000000,\"pos\":[1.5,2.25],\"ok\":true},";

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void
by_transcode(struct msg_writer *w, const char *text, size_t len)
{
	if (transcode_json(w, (const uint8_t *)text, len, NULL, 0) != 0)
		errx(1, "transcode_json");
}

static void
by_jansson(struct msg_writer *w, const char *text, size_t len)
{
	struct json_why why;

	(void)len;
	if (json_read(w, text, &why) != 0)
		errx(1, "json_read: %s", why.text);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Microseconds for a text. */
static double
measure(void (*by)(struct msg_writer *w, const char *text, size_t len),
    const char *text, size_t len)
{
	size_t n = RUN_BYTES / len;
	struct msg_writer w = { 0 };
	double us[N_RUNS], start;

	for (size_t run = 0; run < N_RUNS; run++) {
		start = now_us();
		for (size_t i = 0; i < n; i++) {
			w.len = 0;
			by(&w, text, len);
		}
		us[run] = (now_us() - start) / (double)n;
	}
	msg_writer_fini(&w);
	qsort(us, N_RUNS, sizeof(*us), compare);
	return us[N_RUNS / 2];
}

int
main(void)
{
	static const size_t counts[] = { 1, 9, 90 };
	const size_t len = sizeof(item) - 1;

	puts("JSON to msgpack, CPU of a text:");
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		size_t n = counts[i];
		char *text = malloc(n * len + 2);
		double ours, theirs;

		if (text == NULL)
			err(1, "malloc");
		text[0] = '[';
		for (size_t k = 0; k < n; k++)
			memcpy(text + 1 + k * len, item, len);
		memcpy(text + n * len, "]", 2);
		ours = measure(by_transcode, text, n * len + 1);
		theirs = measure(by_jansson, text, n * len + 1);
		printf("%6zu bytes  %7.2f us, jansson %7.2f us: %.1f times\n",
		    n * len + 1, ours, theirs, theirs / ours);
		free(text);
	}
	return 0;
}
