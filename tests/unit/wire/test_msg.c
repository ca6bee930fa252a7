#include "wire/msg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

/* AddressSanitizer shall return NULL for what is too large, as malloc does. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

/* Opens the tree of what hex says; the bytes are behind it in *bytes. */
static struct msg_tree *
tree_of(const char *digits, struct buffer *bytes)
{
	struct msg_tree *tree = NULL;

	*bytes = hex(digits);
	ck_assert_int_eq(msg_tree_new(bytes->data, bytes->len, &tree), 0);
	return tree;
}

static void
close_tree(struct msg_tree *tree, struct buffer *bytes)
{
	msg_tree_free(tree);
	free(bytes->data);
}

/* The smallest value of each head from 0xc0 to 0xdf, but for the reserved. */
static const struct {
	const char *hex;
	enum msg_type type;
} heads[] = {
	{ "c0", MSG_NIL },
	{ "c2", MSG_BOOL },
	{ "c3", MSG_BOOL },
	{ "c401 61", MSG_BIN },
	{ "c50001 61", MSG_BIN },
	{ "c600000001 61", MSG_BIN },
	{ "c701 05 61", MSG_EXT },
	{ "c80001 05 61", MSG_EXT },
	{ "c900000001 05 61", MSG_EXT },
	{ "ca3f800000", MSG_FLOAT },
	{ "cb3ff0000000000000", MSG_FLOAT },
	{ "cc01", MSG_INT },
	{ "cd0001", MSG_INT },
	{ "ce00000001", MSG_INT },
	{ "cf0000000000000001", MSG_INT },
	{ "d0ff", MSG_INT },
	{ "d1ffff", MSG_INT },
	{ "d2ffffffff", MSG_INT },
	{ "d3ffffffffffffffff", MSG_INT },
	{ "d405 61", MSG_EXT },
	{ "d505 6161", MSG_EXT },
	{ "d605 61616161", MSG_EXT },
	{ "d705 6161616161616161", MSG_EXT },
	{ "d805 61616161616161616161616161616161", MSG_EXT },
	{ "d901 61", MSG_STR },
	{ "da0001 61", MSG_STR },
	{ "db00000001 61", MSG_STR },
	{ "dc0001 c0", MSG_ARRAY },
	{ "dd00000001 c0", MSG_ARRAY },
	{ "de0001 a161 c0", MSG_MAP },
	{ "df00000001 a161 c0", MSG_MAP },
};

TEST_EACH(every_head_is_known_to_the_scan_and_to_the_tree, heads)
{
	struct buffer bytes;
	struct msg_tree *tree = tree_of(heads[row].hex, &bytes);

	ck_assert_uint_eq(
	    bytes.data[0], row == 0 ? 0xc0 : 0xc1 + (unsigned)row);
	ck_assert_int_eq(msg_scan(bytes.data, bytes.len), 0);
	ck_assert_int_eq(msg_type(msg_root(tree)), heads[row].type);
	close_tree(tree, &bytes);
}

TEST_EACH(every_head_is_malformed_when_cut_and_when_something_follows, heads)
{
	struct buffer bytes = hex(heads[row].hex);

	for (size_t len = 0; len < bytes.len; len++) {
		struct buffer part = exactly(bytes.data, len);

		ck_assert_int_eq(msg_scan(part.data, len), MSG_E_MALFORMED);
		free(part.data);
	}
	bytes.data = realloc(bytes.data, bytes.len + 1);
	bytes.data[bytes.len] = 0xc0;
	ck_assert_int_eq(msg_scan(bytes.data, bytes.len + 1), MSG_E_MALFORMED);
	free(bytes.data);
}

