#include "edge/redis/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "wire/resp_write.h"

#define KEPT 4096 /* slices */

struct parts
parts_written_to(struct msg_writer *w)
{
	return (struct parts){ .w = w, .max = SIZE_MAX };
}

void
parts_begin(struct parts *parts, struct msg_writer *w, struct forms *forms,
    struct blob *source, size_t max)
{
	parts->w = w;
	parts->forms = forms;
	parts->source = source;
	parts->n_written = parts->n_shared = 0;
	parts->max = max;
}

bool
parts_is_over(const struct parts *parts)
{
	return parts->w->len + parts->n_shared > parts->max;
}

/* Adds a slice, with a reference of its own if it has a blob. */
static void
add(struct parts *parts, const struct slice *s)
{
	if (parts->n == parts->size) {
		parts->size = parts->size == 0 ? 16 : 2 * parts->size;
		parts->at =
		    xreallocarray(parts->at, parts->size, sizeof(*parts->at));
	}
	parts->at[parts->n++] = *s;
	if (s->blob != NULL)
		blob_ref(s->blob);
}

static void
add_written(struct parts *parts)
{
	size_t from = parts->n_written;

	parts->n_written = parts->w->len;
	add(parts, &(struct slice){ NULL, from, parts->w->len - from });
}

/*
 * The string as a slice that a queue keeps as it is. A queue that has stalled
 * copies slices that are small against their blob, each time that it gets one;
 * so there is one copy for all.
 */
static struct slice
share(struct parts *parts, enum parts_string which, const uint8_t *data,
    size_t len)
{
	struct slice s = { parts->source, (size_t)(data - parts->source->data),
		len };

	return len >= parts->source->size / 4
		   ? s
		   : forms_copy(parts->forms, which, &s);
}

void
parts_put(struct parts *parts, enum parts_string which, const uint8_t *data,
    size_t len)
{
	struct slice s;

	if (parts->source == NULL || len < PARTS_SHARED_FROM) {
		resp_put_bulk(parts->w, data, len);
		return;
	}
	s = share(parts, which, data, len);
	resp_put_bulk_head(parts->w, len);
	add_written(parts);
	add(parts, &s);
	parts->n_shared += len;
	msg_put_raw(parts->w, "\r\n", 2);
}

/* Returns the written bytes, with a reference. */
static struct slice
take_written(struct parts *parts)
{
	struct msg_writer *w = parts->w;
	struct slice s;

	if (w->fault)
		log_fatal("out-of-memory", "bytes=%zu", w->len);
	s = forms_take_room(parts->forms, w->len);
	memcpy(s.blob->data + s.off, w->data, w->len);
	w->len = 0;
	return s;
}

void
parts_fini(struct parts *parts)
{
	free(parts->at);
	*parts = (struct parts){ 0 };
}

enum sink_verdict
parts_send(struct parts *parts, struct drops *drops, struct conn *conn,
    size_t n, bool is_volatile)
{
	struct slice written;
	enum sink_verdict verdict;

	add_written(parts);
	written = take_written(parts);
	for (size_t i = 0; i < parts->n; i++)
		if (parts->at[i].blob == NULL) {
			parts->at[i].blob = blob_ref(written.blob);
			parts->at[i].off += written.off;
		}
	blob_unref(written.blob);
	verdict =
	    drops_send_parts(drops, conn, parts->at, parts->n, n, is_volatile);
	for (size_t i = 0; i < parts->n; i++)
		blob_unref(parts->at[i].blob);
	parts->n = 0;
	if (parts->size > KEPT)
		parts_fini(parts);
	return verdict;
}
