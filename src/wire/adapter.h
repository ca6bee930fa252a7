/*
 * adapter - messages of Socket.IO workers, translated for workers that use
 * Socket.IO's Redis adapters.
 *
 * Native workers publish packets, broadcasts in the encoded form and commands
 * (docs/PROTOCOL.md, "What Socket.IO processes say"). A Redis adapter accepts
 * only packets: it ignores the encoded form, and passes a command to its
 * clients as if it were an event, which breaks their streams. So this reads the
 * bytes of a native message and writes those of the adapters, in two dialects:
 * the classic one, and that of the sharded adapter.
 *
 * Bytes in, bytes out: nothing here knows the sender or the receivers.
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
	ADAPTER_OPAQUE,  /* unknown */
	ADAPTER_PACKET,  /* [uid, packet, opts]: classic */
	ADAPTER_ENCODED, /* [uid, nil, opts, text, attachment…] */
	ADAPTER_COMMAND, /* [uid, packet, opts] with a cmd in the packet */
};

/* A parsed message; points into its bytes. */
struct adapter_message {
	enum adapter_kind kind;
	struct adapter_span uid; /* a msgpack value, a str */
	struct adapter_span nsp; /* the namespace's name, text */
	/* Of a packet and a command: msgpack values. */
	struct adapter_span packet, opts;
	/* Of a command and the encoded form: arrays, empty if missing. */
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

/* Returns the length of the key of a topic `key#/namespace…#`; 0 if the topic
 * has another form, as those of other applications have. */
size_t adapter_key(const void *topic, size_t len);

/*
 * Parses `len` bytes that a native worker published. Returns 0, or
 * TRANSCODE_E_MALFORMED for a command or an encoded broadcast that native
 * workers refuse too. Looks at the first bytes of the encoded form, and walks
 * over other forms.
 */
int must_check adapter_read(
    const void *body, size_t len, struct adapter_message *out);

/*
 * Append the form of the classic adapters: of a message of the encoded form,
 * for the topic of its namespace, or of a command, for the topic of requests.
 * Return 0, TRANSCODE_E_* or -ENOMEM; w->len is unchanged unless it is 0.
 */
int must_check adapter_put_packet(
    struct msg_writer *w, const struct adapter_message *m);
int must_check adapter_put_request(
    struct msg_writer *w, const struct adapter_message *m);

/* The same for the sharded adapter, for a message of any kind but
 * ADAPTER_OPAQUE. */
int must_check adapter_put_sharded(
    struct msg_writer *w, const struct adapter_message *m);

#endif
