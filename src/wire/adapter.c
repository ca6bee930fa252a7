#include "wire/adapter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "wire/adapter_command.h"

#define ID_MAX ((INT64_C(1) << 53) - 1)

#define TEXT(literal)                                           \
	{                                                       \
		(const uint8_t *)(literal), sizeof(literal) - 1 \
	}

static const struct adapter_span nothing = TEXT("");
static const struct adapter_span no_list = TEXT("\x90");
static const struct adapter_span is_false = TEXT("\xc2");
static const struct adapter_span main_nsp = TEXT("/");

size_t
adapter_key(const void *topic, size_t len)
{
	const uint8_t *s = topic;
	const uint8_t *at = memchr(topic, '#', len);
	size_t key;

	if (at == NULL)
		return 0;
	key = (size_t)(at - s);
	return len - key >= 3 && at[1] == '/' && s[len - 1] == '#' ? key : 0;
}

static bool
take_span(struct bytes *b, struct adapter_span *out)
{
	out->at = b->at;
	out->len = 0;
	if (!msg_skip(b))
		return false;
	out->len = (size_t)(b->at - out->at);
	return true;
}

/* Accepts a list of rooms, or nil or nothing as an empty list. Names of rooms
 * may have become nil in the application. */
static bool
is_targets(struct adapter_span *span)
{
	if (span->len == 0 || (span->len == 1 && *span->at == 0xc0))
		*span = no_list;
	return adapter_is_list(
	    span, ADAPTER_ROOM_TYPES | 1u << MSG_NIL | 1u << MSG_BOOL);
}

/* A value to read from a map. */
struct field {
	const char *key;
	struct adapter_span *value;
};

/* Takes a map and the values of `n` of its keys, the last if a key is repeated.
 * Returns false if there is no map. */
static bool
take_fields(struct bytes *b, const struct field *fields, size_t n)
{
	struct adapter_span value;
	struct msg_token map, key;

	if (!msg_take(b, &map) || map.type != MSG_MAP ||
	    map.n_children > bytes_left(b))
		return false;
	for (uint64_t left = map.n_children; left > 0; left -= 2) {
		if (!msg_take(b, &key))
			return false;
		for (uint64_t inner = key.n_children; inner > 0; inner--)
			if (!msg_skip(b))
				return false;
		if (!take_span(b, &value))
			return false;
		for (size_t i = 0; i < n && key.type == MSG_STR; i++)
			if (adapter_is_word(key.data, key.len, fields[i].key))
				*fields[i].value = value;
	}
	return true;
}

static bool
is_true(const struct adapter_span *span)
{
	return span->len == 1 && *span->at == 0xc3;
}

static bool
is_map(const struct adapter_span *span)
{
	struct bytes b = bytes_over(span->at, span->len);
	struct msg_token t;

	return msg_take(&b, &t) && t.type == MSG_MAP;
}

/* opts of the encoded form: nil, or an array [rooms, except, flags]. */
static bool
read_options(struct bytes *b, struct adapter_message *out)
{
	struct adapter_span is_volatile = nothing, compress = nothing,
			    flags = nothing;
	const struct field fields[] = {
		{ "volatile", &is_volatile },
		{ "compress", &compress },
	};
	struct adapter_span ignored,
	    *spans[] = { &out->rooms, &out->except, &flags };
	struct msg_token t;
	struct bytes map;

	out->rooms = out->except = no_list;
	if (!msg_take(b, &t))
		return false;
	if (t.type == MSG_NIL)
		return true;
	if (t.type != MSG_ARRAY)
		return false;
	for (uint64_t i = 0; i < t.n_children; i++)
		if (!take_span(b, i < 3 ? spans[i] : &ignored))
			return false;
	if (!adapter_is_list(&out->rooms, ADAPTER_ROOM_TYPES) ||
	    !adapter_is_list(&out->except, ADAPTER_ROOM_TYPES))
		return false;
	if (t.n_children < 3)
		return true;
	map = bytes_over(flags.at, flags.len);
	if (!take_fields(&map, fields, 2))
		return false;
	out->is_volatile = is_true(&is_volatile);
	out->compress = is_true(&compress);
	out->has_compress =
	    out->compress || (compress.len == 1 && *compress.at == 0xc2);
	return true;
}

/* Takes `n` bins, after which the bytes must end. */
static bool
read_attachments(struct bytes *b, uint64_t n, struct adapter_message *out)
{
	struct msg_token t;

	out->attachments =
	    (struct adapter_span){ b->at, (size_t)(b->end - b->at) };
	if (n > out->attachments.len || n > UINT32_MAX)
		return false;
	out->n_attachments = (uint32_t)n;
	for (; n > 0; n--)
		if (!msg_take(b, &t) || t.type != MSG_BIN)
			return false;
	return bytes_left(b) == 0;
}

/* Takes the digits of the packet's id, if it has one. */
static bool
read_id(struct bytes *b, struct adapter_message *out)
{
	out->id = -1;
	for (; b->at < b->end && *b->at >= '0' && *b->at <= '9'; b->at++) {
		out->id = 10 * (out->id < 0 ? 0 : out->id) + (*b->at - '0');
		if (out->id > ID_MAX)
			return false;
	}
	return true;
}

