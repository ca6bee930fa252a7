/*
 * err - how functions of this project fail.
 *
 * An int result is 0 on success, a positive MODULE_E_* for a documented outcome
 * that the caller handles and never forwards, or a negative errno for a fault
 * of the daemon or the system. Functions below main pass such a fault through
 * err_trace() and never compare it.
 */
#ifndef PM2A_BASE_ERR_H
#define PM2A_BASE_ERR_H

#define must_check __attribute__((warn_unused_result))

#define err_trace(r) err_trace_at((r), __FILE__, __LINE__, __func__)

/*
 * Logs at debug level that the fault `r` passes through here, if it is one.
 * Returns `r`.
 */
int err_trace_at(int r, const char *file, int line, const char *func);

#endif
