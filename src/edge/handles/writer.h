/*
 * writer - lines that wait for a worker to read, with or without a descriptor.
 */
#ifndef PM2A_EDGE_HANDLES_WRITER_H
#define PM2A_EDGE_HANDLES_WRITER_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct parcel;

/* Embedded. */
struct writer {
	STAILQ_HEAD(parcel_list, parcel) parcels;
	size_t n, n_bytes;
};

enum writer_verdict {
	WRITER_DONE, /* nothing waits */
	WRITER_WAIT, /* the kernel takes no more now */
	WRITER_END,  /* the peer is gone */
};

/* Descriptors, by outcome. */
struct writer_counts {
	uint64_t n_sent;
	uint64_t n_failed; /* too many are between processes; see unix(7) */
};

void writer_init(struct writer *writer);

/* Drops what waits. Returns how many descriptors that were. Idempotent. */
size_t writer_fini(struct writer *writer);

/* Queues `text`, `len` bytes from malloc, and `fd`, -1 for none; owns both from
 * now on. */
void writer_add(struct writer *writer, char *text, size_t len, int fd);

/* Writes to `fd` without waiting. Adds to `counts`. */
enum writer_verdict writer_write(
    struct writer *writer, int fd, struct writer_counts *counts);

#endif