static const struct {
	const char *what, *hex;
	int verdict;
} scans[] = {
	{ "nothing", "", MSG_E_MALFORMED },
	{ "the reserved head", "c1", MSG_E_MALFORMED },
	{ "the reserved head in an array", "91c1", MSG_E_MALFORMED },
	{ "the least and the largest fixint", "92007f", 0 },
	{ "negative fixints", "92e0ff", 0 },
	{ "an empty str", "a0", 0 },
	{ "the longest fixstr",
	    "bf 61616161616161616161616161616161616161616161616161616161616161",
	    0 },
	{ "an empty array", "90", 0 },
	{ "an empty map", "80", 0 },
	{ "an empty bin", "c400", 0 },
	{ "an empty ext", "c70005", 0 },
	{ "two values", "c0c0", MSG_E_MALFORMED },
	{ "a value too few", "92c0", MSG_E_MALFORMED },
	{ "a map without its last value", "82a161c0a162", MSG_E_MALFORMED },
	{ "2^32-1 elements in five bytes", "ddffffffff", MSG_E_MALFORMED },
	{ "2^32-1 elements and one", "ddffffffffc0", MSG_E_MALFORMED },
	{ "2^32-1 pairs", "dfffffffff", MSG_E_MALFORMED },
	{ "2^31 pairs and one", "df80000000a161c0", MSG_E_MALFORMED },
	{ "a str of 4 GiB", "dbffffffff61", MSG_E_MALFORMED },
	{ "a bin of 4 GiB", "c6ffffffff61", MSG_E_MALFORMED },
	{ "an ext of 4 GiB", "c9ffffffff0561", MSG_E_MALFORMED },
	{ "bombs in bombs", "dcffffdcffffdcffffdcffff", MSG_E_MALFORMED },
	{ "4 deep", "91919190", 0 },
	{ "4 deep, and a scalar", "91919191c0", 0 },
	{ "5 deep", "9191919190", MSG_E_MALFORMED },
	{ "5 deep by maps", "81c081c081c081c080", MSG_E_MALFORMED },
	{ "4 deep by maps", "81c081c081c080", 0 },
	{ "5 deep in the last element", "93c0c091919190", MSG_E_MALFORMED },
	{ "4 deep twice", "9291919091919190", MSG_E_MALFORMED },
	{ "3 deep twice, in one", "92919190919190", 0 },
	{ "a container as a key", "8190c0", 0 },
};

TEST_EACH(a_body_has_its_verdict, scans)
{
	struct buffer bytes = hex(scans[row].hex);
	struct buffer tight = exactly(bytes.data, bytes.len);
	struct msg_tree *tree = NULL;

	ck_assert_msg(msg_scan(tight.data, tight.len) == scans[row].verdict,
	    "%s", scans[row].what);
	ck_assert_msg(
	    msg_tree_new(tight.data, tight.len, &tree) == scans[row].verdict,
	    "%s", scans[row].what);
	msg_tree_free(tree);
	free(bytes.data);
	free(tight.data);
}

TEST(every_golden_body_passes_and_none_of_its_truncations)
{
	struct vectors vectors = vectors_read();
	size_t n_bodies = 0;

	for (size_t i = 0; i < vectors.n; i++) {
		const struct vector *v = &vectors.at[i];

		if (v->json == NULL)
			continue;
		n_bodies++;
		ck_assert_int_eq(msg_scan(v->body.data, v->body.len), 0);
		for (size_t len = 0; len < v->body.len; len++) {
			struct buffer part = exactly(v->body.data, len);

			ck_assert_int_eq(
			    msg_scan(part.data, len), MSG_E_MALFORMED);
			free(part.data);
		}
	}
	ck_assert_uint_ge(n_bodies, 10);
	vectors_free(&vectors);
}

