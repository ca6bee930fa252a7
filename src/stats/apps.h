/*
 * apps - which scripts are members under which key. The key is the border
 * between applications; two different scripts under one are most likely two
 * applications whose broadcasts mix, which nobody notices by looking at either.
 */
#ifndef PM2A_STATS_APPS_H
#define PM2A_STATS_APPS_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stdint.h>

struct app_script {
	LIST_ENTRY(app_script) link;
	char *path;
	uint32_t n; /* members that run it */
};

struct app {
	LIST_ENTRY(app) link;
	char *key;
	LIST_HEAD(app_script_list, app_script) scripts;
	uint32_t n_scripts;
	bool has_warned;
};

/* Zeroed is empty. */
struct apps {
	LIST_HEAD(app_list, app) all;
};

/*
 * A member has come. One without a key or a script isn't counted. Returns
 * another script of the same key where this is the first time that there are
 * two, for as long as the key has members; else NULL.
 */
const char *apps_add(struct apps *apps, const char *key, const char *script);

/* A member that was added has gone. */
void apps_remove(struct apps *apps, const char *key, const char *script);

/* How many keys have more than one script now. */
uint32_t apps_n_mixed(const struct apps *apps);

#endif
