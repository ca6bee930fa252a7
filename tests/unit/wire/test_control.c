#include "wire/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/support.h"
#include "wire/sent.h"
#include "wire/frame.h"

static struct control_hello hello;
static struct control_stats stats;
static struct control_why why;

static int
read_golden_hello(const char *name)
{
	struct vectors vectors = vectors_read();
	const struct vector *v = vector_find(&vectors, name);
	int r = control_read_hello(v->body.data, v->body.len, &hello, &why);

	vectors_free(&vectors);
	return r;
}

TEST(the_least_hello_has_only_what_is_required)
{
	ck_assert_int_eq(read_golden_hello("hello-least"), 0);
	ck_assert_str_eq(hello.name, "app");
	ck_assert_str_eq(hello.client, "");
	ck_assert_str_eq(hello.key, "");
	ck_assert_str_eq(hello.script, "");
	ck_assert_int_eq(hello.role, CONTROL_MEMBER);
	ck_assert_int_eq(hello.pid, 0);
	ck_assert_int_eq(hello.pm_id, -1);
	ck_assert_uint_eq(hello.previous.id, 0);
}

TEST(the_full_hello_has_every_key)
{
	ck_assert_int_eq(read_golden_hello("hello-full"), 0);
	ck_assert_str_eq(hello.name, "chat");
	ck_assert_str_eq(hello.client, "socket.io-pm2adapter/0.1.0");
	ck_assert_str_eq(hello.key, "socket.io");
	ck_assert_str_eq(hello.script, "/srv/chat/server.js");
	ck_assert_int_eq(hello.role, CONTROL_MEMBER);
	ck_assert_int_eq(hello.pid, 4711);
	ck_assert_int_eq(hello.pm_id, 3);
}

TEST(who_comes_again_says_which_connection_it_had)
{
	ck_assert_int_eq(read_golden_hello("hello-again"), 0);
	ck_assert_int_eq(hello.previous.epoch_ms, 1700000000000);
	ck_assert_uint_eq(hello.previous.id, 7);
}

TEST(an_observer_says_so)
{
	ck_assert_int_eq(read_golden_hello("hello-observer"), 0);
	ck_assert_int_eq(hello.role, CONTROL_OBSERVER);
}

static void
put_hex(struct msg_writer *w, const char *digits)
{
	struct buffer bytes = hex(digits);

	msg_put_raw(w, bytes.data, bytes.len);
	free(bytes.data);
}

/* A HELLO that would be fine but for the value of key; without a value, but
 * for key's absence. */
static int
read_hello_with(const char *key, const char *value_hex)
{
	static const struct {
		const char *key, *hex;
	} base[] = {
		{ "protocol", "01" },
		{ "name", "a3617070" },
	};
	struct msg_writer w = { 0 };
	size_t n = value_hex != NULL;
	int r;

	for (size_t i = 0; i < N_ELEMENTS(base); i++)
		n += strcmp(base[i].key, key) != 0;
	msg_put_map(&w, n);
	for (size_t i = 0; i < N_ELEMENTS(base); i++)
		if (strcmp(base[i].key, key) != 0) {
			msg_put_str(&w, base[i].key);
			put_hex(&w, base[i].hex);
		}
	if (value_hex != NULL) {
		msg_put_str(&w, key);
		put_hex(&w, value_hex);
	}
	memset(&why, 0, sizeof(why));
	r = control_read_hello(w.data, w.len, &hello, &why);
	msg_writer_fini(&w);
	return r;
}

#define EPOCH "a5 65706f6368 "
#define ID "a2 6964 "

