#include "client/limits.h"

#include "client/client.h"
#include "wire/frame.h"

size_t
limits_queued_bytes(const struct pm2a *p)
{
	return p->out.bytes + p->waiting.bytes + p->stats_requests.bytes;
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
	return size - FRAME_LENGTH_SIZE > p->max_frame;
}

int
limits_check_frame(const struct pm2a *p, size_t size)
{
	if (limits_is_too_big(p, size))
		return PM2A_E_TOO_BIG;
	return limits_is_full(p, size) ? PM2A_E_FULL : 0;
}

int
limits_check_topics(
    const struct pm2a *p, const struct pm2a_bytes *topics, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (topics[i].len > p->max_topic)
			return PM2A_E_TOO_BIG;
	return 0;
}

void
limits_drop_expired(struct pm2a *p)
{
	struct outbox_loss lost = { 0, 0 };

	if (outbox_is_empty(&p->waiting))
		return;
	outbox_drop_before(&p->waiting,
	    instant_after(clock_now(), -p->options.queue_max_age_ms), &lost);
	limits_count_lost(p, &lost);
	p->stats.expired += lost.n;
}

void
limits_count_lost(struct pm2a *p, const struct outbox_loss *lost)
{
	p->stats.dropped += lost->n;
	p->stats.dropped_bytes += lost->bytes;
}
