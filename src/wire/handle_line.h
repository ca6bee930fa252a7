/*
 * handle_line - the lines on channels that pass descriptors: JSON, as Node
 * writes it to the IPC channel of a child process, with our messages in it.
 *
 * Pure: the descriptors themselves, and which line they belong to, are the
 * caller's. A receiver gets only lines that are written here, so a sender
 * cannot reach another type of handle of Node's.
 */
#ifndef PM2A_WIRE_HANDLE_LINE_H
#define PM2A_WIRE_HANDLE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The daemon's socket for channels is named as its own, and this. */
#define HANDLE_SOCKET_SUFFIX ".handles"

#define HANDLE_TAG_LEN 6
#define HANDLE_LINE_MAX 65536 /* bytes, with the newline */

/* The daemon's answer when it has taken a channel. */
#define HANDLE_LINE_LENT "{\"cmd\":\"PM2A_LENT\"}\n"

enum handle_line_error {
	HANDLE_LINE_E_SYNTAX = 1, /* not JSON, or nested too deep */
	HANDLE_LINE_E_FIELD,      /* a field is missing or wrong */
};

enum handle_line_kind {
	HANDLE_LINE_OTHER,  /* needs no action, such as NODE_HANDLE_ACK */
	HANDLE_LINE_NACK,   /* NODE_HANDLE_NACK: a socket did not arrive */
	HANDLE_LINE_LEND,   /* PM2A_LEND: a channel of the worker `tag` */
	HANDLE_LINE_HANDLE, /* NODE_HANDLE: a socket for the worker `tag` */
};

struct handle_line {
	enum handle_line_kind kind;
	char tag[HANDLE_TAG_LEN + 1];
	int64_t id;  /* of a handle; the sender chooses it */
	char *bytes; /* of a handle: base64, terminated; owned */
};

/* Returns whether it is the tag of a worker: 6 letters, digits, - or _. */
bool handle_line_is_tag(const char *text, size_t len);

/* Parses a line of `len` bytes without its newline; text[len] must be 0. After
 * 0, handle_line_fini() is due. Returns 0, HANDLE_LINE_E_* or -ENOMEM. */
int must_check handle_line_read(
    const char *text, size_t len, struct handle_line *out);

/* Idempotent. */
void handle_line_fini(struct handle_line *line);

/* Write as snprintf(3) does: the line for the receiver of a handle, and the
 * lines that answer its sender. `outcome` is "passed" or the reason of a
 * refusal. */
size_t handle_line_print(
    char *out, size_t size, const struct handle_line *line);
size_t handle_line_print_outcome(
    char *out, size_t size, int64_t id, const char *outcome);

/* The same for the line with which a worker's channel is lent. */
size_t handle_line_print_lend(char *out, size_t size, const char *tag);

#endif