/* The decoder accepts every value that passes the scan. */
TEST(what_passes_the_scan_can_be_built)
{
	struct random random = { 7 };
	size_t n_passed = 0;

	for (int i = 0; i < 200000; i++) {
		uint8_t bytes[12];
		size_t len = 1 + random_below(&random, sizeof(bytes));
		struct msg_tree *tree = NULL;
		int r;

		for (size_t k = 0; k < len; k++) {
			uint32_t low = random_below(&random, 4);

			bytes[k] = (uint8_t)(random_below(&random, 3) == 0
						 ? 0x80 +
						       (random_below(&random, 3)
							   << 4) +
						       low
						 : random_below(&random, 256));
		}
		r = msg_scan(bytes, len);
		ck_assert_int_eq(msg_tree_new(bytes, len, &tree), r);
		n_passed += r == 0;
		msg_tree_free(tree);
	}
	ck_assert_uint_gt(n_passed, 1000);
}

static const struct {
	const char *hex;
	int r;
	size_t n;
	const char *last; /* the last topic's text */
} topics[] = {
	{ "90", 0, 0, "" },
	{ "91a161", 0, 1, "a" },
	{ "92a161a0", 0, 2, "" },
	{ "92c40161c4026263", 0, 2, "bc" },
	{ "dc0002a161d90162", 0, 2, "b" },
	{ "dd00000001da000161", 0, 1, "a" },
	{ "93db0000000161c5000162c60000000163", 0, 3, "c" },
	{ "", MSG_E_MALFORMED, 0, NULL },
	{ "a161", MSG_E_MALFORMED, 0, NULL },
	{ "81a161a162", MSG_E_MALFORMED, 0, NULL },
	{ "c0", MSG_E_MALFORMED, 0, NULL },
	{ "9107", MSG_E_MALFORMED, 0, NULL },
	{ "92a161c0", MSG_E_MALFORMED, 0, NULL },
	{ "9190", MSG_E_MALFORMED, 0, NULL },
	{ "91d40561", MSG_E_MALFORMED, 0, NULL },
	{ "91a161c0", MSG_E_MALFORMED, 0, NULL },
	{ "92a161", MSG_E_MALFORMED, 0, NULL },
	{ "91a261", MSG_E_MALFORMED, 0, NULL },
	{ "91c1", MSG_E_MALFORMED, 0, NULL },
	{ "ddffffffff", MSG_E_MALFORMED, 0, NULL },
	{ "ddffffffffa161", MSG_E_MALFORMED, 0, NULL },
};

TEST_EACH(a_list_of_topics_is_read_in_place_or_refused, topics)
{
	struct buffer bytes = hex(topics[row].hex);
	struct buffer tight = exactly(bytes.data, bytes.len);
	struct msg_topics list = { .n_left = 0 };
	const uint8_t *topic = NULL;
	size_t len = 0, n = 0;

	ck_assert_int_eq(
	    msg_topics_open(tight.data, tight.len, &list), topics[row].r);
	while (topics[row].r == 0 && msg_topics_next(&list, &topic, &len)) {
		ck_assert(topic >= tight.data);
		ck_assert(topic + len <= tight.data + tight.len);
		n++;
	}
	ck_assert_uint_eq(n, topics[row].n);
	if (n > 0) {
		ck_assert_uint_eq(len, strlen(topics[row].last));
		ck_assert_mem_eq(topic, topics[row].last, len);
		ck_assert(!msg_topics_next(&list, &topic, &len));
	}
	free(bytes.data);
	free(tight.data);
}

static const struct {
	const char *hex;
	bool fits;
	int64_t value;
} integers[] = {
	{ "00", true, 0 },
	{ "7f", true, 127 },
	{ "ff", true, -1 },
	{ "e0", true, -32 },
	{ "ccff", true, 255 },
	{ "ceffffffff", true, UINT32_MAX },
	{ "cf7fffffffffffffff", true, INT64_MAX },
	{ "cf8000000000000000", false, 0 },
	{ "cfffffffffffffffff", false, 0 },
	{ "d38000000000000000", true, INT64_MIN },
	{ "d37fffffffffffffff", true, INT64_MAX },
	{ "cb3ff0000000000000", false, 0 },
	{ "a131", false, 0 },
	{ "c3", false, 0 },
	{ "c0", false, 0 },
};

