'use strict';

/* Attackers that speak HTTP, or should. */

const { Attacker } = require('./attacker');
const { mutate } = require('./mutate');

const BURST = 4; // requests at most

const METHODS = ['GET', 'GET', 'GET', 'GET', 'HEAD', 'POST', 'OPTIONS', 'BREW'];
const PATHS = ['/', '/metrics', '/healthz', '/stats.json', '/page.js',
	'/stats.json?sections=overview,clients,topics,requests,closed,slow,config',
	'/stats.json?sections=topics&sort=subscribers&limit=1000',
	'/stats.json?sections=topics&limit=0', '/stats.json?sections=secrets',
	'/stats.json?sections=', '/stats.json?sort=%00&limit=99999999999999999999',
	'/stats.json?%', '/stats.json?&&==&', '//', '/..', '/%2e%2e/', '*', '',
	'http://localhost/metrics', '/favicon.ico', `/${'x'.repeat(5000)}`];
const HEADERS = ['Connection: close', 'Connection: keep-alive',
	'Accept: application/openmetrics-text; version=1.0.0', 'Accept: */*',
	'Accept-Encoding: gzip', 'Host: evil.example', 'Host: [::1]:1',
	'Content-Length: 5', 'Content-Length: -1', 'Content-Length: 99999999999',
	'Transfer-Encoding: chunked', 'Expect: 100-continue', 'Range: bytes=0-1',
	'Upgrade: websocket', ': empty', 'no colon', ' folded: line',
	`X-Long: ${'y'.repeat(3000)}`];

class HttpAttacker extends Attacker {
	#addresses;
	#wildness; // of 100 requests, those that are wrong

	constructor(name, chance, record, { addresses }) {
		super(name, chance, record);
		this.#addresses = addresses;
	}

	address() {
		return this.chance.one(this.#addresses);
	}

	greeting() {
		this.#wildness = this.chance.one([0, 0, 10, 50]);
		return this.chance.below(3) ? Buffer.alloc(0) : this.#request();
	}

	#request() {
		const { chance } = this;
		const lines = [`${chance.one(METHODS)} ${chance.one(PATHS)} HTTP/1.` +
			chance.one(['0', '1', '1', '1', '9']),
		...chance.below(10) ? ['Host: localhost'] : [],
		...Array.from({ length: chance.below(4) }, () => chance.one(HEADERS))];
		const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
		return chance.below(100) < this.#wildness ?
			mutate(chance, bytes) : bytes;
	}

	burst() {
		const list = this.chance.some(BURST, () => this.#request());
		return { bytes: Buffer.concat(list), n: list.length };
	}

	large() {
		return Buffer.from('POST /stats.json HTTP/1.1\r\nHost: localhost\r\n' +
			`Content-Length: ${this.chance.below(1 << 20)}\r\n\r\nx`);
	}
}

module.exports = { HttpAttacker };
