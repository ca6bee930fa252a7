/*
 * peer - the broker under load, as the load generator sees it: where it
 * listens, how it is spoken to, what it has used.
 *
 * A mistake of any kind ends the process with a message: a run that went wrong
 * measures nothing.
 */
#ifndef PM2A_BENCH_PEER_H
#define PM2A_BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct protocol;

/* How long anything may take before nothing is expected any more. */
#define STALL_MS 10000

struct peer {
	const struct protocol *protocol;
	const char *address; /* a path, or HOST:PORT */
	pid_t pid;
	clockid_t clock; /* the CPU time of pid */
};

/* Seconds. */
double now(clockid_t clock);

/* Zeroed memory. */
void *allocate(size_t n, size_t size);

void peer_find_clock(struct peer *peer);

/* A socket that is connected, and blocks. */
int peer_connect(const struct peer *peer);

/* A socket of the address' family that isn't connected. */
int peer_socket(const struct peer *peer);

/* Returns the result of connect(). */
int peer_try_connect(const struct peer *peer, int fd);

/* Resident memory, in bytes. */
size_t peer_memory(const struct peer *peer);

/* All of it, on a socket that blocks. */
void write_all(int fd, const void *data, size_t len);
void read_all(int fd, void *data, size_t len);

void set_blocking(int fd, bool blocks);

#endif
