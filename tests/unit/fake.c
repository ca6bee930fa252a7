#include "unit/fake.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "wire/msg.h"

#define INPUT_SIZE (8u << 20)
#define ALL ((short)(POLLIN | POLLOUT))

int64_t fake_now_ms = 1000000;

static int64_t fail_at = -1;
static bool fail_once;
static size_t n_allocations;

struct instant
clock_now(void)
{
	return (struct instant){ .ms = fake_now_ms };
}

/* The linker sends here what the library allocates. */
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);

static bool
may_allocate(void)
{
	size_t number = n_allocations++;

	if (fail_at < 0 || (int64_t)number < fail_at)
		return true;
	return fail_once && (int64_t)number > fail_at;
}

void *
__wrap_malloc(size_t size)
{
	return may_allocate() ? malloc(size) : NULL;
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return may_allocate() ? calloc(n, size) : NULL;
}

void *
__wrap_realloc(void *old, size_t size)
{
	return may_allocate() ? realloc(old, size) : NULL;
}

void *
__wrap_reallocarray(void *old, size_t n, size_t size)
{
	return may_allocate() ? reallocarray(old, n, size) : NULL;
}

size_t
fake_fail_allocations(int64_t n, bool once)
{
	size_t seen = n_allocations;

	n_allocations = 0;
	fail_at = n;
	fail_once = once;
	return seen;
}

void
fake_note(struct fake *fake, const char *fmt, ...)
{
	struct events *events = &fake->events;
	va_list ap;

	ck_assert_uint_lt(events->n, N_EVENTS_MAX);
	va_start(ap, fmt);
	vsnprintf(events->text[events->n++], sizeof(events->text[0]), fmt, ap);
	va_end(ap);
}

static void
on_connect(struct pm2a *p, const struct pm2a_welcome *welcome, void *user)
{
	ck_assert(pm2a_is_connected(p));
	fake_note(
	    user, "connect %s %u", welcome->server, (unsigned)welcome->id);
}

static void
on_disconnect(struct pm2a *p, int why, const char *text, void *user)
{
	ck_assert(!pm2a_is_connected(p));
	ck_assert_str_ne(text, "");
	fake_note(user, "disconnect %d", why);
}

static void
on_connect_error(struct pm2a *p, int why, const char *text, void *user)
{
	ck_assert(!pm2a_is_connected(p));
	ck_assert_str_ne(text, "");
	fake_note(user, "connect_error %d", why);
}

static void
on_message(struct pm2a *p, const struct pm2a_message *message, void *user)
{
	const struct pm2a_bytes *last = &message->topics[message->n_topics - 1];

	(void)p;
	fake_note(user, "message %zu %.*s %zu%s", message->n_topics,
	    (int)last->len, (const char *)last->data, message->body.len,
	    message->is_volatile ? " volatile" : "");
}

static void
on_question(struct pm2a *p, const struct pm2a_question *question, void *user)
{
	(void)p;
	fake_note(user, "question %llu %.*s %zu %d%s",
	    (unsigned long long)question->id, (int)question->topics->len,
	    (const char *)question->topics->data, question->body.len,
	    question->gather, question->to_subscribers ? " subscribers" : "");
}

static void
on_presence(struct pm2a *p, const struct pm2a_presence *presence, void *user)
{
	(void)p;
	fake_note(user, "presence %.*s %s %s %u of %u",
	    (int)presence->topic.len, (const char *)presence->topic.data,
	    presence->joined ? "joined" : "left", presence->name,
	    (unsigned)presence->id, presence->count);
}

static void
on_refusal(struct pm2a *p, const char *code, const char *message, bool fatal,
    void *user)
{
	(void)p;
	ck_assert_str_ne(message, "");
	fake_note(user, "refusal %s%s", code, fatal ? " fatal" : "");
}

static void
on_missed(struct pm2a *p, const struct pm2a_missed *missed, void *user)
{
	ck_assert(pm2a_is_connected(p));
	fake_note(user, "missed %d %s %llu %llu %lld ms", missed->why,
	    missed->reason, (unsigned long long)missed->unwritten,
	    (unsigned long long)missed->messages, (long long)missed->away_ms);
}

static void
on_part(struct pm2a *p, uint64_t from, struct pm2a_bytes body, void *arg)
{
	(void)p;
	fake_note(arg, "part of %u %zu", (unsigned)from, body.len);
}

static void
on_result(struct pm2a *p, const struct pm2a_result *result, void *arg)
{
	(void)p;
	if (result->error != 0)
		fake_note(arg, "result %d %s", result->error, result->refusal);
	else
		fake_note(arg,
		    "result outcome %d of %u answered %u "
		    "missing %zu answers %zu",
		    result->outcome, result->expected, result->answered,
		    result->n_missing, result->n_answers);
}

