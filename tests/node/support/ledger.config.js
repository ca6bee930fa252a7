'use strict';

/* The daemon as conf/ has it, and workers that keep ledgers. */

const { apps: [daemon] } = require('../../../conf/ecosystem.config');

module.exports = {
	apps: [
		daemon,
		{
			name: 'ledger',
			script: require.resolve('./ledger-worker'),
			exec_mode: 'cluster',
			instances: 3,
			wait_ready: true,
			listen_timeout: 8000,
			kill_timeout: 5000,
		},
	],
};
