/*
 * allowed - the users who may connect to a Unix socket: by uid, or by one of
 * their groups.
 *
 * The kernel says who the peer is, as of its connect(2). The user of the daemon
 * is always allowed, and so is root, which nothing here could keep out. Both
 * lists empty: everybody whom the permissions of the socket let in. TCP has no
 * users: its peers are always allowed.
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
 * wait for a directory service. */
int must_check allowed_new(const char *users, const char *groups,
    struct allowed **out, char why[ALLOWED_WHY_SIZE]);

/* NULL is allowed. */
void allowed_free(struct allowed *allowed);

/* Whether the peer that has connected as `fd` is allowed. NULL: everybody. */
bool allowed_has(
    const struct allowed *allowed, int fd, const struct peer *peer);

/* The same of credentials: a uid, and `n` groups of any order. */
bool allowed_has_ids(
    const struct allowed *allowed, uid_t uid, const gid_t *groups, size_t n);

enum allowed_verdict {
	ALLOWED,
	REFUSED,       /* for the first time, which has been logged */
	REFUSED_AGAIN, /* or one of very many uids */
};

/* Judges a peer as allowed_has() does. `protocol` is for the log. */
enum allowed_verdict allowed_judge(struct allowed *allowed, int fd,
    const struct peer *peer, const char *protocol);

/* What a client is told. */
#define ALLOWED_REFUSAL "uid %u is in neither allow-users nor allow-groups"

/*
 * How many refused connections may wait for the client's first bytes: one that
 * is closed before it has written would find its socket broken, and would not
 * read why. They must not take the places of others.
 */
static inline uint32_t
allowed_refused_max(uint32_t connections_max)
{
	return connections_max / 8 < 64 ? connections_max / 8 : 64;
}

#endif