/* The text of an event: `2[namespace,][id][…]`, or `5n-` and so on. */
static bool
read_text(const struct msg_token *text, struct adapter_message *out)
{
	struct bytes b = bytes_over(text->data, text->len);
	const uint8_t *comma;
	char head[16] = "2";
	int n = 1;

	if (out->n_attachments > 0)
		n = snprintf(
		    head, sizeof(head), "5%" PRIu32 "-", out->n_attachments);
	if (bytes_left(&b) < (size_t)n || memcmp(b.at, head, (size_t)n) != 0)
		return false;
	b.at += n;
	out->nsp = main_nsp;
	if (b.at < b.end && *b.at == '/') {
		comma = memchr(b.at, ',', bytes_left(&b));
		if (comma == NULL)
			return false;
		out->nsp.at = b.at;
		out->nsp.len = (size_t)(comma - b.at);
		b.at = comma + 1;
	}
	if (!read_id(&b, out))
		return false;
	out->data.at = b.at;
	out->data.len = bytes_left(&b);
	return out->data.len >= 2 && *b.at == '[' && b.end[-1] == ']' &&
	       adapter_is_utf8(out->nsp.at, out->nsp.len);
}

static int
read_encoded(struct bytes *b, uint64_t n, struct adapter_message *out)
{
	struct msg_token uid, text;
	struct bytes first = bytes_over(out->uid.at, out->uid.len);

	out->kind = ADAPTER_ENCODED;
	if (n < 4 || !msg_take(&first, &uid) || uid.type != MSG_STR ||
	    !adapter_is_utf8(uid.data, uid.len) || !read_options(b, out) ||
	    !msg_take(b, &text) || text.type != MSG_STR ||
	    !read_attachments(b, n - 4, out) || !read_text(&text, out))
		return TRANSCODE_E_MALFORMED;
	return 0;
}

static int
read_command(const struct adapter_span *cmd, const struct adapter_span *args,
    struct adapter_message *out)
{
	const struct field fields[] = {
		{ "rooms", &out->rooms },
		{ "except", &out->except },
	};
	struct bytes b = bytes_over(cmd->at, cmd->len);
	struct bytes opts = bytes_over(out->opts.at, out->opts.len);
	struct msg_token t;
	size_t i = 0;

	out->kind = ADAPTER_COMMAND;
	if (!msg_take(&b, &t) || t.type != MSG_STR)
		return TRANSCODE_E_MALFORMED;
	while (i < ADAPTER_N_COMMANDS &&
	       !adapter_is_word(t.data, t.len, adapter_commands[i].name))
		i++;
	if (i == ADAPTER_N_COMMANDS || !take_fields(&opts, fields, 2) ||
	    !is_targets(&out->rooms) || !is_targets(&out->except))
		return TRANSCODE_E_MALFORMED;
	out->command = &adapter_commands[i];
	out->argument = args[i];
	if (out->command->is_argument != NULL)
		return out->command->is_argument(&out->argument)
			   ? 0
			   : TRANSCODE_E_MALFORMED;
	if (!is_true(&args[i]))
		out->argument = is_false;
	return 0;
}

static bool
read_nsp(const struct adapter_span *nsp, struct adapter_message *out)
{
	struct bytes b = bytes_over(nsp->at, nsp->len);
	struct msg_token t;

	out->nsp = main_nsp;
	if (nsp->len == 0 || *nsp->at == 0xc0)
		return true;
	if (!msg_take(&b, &t) || t.type != MSG_STR ||
	    !adapter_is_utf8(t.data, t.len))
		return false;
	out->nsp = (struct adapter_span){ t.data, t.len };
	return true;
}

static int
read_packet(struct bytes *b, struct adapter_message *out)
{
	struct adapter_span nsp = nothing, cmd = nothing, rooms = nothing,
			    close = nothing, args = nothing;
	const struct field fields[] = {
		{ "nsp", &nsp },
		{ "cmd", &cmd },
		{ "rooms", &rooms },
		{ "close", &close },
		{ "args", &args },
	};

	out->packet.at = b->at;
	if (!take_fields(b, fields, sizeof(fields) / sizeof(*fields)))
		return 0;
	out->packet.len = (size_t)(b->at - out->packet.at);
	if (!take_span(b, &out->opts) || !is_map(&out->opts) ||
	    !read_nsp(&nsp, out))
		return cmd.len > 0 ? TRANSCODE_E_MALFORMED : 0;
	if (cmd.len > 0)
		return read_command(&cmd,
		    (struct adapter_span[]){ rooms, rooms, close, args }, out);
	out->kind = ADAPTER_PACKET;
	return 0;
}

int
adapter_read(const void *body, size_t len, struct adapter_message *out)
{
	struct bytes b = bytes_over(body, len);
	struct msg_token t;
	uint64_t n;

	*out = (struct adapter_message){
		.kind = ADAPTER_OPAQUE,
		.rooms = nothing,
		.except = nothing,
	};
	if (!msg_take(&b, &t) || t.type != MSG_ARRAY || t.n_children < 3 ||
	    !take_span(&b, &out->uid) || bytes_left(&b) == 0)
		return 0;
	n = t.n_children;
	if (*b.at != 0xc0)
		return read_packet(&b, out);
	b.at++;
	return read_encoded(&b, n, out);
}
