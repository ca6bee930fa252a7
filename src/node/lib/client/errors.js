'use strict';

/*
 * All errors of this package. The codes are stable; README.md lists them.
 */

const CODES = {
	PM2A_ERR_OPTION: 'an option is of the wrong type or out of range',
	PM2A_ERR_VERSION: 'this version of Socket.IO is not supported',
	PM2A_ERR_CONNECT: 'the daemon could not be reached',
	PM2A_ERR_TIMEOUT: 'the daemon did not answer in time',
	PM2A_ERR_SILENT: 'the daemon stopped answering',
	PM2A_ERR_PROTOCOL: 'the daemon sent bytes that are no frame',
	PM2A_ERR_DAEMON: 'the daemon refused',
	PM2A_ERR_AWAY: 'there is no connection to the daemon',
	PM2A_ERR_LOST: 'the connection ended while the question was open',
	PM2A_ERR_REFUSED: 'the question was refused',
	PM2A_ERR_UNKNOWN: 'no socket has that id',
	PM2A_ERR_CLOSED: 'the client is closed',
	PM2A_ERR_ENCODE: 'the packet cannot be encoded',
	PM2A_ERR_RECEIVE: 'a received packet could not be delivered',
};

/** An error with one of the codes above; `cause`: the error behind it, if any. */
class Pm2aError extends Error {
	constructor(code, message, cause) {
		super(message ?? CODES[code], cause === undefined ? undefined : { cause });
		this.name = 'Pm2aError';
		this.code = code;
	}
}

module.exports = { CODES, Pm2aError };
