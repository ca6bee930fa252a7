/*
 * protocol - as much of each broker's language as a load needs.
 *
 * To all of them a message is bytes of a fixed shape around a payload, so the
 * same code drives and checks the load of each.
 */
#ifndef PM2A_BENCH_PROTOCOL_H
#define PM2A_BENCH_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROTOCOL_TOPIC_MAX 64
#define PROTOCOL_HEAD_MAX 128
#define PROTOCOL_REQUEST_MAX 256

/* The bytes around the payload of one message, on its way in or out. */
struct shape {
	uint8_t head[PROTOCOL_HEAD_MAX];
	size_t head_len;
	const char *tail;
	size_t tail_len;
	size_t topic_at; /* where the topic is, in the head */
};

struct protocol {
	const char *name;
	/* Makes a fresh connection one that may subscribe or publish. */
	void (*greet)(int fd, bool subscribes);
	/* Writes a request into out, of PROTOCOL_REQUEST_MAX bytes; returns its
	 * length. */
	size_t (*subscribe)(uint8_t *out, const char *topic);
	/* The same, or NULL where no load needs it. */
	size_t (*unsubscribe)(uint8_t *out, const char *topic);
	/* Waits until the frames of a subscriber are in force, and throws away
	 * all that it was answered. */
	void (*settle)(int fd);
	void (*shape_in)(struct shape *out, const char *topic, size_t size);
	void (*shape_out)(struct shape *out, const char *topic, size_t size);
	/* Bytes that may come between messages, and their answer; or NULL. */
	const char *aside, *aside_answer;
};

/* NULL: there is none of that name. */
const struct protocol *protocol_find(const char *name);

#endif
