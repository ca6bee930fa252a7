'use strict';

/*
 * The topics of a message, by its namespace and rooms: `key#namespace#` for
 * everyone and `key#namespace#room#` for a room, as the Redis adapters have it.
 * Publishers and subscribers both take them from here.
 *
 * If the topics of a message's rooms are too long for the daemon, or too many for
 * one frame, the message goes to everyone in the namespace, and the workers select
 * the sockets by the rooms in its options. So a room with such a name is not
 * subscribed.
 */

const { isWithin } = require('../client/limits');
const { isRoom } = require('./payload');
const { several } = require('../wire/frame-writer');

const TOPIC_MAX = 4096; // the daemon's default: longer rooms have no topic

/* Returns an array of rooms, which are one room, an iterable or missing. */
function listOf(rooms) {
	if (typeof rooms === 'object' && typeof rooms?.[Symbol.iterator] === 'function') {
		return [...rooms];
	}
	return rooms === undefined || rooms === null ? [] : [rooms];
}

/* The topic of everyone in a namespace. */
function everyone(key, nsp) {
	return `${key}#${nsp}#`;
}

/* The topic on which the Redis emitters send requests to the workers. */
function requests(key, nsp) {
	return `${key}-request#${nsp}#`;
}

/*
 * The topic of a room in the namespace whose topic is `all`; null if it would have
 * more than `max` bytes, or if no other process can have such a room.
 */
function ofRoom(all, room, max = TOPIC_MAX) {
	const topic = isRoom(room) ? `${all}${room}#` : null;
	return topic !== null && isWithin(topic, max) ? topic : null;
}

/*
 * The topics of a message to `rooms` (an iterable; none: everyone). All workers
 * must agree on which rooms are subscribed, whatever they know of the daemon: so
 * subscribers apply TOPIC_MAX, and publishers also `maxTopic`, the daemon's limit.
 */
function ofRooms(all, rooms, maxTopic) {
	const max = Math.min(TOPIC_MAX, maxTopic);
	const topics = Array.from(rooms, (room) => ofRoom(all, room, max));
	const hasOwn = topics.length > 0 && !topics.includes(null) &&
		(topics.length === 1 || several(topics) !== null);
	return hasOwn ? topics : [all];
}

/* Whether other processes can have all of these rooms. */
function areShared(rooms) {
	if (rooms === undefined || rooms === null) {
		return true;
	}
	if (!(rooms instanceof Set || Array.isArray(rooms))) {
		return false;
	}
	for (const room of rooms) {
		if (!isRoom(room)) {
			return false;
		}
	}
	return true;
}

/*
 * Returns the part of `opts` that concerns other processes: rooms that are strings
 * or numbers, in a Set or an array. Returns `opts` itself if that is all, and null
 * if it has rooms but none of that kind.
 */
function elsewhere(opts) {
	if (areShared(opts.rooms) && areShared(opts.except)) {
		return opts;
	}
	const rooms = listOf(opts.rooms);
	const shared = rooms.filter(isRoom);
	return rooms.length > 0 && shared.length === 0 ? null :
		{ ...opts, rooms: shared, except: listOf(opts.except).filter(isRoom) };
}

module.exports = {
	TOPIC_MAX, elsewhere, everyone, listOf, ofRoom, ofRooms, requests,
};
