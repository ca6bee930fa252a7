#include "ops/page.h"

#include <string.h>

/* The assembler includes the files; the Makefile has them as prerequisites. */
#define INCLUDE_FILE(name, file)                      \
	__asm__(".pushsection .rodata\n"              \
		"page_" name ":\n"                    \
		".incbin \"src/ops/page/" file "\"\n" \
		"page_" name "_end:\n"                \
		".popsection\n")

INCLUDE_FILE("html", "index.html");
INCLUDE_FILE("css", "page.css");
INCLUDE_FILE("js", "page.js");

extern const char page_html[], page_html_end[];
extern const char page_css[], page_css_end[];
extern const char page_js[], page_js_end[];

static const struct page_file files[] = {
	{ "/", "text/html; charset=utf-8", page_html, page_html_end },
	{ "/page.css", "text/css; charset=utf-8", page_css, page_css_end },
	{ "/page.js", "text/javascript; charset=utf-8", page_js, page_js_end },
};

const struct page_file *
page_find(const char *path, size_t len)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (strlen(files[i].path) == len &&
		    memcmp(files[i].path, path, len) == 0)
			return &files[i];
	return NULL;
}
