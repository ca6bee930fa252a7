#include "config/wrap.h"

#include <stddef.h>
#include <string.h>

void
wrap_print(FILE *out, const char *indent, size_t width, bool by_sentence,
    const char *text)
{
	size_t column = 0, len;
	bool is_end = false;

	while (*text != '\0') {
		len = strcspn(text, " ");
		if (column > 0 &&
		    (column + 1 + len > width || (by_sentence && is_end))) {
			fputc('\n', out);
			column = 0;
		}
		fputs(column == 0 ? indent : " ", out);
		column += len + (column > 0);
		fwrite(text, 1, len, out);
		is_end = len > 0 && text[len - 1] == '.';
		text += len + strspn(text + len, " ");
	}
	fputc('\n', out);
}