struct pm2a_ask
fake_ask(struct fake *fake, const struct pm2a_bytes *topic, const char *body)
{
	return (struct pm2a_ask){
		.topics = topic,
		.n_topics = 1,
		.body = pm2a_str(body),
		.on_part = on_part,
		.on_result = on_result,
		.arg = fake,
	};
}

void
fake_open_listener(struct fake *fake)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(fake->listener, 0);
	strcpy(sun.sun_path, fake->path);
	ck_assert_int_eq(
	    bind(fake->listener, (struct sockaddr *)&sun, sizeof(sun)), 0);
	ck_assert_int_eq(listen(fake->listener, 8), 0);
}

void
fake_close_listener(struct fake *fake)
{
	close(fake->listener);
	fake->listener = -1;
	unlink(fake->path);
}

void
fake_start(struct fake *fake, struct pm2a_options options)
{
	*fake = (struct fake){ .fd = -1 };
	make_folder(fake->dir);
	snprintf(fake->path, sizeof(fake->path), "%s/s", fake->dir);
	fake_open_listener(fake);
	fake->input = malloc(INPUT_SIZE);
	options.socket = fake->path;
	options.name = "test";
	options.user = fake;
	options.callbacks = (struct pm2a_callbacks){ on_connect, on_disconnect,
		on_connect_error, on_message, on_question, on_presence,
		on_refusal, on_missed };
	ck_assert_int_eq(pm2a_new(&options, &fake->p), 0);
}

void
fake_stop(struct fake *fake)
{
	pm2a_free(fake->p);
	if (fake->fd >= 0)
		close(fake->fd);
	if (fake->listener >= 0)
		close(fake->listener);
	free(fake->input);
	remove_folder(fake->dir);
}

static bool
accept_one(struct fake *fake)
{
	int fd = accept4(fake->listener, NULL, NULL, SOCK_NONBLOCK);

	if (fd < 0)
		return false;
	if (fake->fd >= 0)
		close(fake->fd);
	fake->fd = fd;
	fake->len = fake->off = 0;
	return true;
}

static bool
read_some(struct fake *fake)
{
	ssize_t n;

	if (fake->fd < 0)
		return false;
	ck_assert_uint_lt(fake->len, INPUT_SIZE);
	n = recv(fake->fd, fake->input + fake->len, INPUT_SIZE - fake->len,
	    MSG_DONTWAIT);
	if (n > 0)
		fake->len += (size_t)n;
	return n > 0;
}

void
fake_receive(struct fake *fake)
{
	while (accept_one(fake) || read_some(fake))
		continue;
}

int
fake_settle(struct fake *fake)
{
	bool has_moved = !fake->is_driven;
	int r = 0;

	while (has_moved) {
		r = fake->p == NULL ? 0 : pm2a_dispatch(fake->p, ALL);
		has_moved = accept_one(fake);
		has_moved |= read_some(fake);
	}
	return r;
}

int
fake_after(struct fake *fake, int64_t ms)
{
	fake_now_ms += ms;
	return fake_settle(fake);
}

struct frame
fake_hear(struct fake *fake, enum frame_type type)
{
	struct frame f = { .type = 0 };

	ck_assert_msg(frame_peek(fake->input + fake->off, fake->len - fake->off,
			  UINT32_MAX, &f) == FRAME_READY,
	    "no %s has come", frame_type_name((uint8_t)type));
	ck_assert_str_eq(
	    frame_type_name(f.type), frame_type_name((uint8_t)type));
	fake->off += f.size;
	return f;
}

void
fake_hear_golden(struct fake *fake, const char *name)
{
	struct vectors vectors = vectors_read();
	const struct vector *v = vector_find(&vectors, name);
	struct frame f = fake_hear(fake, (enum frame_type)v->type);

	ck_assert_uint_eq(f.size, v->frame.len);
	ck_assert_mem_eq(f.start, v->frame.data, f.size);
	vectors_free(&vectors);
}

void
fake_hear_nothing(struct fake *fake)
{
	ck_assert_uint_eq(fake->off, fake->len);
}

void
fake_expect(struct fake *fake, const char *event)
{
	struct events *events = &fake->events;

	ck_assert_msg(events->n_read < events->n, "no %s", event);
	ck_assert_str_eq(events->text[events->n_read++], event);
	if (events->n_read == events->n)
		events->n = events->n_read = 0;
}

