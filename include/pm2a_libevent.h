/*
 * pm2a_libevent - a struct pm2a on a libevent loop, in a library of its own:
 * libpm2a_libevent needs libevent, and libpm2a does not.
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
 * Watches p on base, and dispatches it from there; takes over pm2a_watch(). p
 * and base must outlive *out. on_end, if it isn't NULL, is called once, from
 * the loop, when p is closed (result PM2A_E_CLOSED): it may free *out and then
 * p. A lack of memory only ends the connection and isn't told here.
 *
 * Call neither pm2a_dispatch() nor pm2a_run(), pm2a_finish() and pm2a_free()
 * while it is there: close p with pm2a_close(), or free *out first.
 *
 * Returns 0 or -ENOMEM.
 */
PM2A_API PM2A_MUST_CHECK int pm2a_libevent_new(struct pm2a *p,
    struct event_base *base, void (*on_end)(struct pm2a *p, void *arg),
    void *arg, struct pm2a_libevent **out);

/* Stops watching. Not from a callback of p, but from on_end. NULL is fine. */
PM2A_API void pm2a_libevent_free(struct pm2a_libevent *binding);

#ifdef __cplusplus
}
#endif

#endif
