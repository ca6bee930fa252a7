/*
 * piped - blobs whose bytes lie in a pipe: large payloads that are received and
 * sent without being copied.
 *
 * splice(2) moves references to the kernel's pages from a socket into the
 * blob's pipe, tee(2) duplicates them for each receiver, splice(2) moves them
 * on. Only the beginning, which the daemon looks at, is read into memory.
 *
 * Pipes are few, and none is guaranteed: if all are in use when one is needed,
 * a blob that waits for a receiver is settled, which makes it memory, in place,
 * for all holders of its slices. So a slow receiver costs a copy, and no
 * descriptors.
 *
 * The caller ignores SIGPIPE, since splice(2) has no flag against it.
 */
#ifndef PM2A_NET_PIPED_H
#define PM2A_NET_PIPED_H

#include <sys/types.h>

#include "base/blob.h"

/* The maximum size of a piped blob: a payload of 1 MiB, with its topic and
 * more. */
#define PIPED_MAX ((1 << 20) + (64 << 10))

/* Returns whether only the first bytes of the blob are at its `data`. */
static inline bool
piped_is(const struct blob *blob)
{
	return blob->is_partial;
}

struct piped_stats {
	uint64_t n_settled; /* blobs turned into memory */
	uint64_t n_failed;  /* blobs for which no pipe was available */
};

/*
 * Returns whether the kernel of that `release`, as in uname(2), moves pages
 * into Unix sockets in one go. It does from 6.5 on; before, each page was sent
 * by itself, with a wake-up of the receiver, and nobody has measured that.
 */
bool piped_is_known_good(const char *release);

/*
 * Returns a blob with the `len` bytes at `bytes`, of which the first `n_head`
 * stay readable at `data`. NULL if no pipe is available.
 */
struct blob *piped_new(const void *bytes, size_t len, size_t n_head);

/*
 * Appends at most `max` bytes from the socket `fd`. Returns how many, 0 at its
 * end, or -1 with errno. On EAGAIN the blob may have been settled, because its
 * pipe has no room or the kernel can't do it: then piped_is() is false, and the
 * rest must be read elsewhere.
 */
ssize_t piped_fill(struct blob *blob, int fd, size_t max);

/*
 * Writes as much of `s`, whose blob is piped, to the non-blocking socket `fd`
 * as it takes. Returns how many bytes, or -1 with errno. On EINTR the blob may
 * have been settled.
 */
ssize_t piped_send(const struct slice *s, int fd);

/* Turns the blob into memory, if it is piped: all its bytes are at `data` then.
 * Pointers to its first bytes stay valid. */
void piped_settle(struct blob *blob);

/* Marks the blob, which may be of any kind, as queued by a receiver that can't
 * be written to for now. */
void piped_set_waiting(struct blob *blob);

const struct piped_stats *piped_stats(void);

/* Closes the pipes kept for reuse. */
void piped_trim(void);

#endif
