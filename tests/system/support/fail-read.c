#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/*
 * A preloaded read() for tests/system/endings.test.js: it fails with EIO when
 * it has read the mark. No peer can make a read of a socket fail so.
 */
#define MARK "a read that fails"

ssize_t
read(int fd, void *to, size_t size)
{
	ssize_t (*real)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");
	ssize_t n = real(fd, to, size);

	if (n <= 0 || memmem(to, (size_t)n, MARK, strlen(MARK)) == NULL)
		return n;
	errno = EIO;
	return -1;
}

ssize_t
__read_chk(int fd, void *to, size_t size, size_t room)
{
	return read(fd, to, size < room ? size : room);
}