static const struct {
	const char *key, *hex;
	int r;
	const char *says;
} hellos[] = {
	{ "protocol", NULL, CONTROL_E_FIELD, "protocol is missing" },
	{ "protocol", "a131", CONTROL_E_FIELD, "protocol is not an integer" },
	{ "protocol", "c0", CONTROL_E_FIELD, "protocol is not an integer" },
	{ "protocol", "cb3ff0000000000000", CONTROL_E_FIELD, "not an integer" },
	{ "protocol", "00", CONTROL_E_VERSION, "protocol is not 1" },
	{ "protocol", "02", CONTROL_E_VERSION, "protocol is not 1" },
	{ "protocol", "ff", CONTROL_E_VERSION, "protocol is not 1" },
	{ "protocol", "cfffffffffffffffff", CONTROL_E_VERSION, "is not 1" },
	{ "protocol", "d301ffffffffffffff", CONTROL_E_VERSION, "is not 1" },
	{ "protocol", "cf0000000000000001", 0, "" },
	{ "name", NULL, CONTROL_E_FIELD, "name is missing or empty" },
	{ "name", "a0", CONTROL_E_FIELD, "name is missing or empty" },
	{ "name", "07", CONTROL_E_FIELD, "name is not a str" },
	{ "name", "c0", CONTROL_E_FIELD, "name is not a str" },
	{ "name", "c40161", CONTROL_E_FIELD, "name is not a str" },
	{ "name", "a3610062", CONTROL_E_FIELD, "name has a zero byte" },
	{ "name", "a100", CONTROL_E_FIELD, "name has a zero byte" },
	{ "name", "a161", 0, "" },
	{ "pid", "a131", CONTROL_E_FIELD, "pid is not an integer" },
	{ "pid", "00", CONTROL_E_FIELD, "pid is 0; the range is 1 to" },
	{ "pid", "ff", CONTROL_E_FIELD, "pid is -1; the range is 1 to" },
	{ "pid", "ce80000000", CONTROL_E_FIELD, "pid is 2147483648" },
	{ "pid", "cfffffffffffffffff", CONTROL_E_FIELD, "pid is not" },
	{ "pid", "01", 0, "" },
	{ "pid", "ce7fffffff", 0, "" },
	{ "client", "01", CONTROL_E_FIELD, "client is not a str" },
	{ "client", "a100", CONTROL_E_FIELD, "client has a zero byte" },
	{ "client", "a0", 0, "" },
	{ "key", "90", CONTROL_E_FIELD, "key is not a str" },
	{ "key", "a100", CONTROL_E_FIELD, "key has a zero byte" },
	{ "key", "a0", 0, "" },
	{ "script", "c3", CONTROL_E_FIELD, "script is not a str" },
	{ "script", "a100", CONTROL_E_FIELD, "script has a zero byte" },
	{ "script", "a0", 0, "" },
	{ "role", "01", CONTROL_E_FIELD, "role is not a str" },
	{ "role", "a0", CONTROL_E_FIELD, "role is none of" },
	{ "role", "a5626f737378", CONTROL_E_FIELD, "role is none of" },
	{ "role", "a7656d697474657273", CONTROL_E_BODY, "" },
	{ "role", "a8656d697474657273", CONTROL_E_FIELD, "role is none of" },
	{ "role", "b061616161616161616161616161616161", CONTROL_E_FIELD,
	    "role has 16 bytes; at most 15" },
	{ "role", "a6 6d656d626572", 0, "" },
	{ "role", "a7 656d6974746572", 0, "" },
	{ "role", "a8 6f62736572766572", 0, "" },
	{ "pm_id", "a130", CONTROL_E_FIELD, "pm_id is not an integer" },
	{ "pm_id", "ff", CONTROL_E_FIELD, "pm_id is -1; the range is 0 to" },
	{ "pm_id", "c0", CONTROL_E_FIELD, "pm_id is not an integer" },
	{ "pm_id", "00", 0, "" },
	{ "previous", "c0", CONTROL_E_FIELD, "previous is not a map" },
	{ "previous", "9201 02", CONTROL_E_FIELD, "previous is not a map" },
	{ "previous", "80", CONTROL_E_FIELD, "no epoch or no id" },
	{ "previous", "81" EPOCH "01", CONTROL_E_FIELD, "no epoch or no id" },
	{ "previous", "81" ID "01", CONTROL_E_FIELD, "no epoch or no id" },
	{ "previous", "82" EPOCH "ff" ID "01", CONTROL_E_FIELD, "epoch is -1" },
	{ "previous", "82" EPOCH "c0" ID "01", CONTROL_E_FIELD, "epoch is" },
	{ "previous", "82" EPOCH "01" ID "00", CONTROL_E_FIELD, "id is 0" },
	{ "previous", "82" EPOCH "01" ID "a131", CONTROL_E_FIELD, "id is not" },
	{ "previous", "82" EPOCH "00" ID "01", 0, "" },
	{ "previous", "83" EPOCH "00" ID "01 a161 c0", 0, "" },
	{ "unknown", "c0", 0, "" },
	{ "unknown", "81a16190", 0, "" },
};

