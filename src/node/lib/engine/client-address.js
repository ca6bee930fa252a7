'use strict';

/*
 * `X-Pm2a-From: <address> <port> <tls> <version>` of a request on a worker's Unix
 * socket: the address of the client, whether its connection is encrypted (1 or 0),
 * and its HTTP version, since the request there is one of HTTP/1.0 (forwarded-request.js).
 * A request of HTTP/2 counts as one of 1.1, whose form it has there.
 * The forwarding worker removes such headers of clients.
 */

const HEADER = 'X-Pm2a-From';
const KEY = HEADER.toLowerCase();
const UNKNOWN = '-';

const claimed = Symbol('claimed'); // on a socket: see applyTo()

function word(value) {
	return String(value ?? UNKNOWN).replace(/[^\x21-\x7e]/g, '') || UNKNOWN;
}

/* Returns the header's value for a request of a client. */
function addressOf({ httpVersion, httpVersionMajor, socket }) {
	return `${word(socket.remoteAddress)} ${word(socket.remotePort)} ` +
		`${socket.encrypted ? 1 : 0} ${httpVersionMajor > 1 ? '1.1' : httpVersion}`;
}

/* Makes a connection to the Unix socket show the address of its latest request. */
function prepare(socket) {
	socket[claimed] = {};
	const show = (name) => ({
		configurable: true, enumerable: true, get: () => socket[claimed][name],
	});
	Object.defineProperties(socket, {
		remoteAddress: show('address'),
		remotePort: show('port'),
		remoteFamily: show('family'),
		encrypted: show('isEncrypted'),
	});
}

function known(text) {
	return text === UNKNOWN ? undefined : text;
}

/*
 * Takes the header out of a request on the Unix socket and applies it. Returns
 * false if there is none.
 */
function applyTo(req) {
	const value = req.headers[KEY];
	if (value === undefined) {
		return false;
	}
	const [address, port, tls, version = '1.1'] = value.split(' ');
	delete req.headers[KEY];
	req.rawHeaders.splice(-2); // the last, as written
	req.socket[claimed] = {
		address: known(address),
		port: known(port) && Number(port),
		family: known(address) && (address.includes(':') ? 'IPv6' : 'IPv4'),
		isEncrypted: tls === '1',
	};
	req.httpVersion = version;
	[req.httpVersionMajor, req.httpVersionMinor] = version.split('.').map(Number);
	return true;
}

module.exports = { HEADER, KEY, addressOf, applyTo, prepare };
