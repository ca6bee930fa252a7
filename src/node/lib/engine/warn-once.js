'use strict';

const told = new Set();

/* Emits a process warning, once for each text. */
function warnOnce(text) {
	if (!told.has(text)) {
		told.add(text);
		process.emitWarning(`socket.io-pm2adapter: ${text}`);
	}
}

module.exports = { warnOnce };
