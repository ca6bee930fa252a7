/*
 * allowed - the users that may connect to a Unix socket, by uid or by group.
 *
 * The kernel reports the peer's credentials as of its connect(2). The daemon's
 * own user is always allowed, and so is root, which nothing here could keep
 * out. If both lists are empty, every user that the permissions of the socket
 * admit is allowed. TCP has no users: its peers are always allowed.
 */
#ifndef PM2A_NET_ALLOWED_H
#define PM2A_NET_ALLOWED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "net/listen.h"

struct allowed;

enum allowed_error {
	ALLOWED_E_NAME = 1, /* no such user or group, or a number too large */
	ALLOWED_E_MANY,     /* more than ALLOWED_MAX names in a list */
};

#define ALLOWED_MAX 1024

/* Room for the text of an error, which names the option and the word. */
#define ALLOWED_WHY_SIZE 256

/* Reads two lists of names or numbers, separated by blanks or commas. Returns 0
 * with *out, or ALLOWED_E_* with a text in `why`. Looks names up, which may
 * block on a directory service. */
int must_check allowed_new(const char *users, const char *groups,
    struct allowed **out, char why[ALLOWED_WHY_SIZE]);

/* NULL is allowed. */
void allowed_free(struct allowed *allowed);

/* Returns whether the peer that connected as `fd` is allowed. A NULL `allowed`
 * allows all. */
bool allowed_has(
    const struct allowed *allowed, int fd, const struct peer *peer);

/* The same for credentials: a uid, and `n` groups in any order. */
bool allowed_has_ids(
    const struct allowed *allowed, uid_t uid, const gid_t *groups, size_t n);

enum allowed_verdict {
	ALLOWED,
	REFUSED,       /* for the first time; it has been logged */
	REFUSED_AGAIN, /* or too many uids to count */
};

/* Judges a peer as allowed_has() does. `protocol` is for the log. */
enum allowed_verdict allowed_judge(struct allowed *allowed, int fd,
    const struct peer *peer, const char *protocol);

/* The message to a refused client. */
#define ALLOWED_REFUSAL "uid %u is in neither allow-users nor allow-groups"

/*
 * Returns how many refused connections may wait for the client's first bytes. A
 * connection that is closed before the client has written is broken to it, and
 * it would not read the reason. Refused ones must not take the places of
 * others.
 */
static inline uint32_t
allowed_refused_max(uint32_t connections_max)
{
	return connections_max / 8 < 64 ? connections_max / 8 : 64;
}

#endif
