#include "client/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define N_IOVECS 64

void
outbox_init(struct outbox *box)
{
	*box = (struct outbox){ .bytes = 0 };
	STAILQ_INIT(&box->items);
}

void
outbox_fini(struct outbox *box)
{
	struct outbox_loss lost = { 0, 0 };

	outbox_drop(box, &lost);
}

bool
outbox_is_empty(const struct outbox *box)
{
	return STAILQ_EMPTY(&box->items);
}

bool
outbox_is_blocked(const struct outbox *box)
{
	return box->state == OUTBOX_BLOCKED;
}

bool
outbox_is_shut(const struct outbox *box)
{
	return box->state == OUTBOX_SHUT;
}

static bool
is_message(const struct outbox_item *item)
{
	return item->kind == OUTBOX_MESSAGE || item->kind == OUTBOX_VOLATILE;
}

struct outbox_item *
outbox_item_new(enum outbox_kind kind, uint64_t request_id, size_t len)
{
	struct outbox_item *item = malloc(sizeof(*item) + len);

	if (item == NULL)
		return NULL;
	item->kind = kind;
	item->since = (struct instant){ 0 };
	item->request_id = request_id;
	item->len = len;
	return item;
}

static void
count_in(struct outbox *box, const struct outbox_item *item)
{
	box->bytes += item->len;
	box->n_messages += is_message(item);
}

static void
count_out(struct outbox *box, const struct outbox_item *item)
{
	box->bytes -= item->len;
	box->n_messages -= is_message(item);
}

void
outbox_add(struct outbox *box, struct outbox_item *item)
{
	STAILQ_INSERT_TAIL(&box->items, item, link);
	count_in(box, item);
}

struct outbox_item *
outbox_pop(struct outbox *box)
{
	struct outbox_item *item = STAILQ_FIRST(&box->items);

	if (item != NULL) {
		STAILQ_REMOVE_HEAD(&box->items, link);
		count_out(box, item);
	}
	return item;
}

void
outbox_remove_request(struct outbox *box, uint64_t request_id)
{
	struct outbox_item *item;

	STAILQ_FOREACH (item, &box->items, link)
		if (item->kind == OUTBOX_REQUEST &&
		    item->request_id == request_id) {
			STAILQ_REMOVE(&box->items, item, outbox_item, link);
			count_out(box, item);
			free(item);
			return;
		}
}

void
outbox_remove_requests(struct outbox *box)
{
	struct outbox kept;
	struct outbox_item *item;

	outbox_init(&kept);
	while ((item = outbox_pop(box)) != NULL)
		if (item->kind == OUTBOX_REQUEST)
			free(item);
		else
			outbox_add(&kept, item);
	while ((item = outbox_pop(&kept)) != NULL)
		outbox_add(box, item);
}

static size_t
fill(const struct outbox *box, struct iovec iov[N_IOVECS])
{
	struct outbox_item *item;
	size_t n = 0, skip = box->written;

	STAILQ_FOREACH (item, &box->items, link) {
		if (n == N_IOVECS)
			break;
		iov[n++] =
		    (struct iovec){ item->bytes + skip, item->len - skip };
		skip = 0;
	}
	return n;
}

static void
take_written(struct outbox *box, size_t n)
{
	struct outbox_item *item;

	box->written += n;
	while ((item = STAILQ_FIRST(&box->items)) != NULL &&
	       box->written >= item->len) {
		box->written -= item->len;
		free(outbox_pop(box));
	}
}

int
outbox_write(struct outbox *box, int fd)
{
	struct iovec iov[N_IOVECS];
	struct msghdr msg = { .msg_iov = iov };
	ssize_t n;

	while (!outbox_is_empty(box)) {
		msg.msg_iovlen = fill(box, iov);
		n = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n < 0) {
			box->state = OUTBOX_BLOCKED;
			return OUTBOX_E_BLOCKED;
		}
		take_written(box, (size_t)n);
	}
	if (box->state == OUTBOX_BLOCKED)
		box->state = OUTBOX_READY;
	return 0;
}

void
outbox_shut(struct outbox *box, int fd)
{
	if (box->state == OUTBOX_SHUT)
		return;
	shutdown(fd, SHUT_WR);
	box->state = OUTBOX_SHUT;
}

static void
lose(struct outbox_item *item, struct outbox_loss *lost)
{
	if (is_message(item)) {
		lost->n++;
		lost->bytes += item->len;
	}
	free(item);
}

void
outbox_rescue(struct outbox *box, struct outbox *waiting, struct instant now,
    struct outbox_loss *lost)
{
	struct outbox kept;
	struct outbox_item *item;
	bool is_begun = box->written > 0;

	outbox_init(&kept);
	while ((item = outbox_pop(box)) != NULL) {
		if (item->since.ms == 0)
			item->since = now;
		if (item->kind == OUTBOX_MESSAGE && !is_begun)
			outbox_add(&kept, item);
		else
			lose(item, lost);
		is_begun = false;
	}
	box->written = 0;
	box->state = OUTBOX_READY;
	while ((item = outbox_pop(waiting)) != NULL)
		outbox_add(&kept, item);
	while ((item = outbox_pop(&kept)) != NULL)
		outbox_add(waiting, item);
}

void
outbox_drop(struct outbox *box, struct outbox_loss *lost)
{
	struct outbox_item *item;

	while ((item = outbox_pop(box)) != NULL)
		lose(item, lost);
	box->written = 0;
}

/* Requests are few, and have deadlines of their own. */
void
outbox_drop_before(
    struct outbox *box, struct instant since, struct outbox_loss *lost)
{
	struct outbox kept;
	struct outbox_item *item;

	outbox_init(&kept);
	while ((item = STAILQ_FIRST(&box->items)) != NULL &&
	       (!is_message(item) || item->since.ms < since.ms)) {
		item = outbox_pop(box);
		if (is_message(item))
			lose(item, lost);
		else
			outbox_add(&kept, item);
	}
	box->bytes += kept.bytes;
	STAILQ_CONCAT(&kept.items, &box->items);
	STAILQ_CONCAT(&box->items, &kept.items);
}
