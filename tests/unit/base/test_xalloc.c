#include "base/xalloc.h"

#include <stdlib.h>
#include <string.h>

#include "unit/support.h"

/* AddressSanitizer shall return NULL for what is too large, as malloc does. */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static volatile size_t beyond = SIZE_MAX / 2;

TEST(new_memory_is_zero)
{
	uint8_t *p = xcalloc(1000, 3);

	for (size_t i = 0; i < 3000; i++)
		ck_assert_uint_eq(p[i], 0);
	free(p);
}

TEST(grown_memory_keeps_what_was_there)
{
	uint32_t *p = xreallocarray(NULL, 2, sizeof(*p));

	p[0] = 1;
	p[1] = 2;
	p = xreallocarray(p, 100000, sizeof(*p));
	ck_assert_uint_eq(p[0], 1);
	ck_assert_uint_eq(p[1], 2);
	free(p);
}

TEST(aligned_memory_is_aligned)
{
	for (size_t align = 64; align <= 65536; align *= 2) {
		void *p = xaligned(align, 1);

		ck_assert_uint_eq((uintptr_t)p % align, 0);
		free(p);
	}
}

TEST(a_copied_string_is_equal_and_independent)
{
	char text[] = "name", *copy = xstrdup(text);

	text[0] = 'f';
	ck_assert_str_eq(copy, "name");
	free(copy);
}

TEST_ABORTS(a_size_that_overflows_aborts)
{
	free(xcalloc(beyond, 3));
}

TEST_ABORTS(an_array_that_overflows_aborts)
{
	free(xreallocarray(NULL, beyond, 3));
}

TEST_ABORTS(memory_that_there_is_not_aborts)
{
	free(xaligned(64, beyond));
}
