#include <errno.h>
#include <stdlib.h>

#include "wire/adapter.h"
#include "wire/stringify.h"

/*
 * The Redis adapters' own numbers: packet types of Socket.IO, types of requests
 * (classic), types of messages (sharded).
 *
 * A packet is always of type 2: Socket.IO's encoder finds bytes itself, and
 * would write 5 without the count of attachments.
 */

#define EVENT 2
#define SHARDED_BROADCAST 3
#define PLACEHOLDER_MIN 24 /* bytes of text; {"_placeholder":true,"num":0} */

/* Events that Socket.IO's clients treat as a broken stream. */
static const char *const of_clients[] = { "connect", "connect_error",
	"disconnect", "disconnecting", "newListener", "removeListener", NULL };

static void
put_span(struct msg_writer *w, const struct adapter_span *span)
{
	msg_put_value(w, span->at, span->len);
}

static void
put_targets(struct msg_writer *w, const struct adapter_message *m)
{
	msg_put_str(w, "rooms");
	put_span(w, &m->rooms);
	msg_put_str(w, "except");
	put_span(w, &m->except);
}

static void
put_options(struct msg_writer *w, const struct adapter_message *m)
{
	struct msg_open options = msg_begin_map(w), flags;

	put_targets(w, m);
	msg_put_str(w, "flags");
	flags = msg_begin_map(w);
	if (m->is_volatile) {
		msg_put_str(w, "volatile");
		msg_put_bool(w, true);
	}
	if (m->has_compress) {
		msg_put_str(w, "compress");
		msg_put_bool(w, m->compress);
	}
	msg_end_map(w, flags);
	msg_end_map(w, options);
}

/* Returns the attachments of `m`; free them with free(). NULL if none, or on
 * -ENOMEM. Each needs a placeholder in the text, so a peer can't declare how
 * much memory they take. */
static int
find_bins(const struct adapter_message *m, struct transcode_bin **out)
{
	struct bytes b = bytes_over(m->attachments.at, m->attachments.len);
	struct msg_token t;

	*out = NULL;
	if (m->n_attachments == 0)
		return 0;
	if (m->n_attachments > m->data.len / PLACEHOLDER_MIN)
		return TRANSCODE_E_MALFORMED;
	*out = calloc(m->n_attachments, sizeof(**out));
	if (*out == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < m->n_attachments && msg_take(&b, &t); i++)
		(*out)[i] = (struct transcode_bin){ t.data, t.len };
	return 0;
}

/* Writes the event's array, whose first element is its name. */
static int
put_event(struct msg_writer *w, const struct adapter_message *m)
{
	struct transcode_bin *bins;
	struct bytes written;
	struct msg_token t;
	size_t at = w->len;
	int e = find_bins(m, &bins);

	if (e == 0)
		e = transcode_json(
		    w, m->data.at, m->data.len, bins, m->n_attachments);
	free(bins);
	if (e != 0)
		return e;
	written = bytes_over(w->data + at, w->len - at);
	return msg_take(&written, &t) &&
		       adapter_has_event_name(&written, of_clients)
		   ? 0
		   : TRANSCODE_E_MALFORMED;
}

static int
put_event_packet(struct msg_writer *w, const struct adapter_message *m)
{
	struct msg_open packet = msg_begin_map(w);
	int e;

	msg_put_pair_int(w, "type", EVENT);
	msg_put_str(w, "data");
	e = put_event(w, m);
	if (e != 0)
		return e;
	msg_put_str(w, "nsp");
	msg_put_strn(w, m->nsp.at, m->nsp.len);
	if (m->id >= 0)
		msg_put_pair_int(w, "id", m->id);
	msg_end_map(w, packet);
	return 0;
}

/* Removes the bytes written since `at` on an error. */
static int
finish(struct msg_writer *w, size_t at, int e)
{
	if (e == 0 && w->fault)
		e = -ENOMEM;
	if (e != 0)
		w->len = at;
	return e;
}

