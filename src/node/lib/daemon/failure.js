'use strict';

/* An error that ends the command, with an exit code of the daemon (sysexits.h). */

const EXIT = { usage: 64, unavailable: 69, config: 78 };

class Failure extends Error {
	constructor(exitCode, message) {
		super(message);
		this.exitCode = exitCode;
	}
}

module.exports = { EXIT, Failure };
