#include "client/missed.h"

#include <string.h>

#include "client/client.h"

void
missed_on_end(struct pm2a *p, int why)
{
	struct missed *missed = &p->missed;

	if (missed->is_due || topics_is_empty(&p->topics))
		return;
	missed->is_due = true;
	missed->why = why;
	missed->since = clock_now();
}

void
missed_on_welcome(struct pm2a *p, const struct reply_welcome *welcome)
{
	const struct reply_ending *ending = &welcome->previous;
	struct missed *missed = &p->missed;
	size_t len = ending->reason.len;

	missed->n_unwritten = ending->n_unwritten;
	if (len > MISSED_REASON_MAX)
		len = MISSED_REASON_MAX;
	memcpy(missed->reason, ending->reason.data, len);
	missed->reason[len] = '\0';
	/* Another daemon knows nothing of what was said to the one before. */
	if (welcome->epoch_ms != missed->epoch_ms)
		strcpy(missed->reason, "restart");
	else if (len == 0)
		strcpy(missed->reason, "unknown");
}

void
missed_on_open(struct pm2a *p)
{
	const struct pm2a_callbacks *callbacks = &p->options.callbacks;
	struct missed *missed = &p->missed;
	bool is_due = missed->is_due;

	missed->id = p->welcome_id;
	missed->epoch_ms = p->epoch_ms;
	missed->is_due = false;
	if (!is_due)
		return;
	p->stats.missed++;
	if (callbacks->on_missed != NULL && !p->is_closing && !p->is_doomed)
		callbacks->on_missed(p,
		    &(struct pm2a_missed){
			.why = missed->why,
			.reason = missed->reason,
			.unwritten = missed->n_unwritten,
			.away_ms = clock_now().ms - missed->since.ms,
		    },
		    p->options.user);
}
