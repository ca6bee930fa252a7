/*
 * adapter - what Socket.IO's workers publish, and the same as the workers on
 * Socket.IO's Redis adapters have it.
 *
 * Native workers publish packets, broadcasts in the encoded form and commands
 * (docs/PROTOCOL.md, "What Socket.IO processes say"). A Redis adapter takes a
 * packet alone: it finds nothing in the encoded form, and hands a command to
 * its clients as if it were an event, which breaks their streams. So this reads
 * the bytes of a native message and writes those of the adapters, of two
 * dialects: the classic one, and that of the sharded adapter.
 *
 * Bytes in, bytes out: nothing here knows who sends or receives.
 */
#ifndef PM2A_WIRE_ADAPTER_H
#define PM2A_WIRE_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "wire/adapter_command.h"
#include "wire/msg.h"
#include "wire/transcode.h"

enum adapter_kind {
	ADAPTER_OPAQUE,  /* nothing that this knows */
	ADAPTER_PACKET,  /* [uid, packet, opts], as the classic adapters have it
			  */
	ADAPTER_ENCODED, /* [uid, nil, opts, text, attachment…] */
	ADAPTER_COMMAND, /* [uid, packet, opts] with a cmd in the packet */
};

/* A message that has been read; points into its bytes. */
struct adapter_message {
	enum adapter_kind kind;
	struct adapter_span uid; /* a msgpack value, a str */
	struct adapter_span nsp; /* the namespace's name, text */
	/* Of a packet and a command: msgpack values. */
	struct adapter_span packet, opts;
	/* Of a command and the encoded form: arrays, empty where none was. */
	struct adapter_span rooms, except;
	/* Of the encoded form. */
	bool is_volatile;
	bool has_compress, compress;
	struct adapter_span data; /* the JSON of the event, text */
	int64_t id;               /* of the packet, or -1 */
	struct adapter_span attachments;
	uint32_t n_attachments;
	/* Of a command. */
	const struct adapter_command *command;
	struct adapter_span argument; /* rooms, close or args */
};

/* The key of a topic `key#/namespace…#`, as its length; 0 where the topic is of
 * another form, as those of other applications are. */
size_t adapter_key(const void *topic, size_t len);

/*
 * Reads len bytes that a native worker has published. Returns 0, or
 * TRANSCODE_E_MALFORMED where they are a command or an encoded broadcast that
 * native workers refuse too. Costs a look at the first bytes of what is
 * encoded, and a walk over what is not.
 */
int must_check adapter_read(
    const void *body, size_t len, struct adapter_message *out);

/*
 * Appends what the classic adapters get of a message of the encoded form on the
 * topic of its namespace, or of a command on that of requests. Returns 0,
 * TRANSCODE_E_* or -ENOMEM; unless it is 0, w->len is as it was.
 */
int must_check adapter_put_packet(
    struct msg_writer *w, const struct adapter_message *m);
int must_check adapter_put_request(
    struct msg_writer *w, const struct adapter_message *m);

/* As these, for the sharded adapter: a message of any kind but ADAPTER_OPAQUE.
 */
int must_check adapter_put_sharded(
    struct msg_writer *w, const struct adapter_message *m);

#endif
