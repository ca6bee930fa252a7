#include "wire/adapter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

#define LINE_MAX 4096

/* A block of tests/vectors/adapter.txt; fields that it lacks are empty. */
struct block {
	char name[64], kind[16];
	struct buffer body, packet, request, sharded;
};

static void
read_field(struct block *block, const char *key, const char *value)
{
	if (strcmp(key, "name") == 0)
		snprintf(block->name, sizeof(block->name), "%s", value);
	else if (strcmp(key, "kind") == 0)
		snprintf(block->kind, sizeof(block->kind), "%s", value);
	else if (strcmp(key, "body") == 0)
		block->body = hex(value);
	else if (strcmp(key, "packet") == 0)
		block->packet = hex(value);
	else if (strcmp(key, "sharded") == 0)
		block->sharded = hex(value);
	else if (strcmp(key, "request") == 0)
		block->request = exactly(value, strlen(value));
	else if (strcmp(key, "sharded-text") == 0)
		block->sharded = exactly(value, strlen(value));
	else
		ck_abort_msg("an unknown key: %s", key);
}

/* The next block; false at the end of the file. */
static bool
read_block(FILE *file, struct block *block)
{
	char line[LINE_MAX], *value;

	*block = (struct block){ 0 };
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		value = strstr(line, ": ");
		if (value == NULL && block->name[0] != '\0')
			break;
		if (value == NULL || line[0] == '#')
			continue;
		*value = '\0';
		read_field(block, line, value + 2);
	}
	return block->name[0] != '\0';
}

static void
free_block(struct block *block)
{
	free(block->body.data);
	free(block->packet.data);
	free(block->request.data);
	free(block->sharded.data);
}

static void
check(const struct block *block, const char *what,
    int (*put)(struct msg_writer *w, const struct adapter_message *m),
    const struct adapter_message *m, const struct buffer *wanted)
{
	struct msg_writer w = { 0 };
	int e;

	if (wanted->len == 0)
		return;
	msg_put_nil(&w); /* it is appended */
	e = put(&w, m);
	ck_assert_msg(e == 0 && w.len == wanted->len + 1 &&
			  memcmp(w.data + 1, wanted->data, wanted->len) == 0,
	    "%s: %s", block->name, what);
	msg_writer_fini(&w);
}

static void
check_refused(const struct block *block, const struct adapter_message *m)
{
	struct msg_writer w = { 0 };

	msg_put_nil(&w);
	ck_assert_msg(adapter_put_packet(&w, m) == TRANSCODE_E_MALFORMED, "%s",
	    block->name);
	ck_assert_int_eq(adapter_put_sharded(&w, m), TRANSCODE_E_MALFORMED);
	ck_assert_uint_eq(w.len, 1);
	msg_writer_fini(&w);
}

static void
check_block(const struct block *block)
{
	static const char *const kinds[] = { "opaque", "packet", "encoded",
		"command" };
	struct adapter_message m;
	int e = adapter_read(block->body.data, block->body.len, &m);

	if (strcmp(block->kind, "malformed") == 0) {
		ck_assert_msg(
		    e != 0 || m.kind == ADAPTER_ENCODED, "%s", block->name);
		if (e == 0)
			check_refused(block, &m);
		return;
	}
	ck_assert_msg(e == 0, "%s", block->name);
	ck_assert_str_eq(kinds[m.kind], block->kind);
	check(block, "packet", adapter_put_packet, &m, &block->packet);
	check(block, "request", adapter_put_request, &m, &block->request);
	check(block, "sharded", adapter_put_sharded, &m, &block->sharded);
}

static FILE *
open_vectors(void)
{
	FILE *file = fopen("tests/vectors/adapter.txt", "r");

	ck_assert_msg(file != NULL, "run from the project's root, please");
	return file;
}

TEST(golden_bodies_become_what_the_redis_adapters_want)
{
	FILE *file = open_vectors();
	struct block block;
	size_t n = 0;

	for (; read_block(file, &block); n++) {
		struct buffer own = exactly(block.body.data, block.body.len);

		free(block.body.data);
		block.body = own;
		check_block(&block);
		free_block(&block);
	}
	ck_assert_uint_ge(n, 30);
	fclose(file);
}

TEST(no_prefix_of_a_golden_body_is_taken)
{
	FILE *file = open_vectors();
	struct adapter_message m;
	struct block block;

	for (; read_block(file, &block); free_block(&block))
		for (size_t len = 0; len < block.body.len; len++) {
			struct buffer part = exactly(block.body.data, len);
			int e = adapter_read(part.data, len, &m);

			ck_assert_msg(e == TRANSCODE_E_MALFORMED ||
					  m.kind == ADAPTER_OPAQUE,
			    "%s: %zu bytes", block.name, len);
			free(part.data);
		}
	fclose(file);
}

static const struct {
	const char *topic;
	size_t key;
} topics[] = {
	{ "socket.io#/#", 9 },
	{ "socket.io#/#room#", 9 },
	{ "k#/chat#a#b#", 1 },
	{ "k#/#", 1 },
	{ "socket.io-request#/#", 17 },
	{ "#/#", 0 },
	{ "k#/", 0 },
	{ "k#", 0 },
	{ "k##", 0 },
	{ "k#room#", 0 },
	{ "k#room/#", 0 },
	{ "k#/room", 0 },
	{ "other", 0 },
	{ "", 0 },
};

TEST_EACH(a_key_is_found_in_topics_of_workers_alone, topics)
{
	size_t len = strlen(topics[row].topic);
	struct buffer topic = exactly(topics[row].topic, len);

	ck_assert_uint_eq(adapter_key(topic.data, len), topics[row].key);
	free(topic.data);
}

TEST(more_attachments_than_a_text_can_speak_of_are_refused)
{
	struct msg_writer body = { 0 }, w = { 0 };
	struct adapter_message m;

	msg_put_array(&body, 4 + 1000);
	msg_put_str(&body, "u");
	msg_put_nil(&body);
	msg_put_nil(&body);
	msg_put_str(&body, "51000-[\"x\",{\"_placeholder\":true,\"num\":0}]");
	for (int i = 0; i < 1000; i++)
		msg_put_bin(&body, "", 0);
	ck_assert_int_eq(adapter_read(body.data, body.len, &m), 0);
	ck_assert_int_eq(adapter_put_packet(&w, &m), TRANSCODE_E_MALFORMED);
	msg_writer_fini(&body);
	msg_writer_fini(&w);
}
