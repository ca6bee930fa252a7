'use strict';

/*
 * Puts the daemon's sources into the package for `npm pack`, and takes them away
 * again: they are in the repository once, at its root.
 */

const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '../../..');
const TO = path.join(__dirname, '../daemon');
const NOT_THE_DAEMON = path.join(ROOT, 'src/node');
const FOLDERS = [...foldersIn('src'), 'include'];
const FILES = ['Makefile', 'conf/pm2adapterd.conf'];

function copy(name) {
	const to = path.join(TO, name);
	fs.mkdirSync(path.dirname(to), { recursive: true });
	fs.copyFileSync(path.join(ROOT, name), to);
}

function foldersIn(folder) {
	return fs.readdirSync(path.join(ROOT, folder), { withFileTypes: true })
		.filter((entry) => entry.isDirectory())
		.map((entry) => path.join(folder, entry.name))
		.filter((inner) => path.join(ROOT, inner) !== NOT_THE_DAEMON)
		.flatMap((inner) => [inner, ...foldersIn(inner)]);
}

function sourcesIn(folder) {
	return fs.readdirSync(path.join(ROOT, folder))
		.filter((name) => /\.([ch]|html|css|js)$/.test(name))
		.map((name) => path.join(folder, name));
}

fs.rmSync(TO, { recursive: true, force: true });
if (process.argv[2] === 'copy') {
	[...FILES, ...FOLDERS.flatMap(sourcesIn)].forEach(copy);
}
