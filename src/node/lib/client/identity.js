'use strict';

/* The fields of HELLO that stay the same. */

const { version } = require('../../package.json');
const { clip, defaultScript } = require('./options');

const SCRIPT_MAX = 1024; // bytes of HELLO's `script`
const PM_ID_MAX = 2 ** 31 - 1; // the daemon refuses a larger one

function pmId(env) {
	const id = Number.parseInt(env.pm_id, 10);
	return id >= 0 && id <= PM_ID_MAX ? id : undefined;
}

/* name, role, key: of clientOptions(). */
function identity({ name, role, key }, env = process.env) {
	return {
		name,
		pid: process.pid,
		client: `socket.io-pm2adapter/${version}`,
		role,
		pm_id: pmId(env),
		key,
		script: clip(defaultScript(), SCRIPT_MAX),
	};
}

module.exports = { identity };
