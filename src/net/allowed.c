#include "net/allowed.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/xalloc.h"

#define SEPARATORS " \t,"
#define ID_MAX 4294967294 /* the one above it stands for none */
#define REFUSED_MAX 256
#define GROUPS_FEW 64 /* read without asking for their number */

struct ids {
	uint32_t *at; /* sorted */
	size_t n;
};

struct allowed {
	struct ids users, groups;
	uint32_t refused[REFUSED_MAX];
	size_t n_refused;
};

static int
compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static bool
has_id(const struct ids *ids, uint32_t id)
{
	return ids->n > 0 && bsearch(&id, ids->at, ids->n, sizeof(*ids->at),
				 compare_ids) != NULL;
}

static bool
find_user(const char *name, uint32_t *out)
{
	const struct passwd *user = getpwnam(name);

	if (user != NULL)
		*out = user->pw_uid;
	return user != NULL;
}

static bool
find_group(const char *name, uint32_t *out)
{
	const struct group *group = getgrnam(name);

	if (group != NULL)
		*out = group->gr_gid;
	return group != NULL;
}

static bool
read_number(const char *word, uint32_t *out)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(word, &end, 10);
	*out = (uint32_t)n;
	return errno == 0 && *end == '\0' && n <= ID_MAX;
}

struct list {
	const char *option, *what;
	bool (*find)(const char *name, uint32_t *out);
};

static const struct list users_list = { "allow-users", "user", find_user };
static const struct list groups_list = { "allow-groups", "group", find_group };

/* A word of digits is a number. */
static int
read_word(const struct list *list, const char *word, uint32_t *out, char *why)
{
	bool is_number = strspn(word, "0123456789") == strlen(word);

	if (is_number ? read_number(word, out) : list->find(word, out))
		return 0;
	snprintf(why, ALLOWED_WHY_SIZE,
	    is_number ? "%s: %.64s is too large for the number of a %s"
		      : "%s: '%.64s' is not a %s of this host; create it, or "
			"take it out of the list",
	    list->option, word, list->what);
	return ALLOWED_E_NAME;
}

static int
read_ids(const struct list *list, const char *text, struct ids *out, char *why)
{
	char *copy = xstrdup(text), *rest = copy, *word;
	int r = 0;

	out->at = xcalloc(ALLOWED_MAX, sizeof(*out->at));
	while (r == 0 && (word = strsep(&rest, SEPARATORS)) != NULL) {
		if (*word == '\0')
			continue;
		if (out->n == ALLOWED_MAX) {
			snprintf(why, ALLOWED_WHY_SIZE,
			    "%s: more than %d names; use a group", list->option,
			    ALLOWED_MAX);
			r = ALLOWED_E_MANY;
			break;
		}
		r = read_word(list, word, &out->at[out->n++], why);
	}
	free(copy);
	qsort(out->at, out->n, sizeof(*out->at), compare_ids);
	return r;
}

int
allowed_new(const char *users, const char *groups, struct allowed **out,
    char why[ALLOWED_WHY_SIZE])
{
	struct allowed *allowed = xcalloc(1, sizeof(*allowed));
	int r = read_ids(&users_list, users, &allowed->users, why);

	if (r == 0)
		r = read_ids(&groups_list, groups, &allowed->groups, why);
	if (r == 0)
		*out = allowed;
	else
		allowed_free(allowed);
	return r;
}

void
allowed_free(struct allowed *allowed)
{
	if (allowed == NULL)
		return;
	free(allowed->users.at);
	free(allowed->groups.at);
	free(allowed);
}

bool
allowed_has_ids(
    const struct allowed *allowed, uid_t uid, const gid_t *groups, size_t n)
{
	if (allowed->users.n + allowed->groups.n == 0 || uid == 0 ||
	    uid == geteuid() || has_id(&allowed->users, uid))
		return true;
	for (size_t i = 0; i < n; i++)
		if (has_id(&allowed->groups, groups[i]))
			return true;
	return false;
}

/* The peer's supplementary groups, which can be very many. */
static bool
has_groups(const struct allowed *allowed, int fd, uid_t uid)
{
	gid_t few[GROUPS_FEW], *groups = few;
	socklen_t len = sizeof(few);
	bool is_allowed = false;
	int r = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len);

	if (r != 0 && errno == ERANGE) {
		groups = xcalloc(1, len);
		r = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len);
	}
	if (r == 0)
		is_allowed = allowed_has_ids(
		    allowed, uid, groups, len / sizeof(*groups));
	if (groups != few)
		free(groups);
	return is_allowed;
}

bool
allowed_has(const struct allowed *allowed, int fd, const struct peer *peer)
{
	if (allowed == NULL || peer->is_tcp ||
	    allowed_has_ids(allowed, peer->uid, &peer->gid, 1))
		return true;
	return allowed->groups.n > 0 && has_groups(allowed, fd, peer->uid);
}

/* Returns whether this is the first refusal of the uid, as far as they are
 * counted. */
static bool
is_news(struct allowed *allowed, uid_t uid)
{
	for (size_t i = 0; i < allowed->n_refused; i++)
		if (allowed->refused[i] == uid)
			return false;
	if (allowed->n_refused == REFUSED_MAX)
		return false;
	allowed->refused[allowed->n_refused++] = uid;
	return true;
}

enum allowed_verdict
allowed_judge(struct allowed *allowed, int fd, const struct peer *peer,
    const char *protocol)
{
	if (allowed_has(allowed, fd, peer))
		return ALLOWED;
	if (!is_news(allowed, peer->uid))
		return REFUSED_AGAIN;
	log_warn("user-refused", "uid=%u gid=%u pid=%d protocol=%s",
	    (unsigned)peer->uid, (unsigned)peer->gid, (int)peer->pid, protocol);
	return REFUSED;
}
