/*
 * topic_field - the topic field of a PUBLISH or an ASK: one topic as it is, or
 * several as a msgpack array with the flag FRAME_SEVERAL.
 *
 * Call topic_field_begin(), topic_field_add() for each topic, topic_field_end()
 * and, if that returned 0, topic_field_fini().
 */
#ifndef PM2A_WIRE_TOPIC_FIELD_H
#define PM2A_WIRE_TOPIC_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "wire/msg_writer.h"

#define TOPIC_FIELD_MAX 65535 /* bytes */

enum topic_field_error {
	/* Over TOPIC_FIELD_MAX, or more than FRAME_SEVERAL_MAX topics. */
	TOPIC_FIELD_E_TOO_BIG = 1,
};

struct topic_field {
	const void *data; /* of a single topic: the caller's bytes */
	size_t len;
	uint8_t flags; /* 0 or FRAME_SEVERAL */
	size_t n;      /* topics */
	struct msg_writer w;
};

/* `n`: how many topics will be added, at least 1. */
void topic_field_begin(struct topic_field *field, size_t n);

/* Adds a topic. A single one must outlive the field. */
void topic_field_add(struct topic_field *field, const void *topic, size_t len);

/* Returns 0, TOPIC_FIELD_E_TOO_BIG or -ENOMEM; then the field is released. */
int must_check topic_field_end(struct topic_field *field);

void topic_field_fini(struct topic_field *field);

#endif
