/*
 * inherited - the sockets that a supervisor listens on for us: systemd's
 * LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES (sd_listen_fds(3)).
 */
#ifndef PM2A_DAEMON_INHERITED_H
#define PM2A_DAEMON_INHERITED_H

#include <stddef.h>

#include "base/err.h"

#define INHERITED_MAX 16

enum inherited_role {
	INHERITED_NATIVE,
	INHERITED_RESP,
	INHERITED_METRICS,
	INHERITED_HANDLES,
};

struct inherited {
	int fds[INHERITED_MAX];
	enum inherited_role roles[INHERITED_MAX];
	size_t n;
};

/*
 * Reads the variables, and removes them from the environment. The name of a
 * socket is its role: native, resp, metrics or handles; a single socket is
 * native whatever its name. Returns 0, or EX_CONFIG after a message on standard
 * error: an unknown name, more than one native, more than INHERITED_MAX.
 */
int must_check inherited_read(struct inherited *out);

#endif
