/*
 * place - where the daemon's socket is: the one algorithm of both ends, which
 * docs/PROTOCOL.md describes and tests/vectors/places.txt has examples of.
 *
 * place_resolve() is pure: it sees the environment as a struct.
 * place_settle() chooses among the folders for a path that is too long.
 */
#ifndef PM2A_BASE_PLACE_H
#define PM2A_BASE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

#define PLACE_SOCKET_MAX 107 /* bytes of a socket's path, without its zero */
#define PLACE_PATH_MAX 4096
#define PLACE_SHORT_MAX 2

enum place_error {
	PLACE_E_NO_HOME = 1, /* no variable names a folder, and the user has no
			      * entry in passwd(5) */
	PLACE_E_NO_CWD,      /* a relative path, and no working directory */
	PLACE_E_TOO_LONG,    /* more than PLACE_PATH_MAX bytes */
	PLACE_E_NO_FOLDER,   /* no folder for a short path is the user's own */
};

/* NULL and "" mean: not set. */
struct place_env {
	const char *socket;      /* PM2ADAPTERD_SOCKET */
	const char *pm2_home;    /* PM2_HOME */
	const char *pm_pid_path; /* pm2 sets it for its apps */
	const char *home;        /* HOME */
	const char *passwd_home; /* of the user */
	const char *runtime_dir; /* XDG_RUNTIME_DIR */
	const char *tmp_dir;     /* TMPDIR */
	const char *cwd;
	uid_t uid; /* of the owner of pm2's folder */
};

struct place {
	char folder[PLACE_PATH_MAX]; /* pm2's; "" if PM2ADAPTERD_SOCKET */
	char path[PLACE_PATH_MAX];   /* absolute */
	/* If that is too long: paths to use instead, the preferred one first.
	 */
	char shorter[PLACE_SHORT_MAX][PLACE_SOCKET_MAX + 1];
	size_t n_shorter;
};

/* Makes an absolute path without . and .. of `path`. Returns 0,
 * PLACE_E_NO_CWD or PLACE_E_TOO_LONG. */
int must_check place_absolute(
    const char *cwd, const char *path, char *out, size_t size);

/* Returns 0 or PLACE_E_*. */
int must_check place_resolve(const struct place_env *env, struct place *out);

/*
 * Resolves the place in this process's environment, and writes the path of the
 * socket. Of short paths it takes the first one at which there is a socket, or
 * else the first one whose folder is the user's own, and creates that folder.
 * Returns 0 or PLACE_E_*.
 */
int must_check place_settle(struct place *out, char path[PLACE_SOCKET_MAX + 1]);

/* Returns the problem and the remedy, for people. */
const char *place_problem(int error);

/* Returns why place_settle() fails in this process; "" if it doesn't. */
const char *place_problem_here(void);

/* Returns pm2's folder in this process's environment, absolute, or NULL. */
const char *place_pm2_folder(struct place *place);

#endif
