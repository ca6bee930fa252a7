/*
 * pm2_channel - the line to pm2: Node's IPC channel, on which each line is one
 * JSON value (child_process of Node.js, serialization 'json').
 *
 * It never blocks and never waits: bytes that the socket does not accept are
 * queued up to a limit; a message that does not fit is dropped and counted. pm2
 * may stop reading, send garbage or die; the daemon goes on, without it.
 */
#ifndef PM2A_OPS_PM2_CHANNEL_H
#define PM2A_OPS_PM2_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "net/loop.h"

/* Bytes of the longest input line, and of the output queue. */
#define PM2_LINE_MAX 65536
#define PM2_QUEUE_MAX (4u << 20)

struct pm2_channel {
	int fd; /* -1: closed */
	struct loop_event readable, writable;
	char *input; /* of a line that hasn't ended */
	size_t n_input;
	bool is_skipping; /* a line that is too long, to its end */
	char *queue;      /* bytes from `sent` to `n_queued` wait */
	size_t n_queued, sent, queue_size;
	uint64_t n_dropped; /* messages that had no room */
	uint64_t n_garbled; /* lines that were too long */
	/* A line, zero-terminated, without its newline. */
	void (*on_line)(const char *line, size_t len, void *arg);
	void *arg;
};

/* Takes fd, which is a connected stream socket. on_line and arg are set before.
 */
void pm2_channel_open(struct pm2_channel *channel, struct loop *loop, int fd);

/* Idempotent. */
void pm2_channel_close(struct pm2_channel *channel);

/* Sends one line; text has no newline. Nothing happens when it is closed. */
void pm2_channel_send(
    struct pm2_channel *channel, const char *text, size_t len);

#endif
