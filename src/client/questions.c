#include "client/questions.h"

#include <errno.h>
#include <stdlib.h>

#include "client/client.h"
#include "client/interest.h"
#include "client/limits.h"
#include "client/send.h"
#include "wire/sent.h"

struct question {
	struct table_node node; /* the first, so that it is the question too */
	enum pm2a_gather gather;
	bool is_too_big; /* the answer was */
};

void
questions_forget(struct pm2a *p)
{
	struct table_node *node;

	while ((node = table_pop(&p->questions)) != NULL)
		free(node);
}

static int
send_answer(
    struct pm2a *p, uint64_t id, enum verdict verdict, struct pm2a_bytes body)
{
	struct msg_writer w = { 0 };
	int r = 0;

	sent_write_answer(
	    &w, id, verdict, (struct sent_bytes){ body.data, body.len });
	if (!w.fault && verdict != VERDICT_NO)
		r = limits_check_frame(p, w.len);
	if (r == 0)
		return send_control(p, &w);
	msg_writer_fini(&w);
	return r;
}

static int
answer(
    struct pm2a *p, uint64_t id, enum verdict verdict, struct pm2a_bytes body)
{
	struct table_node *node = table_find(&p->questions, id);
	struct question *question = (struct question *)(void *)node;
	int r;

	if (node == NULL || outbox_is_shut(&p->out))
		return PM2A_E_GONE;
	if (verdict == VERDICT_MORE && question->gather != PM2A_GATHER_STREAM)
		return PM2A_E_ARGUMENT;
	if (verdict == VERDICT_NO && question->is_too_big && p->takes_failures)
		r = send_answer(p, id, VERDICT_FAILED, pm2a_str("too-big"));
	else
		r = send_answer(p, id, verdict, body);
	question->is_too_big |= r == PM2A_E_TOO_BIG;
	if (r == 0 && verdict != VERDICT_MORE) {
		table_remove(&p->questions, node);
		free(question);
	}
	interest_tell(p);
	return r;
}

int
pm2a_answer(struct pm2a *p, uint64_t question, struct pm2a_bytes body)
{
	return answer(p, question, VERDICT_YES, body);
}

int
pm2a_answer_more(struct pm2a *p, uint64_t question, struct pm2a_bytes body)
{
	return answer(p, question, VERDICT_MORE, body);
}

int
pm2a_decline(struct pm2a *p, uint64_t question)
{
	return answer(p, question, VERDICT_NO, pm2a_bytes(NULL, 0));
}

int
questions_on_question(struct pm2a *p, const struct pm2a_question *public)
{
	const struct pm2a_callbacks *callbacks = &p->options.callbacks;
	struct question *question;

	p->stats.questions++;
	if (callbacks->on_question == NULL || state_is_closing(p->state))
		return outbox_is_shut(&p->out)
			   ? 0
			   : send_answer(p, public->id, VERDICT_NO,
				 pm2a_bytes(NULL, 0));
	if (table_find(&p->questions, public->id) != NULL)
		return PM2A_E_PROTOCOL;
	question = calloc(1, sizeof(*question));
	if (question == NULL)
		return -ENOMEM;
	question->gather = public->gather;
	table_add(&p->questions, &question->node, public->id);
	callbacks->on_question(p, public, p->options.user);
	return 0;
}
