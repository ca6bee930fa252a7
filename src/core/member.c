#include "core/member.h"

#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"

struct member *
member_new(
    uint64_t id, const char *name, const struct broker_sink *sink, void *user)
{
	struct member *member = xcalloc(1, sizeof(*member));

	member->id = id;
	request_owner_init(&member->requests, id, name);
	member->name = (const char *)member->requests.name->data;
	member->sink = sink;
	member->user = user;
	topic_owner_init(&member->topics);
	return member;
}

void
member_free(struct request_registry *requests, struct member *member)
{
	assert(member->topics.n_subs == 0);
	request_owner_fini(requests, &member->requests);
	free(member);
}
