#include "edge/handles/channel.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/xalloc.h"

#define LEND_LINE_MAX 256

static const char *const outcomes[N_REFUSALS] = {
	[REFUSAL_ABSENT] = "absent",
	[REFUSAL_SLOW] = "slow",
	[REFUSAL_DESCRIPTOR] = "descriptor",
};

static void
close_fd(int fd)
{
	if (fd < 0)
		return;
	close(fd);
	listen_retry();
}

/* Freed at the end of the turn: callers are still in its functions. */
void
channel_close(struct channel *channel, const char *cause)
{
	struct handles *handles = channel->handles;

	if (channel->is_closed)
		return;
	channel->is_closed = true;
	log_debug("handles-closed", "tag=%s cause=%s",
	    channel->is_lender ? "-" : channel->tag, cause);
	TAILQ_REMOVE(&handles->channels, channel, link);
	*(channel->is_lender ? &handles->n_lenders : &handles->n_channels) -= 1;
	timeouts_leave(&handles->lenders, &channel->timeout);
	loop_event_del(&channel->readable);
	loop_event_del(&channel->writable);
	handles->n_waiting -= channel->writer.n;
	handles->waiting_bytes -= channel->writer.n_bytes;
	handles->n_refused[REFUSAL_ABSENT] += writer_fini(&channel->writer);
	reader_fini(&channel->reader);
	close_fd(channel->fd);
	TAILQ_INSERT_TAIL(&handles->closed, channel, link);
	loop_work_later(handles->loop, &handles->reap);
	handles_settle(handles);
}

/* Pauses a channel that does not read its answers. */
static void
watch(struct channel *channel)
{
	bool is_full = channel->writer.n >= CHANNEL_PARCELS_MAX;
	int r = 0;

	if (is_full)
		loop_event_del(&channel->readable);
	else
		r = loop_event_add(&channel->readable);
	if (r == 0 && channel->writer.n > 0)
		r = loop_event_add(&channel->writable);
	else
		loop_event_del(&channel->writable);
	if (r != 0)
		channel_close(channel, strerror(-r));
}

static void
write_out(struct channel *channel)
{
	struct handles *handles = channel->handles;
	struct writer *writer = &channel->writer;
	size_t n = writer->n, n_bytes = writer->n_bytes;
	enum writer_verdict verdict =
	    writer_write(writer, channel->fd, &handles->sent);

	handles->n_waiting -= n - writer->n;
	handles->waiting_bytes -= n_bytes - writer->n_bytes;
	if (verdict == WRITER_END)
		channel_close(channel, "gone");
	else
		watch(channel);
	handles_settle(handles);
}

/* Takes `fd`, -1 for none, and `text` from malloc. */
static void
send_to(struct channel *channel, char *text, size_t len, int fd)
{
	struct handles *handles = channel->handles;
	bool is_first = channel->writer.n == 0;

	writer_add(&channel->writer, text, len, fd);
	handles->n_waiting++;
	handles->waiting_bytes += len;
	if (is_first)
		write_out(channel);
	else
		watch(channel);
}

static struct channel *
find(const struct handles *handles, const char *tag)
{
	struct channel *channel;

	TAILQ_FOREACH (channel, &handles->channels, link)
		if (!channel->is_lender && strcmp(channel->tag, tag) == 0)
			return channel;
	return NULL;
}

static bool
has_room(const struct channel *channel)
{
	return channel->writer.n < CHANNEL_PARCELS_MAX &&
	       channel->handles->waiting_bytes < CHANNELS_BYTES_MAX;
}

