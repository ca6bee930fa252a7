/*
 * channel - a worker's channel, or the connection of a process that lends one:
 * its lines, and the descriptors to and from it. Private to edge/handles.
 */
#ifndef PM2A_EDGE_HANDLES_CHANNEL_H
#define PM2A_EDGE_HANDLES_CHANNEL_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/timeouts.h"
#include "edge/handles/reader.h"
#include "edge/handles/settings.h"
#include "edge/handles/writer.h"
#include "net/loop.h"
#include "stats/hub.h"
#include "wire/handle_line.h"

/* Limits of what waits for workers that do not read. */
#define CHANNEL_PARCELS_MAX 256
#define CHANNELS_BYTES_MAX ((size_t)16 << 20)
/* Bytes that are read from all channels in a turn of the loop, about. */
#define CHANNELS_TURN_MAX ((size_t)256 << 10)

enum handles_refusal {
	REFUSAL_ABSENT,     /* no channel has the tag, or not any more */
	REFUSAL_SLOW,       /* too much waits for the receiver, or for all */
	REFUSAL_DESCRIPTOR, /* none, several, or not a connected socket */
	REFUSAL_MALFORMED,  /* the line; ends the channel */
	REFUSAL_LEND,       /* a channel: its user, its form, too many */
	N_REFUSALS,
};

struct channel {
	TAILQ_ENTRY(channel) link; /* in channels, or in closed */
	struct handles *handles;
	int fd;
	bool is_lender; /* accepted; else a channel that was lent */
	bool is_closed; /* freed at the end of the turn */
	char tag[HANDLE_TAG_LEN + 1];
	struct reader reader;
	struct writer writer;
	struct loop_event readable, writable;
	struct timeout timeout; /* of a lender */
};

struct handles {
	struct loop *loop;
	struct hub *hub;
	struct handles_settings settings;
	struct stats_source stats;
	struct loop_source source; /* added while is_timed */
	bool is_timed;
	TAILQ_HEAD(channel_list, channel) channels;
	struct channel_list closed;
	struct loop_task reap; /* of closed */
	size_t n_channels, n_lenders;
	struct timeouts lenders;
	size_t n_waiting, waiting_bytes; /* in all writers */
	int64_t turn_us; /* of the turn in which turn_bytes were read */
	size_t turn_bytes;
	struct writer_counts sent;
	uint64_t n_refused[N_REFUSALS];
	uint64_t n_lost; /* sent, but the receiver had no descriptor for it */
	void (*done)(void *arg); /* NULL: not draining, or done */
	void *done_arg;
	struct instant drain_end;
	char bytes[HANDLE_LINE_MAX + 1]; /* for reading, and a zero */
};

/* Takes `fd`. Closes it if the loop can't watch it. */
void channel_open(struct handles *handles, int fd, const char *tag);
void channel_open_lender(struct handles *handles, int fd);

/* Ends it; `cause` is for the log. Idempotent. */
void channel_close(struct channel *channel, const char *cause);

/* Of handles.c: counts a refusal. */
void handles_refuse(struct handles *handles, enum handles_refusal why);

/* Of handles.c: something waits less, or there is a deadline. */
void handles_settle(struct handles *handles);

#endif
