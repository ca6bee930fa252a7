'use strict';

/*
 * The target of a request on a worker's Unix socket: `/pm2a/from/<address>/<port>/
 * <tls>/<version>` and then the target that the client sent. It tells the address of
 * the client, whether its connection is encrypted (1 or 0), and its HTTP version, since
 * the request there is one of HTTP/1.0 (forwarded-request.js). A request of HTTP/2
 * counts as one of 1.1, whose form it has there.
 *
 * It is not a header, which would have to be taken out of the client's, at a cost.
 */

const TOLD = /^\/pm2a\/from\/([^/?#]+)\/(-|\d+)\/([01])\/(1\.[01])/;
const UNKNOWN = '-';

const claimed = Symbol('claimed'); // on a socket: see applyTo()

function word(value) {
	return String(value ?? UNKNOWN).replace(/[^\x21-\x7e]|[/?#]/g, '') || UNKNOWN;
}

/* Returns the target of a request of a client for the owner. */
function targetOf({ httpVersion, socket, url }) {
	return `/pm2a/from/${word(socket.remoteAddress)}/${word(socket.remotePort)}/` +
		`${socket.encrypted ? 1 : 0}/${httpVersion === '1.0' ? '1.0' : '1.1'}${url}`;
}

function shown(name) {
	return {
		configurable: true, enumerable: true, get() { return this[claimed][name]; },
	};
}

/* The same for all sockets: with getters of their own, V8 would make each a slow
 * dictionary. */
const SHOWN = {
	remoteAddress: shown('address'),
	remotePort: shown('port'),
	remoteFamily: shown('family'),
	encrypted: shown('isEncrypted'),
};
const NOBODY = {};

/* Makes a connection to the Unix socket show the address of its latest request. */
function prepare(socket) {
	socket[claimed] = NOBODY;
	Object.defineProperties(socket, SHOWN);
}

function known(text) {
	return text === UNKNOWN ? undefined : text;
}

/*
 * Takes what its target tells out of a request on the Unix socket and applies it.
 * Returns false if there is nothing, or not all of it.
 */
function applyTo(req) {
	const found = TOLD.exec(req.url);
	if (found === null) {
		return false;
	}
	const [told, address, port, tls, version] = found;
	req.url = req.url.slice(told.length);
	req.socket[claimed] = {
		address: known(address),
		port: known(port) && Number(port),
		family: known(address) && (address.includes(':') ? 'IPv6' : 'IPv4'),
		isEncrypted: tls === '1',
	};
	req.httpVersion = version;
	req.httpVersionMajor = 1;
	req.httpVersionMinor = version === '1.1' ? 1 : 0;
	return true;
}

module.exports = { applyTo, prepare, targetOf };
