#include "edge/redis/input.h"

#include "base/log.h"
#include "edge/redis/auth.h"
#include "edge/redis/requests.h"

#define TIGHT_ARGS_MAX 10
#define TIGHT_BULK_MAX 16384
#define ARGS_MAX (1 << 20)
#define REQUEST_EXTRA 65536 /* bytes of a request besides its message */

static struct resp_limits
limits_of(const struct redis_client *client)
{
	const struct redis_settings *settings = &client->redis->settings;

	if (!client->is_authenticated)
		return (struct resp_limits){ TIGHT_ARGS_MAX, TIGHT_BULK_MAX,
			SIZE_MAX, true };
	return (struct resp_limits){ ARGS_MAX, settings->max_frame,
		settings->max_frame + REQUEST_EXTRA, false };
}

/* As redis-server: replies with the fault and ends the connection. Bytes behind
 * a QUIT are ignored. */
static void
refuse(struct redis_client *client)
{
	if (client->is_quitting)
		return;
	client->detail = client->parser.error;
	client->is_refused = !redis_is_idle(client);
	if (client->is_refused)
		conn_stop_reading(client->conn);
	else
		redis_tell_refusal(client);
}

/* One request at the beginning of data, which the parser has found. */
static void
take(struct redis_client *client, const struct slice *data, bool is_over)
{
	struct resp_parser *parser = &client->parser;

	if (parser->n > 0 || is_over)
		redis_stage_request(client, data, is_over);
	if (!client->is_authenticated)
		turns_run_own(&client->redis->turns, &client->turns);
	resp_parser_next(parser);
}

size_t
redis_input(struct conn *conn, const struct slice *data, size_t *want)
{
	struct redis_client *client = conn_user(conn);
	struct resp_parser *parser = &client->parser;
	struct slice rest = *data;

	if (client->is_unwelcome) {
		redis_turn_away(client);
		return data->len;
	}
	while (rest.len > 0 && !conn_is_closing(conn) && !client->is_quitting) {
		/* Held requests may change the limits. */
		if (client->is_busy)
			return rest.off - data->off;
		struct resp_limits limits = limits_of(client);
		enum resp_verdict verdict =
		    resp_parse(parser, &limits, slice_data(&rest), rest.len);
		size_t used = parser->at;

		switch (verdict) {
		case RESP_READY:
		case RESP_OVER:
			take(client, &rest, verdict == RESP_OVER);
			rest.off += used;
			rest.len -= used;
			continue;
		case RESP_SHORT:
			*want = resp_parser_want(parser);
			return rest.off - data->off + resp_parser_pass(parser);
		case RESP_BAD:
			refuse(client);
			return data->len;
		default:
			log_fatal("out-of-memory", "reading=request");
		}
	}
	return data->len;
}
