/*
 * apps - the scripts of the members of each key. The key separates
 * applications; two different scripts with one key are most likely two
 * applications whose broadcasts mix, which is hard to notice in either of them.
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
 * Adds a member; one without a key or a script is not counted. Returns another
 * script of the same key if there are two for the first time while the key has
 * members, or else NULL.
 */
const char *apps_add(struct apps *apps, const char *key, const char *script);

/* Removes a member that was added. */
void apps_remove(struct apps *apps, const char *key, const char *script);

/* Returns the number of keys with more than one script. */
uint32_t apps_n_mixed(const struct apps *apps);

#endif
