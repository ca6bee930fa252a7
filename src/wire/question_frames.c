#include "wire/question_frames.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "wire/frame.h"

static int
refuse(struct control_why *why, const char *text)
{
	snprintf(why->text, sizeof(why->text), "%s", text);
	return CONTROL_E_BODY;
}

/* Opens an array of at least n elements. */
static int
open_array(const void *body, size_t len, size_t n, struct msg_tree **out,
    struct control_why *why)
{
	int r = msg_tree_new(body, len, out);

	if (r < 0)
		return r;
	if (r != 0)
		return refuse(why, "the body is not one msgpack value");
	if (msg_type(msg_root(*out)) == MSG_ARRAY &&
	    msg_count(msg_root(*out)) >= n)
		return 0;
	msg_tree_free(*out);
	return refuse(why, "the body is not an array, or has too few elements");
}

static bool
find_gather(const struct msg_node *node, enum gather *out)
{
	const char *s;
	size_t len;

	return msg_str(node, &s, &len) && gather_find(s, len, out);
}

static int
read_ask(const struct msg_node *array, struct question_request *out,
    struct control_why *why)
{
	if (!msg_int(msg_at(array, 0), &out->id) || out->id < 0)
		return refuse(why, "the ask id is not an integer from 0");
	if (!find_gather(msg_at(array, 1), &out->gather))
		return refuse(
		    why, "gather is none of list, union, first, stream");
	if (!msg_int(msg_at(array, 2), &out->timeout_ms))
		return refuse(why, "the timeout is not an integer");
	if (!msg_str(msg_at(array, 3), &out->payload, &out->payload_len))
		return refuse(why, "the payload is not a bin or str");
	out->parts_max_bytes = 0;
	if (msg_count(array) > 4 && msg_type(msg_at(array, 4)) != MSG_NIL &&
	    (!msg_int(msg_at(array, 4), &out->parts_max_bytes) ||
		out->parts_max_bytes < 1))
		return refuse(
		    why, "the limit of the parts is not an integer from 1");
	return 0;
}

int
question_read_request(const void *body, size_t len,
    struct question_request *out, struct control_why *why)
{
	struct msg_tree *tree = NULL;
	int r = open_array(body, len, 4, &tree, why);

	if (r != 0)
		return r;
	r = read_ask(msg_root(tree), out, why);
	msg_tree_free(tree);
	return r;
}

static int
read_answer(const struct msg_node *array, struct question_answer *out,
    struct control_why *why)
{
	int64_t id, verdict;

	if (!msg_int(msg_at(array, 0), &id) || id < 0)
		return refuse(why, "the question id is not an integer from 0");
	if (!msg_int(msg_at(array, 1), &verdict) || verdict < 0 ||
	    verdict >= N_VERDICTS)
		return refuse(why, "the verdict is none of 0, 1, 2, 3");
	*out = (struct question_answer){
		.question = (uint64_t)id,
		.verdict = (enum verdict)verdict,
		.payload = "",
	};
	if (msg_count(array) < 3 && verdict == VERDICT_NO)
		return 0;
	if (msg_count(array) < 3 ||
	    !msg_str(msg_at(array, 2), &out->payload, &out->payload_len))
		return refuse(why, "the payload is not a bin or str");
	return 0;
}

int
question_read_answer(const void *body, size_t len, struct question_answer *out,
    struct control_why *why)
{
	struct msg_tree *tree = NULL;
	int r = open_array(body, len, 2, &tree, why);

	if (r != 0)
		return r;
	r = read_answer(msg_root(tree), out, why);
	msg_tree_free(tree);
	return r;
}

void
question_write(struct msg_writer *w, const struct question_frame *question)
{
	size_t start = control_begin(w), body;

	msg_put_raw(w, question->topic, question->topic_len);
	body = w->len;
	msg_put_array(w, 3);
	msg_put_int(w, (int64_t)question->id);
	msg_put_bin(w, question->payload, question->payload_len);
	msg_put_str(w, gather_name(question->gather));
	if (!w->fault)
		frame_write_head(w->data + start, FRAME_QUESTION,
		    question->flags, question->topic, question->topic_len,
		    w->len - body);
}

void
question_write_part(struct msg_writer *w, int64_t ask_id, uint64_t from,
    const void *payload, size_t len)
{
	size_t start = control_begin(w);

	msg_put_array(w, 3);
	msg_put_int(w, ask_id);
	msg_put_int(w, (int64_t)from);
	msg_put_bin(w, payload, len);
	control_end(w, start, FRAME_PART);
}

size_t
question_begin_result(struct msg_writer *w, int64_t ask_id, const char *outcome,
    uint32_t n_expected, uint32_t n_answered)
{
	size_t start = control_begin(w);

	msg_put_array(w, 6);
	msg_put_int(w, ask_id);
	msg_put_str(w, outcome);
	msg_put_int(w, n_expected);
	msg_put_int(w, n_answered);
	return start;
}

void
question_put_missing(
    struct msg_writer *w, uint64_t id, const char *name, const char *reason)
{
	msg_put_array(w, 3);
	msg_put_int(w, (int64_t)id);
	msg_put_str(w, name);
	msg_put_str(w, reason);
}

void
question_put_answer_head(
    struct msg_writer *w, uint64_t id, const char *name, size_t len)
{
	msg_put_array(w, 3);
	msg_put_int(w, (int64_t)id);
	msg_put_str(w, name);
	msg_put_bin_head(w, len);
}
