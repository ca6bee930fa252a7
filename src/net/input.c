#include "net/input.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "net/piped.h"

/*
 * A connection that is idle, or whose last bytes made whole units, has no
 * buffer: all of them read into one shared blob, and the messages they publish
 * are slices of it. If no slice of it is held at the next read, it is filled
 * from the beginning again; otherwise from its end, and when too little room is
 * left a new blob replaces it. Only an unfinished tail gets a blob of the
 * connection's own. It has BLOB_CHUNK bytes or, for a unit that is known to be
 * larger, twice the received bytes, up to the unit's size: a declared length
 * alone never takes more memory than that. A peer is likely to repeat itself:
 * after a large unit the next read goes to a blob of that size at once, so that
 * a stream of large units is never copied.
 *
 * A large unit of which the owner looks at the beginning only is spliced
 * (net/piped.h): its received part goes into a pipe, and the rest follows there
 * without passing through our memory. That saves work only while little has
 * been received. So after such a unit the next read takes no more than a
 * beginning; if that belongs to another kind of unit, one short read was
 * wasted.
 */

#define HEAD_READ 512         /* bytes that hold most heads */
#define SHARED_ROOM_MIN 16384 /* minimum room in a shared blob for a read */
#define SPLICE_SHARE 8        /* if more of a unit was received, read it */

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool
is_to_splice(const struct input_shared *shared, const struct input_unit *unit)
{
	return shared->splice_bytes > 0 && unit->head > 0 &&
	       unit->size >= shared->splice_bytes && unit->size <= PIPED_MAX;
}

static size_t
tail_size(const struct input *in, size_t have)
{
	size_t size = 2 * have > 2 * BLOB_CHUNK ? 2 * have : 2 * BLOB_CHUNK;

	if (in->unit.size <= BLOB_CHUNK)
		return have < BLOB_CHUNK ? BLOB_CHUNK : size;
	if (in->unit.size <= in->last_shown)
		return in->unit.size;
	return smaller(size, in->unit.size);
}

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
	*shared = (struct input_shared){ NULL, 0, 0 };
	piped_trim();
}

void
input_skip(struct input *in, struct slice *data)
{
	size_t n = smaller(in->n_skip, data->len);

	in->n_skip -= n;
	data->off += n;
	data->len -= n;
}

/* Moves `rest` to the beginning of a blob that has room to grow. */
static void
move_tail(struct input *in, const struct slice *rest)
{
	struct blob *fresh = blob_new(tail_size(in, rest->len));

	assert(!piped_is(rest->blob) && rest->len < fresh->size);
	memcpy(fresh->data, slice_data(rest), rest->len);
	blob_unref(in->blob);
	in->blob = fresh;
	in->len = rest->len;
}

/* Returns where the next read goes, and how many bytes fit there. */
static struct slice
find_room(struct input *in, struct input_shared *shared)
{
	if (in->blob == NULL && in->last_shown > BLOB_CHUNK &&
	    !is_to_splice(shared, &in->unit)) {
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

/* Limits the read to the rest of a unit that could have been spliced but is
 * mostly here, then to the head of each unit that may follow it. */
static size_t
read_max(const struct input *in, const struct input_shared *shared)
{
	size_t len = in->blob == NULL ? 0 : in->len;

	if (!is_to_splice(shared, &in->unit))
		return INPUT_READ_MAX;
	if (in->blob != NULL && len >= in->unit.head)
		return smaller(in->unit.size - len, INPUT_READ_MAX);
	return in->unit.head > len + HEAD_READ ? in->unit.head - len
					       : HEAD_READ;
}

static ssize_t
read_more(
    struct input *in, struct input_shared *shared, int fd, struct slice *out)
{
	struct slice room;
	ssize_t n;

	if (in->blob != NULL && in->len == in->blob->size)
		move_tail(in, &(struct slice){ in->blob, 0, in->len });
	room = find_room(in, shared);
	n = read(fd, room.blob->data + room.off,
	    smaller(room.len, read_max(in, shared)));
	if (n <= 0)
		return n;
	if (room.blob == shared->blob) {
		shared->used += (size_t)n;
		*out = (struct slice){ room.blob, room.off, (size_t)n };
	} else {
		in->len += (size_t)n;
		*out = (struct slice){ room.blob, 0, in->len };
	}
	return n;
}

/* Shows only the whole unit: the owner doesn't look at the rest anyway. */
static ssize_t
splice_more(struct input *in, int fd, struct slice *out)
{
	size_t left = in->unit.size - in->len;
	ssize_t n = piped_fill(in->blob, fd, smaller(left, INPUT_READ_MAX));

	*out = (struct slice){ in->blob, 0, 0 };
	if (n <= 0)
		return n;
	in->len += (size_t)n;
	if (in->len == in->unit.size)
		out->len = in->len;
	return n;
}

/* A spliced unit takes the kernel's memory, and pipes are few: finish it rather
 * than keep it waiting. */
bool
input_needs_room(const struct input *in)
{
	return in->blob == NULL ||
	       (!piped_is(in->blob) && in->len == in->blob->size);
}

bool
input_is_splicing(const struct input *in)
{
	return in->blob != NULL && piped_is(in->blob);
}

ssize_t
input_read(
    struct input *in, struct input_shared *shared, int fd, struct slice *out)
{
	if (input_is_splicing(in))
		return splice_more(in, fd, out);
	return read_more(in, shared, fd, out);
}

static bool
begin_splicing(struct input *in, const struct input_shared *shared,
    const struct slice *rest)
{
	struct blob *piped;

	if (!is_to_splice(shared, &in->unit) || rest->len < in->unit.head ||
	    rest->len > in->unit.size / SPLICE_SHARE)
		return false;
	piped = piped_new(slice_data(rest), rest->len, in->unit.head);
	if (piped == NULL)
		return false;
	input_fini(in);
	in->blob = piped;
	in->len = rest->len;
	return true;
}

bool
input_keep(struct input *in, const struct input_shared *shared,
    const struct slice *rest, size_t shown)
{
	bool is_same = rest->blob == in->blob && rest->off == 0;

	if (rest->len == 0) {
		in->last_shown = shown;
		input_fini(in);
		return false;
	}
	if (begin_splicing(in, shared, rest))
		return !is_same;
	/* The tail stays in place if it begins its blob. One that fills the
	 * blob moves when more is known to have come. */
	if (is_same)
		in->len = rest->len;
	else
		move_tail(in, rest);
	return !is_same;
}
