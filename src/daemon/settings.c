#include "daemon/settings.h"

#include <sys/utsname.h>

#include "base/log.h"
#include "config/print.h"
#include "net/piped.h"

#define SERVER_NAME "pm2adapterd/" VERSION
#define FRAME_ROOM 64 /* bytes around the answers in a frame */

size_t
settings_splice_above(const struct config *config)
{
	struct utsname name;

	if (config->splice_above_bytes == 0)
		return 0;
	if (uname(&name) == 0 && piped_is_known_good(name.release))
		return (size_t)config->splice_above_bytes;
	log_info("splice-off", "kernel=%s", name.release);
	return 0;
}

struct conn_limits
settings_conn(const struct config *config)
{
	return (struct conn_limits){
		.hard_bytes = (size_t)config->queue_limit_bytes,
		.soft_bytes = (size_t)config->queue_soft_limit_bytes,
		.soft_ms = config->queue_soft_time_ms,
		.memory_bytes = (size_t)config->memory_limit_bytes,
	};
}

/* Limits `max` to the payload that fits into a frame of ours. */
static size_t
fitting(const struct config *config, int64_t max)
{
	int64_t room = config->max_frame_bytes - FRAME_ROOM;

	return (size_t)(max < room ? max : room);
}

/* Not 0, which would be no limit. */
static uint64_t
parts_max(const struct config *config)
{
	int64_t max = config->max_gather_bytes;

	return (uint64_t)(max > 0 ? max : 1);
}

struct broker_limits
settings_broker(const struct config *config)
{
	return (struct broker_limits){
		.topic_max_bytes = (size_t)config->max_topic_bytes,
		.subscriptions_max = (uint32_t)config->max_subscriptions,
		.questions_max = (uint32_t)config->max_questions,
		.questions_all_max = (uint32_t)config->max_questions_all,
		.answer_max_bytes = fitting(config, config->max_answer_bytes),
		.gather_max_bytes = fitting(config, config->max_gather_bytes),
		.gather_all_max_bytes = (size_t)config->max_gather_all_bytes,
		.parts_max_bytes = parts_max(config),
	};
}

int
settings_allowed(
    const struct config *config, struct allowed **out, struct config_why *why)
{
	_Static_assert(sizeof(why->text) >= ALLOWED_WHY_SIZE, "it fits");

	return allowed_new(
	    config->allow_users, config->allow_groups, out, why->text);
}

static void
put_config(struct msg_writer *w, void *arg)
{
	const struct config *config = arg;
	struct msg_open map = msg_begin_map(w);
	char text[4096];

	for (size_t i = 0; i < config_n_options(); i++)
		msg_put_pair_str(w, config_name(i),
		    config_value(config, i, text, sizeof(text)));
	msg_end_map(w, map);
}

struct hub_settings
settings_hub(struct config *config)
{
	return (struct hub_settings){
		.server = SERVER_NAME,
		.socket = config->socket,
		.slow_turn_us = config->slow_turn_ms * 1000,
		.slow_question_us = config->slow_question_ms * 1000,
		.put_config = put_config,
		.put_config_arg = config,
	};
}

struct native_settings
settings_native(const struct config *config)
{
	return (struct native_settings){
		.server = SERVER_NAME,
		.max_frame = (uint32_t)config->max_frame_bytes,
		.max_connections = (uint32_t)config->max_connections,
		.hello_timeout_ms = config->hello_timeout_ms,
		.ping_interval_ms = config->ping_interval_ms,
		.drain_timeout_ms = config->drain_timeout_ms,
		.topic_max_bytes = (size_t)config->max_topic_bytes,
		.subscriptions_max = (uint32_t)config->max_subscriptions,
		.questions_max = (uint32_t)config->max_questions,
		.questions_all_max = (uint32_t)config->max_questions_all,
		.answer_max_bytes = fitting(config, config->max_answer_bytes),
	};
}

struct redis_settings
settings_redis(const struct config *config)
{
	return (struct redis_settings){
		.version = VERSION,
		.socket = config->socket,
		.password = config->resp_password,
		.max_connections = (uint32_t)config->max_connections,
		.clients_max = (uint32_t)(config->max_connections + 1) / 2,
		.auth_timeout_ms = config->hello_timeout_ms,
		.drain_timeout_ms = config->drain_timeout_ms,
		.max_frame = (size_t)config->max_frame_bytes,
		.topic_max_bytes = (size_t)config->max_topic_bytes,
		.subscriptions_max = (uint32_t)config->max_subscriptions,
	};
}

struct handles_settings
settings_handles(const struct config *config)
{
	return (struct handles_settings){
		.lend_timeout_ms = config->hello_timeout_ms,
		.drain_timeout_ms = config->drain_timeout_ms,
	};
}