TEST_EACH(an_integer_is_read_where_it_fits, integers)
{
	struct buffer bytes;
	struct msg_tree *tree = tree_of(integers[row].hex, &bytes);
	int64_t n = 42;

	ck_assert_int_eq(msg_int(msg_root(tree), &n), integers[row].fits);
	ck_assert_int_eq(n, integers[row].fits ? integers[row].value : 42);
	close_tree(tree, &bytes);
}

TEST(a_value_of_another_type_is_refused_by_each_accessor)
{
	struct buffer bytes;
	/* nil, true, 1, 1.5, "s", bin b, [], {}, ext */
	struct msg_tree *tree = tree_of(
	    "99 c0 c3 01 cb3ff8000000000000 a173 c40162 90 80 d40561", &bytes);
	const struct msg_node *root = msg_root(tree);
	static const enum msg_type types[] = { MSG_NIL, MSG_BOOL, MSG_INT,
		MSG_FLOAT, MSG_STR, MSG_BIN, MSG_ARRAY, MSG_MAP, MSG_EXT };

	ck_assert_uint_eq(msg_count(root), N_ELEMENTS(types));
	for (size_t i = 0; i < N_ELEMENTS(types); i++) {
		const struct msg_node *node = msg_at(root, i);
		const char *s;
		size_t len;
		int64_t n;
		double d;
		bool b;

		ck_assert_int_eq(msg_type(node), types[i]);
		ck_assert_int_eq(msg_bool(node, &b), types[i] == MSG_BOOL);
		ck_assert_int_eq(msg_int(node, &n), types[i] == MSG_INT);
		ck_assert_int_eq(msg_float(node, &d), types[i] == MSG_FLOAT);
		ck_assert_int_eq(msg_str(node, &s, &len),
		    types[i] == MSG_STR || types[i] == MSG_BIN);
		ck_assert_uint_eq(msg_count(node), 0);
		ck_assert_ptr_null(msg_find(node, "s"));
	}
	close_tree(tree, &bytes);
}

TEST(values_come_out_as_they_are)
{
	struct buffer bytes;
	struct msg_tree *tree = tree_of("94 c3 c2 ca3fc00000 a3616263", &bytes);
	const struct msg_node *root = msg_root(tree);
	const char *s = NULL;
	size_t len = 0;
	double d = 0;
	bool b = false;

	ck_assert(msg_bool(msg_at(root, 0), &b));
	ck_assert(b);
	ck_assert(msg_bool(msg_at(root, 1), &b));
	ck_assert(!b);
	ck_assert(msg_float(msg_at(root, 2), &d));
	ck_assert_double_eq(d, 1.5);
	ck_assert(msg_str(msg_at(root, 3), &s, &len));
	ck_assert_uint_eq(len, 3);
	ck_assert_mem_eq(s, "abc", 3);
	close_tree(tree, &bytes);
}

TEST(a_map_is_searched_by_whole_keys_and_the_first_one_counts)
{
	struct buffer bytes;
	/* {"ab": 1, 7: 2, "a": 3, "a": 4, bin "c": 5, "": 6} */
	struct msg_tree *tree = tree_of(
	    "86 a26162 01 07 02 a161 03 a161 04 c40163 05 a0 06", &bytes);
	const struct msg_node *root = msg_root(tree);
	int64_t n = 0;

	ck_assert(msg_int(msg_find(root, "a"), &n));
	ck_assert_int_eq(n, 3);
	ck_assert(msg_int(msg_find(root, "ab"), &n));
	ck_assert_int_eq(n, 1);
	ck_assert(msg_int(msg_find(root, "c"), &n));
	ck_assert_int_eq(n, 5);
	ck_assert_ptr_null(msg_find(root, "abc"));
	ck_assert_ptr_null(msg_find(root, "b"));
	ck_assert_uint_eq(msg_count(root), 6);
	ck_assert(msg_int(msg_key_at(root, 1), &n));
	ck_assert_int_eq(n, 7);
	ck_assert(msg_int(msg_at(root, 1), &n));
	ck_assert_int_eq(n, 2);
	close_tree(tree, &bytes);
}

