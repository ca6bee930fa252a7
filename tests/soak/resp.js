'use strict';

/* Attackers that speak Redis's protocol: RESP2 and RESP3, inline, with the
 * password where there is one, with another and with none. */

const { command } = require('../system/support/resp');
const { MALFORMED, NOTHING, request } =
	require('../system/support/resp-traffic');
const { Attacker } = require('./attacker');
const { mutate } = require('./mutate');

const BURST = 16; // requests at most

/* Commands that the comparison with redis-server leaves out. */
const OTHERS = [
	['INFO'], ['INFO', 'clients', 'stats'], ['CLIENT', 'LIST'],
	['CLIENT', 'LIST', 'ID', '1', '2', '99999'], ['CLIENT', 'INFO'],
	['CLIENT', 'ID'], ['CLIENT', 'KILL', 'ID', '1'], ['CLIENT', 'HELP'],
	['CLIENT', 'REPLY', 'OFF'], ['CLIENT', 'SETINFO', 'lib-name', 'soak'],
	['CLIENT', 'NO-TOUCH', 'on'], ['CONFIG', 'GET', '*'], ['COMMAND'],
	['COMMAND', 'COUNT'], ['COMMAND', 'DOCS'], ['COMMAND', 'INFO', 'get', ''],
	['COMMAND', 'LIST'], ['PUBSUB', 'HELP'], ['CLUSTER', 'HELP'],
	['PUBSUB', 'CHANNELS', `${'*a'.repeat(40)}b`],
	['SELECT', '7'], ['MONITOR'], ['SUBSCRIBE', 'x'.repeat(257)],
	['PUBLISH', '', 'x'], ['SUBSCRIBE', ''],
	['PUBLISH', 'witness#/#', 'a stranger'],
	['PSUBSCRIBE', 'witness#*'], ['PSUBSCRIBE', '*'], ['SUBSCRIBE', 'a#/#'],
];

/* Requests of the Redis adapters' emitters to workers. */
const REQUESTS = [
	{ type: 2, opts: { rooms: ['r'], except: [] }, rooms: ['s'] },
	{ type: 3, opts: { rooms: [], except: ['r'] }, rooms: ['s'] },
	{ type: 4, opts: { rooms: ['r'], except: [] }, close: true },
	{ type: 6, uid: 'emitter', data: ['event', { __proto__: null }] },
	{ type: 'x' }, {}, [],
].map((value) => JSON.stringify(value));

class RespAttacker extends Attacker {
	#addresses;
	#password;
	#wildness; // of 1000 requests, those that are wrong

	constructor(name, chance, record, { addresses, password }) {
		super(name, chance, record);
		this.#addresses = addresses;
		this.#password = password;
	}

	address() {
		return this.chance.one(this.#addresses);
	}

	greeting() {
		const { chance } = this;
		this.#wildness = chance.one([0, 1, 10, 100]);
		const auth = this.#password ? ['AUTH', 'default', this.#password] : [];
		switch (chance.below(48)) {
		case 0: return command('AUTH', 'wrong');
		case 1: return mutate(chance, command('HELLO', '3', ...auth));
		case 2: case 3: return Buffer.alloc(0);
		case 4: case 5: return Buffer.from(`AUTH ${this.#password}\r\n`);
		default: return command('HELLO', chance.one(['2', '3']), ...auth,
			...chance.below(3) ? [] : ['SETNAME', 'attacker']);
		}
	}

	#request() {
		const { chance } = this;
		if (chance.below(1000) < this.#wildness) {
			return chance.below(2) ? chance.one(MALFORMED) :
				mutate(chance, request(chance).bytes);
		}
		switch (chance.below(16)) {
		case 0: return command(...chance.one(OTHERS));
		case 1: return command('PUBLISH', 'a-request#/#', chance.one(REQUESTS));
		case 2: return command('PUBLISH', `a#/#${chance.one(['r', 's'])}#`, 'x');
		case 3: return chance.one(NOTHING);
		default: return request(chance).bytes;
		}
	}

	burst() {
		const list = this.chance.some(BURST, () => this.#request());
		return { bytes: Buffer.concat(list), n: list.length };
	}

	large() {
		const { chance } = this;
		return Buffer.concat([Buffer.from('*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n' +
			`$${chance.below(400 << 10)}\r\n`),
		Buffer.alloc(chance.below(100 << 10), 'l')]);
	}
}

module.exports = { RespAttacker };
