/*
 * pm2a_libevent - drives a struct pm2a from a libevent loop. It is a library of
 * its own, because libpm2a_libevent needs libevent and libpm2a does not.
 */
#ifndef PM2A_LIBEVENT_H
#define PM2A_LIBEVENT_H

#include <pm2a.h>

#ifdef __cplusplus
extern "C" {
#endif

struct event_base;
struct pm2a_libevent;

/*
 * Watches `p` on `base` and dispatches it from there; uses pm2a_watch(). `p`
 * and `base` must outlive *out; free that with pm2a_libevent_free(). `on_end`
 * may be NULL; it is called once, from the loop, when `p` is closed
 * (PM2A_E_CLOSED), and may free *out and then `p`. A lack of memory ends only
 * the connection and is not reported here.
 *
 * While it exists, do not call pm2a_dispatch(), pm2a_run(), pm2a_finish() or
 * pm2a_free(): close `p` with pm2a_close(), or free *out first.
 *
 * Returns 0 or -ENOMEM.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_libevent_new(struct pm2a *p,
    struct event_base *base, void (*on_end)(struct pm2a *p, void *arg),
    void *arg, struct pm2a_libevent **out);

/* Stops watching. Do not call it from a callback of `p`; `on_end` may. NULL is
 * allowed. */
PM2A_API void pm2a_libevent_free(struct pm2a_libevent *binding);

#ifdef __cplusplus
}
#endif

#endif
