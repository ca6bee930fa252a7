'use strict';

/* The file that the package's README recommends. */

module.exports = {
	apps: [
		require('socket.io-pm2adapter/pm2')(),
		{ name: 'app', script: require.resolve('./server'), exec_mode: 'cluster', instances: 2 },
	],
};
