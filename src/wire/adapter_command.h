/*
 * adapter_command - the commands that Socket.IO workers send one another, as a
 * table, and the checks of their arguments.
 */
#ifndef PM2A_WIRE_ADAPTER_COMMAND_H
#define PM2A_WIRE_ADAPTER_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "wire/msg.h"

/* Borrowed bytes. */
struct adapter_span {
	const uint8_t *at;
	size_t len;
};

/* A command, and its form in the dialects of the Redis adapters. */
struct adapter_command {
	const char *name;
	const char *key; /* of its argument */
	/* NULL: the argument is a boolean, false if missing. */
	bool (*is_argument)(const struct adapter_span *span);
	bool has_options;
	uint8_t request; /* type and key of the argument, classic */
	const char *request_key;
	uint8_t message; /* sharded */
	const char *message_key;
};

#define ADAPTER_N_COMMANDS 4

extern const struct adapter_command adapter_commands[ADAPTER_N_COMMANDS];

/* The msgpack types of a room's name, for adapter_is_list(). */
#define ADAPTER_ROOM_TYPES (1u << MSG_STR | 1u << MSG_INT | 1u << MSG_FLOAT)

bool adapter_is_word(const uint8_t *s, size_t len, const char *word);

bool adapter_is_utf8(const uint8_t *s, size_t len);

/* Returns whether it is an array of values of these `types`, one bit each. */
bool adapter_is_list(const struct adapter_span *span, unsigned types);

/* Takes a value of `list`. Returns false if it can't be the name of an event or
 * is in `reserved`, a list that NULL ends. */
bool adapter_has_event_name(struct bytes *list, const char *const *reserved);

#endif
