#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "client/client.h"
#include "wire/frame.h"
#include "wire/msg.h"
#include "wire/topic_field.h"

/*
 * Writes what the Redis emitters write: [uid, packet, opts] to the topics of
 * the rooms, or to that of the namespace. The servers filter by the rooms in
 * `opts`, so the namespace's topic replaces room topics that are too long or
 * too many. All emitters and servers must agree on which are too long, so the
 * limit is fixed and not the daemon's.
 */

#define UID "emitter"
#define EVENT 2 /* of Socket.IO's packet types */
#define TOPIC_LEN_MAX 4096

/* Socket.IO's clients treat these names as a protocol error. */
static const char *const reserved[] = { "connect", "connect_error",
	"disconnect", "disconnecting", "newListener", "removeListener" };

struct room_topics {
	struct pm2a_bytes *topics;
	size_t n;
	char *text; /* all of them */
};

static bool
is_reserved(const char *event)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		if (strcmp(event, reserved[i]) == 0)
			return true;
	return false;
}

/* Counts the values in args; false if it is not msgpack to its end. */
static bool
count_args(struct pm2a_bytes args, size_t *n)
{
	struct bytes b = bytes_over(args.data, args.len);

	for (*n = 0; bytes_left(&b) > 0; (*n)++)
		if (!msg_skip(&b))
			return false;
	return true;
}

static void
put_strings(struct msg_writer *w, const struct pm2a_bytes *list, size_t n)
{
	msg_put_array(w, n);
	for (size_t i = 0; i < n; i++)
		msg_put_strn(w, list[i].data, list[i].len);
}

static void
put_packet(struct msg_writer *w, const struct pm2a_emit *emit, const char *nsp,
    size_t n_args)
{
	msg_put_map(w, 3);
	msg_put_str(w, "type");
	msg_put_int(w, EVENT);
	msg_put_str(w, "data");
	msg_put_array(w, 1 + n_args);
	msg_put_str(w, emit->event);
	msg_put_raw(w, emit->args.data, emit->args.len);
	msg_put_str(w, "nsp");
	msg_put_str(w, nsp);
}

static void
put_options(struct msg_writer *w, const struct pm2a_emit *emit)
{
	bool is_volatile = (emit->flags & PM2A_VOLATILE) != 0;

	msg_put_map(w, 3);
	msg_put_str(w, "rooms");
	put_strings(w, emit->rooms, emit->n_rooms);
	msg_put_str(w, "except");
	put_strings(w, emit->except, emit->n_except);
	msg_put_str(w, "flags");
	msg_put_map(w, is_volatile ? 1 : 0);
	if (is_volatile) {
		msg_put_str(w, "volatile");
		msg_put_bool(w, true);
	}
}

/* Returns 0 or -ENOMEM. */
static int
make_topics(struct room_topics *out, const struct pm2a_emit *emit,
    const char *head, size_t head_len)
{
	size_t size = 1;
	char *at;

	for (size_t i = 0; i < emit->n_rooms; i++)
		size += head_len + emit->rooms[i].len + 1;
	out->topics = calloc(emit->n_rooms + 1, sizeof(*out->topics));
	out->text = at = malloc(size);
	if (out->topics == NULL || at == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < emit->n_rooms; i++) {
		const struct pm2a_bytes *room = &emit->rooms[i];
		char *topic = at;

		memcpy(at, head, head_len);
		at += head_len;
		if (room->len > 0)
			memcpy(at, room->data, room->len);
		at += room->len;
		*at++ = '#';
		out->topics[out->n++] = pm2a_bytes(topic, (size_t)(at - topic));
	}
	return 0;
}

static bool
are_possible(const struct room_topics *rooms)
{
	size_t field = 5;

	for (size_t i = 0; i < rooms->n; i++) {
		if (rooms->topics[i].len > TOPIC_LEN_MAX)
			return false;
		field += rooms->topics[i].len + 3;
	}
	return rooms->n == 1 ||
	       (rooms->n > 1 && rooms->n <= FRAME_SEVERAL_MAX &&
		   field <= TOPIC_FIELD_MAX);
}

static int
publish(struct pm2a *p, const struct pm2a_emit *emit, const char *nsp,
    struct pm2a_bytes body)
{
	char head[OPTIONS_KEY_MAX + TOPIC_LEN_MAX];
	int len = snprintf(head, sizeof(head), "%s#%s#", p->options.key, nsp);
	struct pm2a_bytes everyone = pm2a_bytes(head, (size_t)len);
	struct room_topics rooms = { NULL, 0, NULL };
	int r = make_topics(&rooms, emit, head, (size_t)len);

	if (r == 0 && are_possible(&rooms))
		r = pm2a_publish(p, rooms.topics, rooms.n, body, emit->flags);
	else if (r == 0)
		r = pm2a_publish(p, &everyone, 1, body, emit->flags);
	free(rooms.topics);
	free(rooms.text);
	return r;
}

int
pm2a_emit(struct pm2a *p, const struct pm2a_emit *emit)
{
	const char *nsp = emit->nsp == NULL ? "/" : emit->nsp;
	struct msg_writer w = { 0 };
	size_t n_args;
	int r;

	if (emit->event == NULL || is_reserved(emit->event) || nsp[0] != '/' ||
	    strlen(nsp) > TOPIC_LEN_MAX / 2 || !count_args(emit->args, &n_args))
		return PM2A_E_ARGUMENT;
	msg_put_array(&w, 3);
	msg_put_str(&w, UID);
	put_packet(&w, emit, nsp, n_args);
	put_options(&w, emit);
	r = w.fault ? -ENOMEM
		    : publish(p, emit, nsp, pm2a_bytes(w.data, w.len));
	msg_writer_fini(&w);
	return r;
}
