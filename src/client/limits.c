#include "client/limits.h"

#include "client/client.h"
#include "wire/frame.h"

size_t
limits_queued_bytes(const struct pm2a *p)
{
	return p->out.bytes + p->waiting.bytes;
}

bool
limits_is_full(const struct pm2a *p, size_t size)
{
	size_t queued = limits_queued_bytes(p);
	size_t max = p->options.queue_max_bytes;

	return queued > max || size > max - queued;
}

bool
limits_is_too_big(const struct pm2a *p, size_t size)
{
	size_t max = p->knows_limits ? p->max_frame : UINT32_MAX;

	return size - FRAME_LENGTH_SIZE > max;
}

int
limits_check_topics(
    const struct pm2a *p, const struct pm2a_bytes *topics, size_t n)
{
	size_t max = p->knows_limits ? p->max_topic : CLIENT_TOPIC_MAX;

	for (size_t i = 0; i < n; i++)
		if (topics[i].len > max)
			return PM2A_E_TOO_BIG;
	return 0;
}

void
limits_count_lost(struct pm2a *p, const struct outbox_loss *lost)
{
	p->stats.dropped += lost->n;
	p->stats.dropped_bytes += lost->bytes;
}
