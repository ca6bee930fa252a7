#!/bin/sh
# The app that pm2 starts: finds the binary, builds it if there is none, and
# becomes it. So the process that pm2 has started, watches and signals is the
# daemon itself, and the descriptor of pm2's channel is open in it.

here=$(dirname "$0")
# The node that read the ecosystem file; it may have been upgraded since.
node=${PM2ADAPTERD_NODE:-node}
command -v "$node" >/dev/null || node=node

# The search for the binary must not use pm2's channel.
daemon=$(
	unset NODE_CHANNEL_FD NODE_CHANNEL_SERIALIZATION_MODE
	exec "$node" "$here/socket.io-pm2adapter.js" where --build
) || exit
exec "$daemon" "$@"
