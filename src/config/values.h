/*
 * values - the values of the options. Texts are never NULL, and empty if not
 * set.
 */
#ifndef PM2A_CONFIG_VALUES_H
#define PM2A_CONFIG_VALUES_H

#include <stdbool.h>
#include <stdint.h>

struct config {
	char *socket;           /* path */
	bool socket_is_default; /* nobody has set it */
	int64_t socket_mode;
	char *allow_users;    /* separated by blanks or commas */
	char *allow_groups;   /* likewise */
	char *resp_listen;    /* addresses, separated by blanks */
	char *resp_password;  /* empty: none */
	char *metrics_socket; /* empty: none */
	char *metrics_listen; /* likewise */
	char *log_file;       /* empty: standard error */
	int64_t log_level;    /* enum log_level */
	int64_t log_format;   /* enum log_format */
	int64_t max_connections;
	int64_t max_frame_bytes;
	int64_t max_topic_bytes;
	int64_t max_subscriptions;
	int64_t max_questions;
	int64_t max_questions_all;
	int64_t max_answer_bytes;
	int64_t max_gather_bytes;
	int64_t max_gather_all_bytes;
	int64_t hello_timeout_ms;
	int64_t ping_interval_ms;
	int64_t drain_timeout_ms;
	int64_t queue_limit_bytes;
	int64_t queue_soft_limit_bytes;
	int64_t queue_soft_time_ms;
	int64_t memory_limit_bytes;
	int64_t splice_above_bytes;
	int64_t slow_turn_ms;
	int64_t slow_question_ms;
};

#endif
