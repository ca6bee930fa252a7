'use strict';

/*
 * The members of rooms, and the messages to send: plain data, from which sets of receivers are
 * computed. Rooms have the same names in both namespaces but other members, so that a mix-up of
 * namespaces is detected.
 */

const NAMESPACES = ['/', '/admin'];
const BURST = 1000;
const SIZES = [0, 1, 125, 126, 4096, 65535, 65536, 600000];

const MEMBERS = {
	'/': {
		red: (i) => i % 2 === 0,
		green: (i) => i % 3 === 0,
		blue: (i) => i >= 4,
		solo: (i) => i === 5,
		house: () => true,
	},
	'/admin': {
		red: (i) => i % 2 === 1,
		green: (i) => i % 3 === 1,
		blue: (i) => i < 4,
		solo: (i) => i === 2,
	},
};

const order = (fields) => ({ via: 'namespace', rooms: [], except: [], flags: [], count: 1, ...fields });

/* Lists one message of each kind. ids: of all clients' sockets. */
const mixed = (me, ids) => [
	order({}),
	order({ rooms: ['red'] }),
	order({ rooms: ['red', 'green', 'blue'] }),
	order({ rooms: ['house', 'red', 'solo'] }),
	order({ except: ['red'] }),
	order({ rooms: ['green', 'blue'], except: ['solo'] }),
	order({ rooms: ['red'], except: ['green', 'blue'] }),
	order({ except: ['house'] }),
	order({ rooms: ['nobody'] }),
	order({ via: 'socket' }),
	order({ via: 'socket', rooms: ['red', 'blue'] }),
	order({ via: 'socket', except: ['green'] }),
	order({ flags: ['volatile'] }),
	order({ flags: ['local'] }),
	order({ rooms: ['red', 'blue'], flags: ['local'] }),
	order({ rooms: [ids[(me + 3) % ids.length]] }),
	order({ rooms: ['red', ids[(me + 1) % ids.length]], except: [ids[(me + 2) % ids.length]] }),
	order({}),
];

const binary = (me) => [0, 3].map((step) =>
	order({ size: SIZES[(me + step) % SIZES.length], rooms: step ? ['red', 'green'] : [] }));

const toRed = () => [order({ rooms: ['red'] }), order({ rooms: ['red', 'green'] })];

const burst = (nsp) => [order({ count: BURST, rooms: nsp === '/' ? [] : ['red', 'blue'] })];

const fence = () => [order({})];

/*
 * clients: { index, worker, rooms } of one namespace; `rooms` is a set that includes the socket's
 * own id. me: the sender.
 */
function receivers(clients, me, { via, rooms, except, flags }) {
	const isIn = (client, names) => names.some((name) => client.rooms.has(name));
	return clients.filter((client) =>
		(rooms.length === 0 || isIn(client, rooms)) &&
		!isIn(client, except) &&
		!(via === 'socket' && client === me) &&
		!(flags.includes('local') && client.worker !== me.worker));
}

function describe({ via, rooms, except, flags, size }) {
	const parts = [rooms.length ? `to ${rooms.join('+')}` : 'to all'];
	if (except.length)
		parts.push(`except ${except.join('+')}`);
	if (via === 'socket')
		parts.push('but the sender');
	if (size !== undefined)
		parts.push(`${size} bytes`);
	return [...parts, ...flags].join(' ');
}

module.exports = {
	NAMESPACES, MEMBERS, BURST, SIZES,
	mixed, binary, toRed, burst, fence, receivers, describe,
};
