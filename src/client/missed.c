#include "client/missed.h"

#include <string.h>

#include "client/client.h"

#define SINCE_MAX_MS ((uint64_t)1 << 40)

void
missed_on_end(struct pm2a *p, int why)
{
	struct client_previous *previous = &p->previous;

	if (topics_is_empty(&p->topics))
		return;
	previous->why = why;
	previous->ended_at = clock_now();
}

/* The daemon may have cut the connection long before this process noticed: it
 * was blocked or stopped. */
static void
note_since(struct client_previous *previous, const struct reply_ending *ending)
{
	struct instant since;

	if (previous->ended_at.ms == INSTANT_NEVER.ms ||
	    ending->since_ms > SINCE_MAX_MS)
		return;
	since = instant_after(clock_now(), -(int64_t)ending->since_ms);
	previous->ended_at = instant_earlier(previous->ended_at, since);
}

void
missed_on_welcome(struct pm2a *p, const struct reply_welcome *welcome)
{
	const struct reply_ending *ending = &welcome->previous;
	struct client_previous *previous = &p->previous;
	size_t len = ending->reason.len;

	previous->n_unwritten = ending->n_unwritten;
	previous->n_messages = ending->n_messages;
	note_since(previous, ending);
	if (len > CLIENT_REASON_MAX)
		len = CLIENT_REASON_MAX;
	memcpy(previous->reason, ending->reason.data, len);
	previous->reason[len] = '\0';
	/* Another daemon knows nothing of a connection to the one before. */
	if (welcome->epoch_ms != previous->epoch_ms)
		strcpy(previous->reason, "restart");
	else if (len == 0)
		strcpy(previous->reason, "unknown");
}

void
missed_on_open(struct pm2a *p)
{
	const struct pm2a_callbacks *callbacks = &p->options.callbacks;
	struct client_previous *previous = &p->previous;
	struct instant ended_at = previous->ended_at;

	previous->id = p->welcome_id;
	previous->epoch_ms = p->epoch_ms;
	previous->ended_at = INSTANT_NEVER;
	if (ended_at.ms == INSTANT_NEVER.ms)
		return;
	p->stats.missed++;
	if (callbacks->on_missed != NULL)
		callbacks->on_missed(p,
		    &(struct pm2a_missed){
			.why = previous->why,
			.reason = previous->reason,
			.unwritten = previous->n_unwritten,
			.messages = previous->n_messages,
			.away_ms = clock_now().ms - ended_at.ms,
		    },
		    p->options.user);
}
