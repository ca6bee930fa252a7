#include "cli/command_word.h"

#define SECTIONS "overview clients topics requests closed slow config"
#define QUESTIONS                                              \
	"clients allRooms clientRooms remoteJoin remoteLeave " \
	"remoteDisconnect customRequest fetchSockets serverSideEmit"

const struct word command_words[COMMAND_N_WORDS] = {
	{ "config", WORD_CONFIG, "FILE", NULL, NULL,
	    "Read options from FILE: `key value` lines." },
	{ "stats", WORD_ACTION + ACTION_STATS, NULL, "[SECTION]...", SECTIONS,
	    "Ask the running daemon. SECTION is overview, clients, topics, "
	    "requests, closed, slow or config; default: overview and clients, "
	    "with --json all but config." },
	{ "sort", WORD_SORT, "KEY", NULL, NULL,
	    "With --stats and --watch: clients or topics by a key of --json, "
	    "numbers the largest first, such as queue_bytes." },
	{ "limit", WORD_LIMIT, "N", NULL, NULL,
	    "With --stats and --watch: rows of a section, 1 to 1000; default "
	    "100." },
	{ "watch", WORD_WATCH, NULL, NULL, NULL,
	    "Show --stats live, with rates, sparklines and clients. q quits." },
	{ "interval", WORD_INTERVAL, "MS", NULL, NULL,
	    "With --watch: 100 to 60000; default 1000." },
	{ "healthz", WORD_ACTION + ACTION_HEALTHZ, NULL, NULL, NULL,
	    "Print one line on whether the daemon answers; exit with 0 or 1." },
	{ "signal", WORD_ACTION + ACTION_SIGNAL, "WHAT", NULL,
	    "reload drain reopen",
	    "Have the running daemon reload its configuration, drain (end in "
	    "order) or reopen its log, and wait for it." },
	{ "test", WORD_ACTION + ACTION_TEST, NULL, NULL, NULL,
	    "Check the configuration, and exit." },
	{ "emit", WORD_ACTION + ACTION_EMIT, NULL, "TARGET EVENT [JSON]...",
	    NULL,
	    "Emit an event to Socket.IO clients. TARGET is '' for all, "
	    "'#ROOM', or 'NAMESPACE' and 'NAMESPACE#ROOM'. After --, an "
	    "argument may begin with a hyphen." },
	{ "ask", WORD_ACTION + ACTION_ASK, NULL, "QUESTION [ARGUMENT]...",
	    QUESTIONS,
	    "Ask all workers, and print what each answers. QUESTION is clients "
	    "[ROOM]..., allRooms, clientRooms ID, remoteJoin ID ROOM, "
	    "remoteLeave ID ROOM, remoteDisconnect ID [close], customRequest "
	    "[JSON], fetchSockets [ROOM]... or serverSideEmit EVENT "
	    "[JSON]..." },
	{ "tail", WORD_ACTION + ACTION_TAIL, NULL, "TOPIC", NULL,
	    "Print messages on a topic as they arrive. A topic that ends with "
	    "* is a prefix." },
	{ "lend-channel", WORD_ACTION + ACTION_LEND, "TAG", NULL, NULL,
	    "Give the IPC channel of the Node process that starts this to the "
	    "daemon, so that workers can hand over sockets. The adapter "
	    "starts it." },
	{ "key", WORD_KEY, "KEY", NULL, NULL,
	    "With --emit and --ask: the application, as in the adapter's "
	    "options; default: socket.io." },
	{ "namespace", WORD_NAMESPACE, "NAMESPACE", NULL, NULL,
	    "With --ask: the Socket.IO namespace; default: /." },
	{ "timeout", WORD_TIMEOUT, "MS", NULL, NULL,
	    "With --emit, --ask, --healthz and --signal: 1 to 300000; default "
	    "5000." },
	{ "json", WORD_JSON, NULL, NULL, NULL,
	    "With --stats, --ask and --tail: as JSON." },
	{ "dump-config", WORD_ACTION + ACTION_DUMP_CONFIG, NULL, NULL, NULL,
	    "Print the current configuration as a file, and exit." },
	{ "dump-manual", WORD_ACTION + ACTION_DUMP_MANUAL, NULL, NULL, NULL,
	    "Print the options as a list in mdoc, and exit." },
	{ "dump-completion", WORD_ACTION + ACTION_DUMP_COMPLETION, "SHELL",
	    NULL, "bash zsh",
	    "Print the completion script for the shell, and exit." },
	{ "version", WORD_ACTION + ACTION_VERSION, NULL, NULL, NULL,
	    "Print the versions of the daemon and its libraries." },
	{ "help", WORD_ACTION + ACTION_HELP, NULL, NULL, NULL, "Print this." },
};
