'use strict';

/*
 * The primary of the cluster-adapter's workers, which passes their messages on.
 * argv: the settings of each as JSON.
 */

const cluster = require('node:cluster');
const path = require('node:path');

const { setupPrimary } = require('@socket.io/cluster-adapter');

const { obey } = require('./control');

const [{ control, peer }] = process.argv.slice(2).map((text) => JSON.parse(text));

setupPrimary();
for (const settings of process.argv.slice(2)) {
	cluster.setupPrimary({
		exec: path.join(__dirname, 'worker.js'),
		args: [settings],
		serialization: 'advanced',
	});
	cluster.fork();
}
obey(control, `${peer}-primary`, {});
