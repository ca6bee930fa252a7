'use strict';

/*
 * Whether our adapter can serve a namespace. Socket.IO 3 and 4.0 cannot write
 * encoded broadcasts. 4.1 and 4.2 write the attachments of a binary broadcast as
 * one, which breaks the streams of all clients. 4.3 and 4.4 have no acknowledged
 * broadcasts: their clients would silently miss those of other workers.
 *
 * A version that can be read is compared to peerDependencies. Versions that cannot
 * be read, and mixtures made by npm's overrides, are judged by their methods.
 */

const { peerDependencies } = require('../../package.json');
const { Pm2aError } = require('../client/errors');

/* Whether a version is in a range of the form `^1.2.3 || ^4.5.6`. */
function isIn(version, range) {
	const [major, minor = 0, patch = 0] = version.split(/[.+-]/, 3).map(Number);
	return range.split(' || ').some((each) => {
		const [first, ...least] = each.slice(1).split('.').map(Number);
		return major === first &&
			(minor > least[0] || (minor === least[0] && patch >= least[1]));
	});
}

/* Whether the namespace keeps its sockets as Socket.IO 3 and 4 do. */
function isModern(nsp) {
	return nsp.sockets instanceof Map;
}

function hasMethods(nsp, { prototype }) {
	return isModern(nsp) ?
		typeof prototype.broadcastWithAck === 'function' && typeof nsp.timeout === 'function' :
		typeof prototype.addAll === 'function' && typeof nsp.connected === 'object';
}

function described(versions) {
	const known = Object.keys(peerDependencies)
		.filter((name) => versions[name] !== undefined)
		.map((name) => `${name} ${versions[name]}`);
	return known.length > 0 ? known.join(' with ') : 'this version of socket.io';
}

/*
 * Throws PM2A_ERR_VERSION unless an adapter of `nsp` can extend `Adapter`.
 * versions: see hostOf() in base-class.js.
 */
function mustBeSupported(nsp, { Adapter, versions }) {
	const isSupported = hasMethods(nsp, Adapter) &&
		Object.entries(peerDependencies).every(([name, range]) =>
			versions[name] === undefined || isIn(versions[name], range));
	if (!isSupported) {
		const wanted = Object.entries(peerDependencies)
			.map(([name, range]) => `${name} ${range}`).join(' and ');
		throw new Pm2aError('PM2A_ERR_VERSION',
			`${described(versions)} is not supported; use ${wanted}`);
	}
}

module.exports = { isIn, isModern, mustBeSupported };
