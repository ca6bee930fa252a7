#include "daemon/inherited.h"

#include <bsd/stdlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define LISTEN_FDS_START 3

static const char *const role_names[] = { "native", "resp", "metrics",
	"handles" };

/* Returns the number of sockets for this process. */
static int
count(void)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");

	if (pid == NULL || n == NULL ||
	    strtonum(pid, 1, INT32_MAX, NULL) != getpid())
		return 0;
	return (int)strtonum(n, 1, INT32_MAX, NULL);
}

/* Finds the role for the name at `name`, which ends with a colon or the text.
 * Returns false if unknown. By default systemd names a socket after its unit.
 */
static bool
find_role(const char *name, enum inherited_role *out)
{
	static const char unit[] = "pm2adapterd.socket";
	size_t len = strcspn(name, ":");

	for (size_t i = 0; i < sizeof(role_names) / sizeof(*role_names); i++)
		if (strlen(role_names[i]) == len &&
		    memcmp(name, role_names[i], len) == 0) {
			*out = (enum inherited_role)i;
			return true;
		}
	*out = INHERITED_NATIVE;
	return len == sizeof(unit) - 1 && memcmp(name, unit, len) == 0;
}

static int
read_names(struct inherited *out, const char *names)
{
	size_t n_natives = 0;

	for (size_t i = 0; i < out->n; i++) {
		if (!find_role(names, &out->roles[i]) && out->n > 1) {
			fprintf(stderr,
			    "pm2adapterd: an inherited socket is called "
			    "'%.*s'; "
			    "known names: native, resp, metrics, handles\n",
			    (int)strcspn(names, ":"), names);
			return EX_CONFIG;
		}
		n_natives += out->roles[i] == INHERITED_NATIVE;
		names += strcspn(names, ":");
		names += *names == ':';
	}
	if (n_natives <= 1)
		return 0;
	fprintf(stderr,
	    "pm2adapterd: %zu inherited sockets are native; only one is "
	    "allowed\n",
	    n_natives);
	return EX_CONFIG;
}

int
inherited_read(struct inherited *out)
{
	const char *names = getenv("LISTEN_FDNAMES");
	int n = count(), code = 0;

	*out = (struct inherited){ .n = 0 };
	if (n > INHERITED_MAX) {
		fprintf(stderr,
		    "pm2adapterd: %d inherited sockets; at most %d\n", n,
		    INHERITED_MAX);
		code = EX_CONFIG;
	} else {
		for (; out->n < (size_t)n; out->n++)
			out->fds[out->n] = LISTEN_FDS_START + (int)out->n;
		code = read_names(out, names == NULL ? "" : names);
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return code;
}
