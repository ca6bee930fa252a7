#include "cli/shell.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "pm2a.h"
#include "wire/json.h"

#define CLIENT_NAME "pm2adapterd"
#define UID_OF_ASKERS "pm2adapterd"

__attribute__((format(printf, 2, 3))) static int
complain(int code, const char *fmt, ...)
{
	va_list ap;

	fputs("pm2adapterd: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return code;
}

/* Prints the library's error `r`. Returns the exit code for it. */
static int
give_up(const struct shell *shell, int r)
{
	if (r == PM2A_E_AWAY)
		return complain(EX_UNAVAILABLE,
		    "%s: no daemon is running there", shell->socket);
	if (r == PM2A_E_ARGUMENT)
		return complain(EX_USAGE, "%s", pm2a_strerror(r));
	return complain(
	    EX_UNAVAILABLE, "%s: %s", shell->socket, pm2a_strerror(r));
}

static char *
normalize_nsp(const char *nsp, size_t len)
{
	char *out = xcalloc(len + 2, 1);

	out[0] = '/';
	if (len > 0)
		memcpy(out + (nsp[0] != '/'), nsp, len);
	return out;
}

/* Appends one argument, which is JSON. */
static bool
put_json(struct msg_writer *w, const char *text)
{
	struct json_why why;

	if (json_read(w, text, &why) == 0)
		return true;
	complain(EX_USAGE, "'%s' is not JSON: %s", text, why.text);
	return false;
}

static size_t
count(char **args)
{
	size_t n = 0;

	while (args[n] != NULL)
		n++;
	return n;
}

struct refusal {
	char text[300];
};

static void
on_refusal(struct pm2a *p, const char *code, const char *message, bool fatal,
    void *user)
{
	struct refusal *refusal = user;

	(void)p;
	(void)fatal;
	snprintf(refusal->text, sizeof(refusal->text), "%s: %s", code, message);
}

static int
emit(const struct shell *shell, const struct pm2a_emit *event)
{
	struct refusal refusal = { "" };
	const struct pm2a_options options = {
		.socket = shell->socket,
		.name = CLIENT_NAME " --emit",
		.key = shell->key,
		.role = PM2A_ROLE_EMITTER,
		.connect_timeout_ms =
		    shell->timeout_ms < 10 ? 10 : shell->timeout_ms,
		.callbacks = { .on_refusal = on_refusal },
		.user = &refusal,
	};
	struct pm2a *p;
	int r = pm2a_new(&options, &p);

	if (r != 0)
		return give_up(shell, r);
	r = pm2a_emit(p, event);
	if (r == 0)
		r = pm2a_finish(p, shell->timeout_ms);
	pm2a_free(p);
	if (r == PM2A_E_ARGUMENT)
		return complain(EX_USAGE,
		    "Socket.IO reserves the event '%s', or the namespace is "
		    "too long",
		    event->event);
	if (refusal.text[0] != '\0')
		return complain(EX_UNAVAILABLE, "%s", refusal.text);
	return r == 0 ? 0 : give_up(shell, r);
}

int
shell_emit(const struct shell *shell)
{
	const char *target = shell->args[0], *hash;
	struct pm2a_bytes room = { NULL, 0 };
	struct pm2a_emit event = { .rooms = &room };
	struct msg_writer w = { 0 };
	bool is_right = true;
	char *nsp;
	int code;

	if (count(shell->args) < 2)
		return complain(EX_USAGE,
		    "--emit wants a target, an event and its arguments");
	hash = strchr(target, '#');
	if (hash != NULL) {
		room = pm2a_str(hash + 1);
		event.n_rooms = 1;
	}
	if (hash != NULL && room.len == 0)
		return complain(EX_USAGE, "no room stands behind the #");
	for (char **arg = shell->args + 2; is_right && *arg != NULL; arg++)
		is_right = put_json(&w, *arg);
	nsp = normalize_nsp(
	    target, hash == NULL ? strlen(target) : (size_t)(hash - target));
	event.nsp = nsp;
	event.event = shell->args[1];
	event.args = pm2a_bytes(w.data, w.len);
	code = is_right ? emit(shell, &event) : EX_USAGE;
	free(nsp);
	msg_writer_fini(&w);
	return code;
}

static bool
put_rooms(struct msg_writer *w, char **args)
{
	msg_put_array(w, count(args));
	for (; *args != NULL; args++)
		msg_put_str(w, *args);
	return true;
}

static bool
put_filter(struct msg_writer *w, char **args)
{
	struct msg_open filter = msg_begin_map(w);

	msg_put_str(w, "rooms");
	put_rooms(w, args);
	msg_put_str(w, "except");
	msg_put_array(w, 0);
	msg_end_map(w, filter);
	return true;
}

static bool
put_nothing(struct msg_writer *w, char **args)
{
	(void)w;
	(void)args;
	return true;
}

static bool
put_strings(struct msg_writer *w, char **args)
{
	for (; *args != NULL; args++)
		msg_put_str(w, *args);
	return true;
}

static bool
put_disconnect(struct msg_writer *w, char **args)
{
	bool closes = args[1] != NULL;

	if (closes && strcmp(args[1], "close") != 0) {
		complain(EX_USAGE,
		    "disconnect: only the word close may follow the id");
		return false;
	}
	msg_put_str(w, args[0]);
	msg_put_bool(w, closes);
	return true;
}

static bool
put_data(struct msg_writer *w, char **args)
{
	if (args[0] != NULL)
		return put_json(w, args[0]);
	msg_put_nil(w);
	return true;
}

static bool
put_event(struct msg_writer *w, char **args)
{
	msg_put_array(w, count(args));
	msg_put_str(w, *args);
	while (*++args != NULL)
		if (!put_json(w, *args))
			return false;
	return true;
}

/* The questions of docs/PROTOCOL.md that are useful at a shell. */
static const struct kind {
	const char *name, *usage;
	enum pm2a_gather gather;
	size_t n_least, n_most; /* of arguments */
	size_t n_elements;      /* that they become */
	bool (*put)(struct msg_writer *w, char **args);
} kinds[] = {
	{ "clients", "[ROOM]...", PM2A_GATHER_UNION, 0, SIZE_MAX, 1,
	    put_rooms },
	{ "allRooms", "", PM2A_GATHER_UNION, 0, 0, 0, put_nothing },
	{ "clientRooms", "ID", PM2A_GATHER_FIRST, 1, 1, 1, put_strings },
	{ "remoteJoin", "ID ROOM", PM2A_GATHER_FIRST, 2, 2, 2, put_strings },
	{ "remoteLeave", "ID ROOM", PM2A_GATHER_FIRST, 2, 2, 2, put_strings },
	{ "remoteDisconnect", "ID [close]", PM2A_GATHER_FIRST, 1, 2, 2,
	    put_disconnect },
	{ "customRequest", "[JSON]", PM2A_GATHER_LIST, 0, 1, 1, put_data },
	{ "fetchSockets", "[ROOM]...", PM2A_GATHER_LIST, 0, SIZE_MAX, 1,
	    put_filter },
	{ "serverSideEmit", "EVENT [JSON]...", PM2A_GATHER_LIST, 1, SIZE_MAX, 1,
	    put_event },
};

static const struct kind *
find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (name != NULL && strcmp(name, kinds[i].name) == 0)
			return &kinds[i];
	complain(EX_USAGE, "--ask knows these questions:");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		fprintf(stderr, "  %s %s\n", kinds[i].name, kinds[i].usage);
	return NULL;
}

