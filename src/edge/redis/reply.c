#include "edge/redis/reply.h"

#include <string.h>

#include "base/log.h"
#include "wire/resp_write.h"
#include "wire/msg_blob.h"

#define TIGHT_OUTPUT_MAX 65536
#define TRIM_AFTER_MS 1000

void
redis_flush(struct redis_client *client)
{
	struct msg_writer *w = &client->redis->out;
	struct slice s = { .len = w->len };

	if (w->fault)
		log_fatal("out-of-memory", "bytes=%zu", w->len);
	if (w->len == 0)
		return;
	s.blob = msg_blob_take(w);
	conn_send(client->conn, &s, false);
	blob_unref(s.blob);
	if (!client->is_authenticated &&
	    conn_queue_bytes(client->conn) > TIGHT_OUTPUT_MAX)
		conn_cut(client->conn, &conn_slow_consumer,
		    "64 KiB of replies before AUTH");
}

static bool
is_bulky(const struct redis *redis)
{
	return turns_is_bulky(&redis->turns, REDIS_SCRATCH_KEPT) ||
	       redis->out.size > REDIS_SCRATCH_KEPT ||
	       redis->scratch.size > REDIS_SCRATCH_KEPT;
}

void
redis_trim_later(struct redis *redis)
{
	if (is_bulky(redis) && redis->trim_at.ms == INSTANT_NEVER.ms)
		redis->trim_at =
		    instant_after(loop_now(redis->loop), TRIM_AFTER_MS);
}

struct slice
redis_take_scratch(struct redis *redis)
{
	struct msg_writer *w = &redis->scratch;
	struct slice s;

	if (w->fault)
		log_fatal("out-of-memory", "bytes=%zu", w->len);
	s = forms_take_room(&redis->forms, w->len);
	memcpy(s.blob->data + s.off, w->data, w->len);
	w->len = 0;
	if (s.len > FORMS_SMALL)
		redis_trim_later(redis);
	return s;
}

void
redis_put_event(struct redis_call *call, const char *event,
    const struct resp_arg *name, size_t n)
{
	int version = call->client->version;

	resp_put_push(call->out, version, 3);
	resp_put_text(call->out, event);
	if (name == NULL)
		resp_put_null(call->out, version);
	else
		resp_put_bulk(call->out, name->data, name->len);
	resp_put_int(call->out, (int64_t)n);
}
