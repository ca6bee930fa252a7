#include "config/print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "config/option.h"
#include "config/wrap.h"

#define HIDDEN "***"     /* shown instead of the password */
#define VALUE_SIZE 65536 /* the longest value, with a zero */

const char *
config_value(const struct config *config, size_t i, char *out, size_t size)
{
	const struct option *option = &config_options[i];

	if (!config_type(option)->is_text)
		return config_format(
		    option, *config_number(config, option), out, size);
	snprintf(out, size, "%s",
	    config_type(option)->is_secret &&
		    **config_string(config, option) != '\0'
		? HIDDEN
		: *config_string(config, option));
	return out;
}

/* "The range is … to …; the default is …." */
static const char *
describe_range(const struct option *option, char *out, size_t size)
{
	char min[32], max[32], initial[32];

	if (config_type(option)->is_text) {
		snprintf(out, size, "At most %" PRId64 " bytes%s.", option->max,
		    option->reloadable ? "; reloadable" : "");
		return out;
	}
	snprintf(out, size, "%s to %s; default %s%s.",
	    config_format(option, option->min, min, sizeof(min)),
	    config_format(option, option->max, max, sizeof(max)),
	    config_format(option, option->initial, initial, sizeof(initial)),
	    option->reloadable ? "; reloadable" : "");
	return out;
}

/* Whether the option's line is a comment although it has a value: a default
 * socket, or a secret. */
static bool
is_comment(const struct config *config, const struct option *option)
{
	if (option->type == PATH)
		return config->socket_is_default;
	return config_type(option)->is_secret;
}

/* Writes a line for each address; options without a value as comments. */
static void
print_line(const struct config *config, size_t i, FILE *out)
{
	const char *mark = is_comment(config, &config_options[i]) ? "#" : "";
	char *text = xcalloc(1, VALUE_SIZE), *rest = text, *value;

	config_value(config, i, text, VALUE_SIZE);
	if (*text == '\0')
		fprintf(out, "#%s %s\n", config_options[i].name,
		    config_type(&config_options[i])->argument);
	else if (!config_type(&config_options[i])->is_list)
		fprintf(out, "%s%s %s\n", mark, config_options[i].name, text);
	else
		while ((value = strsep(&rest, " \t")) != NULL)
			if (*value != '\0')
				fprintf(out, "%s %s\n", config_options[i].name,
				    value);
	free(text);
}

void
config_print_file(const struct config *config, FILE *out)
{
	char text[256];

	fputs(
	    "# Configuration of pm2adapterd: lines of a key and a value.\n"
	    "# Options of the command line override those of this file. SIZE\n"
	    "# takes k, m and g (of 1024), TIME takes ms, s, m and h. SIGHUP\n"
	    "# applies changes of options marked as reloadable.\n",
	    out);
	for (size_t i = 0; i < config_options_n; i++) {
		fputc('\n', out);
		wrap_print(out, "# ", 72, false, config_options[i].text);
		wrap_print(out, "# ", 72, false,
		    describe_range(&config_options[i], text, sizeof(text)));
		print_line(config, i, out);
	}
}

void
config_print_help(FILE *out)
{
	char text[256];

	for (size_t i = 0; i < config_options_n; i++) {
		fprintf(out, "  --%s %s\n", config_options[i].name,
		    config_type(&config_options[i])->argument);
		wrap_print(out, "        ", 64, false, config_options[i].text);
		wrap_print(out, "        ", 64, false,
		    describe_range(&config_options[i], text, sizeof(text)));
	}
}

void
config_print_manual(FILE *out)
{
	char text[256];

	fputs(".Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < config_options_n; i++) {
		fprintf(out, ".It Cm %s Ar %s\n", config_options[i].name,
		    config_type(&config_options[i])->argument);
		wrap_print(out, "", 72, true, config_options[i].text);
		wrap_print(out, "", 72, true,
		    describe_range(&config_options[i], text, sizeof(text)));
	}
	fputs(".El\n", out);
}
