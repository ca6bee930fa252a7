'use strict';

/*
 * The apps for `pm2 start ecosystem.config.js`. Copy the first one into your own file unchanged; the
 * second one stands for your application.
 *
 * Neither names a socket. pm2 gives its children PM2_HOME, and both the daemon and the adapter
 * look for $PM2_HOME/pm2adapterd.sock by default.
 */

const path = require('path');

const root = path.join(__dirname, '..');
const workers = Number(process.env.DEMO_WORKERS || 4);

module.exports = {
	apps: [
		{
			name: 'pm2adapterd',
			// After `make install`: /usr/local/bin/pm2adapterd
			script: process.env.PM2ADAPTERD_BIN || path.join(root, 'build/release/pm2adapterd'),
			args: ['--drain-timeout', '1s'],
			// A native program, and exactly one: a second one would find the socket taken.
			interpreter: 'none',
			exec_mode: 'fork',
			instances: 1,
			// pm2 waits until it says that it listens before it starts the next app. pm2
			// starts two apps at a time, so one worker may begin beside it and wait by
			// itself; with PM2_CONCURRENT_ACTIONS=1 in its environment, none does.
			wait_ready: true,
			listen_timeout: 5000,
			// pm2 kills what hasn't ended by then; the daemon takes up to its drain-timeout to
			// deliver what is under way.
			kill_timeout: 3000,
			// A mistake on the command line (64) or in the configuration (78) stays one
			// however often the daemon is started again.
			stop_exit_codes: [64, 78],
		},
		{
			name: 'demo',
			script: path.join(root, 'docs/demo/worker.js'),
			exec_mode: 'cluster',
			instances: workers,
			// With these two, `pm2 reload demo` keeps an old worker until the new one has said
			// process.send('ready'), which it does once it hears the others.
			wait_ready: true,
			listen_timeout: 8000,
			// For the worker to close its sockets after SIGINT.
			kill_timeout: 3000,
			env: {
				PORT: process.env.PORT || 3000,
				DEMO_WORKERS: workers,
			},
		},
	],
};
