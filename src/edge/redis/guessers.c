#include "edge/redis/guessers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "net/listen.h"

#define FORGET_MS 60000

static void
set_origin(
    struct guessers_origin *origin, uint8_t kind, const void *bytes, size_t len)
{
	origin->bytes[0] = kind;
	memcpy(origin->bytes + 1, bytes, len);
}

struct guessers_origin
guessers_origin(int fd, const struct peer *peer)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct guessers_origin origin = { { 0 } };
	struct sockaddr_storage at = { 0 };
	socklen_t len = sizeof(at);
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&at;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&at;
	const uint8_t *bytes = v6->sin6_addr.s6_addr;

	if (getpeername(fd, (struct sockaddr *)&at, &len) != 0)
		at.ss_family = AF_UNIX;
	if (at.ss_family == AF_INET)
		set_origin(&origin, 4, &v4->sin_addr, 4);
	else if (at.ss_family != AF_INET6)
		set_origin(&origin, 1, &peer->uid, sizeof(peer->uid));
	else if (memcmp(bytes, mapped, sizeof(mapped)) == 0)
		set_origin(&origin, 4, bytes + 12, 4);
	else
		set_origin(&origin, 6, bytes, 8);
	return origin;
}

void
guessers_write_origin(
    const struct guessers_origin *origin, char *out, size_t size)
{
	uint8_t v6[16] = { 0 };
	uid_t uid;

	switch (origin->bytes[0]) {
	case 4:
		inet_ntop(AF_INET, origin->bytes + 1, out, (socklen_t)size);
		break;
	case 6:
		memcpy(v6, origin->bytes + 1, 8);
		inet_ntop(AF_INET6, v6, out, (socklen_t)size);
		break;
	default:
		memcpy(&uid, origin->bytes + 1, sizeof(uid));
		snprintf(out, size, "uid:%u", (unsigned)uid);
	}
}

struct guesser *
guessers_find(struct guessers *guessers, const struct guessers_origin *origin,
    struct instant now)
{
	for (size_t i = 0; i < guessers->n; i++) {
		struct guesser *g = &guessers->at[i];

		if (memcmp(&g->origin, origin, sizeof(*origin)) == 0)
			return instant_reached(
				   instant_after(g->last, FORGET_MS), now)
				   ? NULL
				   : g;
	}
	return NULL;
}

struct guesser *
guessers_add(struct guessers *guessers, const struct guessers_origin *origin)
{
	struct guesser *place = &guessers->at[0];

	for (size_t i = 0; i < guessers->n; i++) {
		struct guesser *g = &guessers->at[i];

		if (memcmp(&g->origin, origin, sizeof(*origin)) == 0) {
			place = g;
			break;
		}
		if (g->last.ms < place->last.ms)
			place = g;
	}
	if (guessers->n < GUESSERS_MAX &&
	    memcmp(&place->origin, origin, sizeof(*origin)) != 0)
		place = &guessers->at[guessers->n++];
	*place = (struct guesser){ .origin = *origin };
	return place;
}