/* An open request, and its outcome. */
struct asking {
	const struct shell *shell;
	const struct kind *kind;
	int code;
};

static void
print_value(const struct pm2a_bytes *body)
{
	struct bytes b = bytes_over(body->data, body->len), ahead = b;

	if (msg_skip(&ahead) && bytes_left(&ahead) == 0)
		(void)json_print(stdout, &b);
	else
		fputs("null", stdout);
}

static void
print_text(const char *text)
{
	text_put_plain(stdout, text, strlen(text));
}

static void
print_answers(const struct kind *kind, const struct pm2a_result *result)
{
	for (size_t i = 0; i < result->n_answers; i++) {
		const struct pm2a_answer *answer = &result->answers[i];

		if (kind->gather == PM2A_GATHER_UNION) {
			text_put_plain(
			    stdout, answer->body.data, answer->body.len);
		} else {
			printf("%llu\t", (unsigned long long)answer->id);
			print_text(answer->name);
			fputc('\t', stdout);
			print_value(&answer->body);
		}
		fputc('\n', stdout);
	}
}

static void
print_string(const char *key, const char *value, const char *behind)
{
	printf("\"%s\":", key);
	text_put_json(stdout, value, strlen(value));
	fputs(behind, stdout);
}

static void
print_answer_json(const struct kind *kind, const struct pm2a_answer *answer)
{
	if (kind->gather == PM2A_GATHER_UNION) {
		text_put_json(stdout, answer->body.data, answer->body.len);
		return;
	}
	printf("{\"id\":%llu,", (unsigned long long)answer->id);
	print_string("name", answer->name, ",\"answer\":");
	print_value(&answer->body);
	fputc('}', stdout);
}

