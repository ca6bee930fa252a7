#include "edge/redis/args.h"

#include <string.h>
#include <strings.h>

struct resp_arg
redis_arg(const struct redis_call *call, size_t i)
{
	const struct redis_request *request = call->request;
	const struct resp_span *span = &call->spans[i];

	return (struct resp_arg){
		request->blob->data + request->off + span->off,
		span->len,
	};
}

bool
redis_is(const struct resp_arg *arg, const char *word)
{
	return arg->len == strlen(word) &&
	       strncasecmp((const char *)arg->data, word, arg->len) == 0;
}

int
redis_shown(const struct resp_arg *arg)
{
	return (int)(arg->len < REDIS_SHOWN_MAX ? arg->len : REDIS_SHOWN_MAX);
}

struct topic_name
redis_name(const struct resp_arg *arg)
{
	return (struct topic_name){ .bytes = arg->data, .len = arg->len };
}

struct topic_name
redis_hashed(const struct topic_registry *reg, const struct resp_arg *arg)
{
	struct topic_name name = redis_name(arg);

	/* Nothing that is longer is there. */
	if (name.len <= TOPIC_NAME_MAX)
		name.hash = topic_hash(reg, name.bytes, name.len);
	return name;
}

bool
redis_check(struct redis_call *call, int r)
{
	const struct redis_settings *settings = &call->client->redis->settings;

	switch (r) {
	case 0:
		return true;
	case BROKER_E_TOPIC_EMPTY:
		redis_error(call, "ERR a channel has at least one byte");
		return false;
	case BROKER_E_TOPIC_LONG:
		redis_error(call,
		    "ERR the channel is too long; max-topic is %zu bytes",
		    settings->topic_max_bytes);
		return false;
	case BROKER_E_PREFIX_LENGTHS:
		redis_error(call,
		    "ERR the patterns of this client begin with texts of too "
		    "many different lengths; use fewer lengths");
		return false;
	default:
		redis_error(call,
		    "ERR too many subscriptions; max-subscriptions is %u",
		    settings->subscriptions_max);
		return false;
	}
}
