/*
 * outbox - frames that wait to be written, in order, and their fate when their
 * connection ends. It owns the frames and no fd, but knows whether
 * the fd accepts more and whether its sending side is closed.
 *
 * A frame belongs to its connection (a subscription or an answer, which nobody
 * waits for later), or it is a message or a request that may wait for one. A
 * frame that is partly written belongs to the connection that has the part.
 */
#ifndef PM2A_CLIENT_OUTBOX_H
#define PM2A_CLIENT_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/err.h"

enum outbox_error {
	OUTBOX_E_BLOCKED = 1, /* the socket accepts no more for now */
};

enum outbox_state {
	OUTBOX_READY,
	OUTBOX_BLOCKED, /* the socket accepted no more, at the last attempt */
	OUTBOX_SHUT,    /* the sending side is closed; nothing may be added */
};

enum outbox_kind {
	OUTBOX_CONTROL,
	OUTBOX_MESSAGE,
	OUTBOX_VOLATILE, /* a message that does not wait for a connection */
	OUTBOX_REQUEST,
};

struct outbox_item {
	STAILQ_ENTRY(outbox_item) link;
	enum outbox_kind kind;
	uint64_t request_id;
	struct instant since; /* when it began to wait; 0: not yet */
	size_t len;
	uint8_t bytes[];
};

STAILQ_HEAD(outbox_list, outbox_item);

struct outbox {
	struct outbox_list items;
	enum outbox_state state;
	size_t bytes;      /* of frames that are not completely written */
	size_t n_messages; /* among these frames */
	size_t written;    /* bytes of the first frame */
};

/* A number of messages, and their bytes. */
struct outbox_loss {
	uint64_t n, bytes;
};

void outbox_init(struct outbox *box);

/* Frees all frames. */
void outbox_fini(struct outbox *box);

bool outbox_is_empty(const struct outbox *box);
bool outbox_is_blocked(const struct outbox *box);
bool outbox_is_shut(const struct outbox *box);

/* Returns a frame of `len` bytes, which the caller fills in and then passes to
 * outbox_add() or frees; NULL if there is no memory. */
struct outbox_item *outbox_item_new(
    enum outbox_kind kind, uint64_t request_id, size_t len);

/* Appends the item, and owns it from then on. */
void outbox_add(struct outbox *box, struct outbox_item *item);

/* Removes the first item and returns it, or NULL if the outbox is empty. No
 * frame may be partly written. */
struct outbox_item *outbox_pop(struct outbox *box);

/* Removes the request `request_id`, if it waits here. */
void outbox_remove_request(struct outbox *box, uint64_t request_id);

/* Removes all requests. No frame may be partly written. */
void outbox_remove_requests(struct outbox *box);

/* Writes to the socket without waiting. Returns 0 when everything is written,
 * OUTBOX_E_BLOCKED, or a negative errno. */
int must_check outbox_write(struct outbox *box, int fd);

/* Closes the sending side of the socket, once. */
void outbox_shut(struct outbox *box, int fd);

/*
 * The connection of `box` has ended: moves the frames that may wait for another
 * one to the head of `waiting`, in their order, and frees the others. Adds the
 * messages among these to *lost. The next connection can use `box`.
 */
void outbox_rescue(struct outbox *box, struct outbox *waiting,
    struct instant now, struct outbox_loss *lost);

/* Frees the messages that have waited since before `since`, and adds them to
 * *lost. No frame may be partly written. */
void outbox_drop_before(
    struct outbox *box, struct instant since, struct outbox_loss *lost);

/* Frees all frames, and adds the messages among them to *lost. */
void outbox_drop(struct outbox *box, struct outbox_loss *lost);

#endif
