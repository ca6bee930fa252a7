#include "client/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/place.h"

#define MINUTES (60 * 1000)
#define HOURS (60 * MINUTES)

static const char *
environment(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : NULL;
}

/* Returns 0, PM2A_E_ARGUMENT or -ENOMEM. */
static int
default_socket(char *out)
{
	struct place *place = malloc(sizeof(*place));
	int r = place == NULL ? -ENOMEM : place_settle(place, out);

	free(place);
	return r > 0 ? PM2A_E_ARGUMENT : r;
}

/* An absolute path, since the working directory may change. */
static int
own_socket(const char *path, char *out)
{
	char cwd[PLACE_PATH_MAX];

	if (path[0] == '\0')
		return PM2A_E_ARGUMENT;
	return place_absolute(getcwd(cwd, sizeof(cwd)), path, out,
		   OPTIONS_SOCKET_MAX + 1) == 0
		   ? 0
		   : PM2A_E_ARGUMENT;
}

static int64_t
pm_id(void)
{
	const char *text = environment("pm_id");
	char *end;
	long n;

	if (text == NULL)
		return -1;
	n = strtol(text, &end, 10);
	return *end == '\0' && n >= 0 && n <= INT32_MAX ? n : -1;
}

/* Only people read it, so a long name is cut, between characters. */
static void
default_name(char *out, size_t size)
{
	const char *name = pm_id() >= 0 ? environment("name") : NULL;
	size_t len;

	if (name == NULL)
		name = program_invocation_short_name;
	if (name[0] == '\0')
		name = "pm2a";
	len = strnlen(name, size - 1);
	while (name[len] != '\0' && len > 1 && (name[len] & 0xc0) == 0x80)
		len--;
	memcpy(out, name, len);
	out[len] = '\0';
}

static int
copy_string(const char *from, char *out, size_t size)
{
	size_t len = strnlen(from, size);

	if (len == 0 || len == size)
		return PM2A_E_ARGUMENT;
	memcpy(out, from, len + 1);
	return 0;
}

static int
read_range(int value, int initial, int min, int max, int64_t *out)
{
	*out = value == 0 ? initial : value;
	return *out >= min && *out <= max ? 0 : PM2A_E_ARGUMENT;
}

static int
read_times(const struct pm2a_options *options, struct options *out)
{
	int r = read_range(options->reconnect_min_ms, 50, 1, 10 * MINUTES,
	    &out->reconnect_min_ms);

	if (r == 0)
		r = read_range(options->reconnect_max_ms, 2000, 1, 10 * MINUTES,
		    &out->reconnect_max_ms);
	if (r == 0)
		r = read_range(options->connect_timeout_ms, 5000, 10,
		    10 * MINUTES, &out->connect_timeout_ms);
	if (r == 0)
		r = read_range(options->queue_max_age_ms, 30000, 1, 24 * HOURS,
		    &out->queue_max_age_ms);
	if (r == 0 && out->reconnect_max_ms < out->reconnect_min_ms)
		r = PM2A_E_ARGUMENT;
	return r;
}

static int
read_strings(const struct pm2a_options *options, struct options *out)
{
	int r;

	r = options->socket == NULL ? default_socket(out->socket)
				    : own_socket(options->socket, out->socket);
	if (r != 0)
		return r;
	default_name(out->name, sizeof(out->name));
	if (options->name != NULL)
		r = copy_string(options->name, out->name, sizeof(out->name));
	if (r == 0)
		r = copy_string(
		    options->key == NULL ? "socket.io" : options->key, out->key,
		    sizeof(out->key));
	if (r == 0 && strchr(out->key, '#') != NULL)
		r = PM2A_E_ARGUMENT;
	return r;
}

int
options_read(const struct pm2a_options *options, struct options *out)
{
	static const struct pm2a_options defaults;
	int r;

	if (options == NULL)
		options = &defaults;
	*out = (struct options){ .role = options->role };
	if ((unsigned)options->role > PM2A_ROLE_OBSERVER)
		return PM2A_E_ARGUMENT;
	out->queue_max_bytes = options->queue_max_bytes == 0
				   ? (size_t)16 << 20
				   : options->queue_max_bytes;
	out->pm_id = pm_id();
	out->callbacks = options->callbacks;
	out->user = options->user;
	r = read_strings(options, out);
	return r == 0 ? read_times(options, out) : r;
}
