/*
 * Heads of HTTP requests: no prefix of a head is ready before the head is, all
 * fields lie within it, and its end is where the empty line is. A Host
 * that is ours consists of characters that no attacker's name has.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_inside(const struct http_text *text, const char *data, size_t len)
{
	assert(text->data == NULL ||
	       (text->data >= data && text->data + text->len <= data + len));
}

static void
check_ready(const struct http_request *request, const char *data)
{
	const struct http_text *texts[] = { &request->path, &request->query,
		&request->host, &request->origin, &request->accept,
		&request->fetch_site, &request->fetch_mode,
		&request->fetch_dest };
	char value[16];

	assert(request->len <= HTTP_HEAD_MAX);
	assert(memcmp(data + request->len - 4, "\r\n\r\n", 4) == 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		check_inside(texts[i], data, request->len);
	if (http_query_value(&request->query, "k", value, sizeof(value)) == 0)
		assert(memchr(value, '\0', sizeof(value)) != NULL);
}

static void
check_host(const struct http_text *host)
{
	static const char own[] = "0123456789abcdefABCDEFlocahstLOCAHST.:[]";

	if (!http_is_own_host(host))
		return;
	for (size_t i = 0; i < host->len; i++)
		assert(host->data[i] != '\0' &&
		       strchr(own, host->data[i]) != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct http_request request, part;
	char *copy = malloc(len + 1);
	struct http_text host = { copy, len };
	enum http_verdict verdict;

	memcpy(copy, data, len);
	verdict = http_read(copy, len, &request);
	if (verdict == HTTP_BAD)
		assert(request.status >= 400 && request.why != NULL);
	if (verdict == HTTP_READY) {
		check_ready(&request, copy);
		for (size_t n = 0; n < request.len; n++)
			assert(http_read(copy, n, &part) == HTTP_SHORT);
		host = request.host;
	}
	check_host(&host);
	free(copy);
	return 0;
}