TEST_EACH(each_key_of_hello_is_checked, hellos)
{
	int r = read_hello_with(hellos[row].key, hellos[row].hex);

	ck_assert_msg(
	    r == hellos[row].r, "%s: %d, %s", hellos[row].key, r, why.text);
	if (hellos[row].r != 0)
		ck_assert_msg(
		    strstr(why.text, hellos[row].says) != NULL, "%s", why.text);
}

static const struct {
	const char *key;
	size_t max, field;
} strings[] = {
	{ "name", 128, offsetof(struct control_hello, name) },
	{ "client", 64, offsetof(struct control_hello, client) },
	{ "key", 256, offsetof(struct control_hello, key) },
	{ "script", 1024, offsetof(struct control_hello, script) },
};

TEST_EACH(a_string_of_its_longest_is_taken_whole_and_no_longer_one, strings)
{
	char digits[2 * 1025 + 16], *at;

	for (size_t len = strings[row].max; len <= strings[row].max + 1;
	     len++) {
		at = digits + sprintf(digits, "da%04zx", len);
		for (size_t i = 0; i < len; i++)
			at += sprintf(at, "61");
		ck_assert_int_eq(read_hello_with(strings[row].key, digits),
		    len == strings[row].max ? 0 : CONTROL_E_FIELD);
		if (len == strings[row].max)
			ck_assert_uint_eq(
			    strlen((char *)&hello + strings[row].field), len);
	}
	ck_assert_ptr_nonnull(strstr(why.text, strings[row].key));
}

static const char *const no_maps[] = { "", "c0", "90", "9101", "a161", "81a161",
	"80c0", "c1", "dfffffffff", "8181818180" };

TEST_EACH(a_body_that_is_no_map_is_told_from_a_wrong_key, no_maps)
{
	struct buffer bytes = hex(no_maps[row]);

	memset(&why, 0, sizeof(why));
	ck_assert_int_eq(
	    control_read_hello(bytes.data, bytes.len, &hello, &why),
	    CONTROL_E_BODY);
	ck_assert_str_ne(why.text, "");
	memset(&why, 0, sizeof(why));
	ck_assert_int_eq(
	    control_read_stats(bytes.data, bytes.len, &stats, &why),
	    CONTROL_E_BODY);
	ck_assert_str_ne(why.text, "");
	free(bytes.data);
}

#define SECTIONS "a8 73656374696f6e73 "
#define SORT "a4 736f7274 "
#define LIMIT "a5 6c696d6974 "
#define OVERVIEW "a8 6f76657276696577 "

static const struct {
	const char *hex;
	int r;
	unsigned sections; /* a bit for each */
	uint32_t n_rows;
} asked[] = {
	{ "80", 0, 1 << CONTROL_OVERVIEW, 100 },
	{ "81 a161 c0", 0, 1 << CONTROL_OVERVIEW, 100 },
	{ "81" SECTIONS "90", 0, 0, 100 },
	{ "81" SECTIONS "91" OVERVIEW, 0, 1, 100 },
	{ "81" SECTIONS "92" OVERVIEW OVERVIEW, 0, 1, 100 },
	{ "81" SECTIONS "95" OVERVIEW "a7636c69656e7473 a6746f70696373"
	  "a6636c6f736564 a6636f6e666967",
	    0,
	    1 << CONTROL_OVERVIEW | 1 << CONTROL_CLIENTS | 1 << CONTROL_TOPICS |
		1 << CONTROL_CLOSED | 1 << CONTROL_CONFIG,
	    100 },
	{ "81" SECTIONS "92 a87265717565737473 a4736c6f77", 0,
	    1 << CONTROL_REQUESTS | 1 << CONTROL_SLOW, 100 },
	{ "81" LIMIT "01", 0, 1, 1 },
	{ "81" LIMIT "cd03e8", 0, 1, 1000 },
	{ "81" LIMIT "cd03e9", CONTROL_E_FIELD, 0, 0 },
	{ "81" LIMIT "00", CONTROL_E_FIELD, 0, 0 },
	{ "81" LIMIT "ff", CONTROL_E_FIELD, 0, 0 },
	{ "81" LIMIT "a131", CONTROL_E_FIELD, 0, 0 },
	{ "81" LIMIT "c0", CONTROL_E_FIELD, 0, 0 },
	{ "81" SORT "c0", CONTROL_E_FIELD, 0, 0 },
	{ "81" SORT
	  "d921 3031323334353637383930313233343536373839303132333435363738"
	  "39303132",
	    CONTROL_E_FIELD, 0, 0 },
	{ "81" SECTIONS "c0", CONTROL_E_FIELD, 0, 0 },
	{ "81" SECTIONS OVERVIEW, CONTROL_E_FIELD, 0, 0 },
	{ "81" SECTIONS "80", CONTROL_E_FIELD, 0, 0 },
	{ "81" SECTIONS "91 07", CONTROL_E_BODY, 0, 0 },
	{ "81" SECTIONS "91 a0", CONTROL_E_SECTION, 0, 0 },
	{ "81" SECTIONS "91 a9 6f7665727669657773", CONTROL_E_SECTION, 0, 0 },
	{ "81" SECTIONS "92" OVERVIEW "a17a", CONTROL_E_SECTION, 0, 0 },
};