static int
option_of(int fd, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

/* Node makes a net.Socket of it, so it must be a stream; a listening socket
 * would be another kind of object. */
static bool
is_stream(int fd)
{
	int domain = option_of(fd, SO_DOMAIN);

	return fd >= 0 && option_of(fd, SO_TYPE) == SOCK_STREAM &&
	       option_of(fd, SO_ACCEPTCONN) == 0 &&
	       (domain == AF_UNIX || domain == AF_INET || domain == AF_INET6);
}

static void
pass(struct channel *to, const struct handle_line *line, int fd)
{
	size_t len = handle_line_print(NULL, 0, line);
	char *text = xcalloc(1, len + 1);

	handle_line_print(text, len + 1, line);
	send_to(to, text, len, fd);
}

/* Node sends no further handle before it has the answer. */
static void
answer(struct channel *channel, int64_t id, const char *outcome)
{
	size_t len = handle_line_print_outcome(NULL, 0, id, outcome);
	char *text = xcalloc(1, len + 1);

	handle_line_print_outcome(text, len + 1, id, outcome);
	send_to(channel, text, len, -1);
}

static void
take_handle(struct channel *from, const struct handle_line *line)
{
	struct handles *handles = from->handles;
	struct channel *to = find(handles, line->tag);
	int fd = reader_take(&from->reader);
	enum handles_refusal why = !is_stream(fd)  ? REFUSAL_DESCRIPTOR
				   : to == NULL    ? REFUSAL_ABSENT
				   : !has_room(to) ? REFUSAL_SLOW
						   : N_REFUSALS;

	if (why == N_REFUSALS) {
		pass(to, line, fd);
		if (!from->is_closed)
			answer(from, line->id,
			    to->is_closed ? outcomes[REFUSAL_ABSENT]
					  : "passed");
		return;
	}
	close_fd(fd);
	handles_refuse(handles, why);
	log_debug("handle-refused", "from=%s to=%s reason=%s", from->tag,
	    line->tag, outcomes[why]);
	answer(from, line->id, outcomes[why]);
}

static void
take_lent(struct channel *lender, const struct handle_line *line)
{
	struct handles *handles = lender->handles;
	int fd = reader_take(&lender->reader);
	struct channel *old = find(handles, line->tag);

	if (!is_stream(fd) || option_of(fd, SO_DOMAIN) != AF_UNIX) {
		close_fd(fd);
		handles_refuse(handles, REFUSAL_LEND);
		log_warn("lend-refused", "tag=%s reason=descriptor", line->tag);
	} else {
		if (old != NULL)
			channel_close(old, "replaced");
		channel_open(handles, fd, line->tag);
		(void)!send(lender->fd, HANDLE_LINE_LENT,
		    strlen(HANDLE_LINE_LENT), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	channel_close(lender, "done");
}

static void
break_off(struct channel *channel, const char *problem)
{
	bool is_lender = channel->is_lender;

	handles_refuse(
	    channel->handles, is_lender ? REFUSAL_LEND : REFUSAL_MALFORMED);
	log_warn(is_lender ? "lend-refused" : "handles-malformed",
	    "tag=%s reason=%s", is_lender ? "-" : channel->tag, problem);
	channel_close(channel, problem);
}

static void
take_line(struct channel *channel, const char *text, size_t len)
{
	struct handle_line line;
	int r = handle_line_read(text, len, &line);

	if (r != 0)
		break_off(
		    channel, r == HANDLE_LINE_E_SYNTAX ? "not-json" : "field");
	else if (channel->is_lender && line.kind == HANDLE_LINE_LEND)
		take_lent(channel, &line);
	else if (channel->is_lender)
		break_off(channel, "not-lent");
	else if (line.kind == HANDLE_LINE_HANDLE)
		take_handle(channel, &line);
	else if (line.kind == HANDLE_LINE_NACK)
		channel->handles->n_lost++;
	handle_line_fini(&line);
}

static void
take_lines(struct channel *channel, char *bytes, size_t len)
{
	size_t max = channel->is_lender ? LEND_LINE_MAX : HANDLE_LINE_MAX;
	char *end = bytes + len, *newline;

	while (!channel->is_closed &&
	       (newline = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL) {
		*newline = '\0';
		take_line(channel, bytes, (size_t)(newline - bytes));
		bytes = newline + 1;
	}
	if (channel->is_closed)
		return;
	if ((size_t)(end - bytes) >= max)
		break_off(channel, "too-long");
	else
		reader_keep(&channel->reader, bytes, (size_t)(end - bytes));
}

/* Returns whether the turn may read more. Unread bytes stay readable, and the
 * kernel names other sockets first in the next turn. */
static bool
may_read(struct handles *handles)
{
	int64_t turn_us = loop_began_us(handles->loop);

	if (handles->turn_us != turn_us) {
		handles->turn_us = turn_us;
		handles->turn_bytes = 0;
	}
	return handles->turn_bytes < CHANNELS_TURN_MAX;
}

static void
on_readable(struct loop_event *event)
{
	struct channel *channel = container_of(event, struct channel, readable);
	struct handles *handles = channel->handles;
	size_t len;

	if (!may_read(handles))
		return;
	switch (reader_read(&channel->reader, channel->fd, handles->bytes,
	    HANDLE_LINE_MAX, &len)) {
	case READER_READ:
		handles->turn_bytes += len;
		take_lines(channel, handles->bytes, len);
		break;
	case READER_END:
		channel_close(channel, "gone");
		break;
	case READER_WAIT:
		break;
	}
}

static void
on_writable(struct loop_event *event)
{
	write_out(container_of(event, struct channel, writable));
}

static void
expire(struct timeout *timeout)
{
	break_off(container_of(timeout, struct channel, timeout), "late");
}

static struct channel *
channel_new(struct handles *handles, int fd)
{
	struct channel *channel = xcalloc(1, sizeof(*channel));

	channel->handles = handles;
	channel->fd = fd;
	channel->timeout.expire = expire;
	reader_init(&channel->reader);
	writer_init(&channel->writer);
	loop_event_init(
	    &channel->readable, handles->loop, fd, LOOP_READABLE, on_readable);
	loop_event_init(
	    &channel->writable, handles->loop, fd, LOOP_WRITABLE, on_writable);
	TAILQ_INSERT_TAIL(&handles->channels, channel, link);
	return channel;
}

void
channel_open(struct handles *handles, int fd, const char *tag)
{
	struct channel *channel = channel_new(handles, fd);

	handles->n_channels++;
	memcpy(channel->tag, tag, sizeof(channel->tag));
	log_debug(
	    "handles-opened", "tag=%s channels=%zu", tag, handles->n_channels);
	watch(channel);
}

void
channel_open_lender(struct handles *handles, int fd)
{
	struct channel *channel = channel_new(handles, fd);

	handles->n_lenders++;
	channel->is_lender = true;
	timeouts_enter(
	    &handles->lenders, &channel->timeout, loop_now(handles->loop));
	handles_settle(handles);
	watch(channel);
}
