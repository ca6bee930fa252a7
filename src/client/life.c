#include "client/life.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "client/client.h"
#include "client/connection.h"
#include "client/interest.h"
#include "client/questions.h"
#include "client/requests.h"
#include "client/stats.h"

/* For jitter only: the clock is good enough if there is no better source. */
static uint64_t
seed(const struct pm2a *p)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = (uint64_t)clock_now().ms ^ (uintptr_t)p ^
			 (uint64_t)getpid() << 32;
	return random == 0 ? 1 : random;
}

int
pm2a_new(const struct pm2a_options *options, struct pm2a **out)
{
	struct options read;
	struct pm2a *p;
	int r = options_read(options, &read);

	if (r != 0)
		return r;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->options = read;
	p->state = STATE_NEW;
	p->fd = -1;
	p->deadline = p->wake = clock_now();
	p->closing_deadline = p->requests_deadline = INSTANT_NEVER;
	p->pinged_at = p->previous.ended_at = INSTANT_NEVER;
	p->max_frame = UINT32_MAX;
	p->max_topic = CLIENT_TOPIC_MAX;
	outbox_init(&p->out);
	outbox_init(&p->waiting);
	topics_init(&p->topics);
	stats_init(p);
	p->random = seed(p);
	*out = p;
	return 0;
}

/* Its requests end with PM2A_E_CLOSED, in callbacks that are still refused
 * everything. */
static void
destroy(struct pm2a *p)
{
	p->n_entered++;
	requests_end(p, PM2A_E_CLOSED, PM2A_E_CLOSED);
	stats_end(p, PM2A_E_CLOSED, PM2A_E_CLOSED);
	questions_forget(p);
	outbox_fini(&p->out);
	outbox_fini(&p->waiting);
	topics_fini(&p->topics);
	free(p->in.data);
	free(p->scratch);
	free(p);
}

void
life_enter(struct pm2a *p)
{
	p->n_entered++;
}

bool
life_leave(struct pm2a *p)
{
	p->n_entered--;
	if (p->n_entered > 0 || p->state != STATE_FREED)
		return true;
	destroy(p);
	return false;
}

void
pm2a_free(struct pm2a *p)
{
	if (p == NULL || p->state == STATE_FREED)
		return;
	life_enter(p);
	p->state = state_next(p->state, STATE_ON_FREE);
	connection_close_socket(p);
	(void)!life_leave(p);
}

void
pm2a_close(struct pm2a *p)
{
	bool has_messages = p->waiting.n_messages > 0;

	if (state_is_closing(p->state))
		return;
	if (state_can_send(p->state))
		p->deadline = INSTANT_NEVER;
	p->state = state_next(
	    p->state, has_messages ? STATE_ON_CLOSE_LATER : STATE_ON_CLOSE);
	p->wake = clock_now();
	p->closing_deadline =
	    instant_after(p->wake, p->options.connect_timeout_ms);
	interest_tell(p);
}
