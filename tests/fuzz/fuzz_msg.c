/*
 * Bodies: a tree is built of what the scan has passed, and of nothing else; the
 * readers of control frames stay inside the bytes.
 */
#include <assert.h>

#include "wire/question_frames.h"
#include "wire/control.h"
#include "wire/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static size_t
count_values(const struct msg_node *node)
{
	size_t n = 1;

	for (size_t i = 0; i < msg_count(node); i++)
		n += count_values(msg_at(node, i));
	return n;
}

static void
read_topics(const uint8_t *data, size_t len)
{
	struct msg_topics topics;
	const uint8_t *topic;
	size_t n;

	if (msg_topics_open(data, len, &topics) != 0)
		return;
	while (msg_topics_next(&topics, &topic, &n))
		assert(topic >= data && topic + n <= data + len);
}

static bool
is_inside(const char *s, size_t n, const uint8_t *data, size_t len)
{
	const uint8_t *at = (const uint8_t *)s;

	return n == 0 || (at >= data && at + n <= data + len);
}

static void
read_asking(const uint8_t *data, size_t len)
{
	struct question_answer answer;
	struct control_why why;
	struct question_request ask;

	if (question_read_request(data, len, &ask, &why) == 0)
		assert(ask.id >= 0 &&
		       is_inside(ask.payload, ask.payload_len, data, len));
	if (question_read_answer(data, len, &answer, &why) == 0)
		assert(
		    is_inside(answer.payload, answer.payload_len, data, len));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct msg_tree *tree = NULL;
	struct control_hello hello;
	struct control_stats stats;
	struct control_why why;

	if (msg_tree_new(data, len, &tree) == 0) {
		assert(msg_scan(data, len) == 0);
		assert(count_values(msg_root(tree)) <= len);
		msg_tree_free(tree);
	}
	read_topics(data, len);
	read_asking(data, len);
	if (control_read_hello(data, len, &hello, &why) == 0)
		assert(hello.name[0] != '\0');
	if (control_read_stats(data, len, &stats, &why) == 0)
		assert(stats.n_rows >= 1);
	return 0;
}
