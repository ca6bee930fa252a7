'use strict';

/*
 * A project in a temporary folder that has installed the package as `npm pack` makes it, from
 * tarballs alone: its dependencies are packed from those that are installed here.
 */

const { execFile, execFileSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const PACKAGE = path.join(__dirname, '../../../src/node');
const MODULES = path.join(PACKAGE, 'node_modules');
const DEPENDENCIES = ['debug', 'ms', 'notepack.io', 'socket.io-adapter', 'socket.io-adapter/node_modules/ws'];
const NPM_MS = 60_000;
const BUILD_MS = 120_000;

/* npm puts a module beside its dependent if another version has the place above. */
function folderOf(name) {
	const nested = path.join(MODULES, name);
	return fs.existsSync(nested) ? nested : path.join(MODULES, path.basename(name));
}

function npm(cwd, ...args) {
	return execFileSync('npm', args, {
		cwd,
		encoding: 'utf8',
		timeout: NPM_MS,
		stdio: ['ignore', 'pipe', 'pipe'],
		env: { ...process.env, npm_config_update_notifier: 'false', npm_config_cache: path.join(cwd, '.npm') },
	});
}

class Project {
	constructor() {
		this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pm2a-p'));
		fs.chmodSync(this.dir, 0o755); // another user reads it, too
		this.cache = path.join(this.dir, 'cache');
		this.package = path.join(this.dir, 'node_modules/socket.io-pm2adapter');
		this.command = path.join(this.dir, 'node_modules/.bin/socket.io-pm2adapter');
		this.env = {
			...process.env,
			XDG_CACHE_HOME: this.cache,
			PM2ADAPTERD_BIN: '',
			CFLAGS: '-O0 -U_FORTIFY_SOURCE', // built sooner, and that is all there is to see
		};
	}

	/* Resolves to the names of the files in the package. */
	install() {
		const [{ filename, files }] = JSON.parse(
			npm(this.dir, 'pack', '--json', '--loglevel=silent', PACKAGE).replace(/^[^[]*/, ''));
		const others = DEPENDENCIES.map((name) => npm(this.dir, 'pack', '--ignore-scripts', '--silent',
			folderOf(name)).trim());
		fs.writeFileSync(path.join(this.dir, 'package.json'), '{ "private": true }\n');
		npm(this.dir, 'install', '--offline', '--no-audit', '--no-fund',
			...[filename, ...others].map((file) => path.join(this.dir, file)));
		return files.map((file) => file.path);
	}

	/* The files of support/package, and the Socket.IO that is installed here. */
	addApp() {
		const app = path.join(__dirname, 'package');
		for (const name of fs.readdirSync(app))
			fs.copyFileSync(path.join(app, name), path.join(this.dir, name));
		fs.symlinkSync(path.join(MODULES, 'socket.io'), path.join(this.dir, 'node_modules/socket.io'));
		return path.join(this.dir, 'ecosystem.config.js');
	}

	/* Runs `npx socket.io-pm2adapter`; returns { code, stdout, stderr }. */
	npx(args, { env = {}, ...options } = {}) {
		return new Promise((resolve) => {
			execFile(process.execPath, [this.command, ...args], {
				cwd: this.dir, timeout: BUILD_MS, env: { ...this.env, ...env }, ...options,
			}, (error, stdout, stderr) => resolve({ code: error ? error.code : 0, stdout, stderr }));
		});
	}

	destroy() {
		fs.rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
	}
}

module.exports = { PACKAGE, Project };
