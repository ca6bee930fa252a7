#include "edge/native/unions.h"

#include <assert.h>
#include <stdlib.h>

#include "base/container.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "edge/native/stage.h"
#include "wire/msg_scan.h"

#define BATCH 256 /* strings of a step */

struct union_work {
	struct job job;
	struct session *session;
	struct blob *blob;
	uint64_t question;
	struct msg_topics rest; /* in `blob` */
};

/* The strings as a RESULT has them: the shortest str of their bytes. */
struct batch {
	struct answer_string strings[BATCH];
	size_t n;
	struct msg_writer rewritten; /* those that came in another form */
	size_t offsets[BATCH];       /* of these, or SIZE_MAX */
};

static void
put(struct batch *batch, const uint8_t *begin, const uint8_t *bytes, size_t len)
{
	size_t n_head = (size_t)(bytes - begin), n = batch->n++;
	size_t n_before = batch->rewritten.len;

	batch->strings[n] = (struct answer_string){ begin, n_head + len };
	batch->offsets[n] = SIZE_MAX;
	if (msg_is_shortest_str(begin, n_head, len))
		return;
	msg_put_strn(&batch->rewritten, bytes, len);
	batch->strings[n].len = batch->rewritten.len - n_before;
	batch->offsets[n] = n_before;
}

static void
take_batch(struct batch *batch, struct msg_topics *from)
{
	const uint8_t *begin = from->rest.at, *bytes;
	size_t len;

	batch->n = 0;
	batch->rewritten = (struct msg_writer){ 0 };
	while (batch->n < BATCH && msg_topics_next(from, &bytes, &len)) {
		put(batch, begin, bytes, len);
		begin = from->rest.at;
	}
	if (batch->rewritten.fault)
		log_fatal("out-of-memory", "reading=ANSWER");
	for (size_t i = 0; i < batch->n; i++)
		if (batch->offsets[i] != SIZE_MAX)
			batch->strings[i].bytes =
			    batch->rewritten.data + batch->offsets[i];
}

/* Adds the next ones. Returns false if the request has ended. */
static bool
add(struct session *session, uint64_t question, struct msg_topics *rest)
{
	struct batch batch;
	bool is_open;

	take_batch(&batch, rest);
	is_open = broker_add_strings(session->native->broker, session->member,
	    question, batch.strings, batch.n);
	msg_writer_fini(&batch.rewritten);
	return is_open;
}

/* Settles the debt. Whether the answer is too big was judged before. */
static void
settle(struct session *session, uint64_t question)
{
	int r = broker_answer(session->native->broker, session->member,
	    &(struct answer){ .question = question, .verdict = VERDICT_YES });

	assert(r == 0);
	(void)r;
}

static void
end_work(struct union_work *work)
{
	work->session->union_work = NULL;
	blob_unref(work->blob);
	free(work);
}

static bool
on_step(struct job *job)
{
	struct union_work *work = container_of(job, struct union_work, job);
	struct session *session = work->session;
	uint64_t question = work->question;

	if (add(session, question, &work->rest) && work->rest.n_left > 0)
		return true;
	end_work(work);
	settle(session, question);
	conn_resume(session->conn);
	stage_settle(session);
	return false;
}

static void
begin_work(struct session *session, struct blob *blob, uint64_t question,
    const struct msg_topics *rest)
{
	struct union_work *work = xcalloc(1, sizeof(*work));

	work->job.step = on_step;
	work->session = session;
	work->blob = blob_ref(blob);
	work->question = question;
	work->rest = *rest;
	session->union_work = work;
	conn_pause(session->conn);
	job_start(loop_jobs(session->native->loop), &work->job);
}

bool
unions_answer(
    struct session *session, struct blob *blob, const struct answer *answer)
{
	struct msg_topics strings;

	if (msg_topics_open(answer->bytes, answer->len, &strings) != 0)
		return false;
	if (answer->len > STAGE_LARGE_BODY) {
		begin_work(session, blob, answer->question, &strings);
		return true;
	}
	while (strings.n_left > 0)
		if (!add(session, answer->question, &strings))
			return true;
	settle(session, answer->question);
	return true;
}

void
unions_drop(struct session *session)
{
	struct union_work *work = session->union_work;

	if (work == NULL)
		return;
	job_stop(loop_jobs(session->native->loop), &work->job);
	end_work(work);
}
