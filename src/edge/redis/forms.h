/*
 * forms - a publish in the forms in which Redis clients receive it. They are
 * kept until the end of the turn, since they hold its bytes.
 */
#ifndef PM2A_EDGE_REDIS_FORMS_H
#define PM2A_EDGE_REDIS_FORMS_H

#include <stdbool.h>

#include "core/sink.h"
#include "net/loop.h"

/* A run of native workers, as Redis clients receive it. */
struct forms_translation {
	struct slice source;
	struct message_run run; /* n is 0 if nothing is left of it */
	bool has_one_topic;     /* all of it has that of the source */
};

/* Embedded. */
struct forms {
	struct loop *loop;
	struct loop_task forgetting;
	/* The last run that went to a client, for each version of RESP. */
	struct forms_written {
		struct slice source, bytes;
	} written[2];
	struct forms_translation translation; /* of the last run */
	/* The last topic and payload that lay in a much larger blob, and their
	 * copies. */
	struct forms_written strings[2];
	struct blob *room; /* of this turn's small messages, or NULL */
	size_t room_used;  /* bytes */
};

void forms_init(struct forms *forms, struct loop *loop);

/* Forgets all of them. */
void forms_drop(struct forms *forms);
void forms_drop_translation(struct forms *forms);

/* To be called when a form is kept: forgets all forms at the end of the turn.
 */
void forms_drop_later(struct forms *forms);

/* Large messages have a blob of their own. */
#define FORMS_SMALL 4096 /* bytes */

/* `size` bytes, with a reference, to be filled at once. Small ones of a turn
 * share a blob: one allocation for many, and in queues they become one slice.
 */
struct slice forms_take_room(struct forms *forms, size_t size);

/* A copy of s, without a reference, in a blob of its own: the same one for the
 * same s until the end of the turn, as long as i, which is 0 or 1, is used for
 * no other. */
struct slice forms_copy(struct forms *forms, size_t i, const struct slice *s);

#endif
