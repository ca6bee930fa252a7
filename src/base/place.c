#include "base/place.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "pm2adapterd"
#define TMP_DIR_MAX 50 /* bytes: a short path fits behind it */

static bool
is_set(const char *text)
{
	return text != NULL && text[0] != '\0';
}

/* Appends the components of `path` to `out`, an absolute path. */
static int
append(char *out, size_t size, const char *path)
{
	size_t len = strlen(out), n;

	for (; *path != '\0'; path += n) {
		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (n == 0 || (n == 1 && path[0] == '.'))
			continue;
		if (n == 2 && path[0] == '.' && path[1] == '.') {
			while (len > 0 && out[--len] != '/')
				;
			out[len] = '\0';
			continue;
		}
		if (len + n + 2 > size)
			return PLACE_E_TOO_LONG;
		out[len] = '/';
		memcpy(out + len + 1, path, n);
		len += n + 1;
		out[len] = '\0';
	}
	return 0;
}

int
place_absolute(const char *cwd, const char *path, char *out, size_t size)
{
	int r = 0;

	out[0] = '\0';
	if (path[0] != '/' && !is_set(cwd))
		return PLACE_E_NO_CWD;
	if (path[0] != '/')
		r = append(out, size, cwd);
	if (r == 0)
		r = append(out, size, path);
	if (out[0] == '\0')
		memcpy(out, "/", 2);
	return r;
}

/* Returns `path` after its leading components . and .. */
static const char *
skip_dots(const char *path)
{
	size_t n;

	for (;;) {
		path += strspn(path, "/");
		n = strspn(path, ".");
		if (n < 1 || n > 2 || (path[n] != '/' && path[n] != '\0'))
			return path;
		path += n;
	}
}

static bool
has_suffix(const char *text, const char *suffix)
{
	size_t len = strlen(text), n = strlen(suffix);

	return len > n && text[len - n - 1] == '/' &&
	       strcmp(text + len - n, suffix) == 0;
}

/*
 * A relative PM2_HOME is relative to where pm2 was started. An app of it may
 * have another working directory, and finds the folder in the path of its pid
 * file, FOLDER/pids/NAME.pid.
 */
static bool
read_pid_path(const struct place_env *env, char *out)
{
	char wanted[PLACE_PATH_MAX] = "";
	char *end;

	if (!is_set(env->pm_pid_path) || env->pm_pid_path[0] != '/' ||
	    append(wanted, sizeof(wanted), skip_dots(env->pm2_home)) != 0 ||
	    place_absolute("", env->pm_pid_path, out, PLACE_PATH_MAX) != 0)
		return false;
	*strrchr(out, '/') = '\0';
	end = strrchr(out, '/');
	if (end == NULL || strcmp(end, "/pids") != 0)
		return false;
	*end = '\0';
	return wanted[0] == '\0' || has_suffix(out, wanted + 1);
}

static int
find_folder(const struct place_env *env, char *out)
{
	const char *home = is_set(env->home) ? env->home : env->passwd_home;
	int r;

	if (is_set(env->pm2_home)) {
		if (env->pm2_home[0] != '/' && read_pid_path(env, out))
			return 0;
		return place_absolute(
		    env->cwd, env->pm2_home, out, PLACE_PATH_MAX);
	}
	if (!is_set(home))
		return PLACE_E_NO_HOME;
	r = place_absolute(env->cwd, home, out, PLACE_PATH_MAX);
	if (r == 0 && strcmp(out, "/") == 0)
		out[0] = '\0';
	return r == 0 ? append(out, PLACE_PATH_MAX, ".pm2") : r;
}

/* FNV-1a: keeps the sockets of two folders apart, and guards nothing. */
static uint64_t
digest(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * 0x100000001b3;
	return hash;
}

static void
add_shorter(struct place *place, const char *folder)
{
	char *out = place->shorter[place->n_shorter];
	int len = snprintf(out, PLACE_SOCKET_MAX + 1,
	    "%s/" NAME "-%016" PRIx64 ".sock", folder, digest(place->folder));

	if (len <= PLACE_SOCKET_MAX)
		place->n_shorter++;
}

static void
shorten(const struct place_env *env, struct place *place)
{
	char folder[PLACE_PATH_MAX], tmp[PLACE_PATH_MAX];

	if (is_set(env->runtime_dir) && env->runtime_dir[0] == '/' &&
	    place_absolute("", env->runtime_dir, folder, sizeof(folder)) == 0)
		add_shorter(place, folder);
	if (!is_set(env->tmp_dir) || env->tmp_dir[0] != '/' ||
	    place_absolute("", env->tmp_dir, tmp, TMP_DIR_MAX + 1) != 0 ||
	    strcmp(tmp, "/") == 0)
		memcpy(tmp, "/tmp", sizeof("/tmp"));
	snprintf(folder, sizeof(folder), "%.*s/" NAME "-%u", TMP_DIR_MAX, tmp,
	    (unsigned)env->uid);
	add_shorter(place, folder);
}

