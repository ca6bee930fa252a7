#include "stats/apps.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

static bool
is_counted(const char *key, const char *script)
{
	return key[0] != '\0' && script[0] != '\0';
}

static struct app *
find_app(const struct apps *apps, const char *key)
{
	struct app *app;

	LIST_FOREACH (app, &apps->all, link)
		if (strcmp(app->key, key) == 0)
			return app;
	return NULL;
}

static struct app_script *
find_script(const struct app *app, const char *path)
{
	struct app_script *script;

	LIST_FOREACH (script, &app->scripts, link)
		if (strcmp(script->path, path) == 0)
			return script;
	return NULL;
}

static struct app *
new_app(struct apps *apps, const char *key)
{
	struct app *app = xcalloc(1, sizeof(*app));

	app->key = xstrdup(key);
	LIST_INIT(&app->scripts);
	LIST_INSERT_HEAD(&apps->all, app, link);
	return app;
}

static struct app_script *
new_script(struct app *app, const char *path)
{
	struct app_script *script = xcalloc(1, sizeof(*script));

	script->path = xstrdup(path);
	LIST_INSERT_HEAD(&app->scripts, script, link);
	app->n_scripts++;
	return script;
}

const char *
apps_add(struct apps *apps, const char *key, const char *path)
{
	struct app_script *script;
	struct app *app;

	if (!is_counted(key, path))
		return NULL;
	app = find_app(apps, key);
	if (app == NULL)
		app = new_app(apps, key);
	script = find_script(app, path);
	if (script == NULL)
		script = new_script(app, path);
	script->n++;
	if (app->n_scripts < 2 || app->has_warned)
		return NULL;
	app->has_warned = true;
	return LIST_NEXT(script, link)->path;
}

void
apps_remove(struct apps *apps, const char *key, const char *path)
{
	struct app *app = is_counted(key, path) ? find_app(apps, key) : NULL;
	struct app_script *script = app == NULL ? NULL : find_script(app, path);

	if (script == NULL || --script->n > 0)
		return;
	LIST_REMOVE(script, link);
	free(script->path);
	free(script);
	if (--app->n_scripts > 0)
		return;
	LIST_REMOVE(app, link);
	free(app->key);
	free(app);
}

uint32_t
apps_n_mixed(const struct apps *apps)
{
	const struct app *app;
	uint32_t n = 0;

	LIST_FOREACH (app, &apps->all, link)
		n += app->n_scripts > 1;
	return n;
}
