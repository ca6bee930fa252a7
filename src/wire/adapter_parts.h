/*
 * adapter_parts - what adapter.c, which reads, and adapter_write.c share.
 * Nobody else includes it.
 */
#ifndef PM2A_WIRE_ADAPTER_PARTS_H
#define PM2A_WIRE_ADAPTER_PARTS_H

#include "base/bytes.h"
#include "wire/adapter.h"

/* A command, and what it is in the dialects of the Redis adapters. */
struct adapter_command {
	const char *name;
	const char *key; /* of its argument */
	bool (*is_argument)(const struct adapter_span *span);
	bool has_options;
	uint8_t request; /* type and key of the argument, classic */
	const char *request_key;
	uint8_t message; /* sharded */
	const char *message_key;
};

/* Takes what may be the name of an event. False where it is none, or one of
 * reserved, a list that NULL ends. */
bool adapter_has_event_name(struct bytes *list, const char *const *reserved);

#endif
