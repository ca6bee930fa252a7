'use strict';

/*
 * The primary of the cluster-adapter's workers, which passes their messages on.
 * argv: their script, and the settings of each as JSON.
 */

const cluster = require('node:cluster');
const path = require('node:path');

const { setupPrimary } = require('@socket.io/cluster-adapter');

const { obey } = require('./control');

const [script, ...workers] = process.argv.slice(2);
const { control, peer } = JSON.parse(workers[0]);

setupPrimary();
for (const settings of workers) {
	cluster.setupPrimary({
		exec: path.join(__dirname, script),
		args: [settings],
		serialization: 'advanced',
	});
	cluster.fork();
}
obey(control, `${peer}-primary`, {});
