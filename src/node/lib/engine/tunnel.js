'use strict';

/*
 * A WebSocket of a session that another worker has: its upgrade request goes to
 * the owner, and then all bytes both ways, for as long as it lasts.
 */

const { tunnelHead } = require('./headers');

const LINGER_MS = 30_000; // as `ws` waits for the other side to close

/* Passes all bytes of one side to the other, and its end. */
function pass(from, to) {
	from.pipe(to);
	from.on('error', () => to.destroy());
	from.on('close', () => {
		if (from.readableEnded) {
			to.setTimeout(LINGER_MS, () => to.destroy());
		} else {
			to.destroy();
		}
	});
}

/*
 * client: the socket of the upgrade request. head: bytes that followed the
 * request. owner: a socket connected to the owner.
 */
function tunnel(req, client, head, owner) {
	client.setTimeout(0);
	client.setNoDelay?.(true);
	owner.write(tunnelHead(req), 'latin1');
	if (head.length > 0) {
		owner.write(head);
	}
	pass(client, owner);
	pass(owner, client);
}

module.exports = { tunnel };
