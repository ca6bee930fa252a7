#include "wire/topic_field.h"

#include "unit/support.h"
#include "wire/frame.h"

TEST(a_single_topic_is_the_callers_bytes)
{
	static const char topic[] = "socket.io#/#";
	struct topic_field field;

	topic_field_begin(&field, 1);
	topic_field_add(&field, topic, 12);
	ck_assert_int_eq(topic_field_end(&field), 0);
	ck_assert_ptr_eq(field.data, topic);
	ck_assert_uint_eq(field.len, 12);
	ck_assert_uint_eq(field.flags, 0);
	topic_field_fini(&field);
}

TEST(several_topics_are_the_golden_array)
{
	struct vectors vectors = vectors_read();
	const struct vector *v = vector_find(&vectors, "publish-several");
	struct topic_field field;

	topic_field_begin(&field, 2);
	topic_field_add(&field, "socket.io#/#room1#", 18);
	topic_field_add(&field, "socket.io#/#room2#", 18);
	ck_assert_int_eq(topic_field_end(&field), 0);
	ck_assert_uint_eq(field.len, v->topic.len);
	ck_assert_mem_eq(field.data, v->topic.data, field.len);
	ck_assert_uint_eq(field.flags, FRAME_SEVERAL);
	topic_field_fini(&field);
	vectors_free(&vectors);
}

static const struct {
	size_t n, len;
	int r;
} sizes[] = {
	{ 1, TOPIC_FIELD_MAX, 0 },
	{ 1, TOPIC_FIELD_MAX + 1, TOPIC_FIELD_E_TOO_BIG },
	{ 5, 13103, 0 }, /* and a head of 3 bytes for each, and 1 */
	{ 5, 13104, TOPIC_FIELD_E_TOO_BIG },
	{ FRAME_SEVERAL_MAX, 1, 0 },
	{ FRAME_SEVERAL_MAX + 1, 1, TOPIC_FIELD_E_TOO_BIG },
};

TEST_EACH(a_field_ends_at_its_limit, sizes)
{
	static char bytes[TOPIC_FIELD_MAX + 1];
	struct topic_field field;

	topic_field_begin(&field, sizes[row].n);
	for (size_t i = 0; i < sizes[row].n; i++)
		topic_field_add(&field, bytes, sizes[row].len);
	ck_assert_int_eq(topic_field_end(&field), sizes[row].r);
	if (sizes[row].r == 0)
		topic_field_fini(&field);
}
