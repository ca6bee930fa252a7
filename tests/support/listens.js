'use strict';

const fs = require('node:fs');

// The flag of a socket that listens, from linux/net.h.
const SO_ACCEPTCON = 1 << 16;

/* Whether a Unix socket is listened on, which bind(2) alone does not do: seen without a connection,
 * which would start a daemon. */
function listens(where) {
	return fs.readFileSync('/proc/net/unix', 'latin1').split('\n').some((line) => {
		const [, , , flags, , , , name] = line.split(' ');
		return name === where && parseInt(flags, 16) & SO_ACCEPTCON;
	});
}

module.exports = { listens };
