#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/text.h"
#include "cli/shell.h"
#include "pm2a.h"
#include "wire/json.h"

struct tail {
	const struct shell *shell;
	bool was_connected;
	int code; /* or -1 while it goes on */
};

static void
on_connect(struct pm2a *p, const struct pm2a_welcome *welcome, void *user)
{
	struct tail *tail = user;

	(void)p;
	fprintf(stderr, "pm2adapterd: connected to %s at %s\n", welcome->server,
	    tail->shell->socket);
	tail->was_connected = true;
}

static void
on_disconnect(struct pm2a *p, int why, const char *text, void *user)
{
	(void)p;
	(void)why;
	(void)user;
	fprintf(stderr, "pm2adapterd: disconnected: %s\n", text);
}

static void
on_connect_error(struct pm2a *p, int why, const char *text, void *user)
{
	struct tail *tail = user;

	(void)p;
	if (tail->was_connected)
		return;
	fprintf(stderr, "pm2adapterd: %s: %s\n", tail->shell->socket,
	    why == PM2A_E_AWAY ? "no daemon is running there" : text);
	tail->code = EX_UNAVAILABLE;
}

static void
on_missed(struct pm2a *p, const struct pm2a_missed *missed, void *user)
{
	(void)p;
	(void)user;
	fprintf(stderr,
	    "pm2adapterd: messages of %" PRId64 " ms were missed: %s, %" PRIu64
	    " messages (%" PRIu64 " bytes) thrown away\n",
	    missed->away_ms, missed->reason, missed->messages,
	    missed->unwritten);
}

static void
on_refusal(struct pm2a *p, const char *code, const char *message, bool fatal,
    void *user)
{
	struct tail *tail = user;

	(void)p;
	(void)fatal;
	if (strcmp(code, "dropped") == 0) {
		fprintf(stderr, "pm2adapterd: %s\n", message);
		return;
	}
	fprintf(stderr, "pm2adapterd: %s: %s\n", code, message);
	tail->code = EX_UNAVAILABLE;
}

/* The parts of a payload of Socket.IO: [uid, packet, opts]. */
struct parts {
	struct bytes uid, packet, event, args;
	uint64_t n_args;
};

/* Reads a str if it equals this one. */
static bool
is_key(struct bytes *b, const char *key)
{
	struct msg_token t;

	return msg_take(b, &t) && t.type == MSG_STR && t.len == strlen(key) &&
	       memcmp(t.data, key, t.len) == 0;
}

/* The value of a key of the map at b. */
static bool
find_value(struct bytes b, const char *key, struct bytes *out)
{
	struct msg_token t;

	if (!msg_take(&b, &t) || t.type != MSG_MAP)
		return false;
	for (uint64_t i = 0; i < t.n_children / 2; i++) {
		struct bytes at = b;
		bool is_found = is_key(&at, key);

		if (!msg_skip(&b))
			return false;
		*out = b;
		if (is_found)
			return true;
		if (!msg_skip(&b))
			return false;
	}
	return false;
}

/* Whether the body is one value, and an array as the emitters write it. */
static bool
read_parts(struct bytes b, struct parts *out)
{
	struct msg_token t;
	struct bytes data;

	if (!msg_take(&b, &t) || t.type != MSG_ARRAY || t.n_children < 2)
		return false;
	out->uid = b;
	if (!msg_skip(&b))
		return false;
	out->packet = b;
	out->n_args = 0;
	if (find_value(out->packet, "cmd", &out->event))
		return true;
	if (!find_value(out->packet, "data", &data) || !msg_take(&data, &t) ||
	    t.type != MSG_ARRAY || t.n_children == 0)
		return false;
	out->event = data;
	if (!msg_skip(&data))
		return false;
	out->args = data;
	out->n_args = t.n_children - 1;
	return true;
}

/* A str as plain text, and anything else as JSON. */
static void
print_word(struct bytes b)
{
	struct bytes at = b;
	struct msg_token t;

	if (msg_take(&at, &t) && t.type == MSG_STR)
		text_put_plain(stdout, (const char *)t.data, t.len);
	else
		(void)json_print(stdout, &b);
}

