'use strict';

/*
 * Options for a test that runs a command of the system. `make check` (PM2A_CHECK) skips the test if
 * the command is not installed; `make test` installs everything first, so that the test fails.
 */

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

function isInstalled(name) {
	const [command, module] = name.split(':');
	const files = process.env.PATH.split(':').map((dir) => path.resolve(dir, command));
	if (!files.some((file) => fs.existsSync(file)))
		return false;
	return module === undefined || spawnSync(command, ['-c', `import ${module}`]).status === 0;
}

/* Each of `names` is a command, a file, or COMMAND:MODULE for a module of Python. */
function needs(...names) {
	if (!process.env.PM2A_CHECK)
		return {};
	const missing = names.filter((name) => !isInstalled(name));
	return missing.length === 0 ? {} : { skip: `not installed: ${missing.join(', ')}` };
}

module.exports = { needs };