TEST(an_empty_string_has_an_address)
{
	struct buffer bytes;
	struct msg_tree *tree = tree_of("a0", &bytes);
	const char *s = NULL;
	size_t len = 1;

	ck_assert(msg_str(msg_root(tree), &s, &len));
	ck_assert_uint_eq(len, 0);
	ck_assert_ptr_nonnull(s);
	close_tree(tree, &bytes);
}

TEST(to_free_no_tree_is_fine)
{
	msg_tree_free(NULL);
}

static const int64_t ints[] = { 0, 1, 127, 128, 255, 256, 65535, 65536,
	UINT32_MAX, (int64_t)UINT32_MAX + 1, INT64_MAX, -1, -32, -33, -128,
	-129, -32768, -32769, INT32_MIN, (int64_t)INT32_MIN - 1, INT64_MIN };

TEST_EACH(a_written_integer_reads_the_same, ints)
{
	struct msg_writer w = { 0 };
	struct msg_tree *tree = NULL;
	int64_t n = 0;

	msg_put_int(&w, ints[row]);
	ck_assert_int_eq(msg_tree_new(w.data, w.len, &tree), 0);
	ck_assert(msg_int(msg_root(tree), &n));
	ck_assert_int_eq(n, ints[row]);
	msg_tree_free(tree);
	msg_writer_fini(&w);
}

TEST(what_is_written_is_msgpack_in_its_shortest_form)
{
	struct buffer wanted = hex("88 a0 c0 a174 c3 a166 c2 a169 07"
				   "a164 cb3ff8000000000000 a173 a3610062"
				   "a161 9101 a172 a178");
	struct msg_writer w = { 0 };

	msg_put_map(&w, 8);
	msg_put_str(&w, "");
	msg_put_nil(&w);
	msg_put_str(&w, "t");
	msg_put_bool(&w, true);
	msg_put_str(&w, "f");
	msg_put_bool(&w, false);
	msg_put_str(&w, "i");
	msg_put_int(&w, 7);
	msg_put_str(&w, "d");
	msg_put_float(&w, 1.5);
	msg_put_str(&w, "s");
	msg_put_strn(&w, "a\0b", 3);
	msg_put_str(&w, "a");
	msg_put_array(&w, 1);
	msg_put_int(&w, 1);
	msg_put_str(&w, "r");
	msg_put_raw(&w, "\xa1x", 2);
	ck_assert(!w.fault);
	ck_assert_uint_eq(w.len, wanted.len);
	ck_assert_mem_eq(w.data, wanted.data, w.len);
	msg_writer_fini(&w);
	free(wanted.data);
}

static const size_t lengths[] = { 0, 31, 32, 255, 256, 257, 65535, 65536,
	1000000 };

TEST_EACH(a_writer_grows_to_hold_any_string, lengths)
{
	struct msg_writer w = { 0 };
	struct msg_tree *tree = NULL;
	char *text = malloc(lengths[row] + 1);
	const char *s = NULL;
	size_t len = 1;

	memset(text, 'x', lengths[row]);
	msg_put_array(&w, 2);
	msg_put_strn(&w, text, lengths[row]);
	msg_put_int(&w, 5);
	ck_assert(!w.fault);
	ck_assert_uint_ge(w.size, w.len);
	ck_assert_int_eq(msg_tree_new(w.data, w.len, &tree), 0);
	ck_assert(msg_str(msg_at(msg_root(tree), 0), &s, &len));
	ck_assert_uint_eq(len, lengths[row]);
	ck_assert_mem_eq(s, text, len);
	msg_tree_free(tree);
	msg_writer_fini(&w);
	free(text);
}