TEST_EACH(the_body_of_stats_says_what_is_wanted, asked)
{
	struct buffer bytes = hex(asked[row].hex);

	memset(&why, 0, sizeof(why));
	ck_assert_int_eq(
	    control_read_stats(bytes.data, bytes.len, &stats, &why),
	    asked[row].r);
	if (asked[row].r == 0) {
		for (unsigned i = 0; i < CONTROL_N_SECTIONS; i++)
			ck_assert_int_eq(stats.wanted[i],
			    (asked[row].sections & 1u << i) != 0);
		ck_assert_uint_eq(stats.n_rows, asked[row].n_rows);
	} else {
		ck_assert_str_ne(why.text, "");
	}
	free(bytes.data);
}

/* Each puts the frame of the golden one of the same name. */
static void
put_welcome(struct msg_writer *w)
{
	control_write_welcome(
	    w, &(struct control_welcome){ "pm2adapterd/0.1.0", 7, 1700000000000,
		   16777216, 4096, 30000, NULL, false });
}

static void
put_welcome_handles(struct msg_writer *w)
{
	control_write_welcome(
	    w, &(struct control_welcome){ "pm2adapterd/0.1.0", 7, 1700000000000,
		   16 << 20, 4096, 30000, NULL, true });
}

static void
put_welcome_again(struct msg_writer *w)
{
	control_write_welcome(w, &(struct control_welcome){ "pm2adapterd/0.1.0",
				     9, 1700000000000, 16777216, 4096, 30000,
				     &(struct control_ending){ "slow-consumer",
					 67108800, 70000, 7412 },
				     false });
}

static void
put_joined(struct msg_writer *w)
{
	control_write_presence(w, &(struct control_presence){
				      "socket.io#/#", 12, true, 7, "chat", 4 });
}

static void
put_left(struct msg_writer *w)
{
	control_write_presence(w, &(struct control_presence){ "socket.io#/#",
				      12, false, 7, "chat", 3 });
}

static void
put_error(struct msg_writer *w)
{
	control_write_error(w, "topic-too-long",
	    "SUBSCRIBE: a topic of 5000 bytes; max-topic is 4096", false);
}

static void
put_fatal(struct msg_writer *w)
{
	control_write_error(
	    w, "bad-frame", "a topic of 9 bytes in a frame of 4", true);
}

static void
put_goodbye(struct msg_writer *w)
{
	control_write_goodbye(w, "shutdown", 100);
}

static void
put_stats_reply(struct msg_writer *w)
{
	size_t start = control_begin(w);

	msg_put_map(w, 1);
	msg_put_str(w, "overview");
	msg_put_map(w, 2);
	msg_put_str(w, "uptime_ms");
	msg_put_int(w, 1234);
	msg_put_str(w, "connections");
	msg_put_int(w, 2);
	control_end(w, start, FRAME_STATS_REPLY);
}

