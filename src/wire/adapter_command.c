#include "wire/adapter_command.h"

#include <string.h>

#include "base/text.h"
#include "wire/msg.h"

/* Events that a namespace emits by itself. */
static const char *const of_namespaces[] = { "connect", "connection",
	"new_namespace", "newListener", "removeListener", NULL };

bool
adapter_is_word(const uint8_t *s, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(s, word, len) == 0;
}

bool
adapter_is_utf8(const uint8_t *s, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = text_utf8_length(s + i, len - i);
		if (n == 0)
			return false;
	}
	return true;
}

bool
adapter_has_event_name(struct bytes *list, const char *const *reserved)
{
	struct msg_token t;

	if (!msg_take(list, &t))
		return false;
	if (t.type == MSG_INT || t.type == MSG_FLOAT)
		return true;
	if (t.type != MSG_STR)
		return false;
	for (; *reserved != NULL; reserved++)
		if (adapter_is_word(t.data, t.len, *reserved))
			return false;
	return true;
}

bool
adapter_is_list(const struct adapter_span *span, unsigned types)
{
	struct bytes b = bytes_over(span->at, span->len);
	struct msg_token t;

	if (!msg_take(&b, &t) || t.type != MSG_ARRAY)
		return false;
	for (uint64_t n = t.n_children; n > 0; n--)
		if (!msg_take(&b, &t) || !(types & 1u << t.type) ||
		    (t.type == MSG_STR && !adapter_is_utf8(t.data, t.len)))
			return false;
	return true;
}

static bool
is_rooms(const struct adapter_span *span)
{
	return adapter_is_list(span, ADAPTER_ROOM_TYPES);
}

static bool
is_args(const struct adapter_span *span)
{
	struct bytes b = bytes_over(span->at, span->len);
	struct msg_token t;

	return msg_take(&b, &t) && t.type == MSG_ARRAY && t.n_children > 0 &&
	       adapter_has_event_name(&b, of_namespaces);
}

const struct adapter_command adapter_commands[ADAPTER_N_COMMANDS] = {
	{ "socketsJoin", "rooms", is_rooms, true, 2, "rooms", 4, "rooms" },
	{ "socketsLeave", "rooms", is_rooms, true, 3, "rooms", 5, "rooms" },
	{ "disconnectSockets", "close", NULL, true, 4, "close", 6, "close" },
	{ "serverSideEmit", "args", is_args, false, 6, "data", 9, "packet" },
};
