'use strict';

/* The daemon as conf/ has it, and an application whose clients use any transport. */

const { apps: [daemon] } = require('../../../conf/ecosystem.config');

module.exports = {
	apps: [
		daemon,
		{
			name: 'app',
			script: require.resolve('./any-worker-app'),
			exec_mode: 'cluster',
			instances: 4,
			wait_ready: true,
			listen_timeout: 20_000,
			kill_timeout: 10_000,
		},
	],
};
