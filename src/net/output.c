#include "net/output.h"

#include <errno.h>
#include <sys/socket.h>

#include "net/piped.h"

/*
 * sendmsg() instead of writev(), for MSG_NOSIGNAL. If the peer is gone (EPIPE),
 * the output is dropped, but the input is read to the end: a process that
 * publishes and exits has sent something.
 */

#define N_IOVECS 64
#define ROUNDS                                                        \
	16 /* writes in a turn at most: a spliced message is one each \
	    */

void
output_init(struct output *out)
{
	*out = (struct output){ 0 };
	outq_init(&out->queue);
}

size_t
output_drop(struct output *out)
{
	size_t n = out->queue.n_bytes;

	outq_fini(&out->queue);
	return n;
}

/* Sets *is_full if the socket takes no more. */
static ssize_t
write_some(struct output *out, int fd, uint8_t *scratch, bool *is_full)
{
	struct iovec iov[N_IOVECS];
	struct msghdr msg = { .msg_iov = iov };
	const struct slice *piped = outq_first_piped(&out->queue);
	ssize_t n;

	if (piped != NULL) {
		n = piped_send(piped, fd);
		*is_full = n >= 0 && (size_t)n < piped->len;
	} else {
		msg.msg_iovlen =
		    (size_t)outq_fill(&out->queue, iov, N_IOVECS, scratch);
		n = msg.msg_iovlen == 1
			? send(fd, iov->iov_base, iov->iov_len,
			      MSG_NOSIGNAL | MSG_DONTWAIT)
			: sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		*is_full = false;
	}
	*is_full |= n < 0 && errno == EAGAIN;
	return n;
}

static enum output_verdict
fail(struct output *out, int error)
{
	out->is_mute = true;
	return error == EPIPE || error == ECONNRESET ? OUTPUT_MUTE
						     : OUTPUT_FAILED;
}

enum output_verdict
output_write(struct output *out, int fd, uint8_t *scratch, size_t *n_written)
{
	struct outq *queue = &out->queue;
	size_t n_before = queue->n_bytes;
	bool is_full = false;
	ssize_t n = 0;

	for (int i = 0; queue->n_bytes > 0 && i < ROUNDS && !is_full; i++) {
		n = write_some(out, fd, scratch, &is_full);
		if (n > 0)
			outq_consume(queue, (size_t)n);
		else if (n < 0 && errno != EAGAIN && errno != EINTR)
			break;
	}
	*n_written = n_before - queue->n_bytes;
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return fail(out, errno);
	return queue->n_bytes == 0 ? OUTPUT_EMPTY : OUTPUT_WAITS;
}
