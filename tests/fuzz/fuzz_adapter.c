/*
 * Messages of native workers, translated for the Redis adapters: whatever the
 * bytes, the output is one whole value within its bounds, and earlier output is
 * unchanged. We read every text that jansson reads.
 */
#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "wire/adapter.h"
#include "wire/stringify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define SPARE 16 /* bytes beyond three times those of a text */

static const struct transcode_bin bins[] = {
	{ (const uint8_t *)"bytes", 5 },
	{ (const uint8_t *)"more", 4 },
};

/* Whether there is one msgpack value behind the nil at the beginning. */
static bool
is_one_value(const struct msg_writer *w)
{
	struct bytes b = bytes_over(w->data + 1, w->len - 1);

	return w->data[0] == 0xc0 && msg_skip(&b) && bytes_left(&b) == 0;
}

/* jansson lets a NUL end a number, which RFC 8259 has nowhere. */
static bool
is_json(const uint8_t *text, size_t len)
{
	json_t *value;

	if (len > 0 && memchr(text, '\0', len) != NULL)
		return false;
	value = json_loadb((const char *)text, len, JSON_ALLOW_NUL, NULL);
	json_decref(value);
	return value != NULL;
}

/* The bytes as a text. */
static void
read_text(const uint8_t *data, size_t len)
{
	for (size_t n_bins = 0; n_bins <= 2; n_bins += 2) {
		struct msg_writer w = { 0 };
		int e;

		msg_put_nil(&w);
		e = transcode_json(&w, data, len, bins, n_bins);
		assert(e == 0 ? is_one_value(&w) : w.len == 1);
		assert(w.len <= 1 + 3 * len + SPARE + 9);
		assert(e != TRANSCODE_E_MALFORMED || n_bins > 0 ||
		       !is_json(data, len));
		msg_writer_fini(&w);
	}
}

/* The bytes as a value. */
static void
read_value(const uint8_t *data, size_t len)
{
	struct msg_writer w = { 0 };

	if (stringify(&w, data, len) == 0 && w.len > 0 &&
	    (w.data[0] == '[' || w.data[0] == '{')) {
		struct msg_writer again = { 0 };

		assert(transcode_json(&again, w.data, w.len, NULL, 0) !=
		       TRANSCODE_E_MALFORMED);
		msg_writer_fini(&again);
	}
	msg_writer_fini(&w);
}

static void
check(int (*put)(struct msg_writer *w, const struct adapter_message *m),
    const struct adapter_message *m)
{
	struct msg_writer w = { 0 };
	int e;

	msg_put_nil(&w);
	e = put(&w, m);
	assert(e == 0 ? w.data[1] == '{' ||
			    (is_one_value(&w) &&
				(w.data[1] == 0x93 || w.data[1] == 0x84))
		      : w.len == 1);
	if (e == 0 && w.data[1] == '{') {
		struct msg_writer again = { 0 };

		assert(transcode_json(&again, w.data + 1, w.len - 1, NULL, 0) !=
		       TRANSCODE_E_MALFORMED);
		msg_writer_fini(&again);
	}
	msg_writer_fini(&w);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct adapter_message m;

	read_text(data, len);
	read_value(data, len);
	assert(adapter_key(data, len) < len || len == 0);
	if (adapter_read(data, len, &m) != 0 || m.kind == ADAPTER_OPAQUE)
		return 0;

	check(adapter_put_sharded, &m);
	if (m.kind == ADAPTER_ENCODED)
		check(adapter_put_packet, &m);
	if (m.kind == ADAPTER_COMMAND)
		check(adapter_put_request, &m);
	return 0;
}
