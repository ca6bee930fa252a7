#include "base/err.h"

#include <string.h>

#include "base/log.h"

int
err_trace_at(int r, const char *file, int line, const char *func)
{
	if (r < 0)
		log_debug("fault", "at=%s:%d func=%s error=\"%s\"", file, line,
		    func, strerror(-r));
	return r;
}
