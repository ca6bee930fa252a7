#include "base/question.h"

#include <string.h>

static const char *const gather_names[N_GATHERS] = {
	[GATHER_LIST] = "list",
	[GATHER_UNION] = "union",
	[GATHER_FIRST] = "first",
	[GATHER_STREAM] = "stream",
};

static const char *const outcome_names[N_OUTCOMES] = {
	[OUTCOME_COMPLETE] = "complete",
	[OUTCOME_FOUND] = "found",
	[OUTCOME_UNKNOWN] = "unknown",
	[OUTCOME_TIMEOUT] = "timeout",
};

const char *
gather_name(enum gather gather)
{
	return gather_names[gather];
}

const char *
outcome_name(enum outcome outcome)
{
	return outcome_names[outcome];
}

/* The index of `name`, or `n` if it is none of `names`. */
static size_t
find(const char *const *names, size_t n, const char *name, size_t len)
{
	size_t i = 0;

	while (i < n && (names[i] == NULL || strlen(names[i]) != len ||
			    memcmp(names[i], name, len) != 0))
		i++;
	return i;
}

bool
gather_find(const char *name, size_t len, enum gather *out)
{
	size_t i = find(gather_names, N_GATHERS, name, len);

	*out = (enum gather)i;
	return i < N_GATHERS;
}

bool
outcome_find(const char *name, size_t len, enum outcome *out)
{
	size_t i = find(outcome_names, N_OUTCOMES, name, len);

	*out = (enum outcome)i;
	return i < N_OUTCOMES;
}