int
adapter_put_packet(struct msg_writer *w, const struct adapter_message *m)
{
	size_t at = w->len;
	int e;

	msg_put_array(w, 3);
	put_span(w, &m->uid);
	e = put_event_packet(w, m);
	if (e == 0)
		put_options(w, m);
	return finish(w, at, e);
}

/* Writes the output of make() for `m` to `w` as JSON. */
static int
put_json(struct msg_writer *w, const struct adapter_message *m,
    void (*make)(struct msg_writer *w, const struct adapter_message *m))
{
	struct msg_writer made = { 0 };
	int e;

	make(&made, m);
	e = made.fault ? -ENOMEM : stringify(w, made.data, made.len);
	msg_writer_fini(&made);
	return e;
}

static void
make_request(struct msg_writer *w, const struct adapter_message *m)
{
	const struct adapter_command *command = m->command;
	struct msg_open request = msg_begin_map(w), options;

	msg_put_str(w, "uid");
	put_span(w, &m->uid);
	msg_put_pair_int(w, "type", command->request);
	if (command->has_options) {
		msg_put_str(w, "opts");
		options = msg_begin_map(w);
		put_targets(w, m);
		msg_end_map(w, options);
	}
	msg_put_str(w, command->request_key);
	put_span(w, &m->argument);
	msg_end_map(w, request);
}

int
adapter_put_request(struct msg_writer *w, const struct adapter_message *m)
{
	return put_json(w, m, make_request);
}

/* A message of the sharded form, and the data in it. */
struct sharded {
	struct msg_open message, data;
};

/* The pairs of `data` go between these. */
static struct sharded
begin_message(struct msg_writer *w, uint8_t type)
{
	struct sharded open;

	open.message = msg_begin_map(w);
	msg_put_pair_int(w, "type", type);
	msg_put_str(w, "data");
	open.data = msg_begin_map(w);
	return open;
}

static void
end_message(struct msg_writer *w, const struct sharded *open,
    const struct adapter_message *m)
{
	msg_end_map(w, open->data);
	msg_put_str(w, "uid");
	put_span(w, &m->uid);
	msg_put_str(w, "nsp");
	msg_put_strn(w, m->nsp.at, m->nsp.len);
	msg_end_map(w, open->message);
}

static void
make_message(struct msg_writer *w, const struct adapter_message *m)
{
	const struct adapter_command *command = m->command;
	struct sharded open = begin_message(w, command->message);

	if (command->has_options) {
		msg_put_str(w, "opts");
		put_options(w, m);
	}
	msg_put_str(w, command->message_key);
	put_span(w, &m->argument);
	end_message(w, &open, m);
}

static bool
has_bin(const struct adapter_span *span)
{
	struct bytes b = bytes_over(span->at, span->len);
	struct msg_token t;

	while (bytes_left(&b) > 0 && msg_take(&b, &t))
		if (t.type == MSG_BIN)
			return true;
	return false;
}

static int
put_broadcast(struct msg_writer *w, const struct adapter_message *m)
{
	struct sharded open = begin_message(w, SHARDED_BROADCAST);
	int e = 0;

	msg_put_str(w, "packet");
	if (m->kind == ADAPTER_ENCODED)
		e = put_event_packet(w, m);
	else
		put_span(w, &m->packet);
	if (e != 0)
		return e;
	msg_put_str(w, "opts");
	if (m->kind == ADAPTER_ENCODED)
		put_options(w, m);
	else
		put_span(w, &m->opts);
	end_message(w, &open, m);
	return 0;
}

/* Commands are JSON unless there are bytes among their arguments, as in the
 * sharded adapter: its msgpack gives an object with a key `__proto__` another
 * prototype, and its JSON doesn't. */
int
adapter_put_sharded(struct msg_writer *w, const struct adapter_message *m)
{
	size_t at = w->len;

	if (m->kind != ADAPTER_COMMAND)
		return finish(w, at, put_broadcast(w, m));
	if (!has_bin(&m->argument))
		return put_json(w, m, make_message);
	make_message(w, m);
	return finish(w, at, 0);
}
