/*
 * verb - an entry of the table of commands (commands.c).
 */
#ifndef PM2A_EDGE_REDIS_VERB_H
#define PM2A_EDGE_REDIS_VERB_H

struct redis_call;

/* A command, or a part of one. */
struct redis_verb {
	const char *name; /* in lower case; of a part: "client|id" */
	int arity;        /* arguments with all names; negative: at least */
	unsigned flags;
	/* NULL if it has parts: the second argument names one. */
	void (*run)(struct redis_call *call);
	const char *summary, *since;
};

enum {
	VERB_UNAUTHENTICATED = 1, /* allowed before AUTH */
	VERB_SUBSCRIBED = 2,      /* allowed in RESP2 while subscribed */
	VERB_PUBSUB = 4,          /* for what COMMAND reports */
	VERB_PART = 8,            /* of the verb before it that has parts */
	VERB_MANY = 16,           /* takes more than REDIS_ARGS_MAX */
	VERB_QUERY = 32,          /* only replies */
};

#endif
