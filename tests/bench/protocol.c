#include "protocol.h"

#include <assert.h>
#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

/* Reads until the received bytes end with `end`: nothing else is on its way. */
static void
read_until(int fd, const void *end, size_t len)
{
	static uint8_t got[65536];
	size_t held = 0;
	ssize_t n;

	while (held < len || memcmp(got + held - len, end, len) != 0) {
		if (held > sizeof(got) / 2) {
			memmove(got, got + held - len, len);
			held = len;
		}
		n = read(fd, got + held, sizeof(got) - held);
		if (n < 0)
			err(1, "read");
		if (n == 0)
			errx(1, "the broker closed during the handshake");
		held += (size_t)n;
	}
}

static void
set_head(struct shape *out, const char *topic, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf((char *)out->head, sizeof(out->head), fmt, ap);
	va_end(ap);
	assert(len > 0 && (size_t)len < sizeof(out->head));
	out->head_len = (size_t)len;
	out->topic_at = strstr((char *)out->head, topic) - (char *)out->head;
	out->tail = "\r\n";
	out->tail_len = 2;
}

/* docs/PROTOCOL.md */

static const uint8_t hello[] = "\0\0\0\x19\x01\0\0\0"
			       "\x82\xa8protocol\x01\xa4name\xa4pump";
static const uint8_t ping[] = "\0\0\0\x04\x40\0\0\0";
static const uint8_t pong[] = "\0\0\0\x04\x41\0\0\0";

static void
native_settle(int fd)
{
	write_all(fd, ping, sizeof(ping) - 1);
	read_until(fd, pong, sizeof(pong) - 1);
}

static void
native_greet(int fd, bool subscribes)
{
	(void)subscribes;
	write_all(fd, hello, sizeof(hello) - 1);
	native_settle(fd);
}

static size_t
native_interest(uint8_t *out, uint8_t type, const char *topic)
{
	const uint8_t len = (uint8_t)strlen(topic);
	const uint8_t head[] = { 0, 0, 0, (uint8_t)(4 + 3 + len), type, 0, 0, 0,
		0x91, 0xd9, len };

	memcpy(out, head, sizeof(head));
	memcpy(out + sizeof(head), topic, len);
	return sizeof(head) + len;
}

static size_t
native_subscribe(uint8_t *out, const char *topic)
{
	return native_interest(out, 0x03, topic);
}

static size_t
native_unsubscribe(uint8_t *out, const char *topic)
{
	return native_interest(out, 0x04, topic);
}

static void
native_shape(struct shape *out, const char *topic, size_t size)
{
	const size_t topic_len = strlen(topic);
	size_t length = 4 + topic_len + size;
	const uint8_t head[8] = { (uint8_t)(length >> 24),
		(uint8_t)(length >> 16), (uint8_t)(length >> 8),
		(uint8_t)length, 0x10, 0, 0, (uint8_t)topic_len };

	memcpy(out->head, head, sizeof(head));
	memcpy(out->head + sizeof(head), topic, topic_len);
	out->head_len = sizeof(head) + topic_len;
	out->topic_at = sizeof(head);
	out->tail = "";
	out->tail_len = 0;
}

/* RESP */

static void
resp_greet(int fd, bool subscribes)
{
	(void)fd;
	(void)subscribes;
}

static size_t
resp_subscribe(uint8_t *out, const char *topic)
{
	return (size_t)snprintf((char *)out, PROTOCOL_REQUEST_MAX,
	    "*2\r\n$9\r\nSUBSCRIBE\r\n$%zu\r\n%s\r\n", strlen(topic), topic);
}

static void
resp_settle(int fd)
{
	static const char request[] = "*1\r\n$4\r\nPING\r\n";
	static const char answer[] = "*2\r\n$4\r\npong\r\n$0\r\n\r\n";

	write_all(fd, request, sizeof(request) - 1);
	read_until(fd, answer, sizeof(answer) - 1);
}

static void
resp_shape(struct shape *out, const char *verb, const char *topic, size_t size)
{
	set_head(out, topic, "*3\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n$%zu\r\n",
	    strlen(verb), verb, strlen(topic), topic, size);
}

static void
resp_shape_in(struct shape *out, const char *topic, size_t size)
{
	resp_shape(out, "PUBLISH", topic, size);
}

static void
resp_shape_out(struct shape *out, const char *topic, size_t size)
{
	resp_shape(out, "message", topic, size);
}

/* NATS */

static void
nats_settle(int fd)
{
	write_all(fd, "PING\r\n", 6);
	read_until(fd, "PONG\r\n", 6);
}

static void
nats_greet(int fd, bool subscribes)
{
	static const char connect[] =
	    "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n";

	(void)subscribes;
	write_all(fd, connect, sizeof(connect) - 1);
	nats_settle(fd);
}

static size_t
nats_subscribe(uint8_t *out, const char *topic)
{
	return (size_t)snprintf(
	    (char *)out, PROTOCOL_REQUEST_MAX, "SUB %s 1\r\n", topic);
}

static void
nats_shape_in(struct shape *out, const char *topic, size_t size)
{
	set_head(out, topic, "PUB %s %zu\r\n", topic, size);
}

static void
nats_shape_out(struct shape *out, const char *topic, size_t size)
{
	set_head(out, topic, "MSG %s 1 %zu\r\n", topic, size);
}

/* The blind relay (relay.c): a letter tells whether a client publishes or
 * subscribes, and comes back when that is in force. The relayed bytes are ours.
 */

static void
blind_greet(int fd, bool subscribes)
{
	char letter = subscribes ? 'S' : 'P';

	write_all(fd, &letter, 1);
	read_until(fd, &letter, 1);
}

static size_t
blind_subscribe(uint8_t *out, const char *topic)
{
	(void)out;
	(void)topic;
	return 0;
}

static void
blind_settle(int fd)
{
	(void)fd;
}

static const struct protocol protocols[] = {
	{ "native", native_greet, native_subscribe, native_unsubscribe,
	    native_settle, native_shape, native_shape, NULL, NULL },
	{ "resp", resp_greet, resp_subscribe, NULL, resp_settle, resp_shape_in,
	    resp_shape_out, NULL, NULL },
	{ "nats", nats_greet, nats_subscribe, NULL, nats_settle, nats_shape_in,
	    nats_shape_out, "PING\r\n", "PONG\r\n" },
	{ "blind", blind_greet, blind_subscribe, NULL, blind_settle,
	    native_shape, native_shape, NULL, NULL },
};

const struct protocol *
protocol_find(const char *name)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
		if (strcmp(protocols[i].name, name) == 0)
			return &protocols[i];
	return NULL;
}
