/*
 * outbox - frames that wait to be written, in their order, and what becomes of
 * them when there is nobody to write them to. It owns the frames and no fd.
 *
 * A frame belongs to its connection (a subscription, an answer: nobody waits
 * for it later), or it is a message or a question that may wait for one. What
 * has been written in part belongs to the connection that has it.
 */
#ifndef PM2A_CLIENT_OUTBOX_H
#define PM2A_CLIENT_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/err.h"

enum outbox_error {
	OUTBOX_E_BLOCKED = 1, /* the socket takes no more for now */
};

enum outbox_kind {
	OUTBOX_CONTROL,
	OUTBOX_MESSAGE,
	OUTBOX_VOLATILE, /* a message that doesn't wait for a connection */
	OUTBOX_ASK,
};

struct outbox_item {
	STAILQ_ENTRY(outbox_item) link;
	enum outbox_kind kind;
	uint64_t ask_id;
	size_t len;
	uint8_t bytes[];
};

STAILQ_HEAD(outbox_list, outbox_item);

struct outbox {
	struct outbox_list items;
	size_t bytes;      /* of frames that aren't written whole */
	size_t n_messages; /* among them */
	size_t written;    /* bytes of the first one */
};

/* Messages, and their bytes. */
struct outbox_loss {
	uint64_t n, bytes;
};

void outbox_init(struct outbox *box);

/* Frees what waits. */
void outbox_fini(struct outbox *box);

bool outbox_is_empty(const struct outbox *box);

/* A frame of len bytes, which the caller fills in and gives to outbox_add(), or
 * frees. NULL where there is no memory. */
struct outbox_item *outbox_item_new(
    enum outbox_kind kind, uint64_t ask_id, size_t len);

/* Takes the item over. */
void outbox_add(struct outbox *box, struct outbox_item *item);

/* Takes the first item out; NULL where there is none. Only of a box of which
 * nothing is written in part. */
struct outbox_item *outbox_pop(struct outbox *box);

/* Removes the question that waits under this number, if it does. */
void outbox_remove_ask(struct outbox *box, uint64_t ask_id);

/* Removes all questions, of a box of which nothing is written in part. */
void outbox_remove_asks(struct outbox *box);

/* Writes to the socket without waiting for it. Returns 0 when all is written,
 * OUTBOX_E_BLOCKED, or a negative errno. */
int must_check outbox_write(struct outbox *box, int fd);

/*
 * The connection of box has ended: what may wait for another one goes to the
 * head of waiting, in its order, and the rest is freed. Counts the messages
 * that go into *lost.
 */
void outbox_rescue(
    struct outbox *box, struct outbox *waiting, struct outbox_loss *lost);

/* Frees all, and counts messages into *lost. */
void outbox_drop(struct outbox *box, struct outbox_loss *lost);

#endif
