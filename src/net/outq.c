#include "net/outq.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "net/piped.h"

/*
 * Three things make a write cheap here, found by measuring brokers with 64
 * receivers. A system call costs more than anything else, so a turn's messages
 * leave in one; neighbours in the same blob, such as a run of messages that
 * arrived together, are one slice and need no merging later; and an iovec costs
 * the kernel about as much as copying some hundred bytes, so small slices
 * without a neighbour are gathered in a scratch buffer when they are written,
 * while big ones are sent from where they arrived.
 *
 * Rejected: a copy of everything for each receiver (as Redis does; it costs
 * twice as much from 256 bytes on), and evbuffers with references (a KiB of
 * heap for each, 466 against 188 ns a delivery).
 *
 * A slice keeps its whole blob alive. That makes fan-out free while receivers
 * keep up, and would let one receiver that doesn't read hold 64 KiB for every
 * 64 bytes. So once a queue has stalled, slices that are small against their
 * blob, and small blobs that only this queue refers to, are copied. Copies lie
 * one behind the other in a blob that all stalled queues share, and the last
 * one is remembered: a message to a hundred of them is copied once, and
 * neighbours among the copies merge as others do.
 *
 * This misses a slice that was queued before the stall was known, a message of
 * which all but the end was written, and a copy among others that are no longer
 * needed. They cost nothing while there is memory. When there isn't,
 * outq_squeeze() adds up how much of a blob all queues need: if it is less than
 * a quarter, each copies its part.
 */

#define RING_MIN 8
#define GATHER_BELOW 1024         /* bytes of a slice */
#define COPY_MAX (BLOB_CHUNK / 4) /* larger ones get a blob of their own */
#define OWN_MAX 4096              /* bytes of a slice */
#define SQUEEZE_FROM 4096         /* bytes of a blob */

void
outq_copies_forget(struct outq_copies *copies)
{
	blob_unref(copies->source.blob);
	blob_unref(copies->copy.blob);
	copies->source.blob = copies->copy.blob = NULL;
}

void
outq_copies_fini(struct outq_copies *copies)
{
	outq_copies_forget(copies);
	blob_unref(copies->blob);
	*copies = (struct outq_copies){ .used = 0 };
}

void
outq_init(struct outq *q)
{
	*q = (struct outq){ 0 };
}

static struct slice *
entry(const struct outq *q, uint32_t i)
{
	return &q->ring[(q->head + i) & (q->size - 1)];
}

/* Bytes of the ring, if it is not in the queue itself. */
static size_t
ring_bytes(const struct outq *q)
{
	return q->ring == q->few ? 0 : q->size * sizeof(*q->ring);
}

static void
free_ring(struct outq *q)
{
	if (ring_bytes(q) == 0)
		return;
	blob_discharge(ring_bytes(q));
	free(q->ring);
}

void
outq_fini(struct outq *q)
{
	for (uint32_t i = 0; i < q->n; i++)
		blob_unref(entry(q, i)->blob);
	free_ring(q);
	outq_init(q);
}

static void
grow(struct outq *q)
{
	uint32_t size = q->size < RING_MIN ? RING_MIN : q->size * 2;
	struct slice *ring;

	if (q->size == 0) {
		q->ring = q->few;
		q->size = OUTQ_FEW;
		return;
	}
	ring = xcalloc(size, sizeof(*ring));
	for (uint32_t i = 0; i < q->n; i++)
		ring[i] = *entry(q, i);
	free_ring(q);
	q->ring = ring;
	q->size = size;
	q->head = 0;
	blob_charge(ring_bytes(q));
}

static void
append(struct outq *q, const struct slice *s)
{
	struct slice *last;

	q->n_bytes += s->len;
	if (q->n > 0) {
		last = entry(q, q->n - 1);
		if (last->blob == s->blob && last->off + last->len == s->off) {
			last->len += s->len;
			return;
		}
	}
	if (q->n == q->size)
		grow(q);
	*entry(q, q->n++) = *s;
	blob_ref(s->blob);
}

/* Returns a copy of `s`, with a reference for the caller. */
static struct slice
copy_slice(struct outq_copies *copies, const struct slice *s)
{
	struct slice copy = { NULL, copies->used, s->len };

	piped_settle(s->blob);
	if (s->len > COPY_MAX)
		return (struct slice){ blob_copy(slice_data(s), s->len), 0,
			s->len };
	if (copies->blob == NULL ||
	    copies->blob->size - copies->used < s->len) {
		blob_unref(copies->blob);
		copies->blob = blob_new(BLOB_CHUNK);
		copies->used = copy.off = 0;
	}
	copy.blob = blob_ref(copies->blob);
	memcpy(copy.blob->data + copy.off, slice_data(s), s->len);
	copies->used += s->len;
	return copy;
}

