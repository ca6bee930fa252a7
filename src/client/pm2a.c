#include <string.h>

#include "client/client.h"
#include "client/limits.h"

static const char *const error_texts[] = {
	"done",
	"there is no connection to the daemon",
	"the connection to the daemon was lost",
	"closed",
	"the daemon refused",
	"timed out",
	"the queue is full",
	"too big",
	"wrong argument",
	"the question is no longer open",
	"unexpected reply: is this a pm2adapterd socket?",
};

const char *
pm2a_strerror(int result)
{
	if (result < 0)
		return strerror(-result);
	if ((size_t)result < sizeof(error_texts) / sizeof(*error_texts))
		return error_texts[result];
	return "unknown result";
}

const char *
pm2a_version(void)
{
	return VERSION;
}

bool
pm2a_is_connected(const struct pm2a *p)
{
	return p->state == STATE_OPEN;
}

void
pm2a_get_stats(const struct pm2a *p, struct pm2a_stats *out)
{
	*out = p->stats;
	out->queued = p->out.n_messages + p->waiting.n_messages;
	out->queued_bytes = limits_queued_bytes(p);
	out->open = p->requests.n;
}
