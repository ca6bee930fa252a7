/*
 * Lines on channels that pass descriptors: the part of one that is read is
 * within its limits, and the line for the receiver is one line, with the same
 * bytes and no others of the sender's.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/handle_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_handle(const struct handle_line *line)
{
	static const char others[] =
	    "{\"cmd\":\"NODE_HANDLE\",\"type\":\"net.Socket\","
	    "\"msg\":{\"bytes\":\"\"}}\n";
	size_t len = handle_line_print(NULL, 0, line);
	char *text = malloc(len + 1);

	assert(line->id >= 0);
	assert(handle_line_print(text, len + 1, line) == len);
	assert(len == strlen(others) + strlen(line->bytes));
	assert(strchr(text, '\n') == text + len - 1);
	assert(strpbrk(line->bytes, "\"\\\n") == NULL);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *copy = malloc(len + 1);
	struct handle_line line;
	int r;

	memcpy(copy, data, len);
	copy[len] = '\0';
	r = handle_line_read(copy, len, &line);
	assert(r >= 0);
	if (r == 0 &&
	    (line.kind == HANDLE_LINE_LEND || line.kind == HANDLE_LINE_HANDLE))
		assert(handle_line_is_tag(line.tag, strlen(line.tag)));
	if (r == 0 && line.kind == HANDLE_LINE_HANDLE)
		check_handle(&line);
	handle_line_fini(&line);
	free(copy);
	return 0;
}
