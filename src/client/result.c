#include "client/result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Returns the bytes of all names and reasons, each with a zero. Reads a copy of
 * `reply`. */
static size_t
names_size(struct reply_result reply)
{
	struct reply_missing missing;
	size_t size = 0;

	for (uint32_t i = 0; i < reply.n_missing; i++) {
		missing = reply_next_missing(&reply);
		size += missing.name.len + missing.reason.len + 2;
	}
	for (uint32_t i = 0; i < reply.n_answers; i++)
		size += reply_next_answer(&reply).name.len + 1;
	return size;
}

static const char *
add_name(char **at, const struct reply_text *text)
{
	const char *name = *at;

	if (text->len > 0)
		memcpy(*at, text->data, text->len);
	(*at)[text->len] = '\0';
	*at += text->len + 1;
	return name;
}

static void
fill(struct result *out, struct reply_result *reply)
{
	char *at = out->names;

	for (uint32_t i = 0; i < reply->n_missing; i++) {
		struct reply_missing missing = reply_next_missing(reply);

		out->missing[i].id = missing.id;
		out->missing[i].name = add_name(&at, &missing.name);
		out->missing[i].reason = add_name(&at, &missing.reason);
	}
	for (uint32_t i = 0; i < reply->n_answers; i++) {
		struct reply_answer answer = reply_next_answer(reply);

		out->answers[i].id = answer.id;
		out->answers[i].name = add_name(&at, &answer.name);
		out->answers[i].body =
		    pm2a_bytes(answer.payload.data, answer.payload.len);
	}
}

int
result_init(struct result *out, struct reply_result *reply)
{
	static const enum pm2a_outcome outcomes[] = {
		[OUTCOME_COMPLETE] = PM2A_COMPLETE,
		[OUTCOME_FOUND] = PM2A_FOUND,
		[OUTCOME_UNKNOWN] = PM2A_UNKNOWN,
		[OUTCOME_TIMEOUT] = PM2A_TIMEDOUT,
	};

	/* One more of each: an empty array must differ from a lack of memory.
	 */
	*out = (struct result){
		.missing =
		    calloc(reply->n_missing + (size_t)1, sizeof(*out->missing)),
		.answers =
		    calloc(reply->n_answers + (size_t)1, sizeof(*out->answers)),
		.names = malloc(names_size(*reply) + 1),
	};
	if (out->missing == NULL || out->answers == NULL ||
	    out->names == NULL) {
		result_fini(out);
		return -ENOMEM;
	}
	out->public = (struct pm2a_result){
		.refusal = "",
		.outcome = outcomes[reply->outcome],
		.expected = reply->expected,
		.answered = reply->answered,
		.missing = out->missing,
		.n_missing = reply->n_missing,
		.answers = out->answers,
		.n_answers = reply->n_answers,
	};
	fill(out, reply);
	return 0;
}

void
result_fini(struct result *result)
{
	free(result->missing);
	free(result->answers);
	free(result->names);
}
