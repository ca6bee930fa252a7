#include "wire/stringify.h"

#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

static const struct {
	const char *hex, *text;
} values[] = {
	{ "c0", "null" },
	{ "92 c3 c2", "[true,false]" },
	{ "94 00 ff cd1388 d0df", "[0,-1,5000,-33]" },
	{ "92 cfffffffffffffffff d38000000000000000",
	    "[18446744073709551615,-9223372036854775808]" },
	{ "92 cb3ff8000000000000 ca3f000000", "[1.5,0.5]" },
	{ "92 cb7ff0000000000000 cb7ff8000000000000", "[null,null]" },
	{ "93 a0 a161 a972c3a4756d0a22015c",
	    "[\"\",\"a\",\"r\xc3\xa4um\\n\\\"\\u0001\\\\\"]" },
	{ "81 a161 82 a162 90 a163 80", "{\"a\":{\"b\":[],\"c\":{}}}" },
	{ "92 c403000aff c400", "[{\"type\":\"Buffer\",\"data\":[0,10,255]},"
				"{\"type\":\"Buffer\",\"data\":[]}]" },
	{ "92 d6ff00000000 d6ffffffffff",
	    "[\"1970-01-01T00:00:00.000Z\",\"2106-02-07T06:28:15.000Z\"]" },
	/* 1700000000.123 and 1969-12-31T23:59:59.999 */
	{ "92 d7ff1d5353006553f100 c70cff3b8b87c0ffffffffffffffff",
	    "[\"2023-11-14T22:13:20.123Z\",\"1969-12-31T23:59:59.999Z\"]" },
	{ "92 c70cff00000000000000ffffffffff c70cff000000007fffffffffffffff",
	    "[\"+036812-02-20T00:36:15.000Z\",null]" },
	{ "92 d40100 c7020a0000", "[null,null]" },
};

TEST_EACH(msgpack_becomes_json, values)
{
	struct buffer in = hex(values[row].hex);
	struct buffer own = exactly(in.data, in.len);
	struct msg_writer w = { 0 };

	ck_assert_int_eq(stringify(&w, own.data, own.len), 0);
	msg_put_raw(&w, "", 1);
	ck_assert_str_eq((const char *)w.data, values[row].text);
	msg_writer_fini(&w);
	free(own.data);
	free(in.data);
}

static const char *const broken[] = { "", "c1", "91", "81a161", "92c0",
	"dfffffffff", "ddffffffff", "a2c328", "a1ff", "8100c0", "8190c0",
	"c0c0", "c70cff00", "d6ff00", "c4ff" };

TEST_EACH(what_is_no_value_is_refused, broken)
{
	struct buffer in = hex(broken[row]);
	struct buffer own = exactly(in.data, in.len);
	struct msg_writer w = { 0 };

	ck_assert_int_eq(
	    stringify(&w, own.data, own.len), TRANSCODE_E_MALFORMED);
	ck_assert_uint_eq(w.len, 0);
	msg_writer_fini(&w);
	free(own.data);
	free(in.data);
}

TEST(a_value_nests_to_the_limit_and_no_deeper)
{
	uint8_t data[TRANSCODE_DEPTH_MAX + 1];
	struct msg_writer w = { 0 };

	memset(data, 0x91, sizeof(data));
	data[TRANSCODE_DEPTH_MAX - 1] = 0x90;
	ck_assert_int_eq(stringify(&w, data, TRANSCODE_DEPTH_MAX), 0);
	data[TRANSCODE_DEPTH_MAX - 1] = 0x91;
	data[TRANSCODE_DEPTH_MAX] = 0x90;
	ck_assert_int_eq(stringify(&w, data, sizeof(data)), TRANSCODE_E_DEEP);
	msg_writer_fini(&w);
}

TEST(what_costs_too_much_is_refused)
{
	static const size_t sizes[] = { 1 << 20, 2 << 20 };
	static const int wanted[] = { 0, TRANSCODE_E_COSTLY };

	for (size_t i = 0; i < N_ELEMENTS(sizes); i++) {
		struct msg_writer in = { 0 }, w = { 0 };
		uint8_t *bytes = calloc(sizes[i], 1);

		msg_put_bin(&in, bytes, sizes[i]);
		ck_assert_int_eq(stringify(&w, in.data, in.len), wanted[i]);
		msg_writer_fini(&in);
		msg_writer_fini(&w);
		free(bytes);
	}
}