int
place_resolve(const struct place_env *env, struct place *out)
{
	int r;

	out->folder[0] = '\0';
	out->n_shorter = 0;
	if (is_set(env->socket))
		return place_absolute(
		    env->cwd, env->socket, out->path, sizeof(out->path));
	r = find_folder(env, out->folder);
	if (r != 0)
		return r;
	strcpy(out->path, out->folder);
	r = append(out->path, sizeof(out->path), NAME ".sock");
	if (r == 0 && strlen(out->path) > PLACE_SOCKET_MAX)
		shorten(env, out);
	return r;
}

/* The owner of pm2's folder, since root may ask for another user's daemon. */
static uid_t
owner_of(const char *folder)
{
	struct stat st;

	return folder[0] != '\0' && stat(folder, &st) == 0 ? st.st_uid
							   : geteuid();
}

static bool
exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* Whether nobody else can put a socket at `path`, and this process can if there
 * is none. */
static bool
is_usable(const char *path, uid_t uid, bool may_create)
{
	char folder[PLACE_SOCKET_MAX + 1];
	struct stat st;

	strcpy(folder, path);
	*strrchr(folder, '/') = '\0';
	if (may_create)
		(void)mkdir(folder, 0700);
	if (!exists(path) && access(folder, W_OK | X_OK) != 0)
		return false;
	return lstat(folder, &st) == 0 && S_ISDIR(st.st_mode) &&
	       (st.st_uid == geteuid() || st.st_uid == uid || st.st_uid == 0) &&
	       (st.st_mode & 0022) == 0;
}

static int
settle_shorter(const struct place *place, uid_t uid, char *path)
{
	const char *found = NULL;

	for (size_t i = place->n_shorter; i-- > 0;) {
		const char *each = place->shorter[i];
		bool is_last = i + 1 == place->n_shorter;

		if (is_usable(each, uid, is_last) &&
		    (found == NULL || exists(each) || !exists(found)))
			found = each;
	}
	if (found == NULL)
		return PLACE_E_NO_FOLDER;
	strcpy(path, found);
	return 0;
}

/* Resolves in this process's environment. */
static int
resolve_here(struct place *out, uid_t *uid)
{
	char cwd[PLACE_PATH_MAX];
	const struct passwd *user =
	    is_set(getenv("HOME")) ? NULL : getpwuid(geteuid());
	struct place_env env = {
		.socket = getenv("PM2ADAPTERD_SOCKET"),
		.pm2_home = getenv("PM2_HOME"),
		.pm_pid_path = getenv("pm_pid_path"),
		.home = getenv("HOME"),
		.passwd_home = user == NULL ? NULL : user->pw_dir,
		.runtime_dir = getenv("XDG_RUNTIME_DIR"),
		.tmp_dir = getenv("TMPDIR"),
		.cwd = getcwd(cwd, sizeof(cwd)),
	};
	int r = place_resolve(&env, out);

	if (r == 0 && out->n_shorter > 0) {
		env.uid = owner_of(out->folder);
		r = place_resolve(&env, out);
	}
	*uid = env.uid;
	return r;
}

int
place_settle(struct place *out, char path[PLACE_SOCKET_MAX + 1])
{
	uid_t uid;
	int r = resolve_here(out, &uid);

	if (r != 0)
		return r;
	if (out->n_shorter > 0)
		return settle_shorter(out, uid, path);
	if (strlen(out->path) > PLACE_SOCKET_MAX)
		return PLACE_E_TOO_LONG;
	strcpy(path, out->path);
	return 0;
}

const char *
place_problem(int error)
{
	static const char *const texts[] = {
		[PLACE_E_NO_HOME] =
		    "HOME is not set and the user has no entry in passwd; set "
		    "PM2_HOME or PM2ADAPTERD_SOCKET",
		[PLACE_E_NO_CWD] =
		    "the path is relative and the working directory is gone; "
		    "set an absolute path",
		[PLACE_E_TOO_LONG] =
		    "the path is longer than the 107 bytes of a socket's path; "
		    "set a shorter one",
		[PLACE_E_NO_FOLDER] =
		    "PM2_HOME is too long for a socket, and neither "
		    "XDG_RUNTIME_DIR nor pm2adapterd-UID in the temporary "
		    "folder is a folder of this user alone; set "
		    "PM2ADAPTERD_SOCKET",
	};

	return texts[error];
}

const char *
place_problem_here(void)
{
	char path[PLACE_SOCKET_MAX + 1];
	struct place place;
	int r = place_settle(&place, path);

	return r == 0 ? "" : place_problem(r);
}

const char *
place_pm2_folder(struct place *place)
{
	uid_t uid;

	return resolve_here(place, &uid) == 0 && place->folder[0] != '\0'
		   ? place->folder
		   : NULL;
}