TEST(small_pieces_keep_what_came_before_as_the_writer_grows)
{
	struct msg_writer w = { 0 };

	for (unsigned i = 0; i < 10000; i++)
		msg_put_raw(&w, &(uint8_t){ (uint8_t)(i * 7) }, 1);
	ck_assert_uint_eq(w.len, 10000);
	for (unsigned i = 0; i < 10000; i++)
		ck_assert_uint_eq(w.data[i], (uint8_t)(i * 7));
	msg_writer_fini(&w);
}

TEST(an_ended_writer_is_empty_and_can_be_used_again)
{
	struct msg_writer w = { 0 };

	msg_put_str(&w, "once");
	msg_writer_fini(&w);
	ck_assert_ptr_null(w.data);
	ck_assert_uint_eq(w.len, 0);
	msg_writer_fini(&w);
	msg_put_int(&w, 1);
	ck_assert_uint_eq(w.len, 1);
	msg_writer_fini(&w);
}

TEST(a_failed_allocation_is_a_fault_that_sticks)
{
	volatile size_t beyond = (size_t)1 << 62;
	struct msg_writer w = { 0 };

	msg_put_int(&w, 1);
	msg_put_raw(&w, "x", beyond);
	ck_assert(w.fault);
	msg_put_int(&w, 2);
	msg_put_raw(&w, "x", 1);
	ck_assert(w.fault);
	ck_assert_uint_eq(w.len, 1);
	msg_writer_fini(&w);
	ck_assert(!w.fault);
}

TEST(the_library_tells_its_version)
{
	int major = 0;

	ck_assert_int_eq(sscanf(msg_library_version(), "%d.", &major), 1);
	ck_assert_int_ge(major, 1);
}

static const struct {
	const char *hex;
	enum msg_type type;
	uint64_t n_children;
	size_t len; /* of data */
} taken[] = {
	{ "07", MSG_INT, 0, 0 },
	{ "cd1388", MSG_INT, 0, 2 },
	{ "cb3ff0000000000000", MSG_FLOAT, 0, 8 },
	{ "c0", MSG_NIL, 0, 0 },
	{ "c3", MSG_BOOL, 0, 0 },
	{ "a3616263", MSG_STR, 0, 3 },
	{ "c403010203", MSG_BIN, 0, 3 },
	{ "d40501", MSG_EXT, 0, 2 },
	{ "c7020501 02", MSG_EXT, 0, 2 },
	{ "93", MSG_ARRAY, 3, 0 },
	{ "82", MSG_MAP, 4, 0 },
};

TEST_EACH(a_head_is_taken_with_what_belongs_to_it, taken)
{
	struct buffer bytes = hex(taken[row].hex);
	struct bytes b = bytes_over(bytes.data, bytes.len);
	struct msg_token t;

	ck_assert(msg_take(&b, &t));
	ck_assert_int_eq(t.type, taken[row].type);
	ck_assert_uint_eq(t.head, bytes.data[0]);
	ck_assert_uint_eq(t.n_children, taken[row].n_children);
	ck_assert_uint_eq(t.len, taken[row].len);
	ck_assert_uint_eq(bytes_left(&b), 0);
	free(bytes.data);
}

TEST_EACH(a_head_that_is_cut_off_is_none, taken)
{
	struct buffer bytes = hex(taken[row].hex);
	struct msg_token t;

	for (size_t len = 0; len < bytes.len; len++) {
		struct buffer part = exactly(bytes.data, len);
		struct bytes b = bytes_over(part.data, len);

		ck_assert(!msg_take(&b, &t));
		free(part.data);
	}
	free(bytes.data);
}

TEST(a_value_is_skipped_whole_however_deep)
{
	uint8_t deep[1001] = { 0 };
	struct bytes b = bytes_over(deep, sizeof(deep));

	memset(deep, 0x91, sizeof(deep));
	deep[999] = 0xc0;
	ck_assert(msg_skip(&b));
	ck_assert_uint_eq(bytes_left(&b), 1);
	ck_assert(!msg_skip(&b));
}