void
fake_expect_none(struct fake *fake)
{
	struct events *events = &fake->events;

	ck_assert_msg(events->n_read == events->n, "there is a %s",
	    events->text[events->n_read]);
}

void
fake_say_bytes(struct fake *fake, const void *data, size_t len)
{
	ck_assert_int_eq(send(fake->fd, data, len, MSG_NOSIGNAL), len);
	(void)fake_settle(fake);
}

void
fake_say(struct fake *fake, enum frame_type type, uint8_t flags,
    const char *topic, const char *body_hex)
{
	struct buffer body = hex(body_hex);
	size_t topic_len = strlen(topic);
	uint8_t *bytes = malloc(FRAME_HEADER_SIZE + topic_len + body.len);
	size_t n =
	    frame_write_head(bytes, type, flags, topic, topic_len, body.len);

	memcpy(bytes + n, body.data, body.len);
	fake_say_bytes(fake, bytes, n + body.len);
	free(bytes);
	free(body.data);
}

void
fake_say_golden(struct fake *fake, const char *name)
{
	struct vectors vectors = vectors_read();
	const struct vector *v = vector_find(&vectors, name);

	fake_say_bytes(fake, v->frame.data, v->frame.len);
	vectors_free(&vectors);
}

void
fake_hang_up(struct fake *fake)
{
	close(fake->fd);
	fake->fd = -1;
	fake->len = fake->off = 0;
	(void)fake_settle(fake);
}

void
fake_welcome(struct fake *fake, bool has_requests, uint32_t max_frame,
    int64_t ping_interval_ms)
{
	struct msg_writer w = { 0 };
	uint8_t head[FRAME_HEADER_SIZE] = { 0 };

	(void)fake_hear(fake, FRAME_HELLO);
	msg_put_raw(&w, head, sizeof(head));
	msg_put_map(&w, 7 + (fake->reason != NULL));
	msg_put_str(&w, "server");
	msg_put_str(&w, "fake/1");
	msg_put_str(&w, "id");
	msg_put_int(&w, 7);
	msg_put_str(&w, "epoch");
	msg_put_int(&w, fake->is_restarted ? 2 : 1);
	msg_put_str(&w, "max_frame");
	msg_put_int(&w, max_frame);
	msg_put_str(&w, "max_topic");
	msg_put_int(&w, 64);
	msg_put_str(&w, "ping_interval_ms");
	msg_put_int(&w, ping_interval_ms);
	msg_put_str(&w, "features");
	msg_put_array(
	    &w, has_requests + !fake->lacks_stats + fake->has_failures);
	if (has_requests)
		msg_put_str(&w, "ask");
	if (!fake->lacks_stats)
		msg_put_str(&w, "stats");
	if (fake->has_failures)
		msg_put_str(&w, "failed");
	if (fake->reason != NULL) {
		msg_put_str(&w, "previous");
		msg_put_map(&w, fake->since_ms > 0 ? 4 : 2);
		msg_put_str(&w, "reason");
		msg_put_str(&w, fake->reason);
		msg_put_str(&w, "unwritten");
		msg_put_int(&w, 1234);
		if (fake->since_ms > 0) {
			msg_put_str(&w, "messages");
			msg_put_int(&w, 99);
			msg_put_str(&w, "since_ms");
			msg_put_int(&w, fake->since_ms);
		}
	}
	frame_write_head(
	    w.data, FRAME_WELCOME, 0, NULL, 0, w.len - FRAME_HEADER_SIZE);
	fake_say_bytes(fake, w.data, w.len);
	msg_writer_fini(&w);
}

void
fake_connect(struct fake *fake, struct pm2a_options options)
{
	fake_start(fake, options);
	(void)fake_settle(fake);
	fake_welcome(fake, true, 65536, 0);
	(void)fake_hear(fake, FRAME_PING);
	fake_say(fake, FRAME_PONG, 0, "", "");
	fake_expect(fake, "connect fake/1 7");
}

void
fake_rejoin(struct fake *fake)
{
	if (pm2a_fd(fake->p) < 0)
		fake_wait_for_attempt(fake);
	fake_welcome(fake, true, 65536, 0);
	fake_say(fake, FRAME_PONG, 0, "", "");
	fake_expect(fake, "connect fake/1 7");
}

void
fake_wait_for_attempt(struct fake *fake)
{
	int64_t deadline = pm2a_deadline_ms(fake->p);

	ck_assert_int_ge(deadline, fake_now_ms);
	ck_assert_int_eq(pm2a_fd(fake->p), -1);
	(void)fake_after(fake, deadline - fake_now_ms);
}
