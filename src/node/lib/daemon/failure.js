'use strict';

/* What the command ends with: the codes are those of the daemon (sysexits.h). */

const EXIT = { usage: 64, unavailable: 69, config: 78 };

class Failure extends Error {
	constructor(exitCode, message) {
		super(message);
		this.exitCode = exitCode;
	}
}

module.exports = { EXIT, Failure };
