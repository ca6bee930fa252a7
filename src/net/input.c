#include "net/input.h"

#include <string.h>

/*
 * A connection that is idle, or whose last bytes made whole units, has no
 * buffer: all of them read into one shared blob, and what they publish are
 * slices of it. When nobody holds a slice at the next read it is filled from
 * the beginning again; otherwise from where it ends, and when too little room
 * is left a new one takes its place. Only an unfinished tail gets a blob of the
 * connection's own. It has BLOB_CHUNK bytes, or, when the unit is known to be
 * larger, twice what has come, up to what is wanted: never more than that by a
 * declared length alone. After a large unit the next read goes to a blob of
 * that size at once, so that a stream of large units is never copied.
 */

#define SHARED_ROOM_MIN 16384 /* bytes a shared blob has left, to be used */

void
input_fini(struct input *in)
{
	blob_unref(in->blob);
	in->blob = NULL;
	in->len = 0;
}

void
input_shared_fini(struct input_shared *shared)
{
	blob_unref(shared->blob);
	*shared = (struct input_shared){ NULL, 0 };
}

struct slice
input_room(struct input *in, struct input_shared *shared)
{
	if (in->blob == NULL && in->last_shown > BLOB_CHUNK) {
		in->blob = blob_new(in->last_shown);
		in->len = 0;
	}
	if (in->blob != NULL)
		return (struct slice){ in->blob, in->len,
			in->blob->size - in->len };
	if (shared->blob != NULL && shared->blob->n_refs == 1)
		shared->used = 0;
	if (shared->blob == NULL ||
	    shared->blob->size - shared->used < SHARED_ROOM_MIN) {
		blob_unref(shared->blob);
		shared->blob = blob_new(BLOB_CHUNK);
		shared->used = 0;
	}
	return (struct slice){ shared->blob, shared->used,
		shared->blob->size - shared->used };
}

struct slice
input_filled(struct input *in, struct input_shared *shared,
    const struct slice *room, size_t n)
{
	if (room->blob != shared->blob)
		return (struct slice){ room->blob, 0, in->len + n };
	shared->used += n;
	return (struct slice){ room->blob, room->off, n };
}

void
input_skip(struct input *in, struct slice *data)
{
	size_t n = in->n_skip < data->len ? in->n_skip : data->len;

	in->n_skip -= n;
	data->off += n;
	data->len -= n;
}

static size_t
tail_size(const struct input *in, size_t have)
{
	size_t size = 2 * have > 2 * BLOB_CHUNK ? 2 * have : 2 * BLOB_CHUNK;

	if (in->want <= BLOB_CHUNK)
		return have < BLOB_CHUNK ? BLOB_CHUNK : size;
	return size < in->want ? size : in->want;
}

/* It stays where it is when it begins its blob and has room to grow; otherwise
 * it moves to a new one. */
bool
input_keep(struct input *in, const struct slice *rest, size_t shown)
{
	bool is_same = rest->blob == in->blob && rest->off == 0;
	struct blob *fresh;

	in->last_shown = rest->len == 0 ? shown : 0;
	if (rest->len == 0) {
		input_fini(in);
		return false;
	}
	if (is_same && rest->len < in->blob->size) {
		in->len = rest->len;
		return false;
	}
	fresh = blob_new(tail_size(in, rest->len));
	memcpy(fresh->data, slice_data(rest), rest->len);
	blob_unref(in->blob);
	in->blob = fresh;
	in->len = rest->len;
	return !is_same;
}
