#include "client/gather.h"

#include <string.h>

static const char *const names[] = {
	[PM2A_GATHER_LIST] = "list",
	[PM2A_GATHER_UNION] = "union",
	[PM2A_GATHER_FIRST] = "first",
	[PM2A_GATHER_STREAM] = "stream",
};

const char *
gather_name(enum pm2a_gather gather)
{
	return names[gather];
}

bool
gather_find(const struct reply_text *name, enum pm2a_gather *out)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (name->len == strlen(names[i]) &&
		    memcmp(name->data, names[i], name->len) == 0) {
			*out = (enum pm2a_gather)i;
			return true;
		}
	return false;
}