static void
print_row(const struct pm2a_message *message, struct parts *parts)
{
	for (size_t i = 0; i < message->n_topics; i++) {
		fputs(i == 0 ? "" : " ", stdout);
		text_put_plain(
		    stdout, message->topics[i].data, message->topics[i].len);
	}
	fputc('\t', stdout);
	if (parts == NULL) {
		printf("-\t-\t%zu bytes\n", message->body.len);
		return;
	}
	print_word(parts->uid);
	fputc('\t', stdout);
	print_word(parts->event);
	fputc('\t', stdout);
	if (parts->n_args == 0 && parts->args.at == NULL)
		(void)json_print(stdout, &parts->packet);
	for (uint64_t i = 0; i < parts->n_args; i++) {
		fputs(i == 0 ? "" : " ", stdout);
		(void)json_print(stdout, &parts->args);
	}
	fputc('\n', stdout);
}

static void
print_object(
    const struct pm2a_message *message, struct bytes body, bool is_value)
{
	fputs("{\"topics\":[", stdout);
	for (size_t i = 0; i < message->n_topics; i++) {
		fputs(i == 0 ? "" : ",", stdout);
		text_put_json(
		    stdout, message->topics[i].data, message->topics[i].len);
	}
	fputs("],\"payload\":", stdout);
	if (is_value)
		(void)json_print(stdout, &body);
	else
		fputs("null", stdout);
	printf(",\"bytes\":%zu}\n", message->body.len);
}

static void
on_message(struct pm2a *p, const struct pm2a_message *message, void *user)
{
	struct bytes body = bytes_over(message->body.data, message->body.len);
	struct bytes ahead = body;
	struct parts parts = { .n_args = 0 };
	struct tail *tail = user;
	bool is_value = msg_skip(&ahead) && bytes_left(&ahead) == 0;

	(void)p;
	if (tail->shell->as_json)
		print_object(message, body, is_value);
	else
		print_row(message,
		    is_value && read_parts(body, &parts) ? &parts : NULL);
	if (fflush(stdout) != 0)
		tail->code = EX_IOERR;
}

static int
subscribe(struct pm2a *p, const char *topic)
{
	size_t len = strlen(topic);

	if (len > 0 && topic[len - 1] == '*')
		return pm2a_subscribe(
		    p, PM2A_PREFIX, pm2a_bytes(topic, len - 1));
	return pm2a_subscribe(p, PM2A_EXACT, pm2a_str(topic));
}

static int
open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void
follow(struct tail *tail, struct pm2a *p, int signals)
{
	int r = 0;

	while (tail->code < 0) {
		struct pollfd fds[] = {
			{ .fd = pm2a_fd(p), .events = pm2a_events(p) },
			{ .fd = signals, .events = POLLIN },
		};

		if (poll(fds, 2, pm2a_timeout_ms(p)) < 0 && errno != EINTR)
			tail->code = EX_OSERR;
		else if (fds[1].revents != 0)
			tail->code = 0;
		else
			r = pm2a_dispatch(p, fds[0].revents);
		if (r != 0)
			fprintf(stderr, "pm2adapterd: %s\n", pm2a_strerror(r));
	}
}

int
shell_tail(const struct shell *shell)
{
	struct tail tail = { .shell = shell, .code = -1 };
	const struct pm2a_options options = {
		.socket = shell->socket,
		.name = "pm2adapterd --tail",
		.key = shell->key,
		.role = PM2A_ROLE_OBSERVER,
		.callbacks = { .on_connect = on_connect,
		    .on_disconnect = on_disconnect,
		    .on_connect_error = on_connect_error,
		    .on_message = on_message,
		    .on_refusal = on_refusal,
		    .on_missed = on_missed },
		.user = &tail,
	};
	struct pm2a *p = NULL;
	int signals, r;

	if (shell->args[0] == NULL || shell->args[1] != NULL) {
		fputs("pm2adapterd: --tail wants one topic\n", stderr);
		return EX_USAGE;
	}
	signals = open_signals();
	r = pm2a_new(&options, &p);
	if (r == 0)
		r = subscribe(p, shell->args[0]);
	if (r == 0 && signals >= 0)
		follow(&tail, p, signals);
	pm2a_free(p);
	if (signals >= 0)
		close(signals);
	if (r != 0)
		fprintf(stderr, "pm2adapterd: %s: %s\n", shell->args[0],
		    pm2a_strerror(r));
	return tail.code >= 0 ? tail.code : EX_USAGE;
}
