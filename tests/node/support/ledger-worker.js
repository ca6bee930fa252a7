'use strict';

/* A worker of the ledger's application (ledger.config.js). */

const Ledger = require('./ledger');

const ledger = new Ledger();

ledger.client.once('connect', () => {
	ledger.go();
	process.send('ready');
});

process.once('SIGINT', async () => {
	await ledger.close();
	process.exit(0);
});
