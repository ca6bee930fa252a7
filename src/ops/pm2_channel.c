#include "ops/pm2_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/xalloc.h"

static bool
is_for_later(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

void
pm2_channel_close(struct pm2_channel *channel)
{
	if (channel->fd < 0)
		return;
	loop_event_del(&channel->readable);
	loop_event_del(&channel->writable);
	close(channel->fd);
	channel->fd = -1;
	free(channel->input);
	free(channel->queue);
	channel->input = NULL;
	channel->queue = NULL;
	channel->n_queued = channel->sent = channel->queue_size = 0;
}

static void
take_line(struct pm2_channel *channel, char *line, size_t len)
{
	if (channel->is_skipping) {
		channel->is_skipping = false;
		channel->n_garbled++;
		return;
	}
	line[len] = '\0';
	channel->on_line(line, len, channel->arg);
}

/* Passes complete lines on, and keeps the rest. */
static void
take_lines(struct pm2_channel *channel)
{
	char *line = channel->input, *end = line + channel->n_input, *newline;

	while ((newline = memchr(line, '\n', (size_t)(end - line))) != NULL) {
		take_line(channel, line, (size_t)(newline - line));
		if (channel->fd < 0)
			return;
		line = newline + 1;
	}
	channel->n_input = (size_t)(end - line);
	memmove(channel->input, line, channel->n_input);
	if (channel->n_input == PM2_LINE_MAX) {
		channel->is_skipping = true;
		channel->n_input = 0;
	}
}

static void
on_readable(struct loop_event *event)
{
	struct pm2_channel *channel =
	    container_of(event, struct pm2_channel, readable);
	ssize_t n;

	n = recv(channel->fd, channel->input + channel->n_input,
	    PM2_LINE_MAX - channel->n_input, MSG_DONTWAIT);
	if (n < 0 && is_for_later(errno))
		return;
	if (n <= 0) {
		log_info("pm2-gone", "error=\"%s\"",
		    n == 0 ? "the channel was closed" : strerror(errno));
		pm2_channel_close(channel);
		return;
	}
	channel->n_input += (size_t)n;
	take_lines(channel);
}

/* Writes as much as the socket takes. A failed write is left to on_readable(),
 * which reads the last messages and the end of the channel. */
static void
flush(struct pm2_channel *channel)
{
	ssize_t n;

	while (channel->sent < channel->n_queued) {
		n = send(channel->fd, channel->queue + channel->sent,
		    channel->n_queued - channel->sent,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && is_for_later(errno)) {
			if (loop_event_add(&channel->writable) != 0)
				break;
			return;
		}
		if (n < 0)
			break;
		channel->sent += (size_t)n;
	}
	channel->n_queued = channel->sent = 0;
	loop_event_del(&channel->writable);
}

static void
on_writable(struct loop_event *event)
{
	flush(container_of(event, struct pm2_channel, writable));
}

void
pm2_channel_open(struct pm2_channel *channel, struct loop *loop, int fd)
{
	channel->fd = fd;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	channel->input = xcalloc(1, PM2_LINE_MAX + 1);
	loop_event_init(
	    &channel->readable, loop, fd, LOOP_READABLE, on_readable);
	loop_event_init(
	    &channel->writable, loop, fd, LOOP_WRITABLE, on_writable);
	if (loop_event_add(&channel->readable) != 0)
		pm2_channel_close(channel);
}

/* Makes room for len more bytes in the queue. Returns false if that is over the
 * limit. */
static bool
make_room(struct pm2_channel *channel, size_t len)
{
	size_t waiting = channel->n_queued - channel->sent;

	if (waiting > PM2_QUEUE_MAX || len > PM2_QUEUE_MAX - waiting)
		return false;
	if (channel->sent > 0) {
		memmove(
		    channel->queue, channel->queue + channel->sent, waiting);
		channel->n_queued = waiting;
		channel->sent = 0;
	}
	if (waiting + len > channel->queue_size) {
		channel->queue_size = 2 * (waiting + len);
		channel->queue =
		    xreallocarray(channel->queue, channel->queue_size, 1);
	}
	return true;
}

void
pm2_channel_send(struct pm2_channel *channel, const char *text, size_t len)
{
	if (channel->fd < 0)
		return;
	if (!make_room(channel, len + 1)) {
		channel->n_dropped++;
		return;
	}
	memcpy(channel->queue + channel->n_queued, text, len);
	channel->queue[channel->n_queued + len] = '\n';
	channel->n_queued += len + 1;
	flush(channel);
}
