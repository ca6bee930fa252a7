/*
 * Feeds arbitrary bytes to the C client: in place of WELCOME, and after it with
 * requests open. Whatever the bytes are, each request ends once, callbacks may
 * answer and publish, and the client can be freed.
 */
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "pm2a.h"

#define N_ASKS 9
#define N_STATS 2
#define PIECE 200 /* bytes between two dispatches */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char welcome[] =
    "\0\0\0\x3c\x02\0\0\0\x85\xa2id\7\xa5"
    "epoch\1\xa9max_frame\xcd\x10\0\xa9max_topic\x40\xa8"
    "features\x92\xa3"
    "ask\xa5"
    "stats\0\0\0\4\x41\0\0\0";

static struct sockaddr_un sun = { .sun_family = AF_UNIX };
static int listener = -1;
static unsigned n_open;
static size_t n_bytes; /* so that all that is told is looked at */

static void
remove_socket(void)
{
	unlink(sun.sun_path);
}

static void
open_listener(void)
{
	snprintf(sun.sun_path, sizeof(sun.sun_path), "/tmp/pm2a-fuzz-%d",
	    (int)getpid());
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	unlink(sun.sun_path);
	if (bind(listener, (struct sockaddr *)&sun, sizeof(sun)) != 0 ||
	    listen(listener, 8) != 0)
		abort();
	atexit(remove_socket);
}

static void
look_at(struct pm2a_bytes bytes)
{
	for (size_t i = 0; i < bytes.len; i++)
		n_bytes += ((const uint8_t *)bytes.data)[i];
}

static void
on_message(struct pm2a *p, const struct pm2a_message *message, void *user)
{
	(void)user;
	assert(message->n_topics > 0);
	for (size_t i = 0; i < message->n_topics; i++)
		look_at(message->topics[i]);
	look_at(message->body);
	(void)!pm2a_publish(
	    p, message->topics, message->n_topics, message->body, 0);
}

static void
on_question(struct pm2a *p, const struct pm2a_question *question, void *user)
{
	(void)user;
	look_at(question->body);
	(void)!pm2a_answer_more(p, question->id, question->body);
	(void)!pm2a_answer(p, question->id, question->body);
	assert(pm2a_decline(p, question->id) == PM2A_E_GONE);
}

static void
on_presence(struct pm2a *p, const struct pm2a_presence *presence, void *user)
{
	(void)p;
	(void)user;
	look_at(presence->topic);
	n_bytes += strlen(presence->name);
}

static void
on_refusal(struct pm2a *p, const char *code, const char *message, bool fatal,
    void *user)
{
	(void)p;
	(void)user;
	(void)fatal;
	n_bytes += strlen(code) + strlen(message);
}

static void
on_missed(struct pm2a *p, const struct pm2a_missed *missed, void *user)
{
	(void)p;
	(void)user;
	n_bytes += strlen(missed->reason);
}

static void
on_part(struct pm2a *p, uint64_t from, struct pm2a_bytes body, void *arg)
{
	(void)p;
	(void)from;
	(void)arg;
	look_at(body);
}

static void
on_result(struct pm2a *p, const struct pm2a_result *result, void *arg)
{
	unsigned *ended = arg;

	(void)p;
	assert(*ended == 0);
	*ended = 1;
	n_open--;
	for (size_t i = 0; i < result->n_missing; i++)
		n_bytes += strlen(result->missing[i].name) +
			   strlen(result->missing[i].reason);
	for (size_t i = 0; i < result->n_answers; i++) {
		n_bytes += strlen(result->answers[i].name);
		look_at(result->answers[i].body);
	}
}

static void
on_reply(struct pm2a *p, const struct pm2a_stats_reply *reply, void *arg)
{
	unsigned *ended = arg;

	(void)p;
	assert(*ended == 0);
	*ended = 1;
	n_open--;
	look_at(reply->body);
	n_bytes += strlen(reply->refusal) + strlen(reply->message);
}

static void
request_stats(struct pm2a *p, unsigned ended[N_STATS])
{
	for (unsigned i = 0; i < N_STATS; i++) {
		struct pm2a_stats_request request = {
			.on_reply = on_reply,
			.arg = &ended[i],
		};

		ended[i] = 0;
		assert(pm2a_stats(p, &request) == 0);
		n_open++;
	}
}

static void
ask(struct pm2a *p, unsigned ended[N_ASKS])
{
	struct pm2a_bytes topic = pm2a_str("t");

	for (unsigned i = 0; i < N_ASKS; i++) {
		struct pm2a_ask question = {
			.topics = &topic,
			.n_topics = 1,
			.on_part = on_part,
			.on_result = on_result,
			.arg = &ended[i],
		};

		ended[i] = 0;
		assert(pm2a_ask(p, &question) == 0);
		n_open++;
	}
}

static void
run(const uint8_t *data, size_t len, bool is_welcome)
{
	const struct pm2a_options options = {
		.socket = sun.sun_path,
		.callbacks = { .on_message = on_message,
		    .on_question = on_question,
		    .on_presence = on_presence,
		    .on_refusal = on_refusal,
		    .on_missed = on_missed },
	};
	unsigned ended[N_ASKS], stats_ended[N_STATS];
	struct pm2a *p;
	size_t n;
	int fd;

	if (pm2a_new(&options, &p) != 0)
		abort();
	assert(pm2a_subscribe(p, PM2A_MEMBER, pm2a_str("t")) == 0);
	ask(p, ended);
	request_stats(p, stats_ended);
	assert(pm2a_dispatch(p, 0) == 0);
	fd = accept(listener, NULL, NULL);
	if (is_welcome)
		(void)!send(fd, welcome, sizeof(welcome) - 1, MSG_NOSIGNAL);
	for (; len > 0; data += n, len -= n) {
		n = len < PIECE ? len : PIECE;
		(void)!send(fd, data, n, MSG_NOSIGNAL);
		assert(pm2a_dispatch(p, POLLIN) == 0);
	}
	close(fd);
	assert(pm2a_dispatch(p, POLLIN) == 0);
	if (pm2a_fd(p) < 0)
		assert(n_open == 0);
	pm2a_free(p);
	assert(n_open == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (listener < 0)
		open_listener();
	run(data, len, false);
	run(data, len, true);
	return 0;
}