static const struct {
	const char *name;
	void (*put)(struct msg_writer *w);
} writers[] = {
	{ "welcome", put_welcome },
	{ "welcome-handles", put_welcome_handles },
	{ "welcome-again", put_welcome_again },
	{ "presence-joined", put_joined },
	{ "presence-left", put_left },
	{ "error", put_error },
	{ "error-fatal", put_fatal },
	{ "goodbye", put_goodbye },
	{ "stats-reply", put_stats_reply },
};

TEST_EACH(a_written_frame_is_the_golden_one, writers)
{
	struct vectors vectors = vectors_read();
	const struct vector *v = vector_find(&vectors, writers[row].name);
	struct msg_writer w = { 0 };

	writers[row].put(&w);
	ck_assert(!w.fault);
	ck_assert_uint_eq(w.len, v->frame.len);
	ck_assert_mem_eq(w.data, v->frame.data, w.len);
	msg_writer_fini(&w);
	vectors_free(&vectors);
}

TEST(frames_are_appended_to_what_is_there)
{
	struct vectors vectors = vectors_read();
	struct msg_writer w = { 0 };
	size_t at = 0;

	for (size_t i = 0; i < N_ELEMENTS(writers); i++)
		writers[i].put(&w);
	for (size_t i = 0; i < N_ELEMENTS(writers); i++) {
		const struct vector *v = vector_find(&vectors, writers[i].name);

		ck_assert_uint_le(at + v->frame.len, w.len);
		ck_assert_mem_eq(w.data + at, v->frame.data, v->frame.len);
		at += v->frame.len;
	}
	ck_assert_uint_eq(at, w.len);
	msg_writer_fini(&w);
	vectors_free(&vectors);
}

TEST(a_written_hello_reads_the_same)
{
	static const enum control_role roles[] = { CONTROL_MEMBER,
		CONTROL_EMITTER, CONTROL_OBSERVER };

	for (size_t i = 0; i < N_ELEMENTS(roles); i++) {
		struct msg_writer w = { 0 };
		struct frame f;

		sent_write_hello(&w, &(struct sent_hello){ .name = "stats",
					 .client = "pm2adapterd/0.1.0",
					 .role = control_role_name(roles[i]),
					 .pid = 4711,
					 .pm_id = -1 });
		ck_assert_int_eq(
		    frame_peek(w.data, w.len, 4096, &f), FRAME_READY);
		ck_assert_uint_eq(f.size, w.len);
		ck_assert_uint_eq(f.type, FRAME_HELLO);
		ck_assert_int_eq(
		    control_read_hello(f.body, f.body_len, &hello, &why), 0);
		ck_assert_str_eq(hello.name, "stats");
		ck_assert_str_eq(hello.client, "pm2adapterd/0.1.0");
		ck_assert_int_eq(hello.role, roles[i]);
		ck_assert_int_eq(hello.pid, 4711);
		msg_writer_fini(&w);
	}
}

TEST(sections_and_roles_have_the_names_of_the_protocol)
{
	static const char *const sections[] = { "overview", "clients", "topics",
		"requests", "closed", "slow", "config" };
	static const char *const roles[] = { "member", "emitter", "observer" };

	ck_assert_uint_eq(N_ELEMENTS(sections), CONTROL_N_SECTIONS);
	for (unsigned i = 0; i < N_ELEMENTS(sections); i++)
		ck_assert_str_eq(
		    control_section_name((enum control_section)i), sections[i]);
	for (unsigned i = 0; i < N_ELEMENTS(roles); i++)
		ck_assert_str_eq(
		    control_role_name((enum control_role)i), roles[i]);
}

TEST(what_stats_is_sorted_by_is_read_as_it_was_written)
{
	static const char *const sections[] = { "clients" };
	struct msg_writer w = { 0 };
	struct frame f;

	sent_write_stats(
	    &w, &(struct sent_stats){ sections, 1, 10, "queue_bytes" });
	ck_assert_int_eq(frame_peek(w.data, w.len, 1024, &f), FRAME_READY);
	ck_assert_int_eq(
	    control_read_stats(f.body, f.body_len, &stats, &why), 0);
	ck_assert_str_eq(stats.sort, "queue_bytes");
	ck_assert_uint_eq(stats.n_rows, 10);
	ck_assert(stats.wanted[CONTROL_CLIENTS]);
	msg_writer_fini(&w);
}
