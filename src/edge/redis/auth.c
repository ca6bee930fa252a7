#include "edge/redis/auth.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "edge/redis/causes.h"
#include "edge/redis/reply.h"
#include "net/allowed.h"

/*
 * Passwords. A client that needs one has as much time for it as a native client
 * has for HELLO, and few attempts. A failed attempt delays the next one from
 * the same address, on any connection, right or wrong: if only the right
 * password were answered at once, an attacker could close the connections that
 * get no answer. Waiting clients are woken in their order, and a failed attempt
 * makes the others wait again, so the delay bounds the attempts of an address
 * in a second. An application with a wrong password delays others of its host
 * by as much.
 */

#define FAILURES_MAX 3 /* of a connection */
#define DELAY_MS 100   /* behind the first failure; doubled by each */
#define DELAY_MAX_MS 2000
#define WAITING_MAX 64          /* clients */
#define PASSWORD_MAX_BYTES 4096 /* a longer one is not compared */

bool
redis_has_password(const struct redis *redis)
{
	return redis->settings.password != NULL &&
	       *redis->settings.password != '\0';
}

/* Takes a time that does not depend on the number of right bytes. */
static bool
is_password(const struct redis *redis, const struct resp_arg *arg)
{
	const char *password = redis->settings.password;
	size_t len = strlen(password);
	unsigned differs = (unsigned)(len ^ arg->len);

	if (arg->len > PASSWORD_MAX_BYTES && arg->len != len)
		return false;
	for (size_t i = 0; i < arg->len; i++)
		differs |= arg->data[i] ^
			   (unsigned char)password[len == 0 ? 0 : i % len];
	return differs == 0;
}

static struct guesser *
guesser_of(const struct redis_client *client)
{
	struct redis *redis = client->redis;

	return guessers_find(
	    &redis->guessers, &client->origin, loop_now(redis->loop));
}

static void
note_failure(struct redis_client *client)
{
	struct redis *redis = client->redis;
	struct guesser *g = guesser_of(client);
	int64_t delay_ms = DELAY_MS;
	char address[INET6_ADDRSTRLEN];

	if (g == NULL)
		g = guessers_add(&redis->guessers, &client->origin);
	g->last = loop_now(redis->loop);
	for (unsigned i = 0; i < g->n_failed && delay_ms < DELAY_MAX_MS; i++)
		delay_ms *= 2;
	if (delay_ms > DELAY_MAX_MS)
		delay_ms = DELAY_MAX_MS;
	g->n_failed++;
	g->until = instant_after(g->last, delay_ms);
	redis->stats.n_auth_failures++;
	guessers_write_origin(&client->origin, address, sizeof(address));
	log_warn("redis-auth-failed",
	    "id=%" PRIu64 " pid=%" PRId64
	    " address=%s failures=%u delay_ms=%" PRId64,
	    client->member->id, (int64_t)client->peer.pid, address, g->n_failed,
	    delay_ms);
	if (++client->n_auth_failures < FAILURES_MAX)
		return;
	client->is_quitting = true;
	client->quit_cause = &redis_auth_failed;
	client->detail = "too many wrong passwords";
}

bool
redis_must_wait(const struct redis_client *client)
{
	const struct guesser *g;

	if (client->is_authenticated || client->redis->guessers.n == 0)
		return false;
	g = guesser_of(client);
	return g != NULL &&
	       !instant_reached(g->until, loop_now(client->redis->loop));
}

void
redis_wait(struct redis_client *client)
{
	struct redis *redis = client->redis;

	if (redis->n_waiting >= WAITING_MAX) {
		resp_put_error(&redis->out,
		    "ERR too many clients wait for AUTH because of wrong "
		    "passwords; try again later");
		redis_flush(client);
		client->is_quitting = true;
		client->detail = "too many clients wait for AUTH";
		conn_close(client->conn, &redis_auth_failed);
		return;
	}
	client->is_waiting = true;
	redis->n_waiting++;
	TAILQ_INSERT_TAIL(&redis->waiting, client, in_waiting);
}

static void
stop_waiting(struct redis_client *client)
{
	if (!client->is_waiting)
		return;
	client->is_waiting = false;
	client->redis->n_waiting--;
	TAILQ_REMOVE(&client->redis->waiting, client, in_waiting);
}

struct instant
redis_auth_deadline(const struct redis *redis)
{
	struct instant deadline = timeouts_deadline(
	    &redis->strangers, redis->settings.auth_timeout_ms);
	const struct redis_client *client;
	const struct guesser *g;

	TAILQ_FOREACH (client, &redis->waiting, in_waiting) {
		g = guesser_of(client);
		deadline = instant_earlier(
		    deadline, g == NULL ? loop_now(redis->loop) : g->until);
	}
	return deadline;
}

void
redis_auth_expire(struct redis *redis, struct instant now)
{
	struct redis_client *client, *next;

	timeouts_expire(
	    &redis->strangers, redis->settings.auth_timeout_ms, now);
	TAILQ_FOREACH_SAFE (client, &redis->waiting, in_waiting, next)
		if (!redis_must_wait(client)) {
			stop_waiting(client);
			job_start(loop_jobs(redis->loop), &client->work);
		}
}

void
redis_turn_away(struct redis_client *client)
{
	resp_put_error(&client->redis->out, "NOPERM " ALLOWED_REFUSAL,
	    (unsigned)client->peer.uid);
	redis_flush(client);
	client->detail = "its uid is in neither allow-users nor allow-groups";
	conn_close(client->conn, &conn_not_allowed);
}

static void
on_timeout(struct timeout *entry)
{
	struct redis_client *client =
	    container_of(entry, struct redis_client, stranger);
	struct redis *redis = client->redis;

	if (client->is_unwelcome) {
		redis_turn_away(client);
		return;
	}
	client->is_quitting = true;
	client->detail = "no AUTH in time";
	resp_put_error(&redis->out, "NOAUTH no AUTH within %" PRId64 " ms",
	    redis->settings.auth_timeout_ms);
	redis_flush(client);
	conn_close(client->conn, &redis_auth_timeout);
}

void
redis_become_stranger(struct redis_client *client)
{
	struct redis *redis = client->redis;

	client->is_authenticated = !redis_has_password(redis);
	client->stranger.expire = on_timeout;
	if (!client->is_authenticated)
		timeouts_enter(&redis->strangers, &client->stranger,
		    loop_now(redis->loop));
}

void
redis_auth_forget(struct redis_client *client)
{
	timeouts_leave(&client->redis->strangers, &client->stranger);
	stop_waiting(client);
}

/* Resets the delay of its address, which has a client with the password. */
static void
admit(struct redis_client *client)
{
	struct guesser *g = guesser_of(client);

	client->is_authenticated = true;
	client->n_auth_failures = 0;
	timeouts_leave(&client->redis->strangers, &client->stranger);
	if (g != NULL)
		g->n_failed = 0;
}

bool
redis_authenticate(struct redis_call *call, const struct resp_arg *user,
    const struct resp_arg *password)
{
	struct redis_client *client = call->client;
	bool is_known =
	    user == NULL ||
	    (user->len == 7 && memcmp(user->data, "default", 7) == 0);

	if (is_known && (!redis_has_password(client->redis) ||
			    is_password(client->redis, password))) {
		admit(client);
		return true;
	}
	redis_error(call,
	    "WRONGPASS invalid username-password pair or user is disabled.");
	if (redis_has_password(client->redis))
		note_failure(client);
	return false;
}
