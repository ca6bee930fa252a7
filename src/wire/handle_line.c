#include "wire/handle_line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/json.h"
#include "wire/msg.h"

#define ID_MAX ((int64_t)1 << 53) /* of a number in JavaScript */

static const char word[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    "0123456789";

static bool
is_made_of(const char *text, size_t len, const char *others)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0' || (strchr(word, text[i]) == NULL &&
					   strchr(others, text[i]) == NULL))
			return false;
	return true;
}

static bool
is_base64(const char *text, size_t len)
{
	size_t n = len;

	while (n > 0 && len - n < 2 && text[n - 1] == '=')
		n--;
	return len % 4 == 0 && is_made_of(text, n, "+/");
}

static bool
has_text(const struct msg_node *map, const char *key, const char *text)
{
	const struct msg_node *node = msg_find(map, key);
	const char *s;
	size_t len;

	return node != NULL && msg_str(node, &s, &len) && len == strlen(text) &&
	       memcmp(s, text, len) == 0;
}

bool
handle_line_is_tag(const char *text, size_t len)
{
	return len == HANDLE_TAG_LEN && is_made_of(text, len, "-_");
}

static bool
take_tag(const struct msg_node *map, const char *key, char *out)
{
	const struct msg_node *node = msg_find(map, key);
	const char *s;
	size_t len;

	if (node == NULL || !msg_str(node, &s, &len) ||
	    !handle_line_is_tag(s, len))
		return false;
	memcpy(out, s, len);
	out[len] = '\0';
	return true;
}

static bool
take_id(const struct msg_node *map, int64_t *out)
{
	const struct msg_node *node = msg_find(map, "id");

	return node != NULL && msg_int(node, out) && *out >= 0 &&
	       *out <= ID_MAX;
}

static int
take_bytes(const struct msg_node *map, char **out)
{
	const struct msg_node *node = msg_find(map, "bytes");
	const char *s;
	size_t len;

	if (node == NULL || !msg_str(node, &s, &len) || !is_base64(s, len))
		return HANDLE_LINE_E_FIELD;
	*out = strndup(s, len);
	return *out == NULL ? -ENOMEM : 0;
}

static int
take_handle(const struct msg_node *root, struct handle_line *out)
{
	const struct msg_node *msg = msg_find(root, "msg");

	out->kind = HANDLE_LINE_HANDLE;
	if (!has_text(root, "type", "net.Socket") || msg == NULL ||
	    !take_tag(msg, "to", out->tag) || !take_id(msg, &out->id))
		return HANDLE_LINE_E_FIELD;
	return take_bytes(msg, &out->bytes);
}

static int
take(const struct msg_node *root, struct handle_line *out)
{
	if (has_text(root, "cmd", "NODE_HANDLE"))
		return take_handle(root, out);
	if (has_text(root, "cmd", "NODE_HANDLE_NACK"))
		out->kind = HANDLE_LINE_NACK;
	if (!has_text(root, "cmd", "PM2A_LEND"))
		return 0;
	out->kind = HANDLE_LINE_LEND;
	return take_tag(root, "tag", out->tag) ? 0 : HANDLE_LINE_E_FIELD;
}

/* Through msgpack: wire/json has the limits for hostile texts. */
int
handle_line_read(const char *text, size_t len, struct handle_line *out)
{
	struct msg_writer w = { 0 };
	struct msg_tree *tree = NULL;
	struct json_why why;
	int r;

	*out = (struct handle_line){ .kind = HANDLE_LINE_OTHER };
	if (memchr(text, '\0', len) != NULL || json_read(&w, text, &why) != 0)
		r = HANDLE_LINE_E_SYNTAX;
	else
		r = w.fault ? -ENOMEM : msg_tree_new(w.data, w.len, &tree);
	if (r == 0)
		r = take(msg_root(tree), out);
	else if (r > 0)
		r = HANDLE_LINE_E_SYNTAX;
	msg_tree_free(tree);
	msg_writer_fini(&w);
	return r;
}

void
handle_line_fini(struct handle_line *line)
{
	free(line->bytes);
	line->bytes = NULL;
}

size_t
handle_line_print(char *out, size_t size, const struct handle_line *line)
{
	/* Of no size it may be NULL. */
	/* cppcheck-suppress ctunullpointer */
	return (size_t)snprintf(out, size,
	    "{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Socket\","
	    "\"msg\":{\"bytes\":\"%s\"}}\n",
	    line->bytes);
}

size_t
handle_line_print_outcome(
    char *out, size_t size, int64_t id, const char *outcome)
{
	/* Of no size it may be NULL. */
	/* cppcheck-suppress ctunullpointer */
	return (size_t)snprintf(out, size,
	    "{\"cmd\":\"NODE_HANDLE_ACK\"}\n"
	    "{\"id\":%" PRId64 ",\"outcome\":\"%s\"}\n",
	    id, outcome);
}

size_t
handle_line_print_lend(char *out, size_t size, const char *tag)
{
	return (size_t)snprintf(
	    out, size, "{\"cmd\":\"PM2A_LEND\",\"tag\":\"%s\"}\n", tag);
}
