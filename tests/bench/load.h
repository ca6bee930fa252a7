/*
 * load - one publisher and N receivers, in one epoll loop, and the check that
 * every message comes once and in order.
 *
 * All connections are this process's, so that the load is the same whatever
 * broker is behind the socket. The publisher writes a batch whenever the window
 * has room for one; the window is counted from the receiver that is furthest
 * behind, so no broker is driven into its queue limits. The mode chooses
 * the topics: one for all receivers, or, with ops, others.
 */
#ifndef PM2A_BENCH_LOAD_H
#define PM2A_BENCH_LOAD_H

#include "peer.h"
#include "protocol.h"

#define LOAD_SIZE_MIN 16 /* two sequence numbers */

struct load;

struct receiver {
	int fd;
	uint8_t *input;
	size_t held;
	uint64_t next; /* the sequence number that must come */
};

struct publisher {
	int fd;
	struct shape shape;
	uint8_t *batch; /* n_batch messages of frame_len bytes */
	size_t frame_len, batch_len, batch_sent;
	uint64_t n_sent; /* messages of batches begun */
	bool wants_out;
};

struct load_ops {
	/* Sets topic and numbers of the message number n, which begins at
	 * frame. */
	void (*number)(struct load *l, uint8_t *frame, uint64_t n);
	/* A message has come: false when it is none that r should get. */
	bool (*take)(struct load *l, struct receiver *r, const uint8_t *record);
	/* How many messages have reached everyone who gets them. */
	uint64_t (*n_done)(const struct load *l);
	/* Asks for what r is to get. */
	void (*subscribe)(struct load *l, struct receiver *r);
};

/* Of a load with one topic. */
extern const struct load_ops load_one_topic;

struct load {
	const struct peer *peer;
	const struct load_ops *ops;
	const char *topic; /* an example of it, if there are several */
	size_t n_receivers, size, window, n_batch;
	size_t input_size; /* bytes a receiver reads at the most; 0: many */
	int epoll;
	struct publisher publisher;
	struct receiver *receivers;
	struct shape record;
	size_t record_len;
	uint64_t n_delivered, n_faults;
};

/* The fields up to input_size are set. */
void load_open(struct load *l);
void load_close(struct load *l);

/* Tells of a fault, and counts it. */
void load_fault(struct load *l, const struct receiver *r, uint64_t came);

/* Checks both numbers of a payload, and counts on. */
void load_check(struct load *l, struct receiver *r, const uint8_t *payload);

/* Writes both numbers. */
void load_number(struct load *l, uint8_t *payload, uint64_t n);

/* Writes what is left of the batch, and begins another if the window has room.
 * False when the socket is full or the window is. */
bool load_publish(struct load *l);

/* One turn of the loop; false when nothing has come for so long. */
bool load_turn(struct load *l, int timeout_ms);

/* Pipelines for so long. */
void load_run(struct load *l, double seconds);

/* Waits for all published messages; a missing one is lost, which is a fault. */
void load_drain(struct load *l);

uint64_t load_n_done(const struct load *l);

#endif
