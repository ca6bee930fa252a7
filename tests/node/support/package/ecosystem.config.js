'use strict';

/* What the package tells its user to write. */

module.exports = {
	apps: [
		require('socket.io-pm2adapter/pm2')(),
		{ name: 'app', script: require.resolve('./server'), exec_mode: 'cluster', instances: 2 },
	],
};
