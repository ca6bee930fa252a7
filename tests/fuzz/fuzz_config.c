/* Configuration files: an accepted one can be printed, and the output reads the
 * same; but the password is not printed. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
read_again(const struct config *config)
{
	struct config_why why;
	struct config again;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	config_print_file(config, out);
	fclose(out);
	config_init(&again, config->socket);
	assert(config_read(&again, "printed", text, len, &why) == 0);
	for (size_t i = 0; i < config_n_options(); i++)
		if (strcmp(config_name(i), "resp-password") != 0)
			assert(!config_differs(config, &again, i));
	config_fini(&again);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct config_why why;
	struct config config;

	config_init(&config, "/run/socket");
	if (config_read(&config, "fuzz", (const char *)data, len, &why) == 0)
		read_again(&config);
	config_fini(&config);
	return 0;
}