static bool
is_same(const struct slice *a, const struct slice *b)
{
	return a->blob == b->blob && a->off == b->off && a->len == b->len;
}

/* The reference to the source keeps its bytes from being reused. */
static void
append_shared_copy(
    struct outq *q, const struct slice *s, struct outq_copies *copies)
{
	if (!is_same(&copies->source, s)) {
		outq_copies_forget(copies);
		copies->copy = copy_slice(copies, s);
		copies->source = *s;
		blob_ref(s->blob);
	}
	append(q, &copies->copy);
}

static void
append_own_copy(
    struct outq *q, const struct slice *s, struct outq_copies *copies)
{
	struct slice copy = copy_slice(copies, s);

	append(q, &copy);
	blob_unref(copy.blob);
}

/* Returns whether the slice is a small blob with no other reference: a blob for
 * each costs more than it holds. */
static bool
is_own(const struct slice *s)
{
	return s->blob->n_refs == 1 && s->len < OWN_MAX;
}

void
outq_push(struct outq *q, const struct slice *s, struct outq_copies *copies)
{
	if (s->len == 0)
		return;
	if (copies != NULL && s->len < s->blob->size / 4)
		append_shared_copy(q, s, copies);
	else if (copies != NULL && is_own(s))
		append_own_copy(q, s, copies);
	else
		append(q, s);
}

const struct slice *
outq_first_piped(const struct outq *q)
{
	return q->n > 0 && piped_is(entry(q, 0)->blob) ? entry(q, 0) : NULL;
}

int
outq_fill(const struct outq *q, struct iovec *iov, int n, uint8_t *scratch)
{
	size_t used = 0;
	bool gathering = false;
	int k = 0;

	for (uint32_t i = 0; i < q->n; i++) {
		const struct slice *s = entry(q, i);
		bool small =
		    s->len < GATHER_BELOW && s->len <= OUTQ_SCRATCH_SIZE - used;

		if (piped_is(s->blob) || (!(small && gathering) && k == n))
			break;
		if (!small) {
			iov[k].iov_base = s->blob->data + s->off;
			iov[k++].iov_len = s->len;
		} else {
			memcpy(scratch + used, slice_data(s), s->len);
			if (!gathering)
				iov[k++] = (struct iovec){ scratch + used, 0 };
			iov[k - 1].iov_len += s->len;
			used += s->len;
		}
		gathering = small;
	}
	return k;
}

void
outq_consume(struct outq *q, size_t len)
{
	assert(len <= q->n_bytes);
	q->n_bytes -= len;
	while (len > 0) {
		struct slice *s = entry(q, 0);

		if (len < s->len) {
			s->off += len;
			s->len -= len;
			q->n_gone += len;
			return;
		}
		len -= s->len;
		q->n_gone = 0;
		blob_unref(s->blob);
		q->head = (q->head + 1) & (q->size - 1);
		q->n--;
	}
	if (q->n == 0 && q->ring != q->few)
		outq_fini(q);
}

/* Entry number i as outq_walk() shows it. */
static struct slice
whole(const struct outq *q, uint32_t i)
{
	struct slice s = *entry(q, i);

	if (i == 0) {
		s.off -= q->n_gone;
		s.len += q->n_gone;
	}
	return s;
}

void
outq_walk(const struct outq *q, void (*visit)(const struct slice *s, void *arg),
    void *arg)
{
	struct slice s;

	for (uint32_t i = 0; i < q->n; i++) {
		s = whole(q, i);
		visit(&s, arg);
	}
}

size_t
outq_share(const struct outq *q)
{
	size_t share = ring_bytes(q);

	for (uint32_t i = 0; i < q->n; i++) {
		const struct blob *blob = entry(q, i)->blob;

		share += blob->size / blob->n_refs;
	}
	return share;
}

void
outq_clear_demand(struct outq *q)
{
	for (uint32_t i = 0; i < q->n; i++)
		entry(q, i)->blob->demand = 0;
}

void
outq_add_demand(struct outq *q)
{
	for (uint32_t i = 0; i < q->n; i++)
		entry(q, i)->blob->demand += entry(q, i)->len;
}

void
outq_squeeze(struct outq *q, struct outq_copies *copies)
{
	struct outq old = *q;

	if (q->ring == q->few)
		old.ring = old.few;
	outq_init(q);
	for (uint32_t i = 0; i < old.n; i++) {
		const struct slice s = whole(&old, i);

		if (s.blob != copies->blob && s.blob->size >= SQUEEZE_FROM &&
		    s.blob->demand < s.blob->size / 4)
			append_own_copy(q, &s, copies);
		else
			append(q, &s);
	}
	if (old.n_gone > 0)
		outq_consume(q, old.n_gone);
	outq_fini(&old);
}
