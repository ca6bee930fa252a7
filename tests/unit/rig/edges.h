/*
 * edges - a daemon without a listener, for tests of edge/ and ops/: connections
 * are socket pairs, the test runs the loop turn by turn and plays each client.
 */
#ifndef PM2A_TESTS_UNIT_RIG_EDGES_H
#define PM2A_TESTS_UNIT_RIG_EDGES_H

#include "edge/native/native.h"
#include "stats/hub.h"
#include "unit/rig/rig.h"
#include "wire/control.h"
#include "wire/frame.h"

#define N_PEERS_MAX 8

struct client {
	int fd; /* -1 once hung up */
	uint8_t *got;
	size_t n_got, n_taken;
};

extern struct loop *loop;
extern struct conn_set *set;
extern struct hub *hub;
extern struct native *native;
extern struct client clients[N_PEERS_MAX];
extern size_t n_clients;
extern struct vectors golden;
extern const struct native_settings settings;
extern const struct hub_settings hub_settings;

void begin(void);

/* Hangs all clients up; nothing may be left in the broker or allocated. */
void end(void);

void turn(void);

/* Turns until everything that was sent has been answered and written. */
void settle(void);

/* Reads what has come for c. */
void read_some(struct client *c);

/* Connects a client, to the native edge or to another. */
struct client *dial(void);
struct client *dial_edge(const struct listen_ops *ops, void *edge);
void hang_up(struct client *c);

/* dial(), HELLO and WELCOME; join_as() with a name and a role. */
struct client *join(void);
struct client *join_as(const char *name, enum control_role role);

void say(struct client *c, const void *data, size_t len);
void say_golden(struct client *c, const char *name);

/* Sends a frame without a topic, whose body is in hex. */
void say_frame(
    struct client *c, enum frame_type type, uint8_t flags, const char *body);

/* Sends ASK, whose body is in hex, and settles. */
void ask_of(
    struct client *c, uint8_t flags, const char *topic, const char *body);

/* Writes a message whose body is a number. Returns the bytes written. */
size_t put_publish(
    uint8_t *out, const char *topic, uint8_t flags, uint32_t number);
void publish(
    struct client *c, const char *topic, uint8_t flags, uint32_t number);

/* The next frame that c has received; fails if there is none. */
struct frame next_frame(struct client *c);
void expect_nothing(const struct client *c);
void expect_frame(struct client *c, const void *frame, size_t len);
void expect_error(struct client *c, const char *code, bool fatal);

/* The daemon must have closed the connection. */
void expect_end(struct client *c);

#endif
