#include "stats/slow.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/xalloc.h"

struct slow_entry *
slow_add(struct slow *slow)
{
	struct slow_entry *entry;

	if (slow->ring == NULL)
		slow->ring = xcalloc(SLOW_KEPT, sizeof(*slow->ring));
	entry = &slow->ring[slow->next];
	slow->next = (slow->next + 1) % SLOW_KEPT;
	if (slow->n < SLOW_KEPT)
		slow->n++;
	*entry = (struct slow_entry){ .gather = "", .outcome = "" };
	return entry;
}

const struct slow_entry *
slow_get(const struct slow *slow, size_t i)
{
	return &slow->ring[(slow->next + SLOW_KEPT - 1 - i) % SLOW_KEPT];
}

static void
put_question(const struct slow_entry *e, char *out, size_t size)
{
	char asker[4 * SLOW_NAME_SIZE], topic[4 * SLOW_NAME_SIZE];
	char missing[4 * SLOW_MISSING_SIZE];

	snprintf(out, size,
	    "took_us=%" PRId64 " asker=%s topic=%s gather=%s outcome=%s "
	    "expected=%" PRId64 " answered=%" PRId64 " missing=%s",
	    e->took_us,
	    log_quote(asker, sizeof(asker), e->asker, strlen(e->asker)),
	    log_quote(topic, sizeof(topic), e->topic, strlen(e->topic)),
	    e->gather, e->outcome, e->expected, e->answered,
	    log_quote(
		missing, sizeof(missing), e->missing, strlen(e->missing)));
}

const char *
slow_line(const struct slow_entry *e, char *out, size_t size)
{
	if (e->is_question)
		put_question(e, out, size);
	else
		snprintf(out, size,
		    "took_us=%" PRId64 " messages=%" PRId64
		    " deliveries=%" PRId64 " bytes_in=%" PRId64
		    " bytes_out=%" PRId64,
		    e->took_us, e->messages, e->deliveries, e->bytes_in,
		    e->bytes_out);
	return out;
}

void
slow_fini(struct slow *slow)
{
	free(slow->ring);
	*slow = (struct slow){ .ring = NULL };
}
