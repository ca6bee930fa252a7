/*
 * piped - blobs whose bytes lie in a pipe: large payloads that are received and
 * sent without being copied.
 *
 * splice(2) moves references to the kernel's pages from a socket into the
 * blob's pipe, tee(2) doubles them for each receiver, splice(2) moves them on.
 * Only the beginning, which somebody has to look at, is read into memory.
 *
 * Pipes are few, and never owed: when one is needed and all are in use, a blob
 * that waits for somebody is settled, which makes it memory, in place, for all
 * who have slices of it. So whoever is slow costs a copy, and no descriptors.
 *
 * The caller ignores SIGPIPE, since splice(2) has no flag against it.
 */
#ifndef PM2A_NET_PIPED_H
#define PM2A_NET_PIPED_H

#include <sys/types.h>

#include "base/blob.h"

/* The most bytes that a piped blob is made for: a payload of 1 MiB, its topic
 * and more around it. */
#define PIPED_MAX ((1 << 20) + (64 << 10))

/* Whether only the first bytes of the blob are at its data. */
static inline bool
piped_is(const struct blob *blob)
{
	return blob->is_partial;
}

struct piped_stats {
	uint64_t n_settled; /* blobs that became memory */
	uint64_t n_failed;  /* blobs that got no pipe */
};

/*
 * Whether the kernel of that release, as uname(2) has it, moves pages into Unix
 * sockets in one go. It does from 6.5 on; before, each page was sent by itself,
 * with a wake-up of the receiver, and nobody has measured that.
 */
bool piped_is_known_good(const char *release);

/*
 * A blob with the len bytes at bytes, of which the first n_head stay readable
 * at data. NULL when there is no pipe to be had.
 */
struct blob *piped_new(const void *bytes, size_t len, size_t n_head);

/*
 * Appends at most max bytes from the socket fd. Returns how many, 0 at its end,
 * or -1 with errno. On EAGAIN the blob may have been settled, because its pipe
 * has no room or the kernel can't do it: then piped_is() is false, and what is
 * still to come must be read elsewhere.
 */
ssize_t piped_fill(struct blob *blob, int fd, size_t max);

/*
 * Writes what it can of s, whose blob is piped, to the non-blocking socket fd.
 * Returns how many bytes, or -1 with errno. On EINTR the blob may have been
 * settled.
 */
ssize_t piped_send(const struct slice *s, int fd);

/* Makes memory of the blob, if it is not: all its bytes are at data then. What
 * pointed to its first bytes still does. */
void piped_settle(struct blob *blob);

/* Somebody who can't be written to for now has queued a slice of the blob,
 * which may be of any kind. */
void piped_set_waiting(struct blob *blob);

const struct piped_stats *piped_stats(void);

/* Closes the pipes that are kept for reuse. */
void piped_trim(void);

#endif