static const char *const unskippable[] = { "", "c1", "91", "9201", "8101",
	"ddffffffff00", "dfffffffff00", "9181", "91 dd ffffffff", "a261" };

TEST_EACH(what_is_no_whole_value_is_not_skipped, unskippable)
{
	struct buffer bytes = hex(unskippable[row]);
	struct bytes b = bytes_over(bytes.data, bytes.len);

	ck_assert(!msg_skip(&b));
	free(bytes.data);
}

TEST(a_bin_is_written_by_its_length)
{
	static const size_t lens[] = { 0, 1, 255, 256, 65535, 65536 };
	static const uint8_t heads_of[] = { 0xc4, 0xc4, 0xc4, 0xc5, 0xc5,
		0xc6 };
	uint8_t *zeros = calloc(1, 65536);

	for (size_t i = 0; i < N_ELEMENTS(lens); i++) {
		struct msg_writer w = { 0 };
		struct bytes b;
		struct msg_token t;

		msg_put_bin(&w, zeros, lens[i]);
		b = bytes_over(w.data, w.len);
		ck_assert(msg_take(&b, &t));
		ck_assert_uint_eq(t.head, heads_of[i]);
		ck_assert_uint_eq(t.len, lens[i]);
		ck_assert_uint_eq(bytes_left(&b), 0);
		msg_writer_fini(&w);
	}
	free(zeros);
}

static const struct {
	const char *hex;
	bool is_int;
	int64_t n;
} int_heads[] = {
	{ "00", true, 0 },
	{ "7f", true, 127 },
	{ "e0", true, -32 },
	{ "ff", true, -1 },
	{ "ccff", true, 255 },
	{ "cdffff", true, 65535 },
	{ "ceffffffff", true, UINT32_MAX },
	{ "cf7fffffffffffffff", true, INT64_MAX },
	{ "cf8000000000000000", false, 0 },
	{ "d0ff", true, -1 },
	{ "d07f", true, 127 },
	{ "d1fffe", true, -2 },
	{ "d280000000", true, INT32_MIN },
	{ "d27fffffff", true, INT32_MAX },
	{ "d3ffffffffffffffff", true, -1 },
	{ "d38000000000000000", true, INT64_MIN },
	{ "c0", false, 0 },
	{ "a0", false, 0 },
	{ "cb3ff0000000000000", false, 0 },
};

TEST_EACH(an_integer_is_read_from_its_head, int_heads)
{
	struct buffer bytes = hex(int_heads[row].hex);
	struct bytes b = bytes_over(bytes.data, bytes.len);
	struct msg_token t;
	int64_t n = 0;

	ck_assert(msg_take(&b, &t));
	ck_assert_int_eq(msg_token_int(&t, &n), int_heads[row].is_int);
	ck_assert_int_eq(n, int_heads[row].n);
	free(bytes.data);
}

static const struct {
	const char *hex;
	bool is_float;
	double d;
} floats[] = {
	{ "cb3ff8000000000000", true, 1.5 },
	{ "cbc000000000000000", true, -2.0 },
	{ "ca3fc00000", true, 1.5 },
	{ "cac0000000", true, -2.0 },
	{ "01", false, 0 },
	{ "c3", false, 0 },
};

TEST_EACH(a_float_is_read_from_its_head, floats)
{
	struct buffer bytes = hex(floats[row].hex);
	struct bytes b = bytes_over(bytes.data, bytes.len);
	struct msg_token t;
	double d = 0;

	ck_assert(msg_take(&b, &t));
	ck_assert_int_eq(msg_token_float(&t, &d), floats[row].is_float);
	ck_assert_double_eq(d, floats[row].d);
	free(bytes.data);
}
