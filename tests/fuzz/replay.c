/*
 * replay FILE...: each file through a fuzz target, where there is no libFuzzer.
 * It finds again every fault that a fuzzer has found, and keeps targets
 * compiling.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE_LIMIT (1 << 20) /* bytes of a file */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
replay(const char *path)
{
	uint8_t *data = malloc(SIZE_LIMIT);
	FILE *file = fopen(path, "rb");
	size_t len;

	if (data == NULL || file == NULL) {
		perror(path);
		return 1;
	}
	len = fread(data, 1, SIZE_LIMIT, file);
	fclose(file);
	/* In a buffer of its length, so that a sanitizer sees its end. */
	data = realloc(data, len + (len == 0));
	LLVMFuzzerTestOneInput(data, len);
	free(data);
	return 0;
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (replay(argv[i]) != 0)
			return 1;
	printf("%d files\n", argc - 1);
	return argc > 1 ? 0 : 1;
}
