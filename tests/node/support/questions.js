'use strict';

/*
 * Each method that asks all workers and gathers what they say, with what it must give when those
 * in `there` have answered: { asker, members, sockets }. Where a row has `rooms`, who has nobody in
 * one of them is not asked. `isSet`: it gives a Set.
 */

const sorted = (values) => [...values].sort();
const ids = (sockets) => sorted(sockets.map(({ id }) => id));
const inRoom = (sockets, ...names) =>
	sockets.filter(({ rooms }) => names.some((name) => rooms.has(name)));
const rooms = (sockets) => sorted(new Set(sockets.flatMap((socket) => [...socket.rooms])));
const answers = (members, data) =>
	sorted(members.map(({ name }) => JSON.stringify({ name, data })));
const asText = (values) => sorted(values.map((value) => JSON.stringify(value)));
const bytes = Buffer.from([0, 1, 0xff, 0x80, 0xc1]);
const BINARY = { bytes, deep: [{ more: Buffer.alloc(70_000, 7) }] };
const others = ({ members, asker }) => members.filter(({ name }) => name !== asker.name);
const details = (sockets) => sockets.map(({ id, rooms: names }) =>
	({ id, rooms: sorted(names), data: {}, url: '/socket.io/' }))
	.sort((a, b) => (a.id < b.id ? -1 : 1));
const byId = (values) => [...values].sort((a, b) => (a.id < b.id ? -1 : 1));

const GATHERING = [
	{
		name: 'clients(fn)',
		call: ['clients'], got: sorted, is: ({ sockets }) => ids(sockets),
	},
	{
		name: 'clients([], fn)',
		call: ['clients', []], got: sorted, is: ({ sockets }) => ids(sockets),
	},
	{
		name: 'clients([rooms], fn): each once',
		rooms: ['all', 'back', 'empty'],
		call: ['clients', ['all', 'back', 'empty']],
		got: sorted, is: ({ sockets }) => ids(inRoom(sockets, 'all', 'back')),
	},
	{
		name: 'clients([room], fn)',
		rooms: ['back'],
		call: ['clients', ['back']], got: sorted, is: ({ sockets }) => ids(inRoom(sockets, 'back')),
	},
	{
		name: 'in(room).clients(fn)', majors: [2],
		rooms: ['back'],
		call: ['clientsIn', 'back'], got: sorted, is: ({ sockets }) => ids(inRoom(sockets, 'back')),
	},
	{
		name: 'allRooms(fn)',
		call: ['allRooms'], got: sorted, is: ({ sockets }) => rooms(sockets),
	},
	{
		name: 'allRooms(), a promise of a Set',
		call: ['allRoomsSet'], isSet: true,
		got: (value) => value instanceof Set && sorted(value), is: ({ sockets }) => rooms(sockets),
	},
	{
		name: 'customRequest(data, fn)',
		call: ['customRequest', 'john'], got: asText, is: ({ members }) => answers(members, 'john'),
	},
	{
		name: 'customRequest(data, fn) with binary data',
		call: ['customRequest', BINARY], got: asText, is: ({ members }) => answers(members, BINARY),
	},
	{
		name: 'fetchSockets()', majors: [4],
		call: ['fetchSockets'], got: byId, is: ({ sockets }) => details(sockets),
	},
	{
		name: 'in(room).fetchSockets()', majors: [4],
		rooms: ['back'],
		call: ['fetchSockets', { rooms: ['back'] }],
		got: byId, is: ({ sockets }) => details(inRoom(sockets, 'back')),
	},
	{
		name: 'in(rooms).except(room).fetchSockets()', majors: [4],
		rooms: ['all', 'back'],
		call: ['fetchSockets', { rooms: ['all', 'back'], except: ['front'] }],
		got: byId, is: ({ sockets }) => details(inRoom(sockets, 'all', 'back')
			.filter((socket) => !socket.rooms.has('front'))),
	},
	{
		name: 'allSockets()', majors: [4],
		call: ['allSockets'], isSet: true,
		got: (value) => value instanceof Set && sorted(value), is: ({ sockets }) => ids(sockets),
	},
	{
		name: 'in(room).allSockets()', majors: [4],
		rooms: ['back'],
		call: ['allSockets', ['back']], isSet: true,
		got: (value) => value instanceof Set && sorted(value),
		is: ({ sockets }) => ids(inRoom(sockets, 'back')),
	},
	{
		name: 'serverSideEmit(…, fn)', majors: [4],
		call: ['serverSideAsk', 'question', { n: 1 }],
		got: asText, is: (there) => answers(others(there), { n: 1 }),
	},
	{
		name: 'serverSideEmitWithAck(…)', majors: [4],
		call: ['serverSideEmitWithAck', 'question', 'x'],
		got: asText, is: (there) => answers(others(there), 'x'),
	},
];

/* Each that must find one socket, by its id. */
const FINDING = [
	{ name: 'clientRooms(id, fn)', call: (id) => ['clientRooms', id] },
	{ name: 'remoteJoin(id, room, fn)', call: (id) => ['remoteJoin', id, 'x'] },
	{ name: 'remoteLeave(id, room, fn)', call: (id) => ['remoteLeave', id, 'x'] },
	{ name: 'remoteDisconnect(id, close, fn)', call: (id) => ['remoteDisconnect', id, true] },
];

const gathering = (major) =>
	GATHERING.filter(({ majors = [4, 2] }) => majors.includes(major));

module.exports = { FINDING, gathering, ids, inRoom, sorted };