static void
print_result_json(const struct kind *kind, const struct pm2a_result *result)
{
	static const char *const outcomes[] = { "complete", "found", "unknown",
		"timeout" };

	printf("{\"outcome\":\"%s\",\"expected\":%u,\"answered\":%u,"
	       "\"missing\":[",
	    outcomes[result->outcome], result->expected, result->answered);
	for (size_t i = 0; i < result->n_missing; i++) {
		const struct pm2a_missing *missing = &result->missing[i];

		printf("%s{\"id\":%llu,", i == 0 ? "" : ",",
		    (unsigned long long)missing->id);
		print_string("name", missing->name, ",");
		print_string("reason", missing->reason, "}");
	}
	fputs("],\"answers\":[", stdout);
	for (size_t i = 0; i < result->n_answers; i++) {
		fputs(i == 0 ? "" : ",", stdout);
		print_answer_json(kind, &result->answers[i]);
	}
	fputs("]}\n", stdout);
}

/* Prints the names of missing workers. Returns the exit code. */
static int
judge(const struct asking *asking, const struct pm2a_result *result)
{
	int code = result->outcome == PM2A_TIMEDOUT ? EX_TEMPFAIL : 0;

	for (size_t i = 0; i < result->n_missing; i++) {
		fputs("pm2adapterd: no answer from ", stderr);
		text_put_plain(stderr, result->missing[i].name,
		    strlen(result->missing[i].name));
		fprintf(stderr, " (%llu): %s\n",
		    (unsigned long long)result->missing[i].id,
		    result->missing[i].reason);
		if (strcmp(result->missing[i].reason, "left") != 0)
			code = EX_TEMPFAIL;
	}
	if (result->expected == 0)
		return complain(EX_UNAVAILABLE,
		    "no worker serves the namespace %s of %s",
		    asking->shell->nsp, asking->shell->key);
	if (result->outcome == PM2A_UNKNOWN)
		return complain(EX_NOINPUT, "no worker has the socket %s",
		    asking->shell->args[1]);
	return code;
}

static void
on_result(struct pm2a *p, const struct pm2a_result *result, void *arg)
{
	struct asking *asking = arg;

	pm2a_stop(p);
	if (result->error == PM2A_E_REFUSED) {
		asking->code = complain(
		    EX_UNAVAILABLE, "the daemon refuses: %s", result->refusal);
		return;
	}
	if (result->error != 0) {
		asking->code = give_up(asking->shell, result->error);
		return;
	}
	if (asking->shell->as_json)
		print_result_json(asking->kind, result);
	else
		print_answers(asking->kind, result);
	asking->code = judge(asking, result);
	if (fflush(stdout) != 0)
		asking->code = EX_IOERR;
}

static int
ask(struct asking *asking, struct pm2a_bytes topic, struct pm2a_bytes body)
{
	const struct shell *shell = asking->shell;
	const struct pm2a_options options = {
		.socket = shell->socket,
		.name = CLIENT_NAME " --ask",
		.key = shell->key,
		.role = PM2A_ROLE_EMITTER,
	};
	struct pm2a *p;
	int r = pm2a_new(&options, &p);

	if (r != 0)
		return give_up(shell, r);
	asking->code = -1;
	r = pm2a_ask(p, &(struct pm2a_ask){
			    .topics = &topic,
			    .n_topics = 1,
			    .body = body,
			    .gather = asking->kind->gather,
			    .timeout_ms = shell->timeout_ms,
			    .on_result = on_result,
			    .arg = asking,
			});
	while (r == 0 && asking->code < 0)
		r = pm2a_run(p, -1);
	pm2a_free(p);
	return asking->code >= 0 ? asking->code : give_up(shell, r);
}

int
shell_ask(const struct shell *shell)
{
	struct asking asking = { .shell = shell };
	struct shell named = *shell;
	struct msg_writer body = { 0 };
	char *nsp, *topic;
	size_t n_args, size;
	int code = EX_USAGE;

	asking.kind = find_kind(shell->args[0]);
	if (asking.kind == NULL)
		return EX_USAGE;
	n_args = count(shell->args + 1);
	if (n_args < asking.kind->n_least || n_args > asking.kind->n_most)
		return complain(EX_USAGE, "--ask %s %s", asking.kind->name,
		    asking.kind->usage);
	nsp = normalize_nsp(shell->nsp, strlen(shell->nsp));
	named.nsp = nsp;
	asking.shell = &named;
	msg_put_array(&body, 3 + asking.kind->n_elements);
	msg_put_str(&body, UID_OF_ASKERS);
	msg_put_str(&body, nsp);
	msg_put_str(&body, asking.kind->name);
	size = strlen(shell->key) + strlen(nsp) + 3;
	topic = xcalloc(size, 1);
	snprintf(topic, size, "%s#%s#", shell->key, nsp);
	if (asking.kind->put(&body, shell->args + 1))
		code = ask(
		    &asking, pm2a_str(topic), pm2a_bytes(body.data, body.len));
	free(topic);
	free(nsp);
	msg_writer_fini(&body);
	return code;
}
