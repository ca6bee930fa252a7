'use strict';

/*
 * Which topics a message goes to, by its namespace and rooms: `key#namespace#`
 * for everyone and `key#namespace#room#` for a room, as the Redis adapters have
 * it. Whoever publishes and whoever subscribes take them from here.
 *
 * What is for rooms whose topics are too long for the daemon, or too many for
 * one frame, goes to everyone in the namespace, and the workers sort it out by
 * the rooms in its options. A room with such a name is therefore not subscribed.
 */

const { isRoom } = require('./payload');
const { several } = require('../wire/frame-writer');

const TOPIC_MAX = 4096; // the daemon's default: longer rooms have no topic

/* Rooms as an array; they are one room, an iterable or missing. */
function listOf(rooms) {
	if (typeof rooms === 'object' && typeof rooms?.[Symbol.iterator] === 'function') {
		return [...rooms];
	}
	return rooms === undefined || rooms === null ? [] : [rooms];
}

/* Whether a topic has max bytes or fewer. Short ones are not counted. */
function isWithin(topic, max) {
	return 3 * topic.length <= max ||
		(topic.length <= max && Buffer.byteLength(topic) <= max);
}

/* Of everyone in a namespace. */
function everyone(key, nsp) {
	return `${key}#${nsp}#`;
}

/* Where the Redis emitters send what is for the workers. */
function requests(key, nsp) {
	return `${key}-request#${nsp}#`;
}

/*
 * Of a room in the namespace whose topic is all; null if it would have more than
 * max bytes, or if no other process can have such a room.
 */
function ofRoom(all, room, max = TOPIC_MAX) {
	const topic = isRoom(room) ? `${all}${room}#` : null;
	return topic !== null && isWithin(topic, max) ? topic : null;
}

/*
 * Of what is for rooms (an iterable; none: everyone). All workers must agree on
 * who is subscribed, whatever they know of the daemon at the time: so
 * subscribers go by TOPIC_MAX, and publishers by maxTopic, the daemon's own, if
 * that is less.
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
 * What of opts concerns other processes: their rooms are strings or numbers, in a
 * Set or an array. Returns opts itself if that is all, and null if it has rooms
 * and none of them is left.
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
	TOPIC_MAX, elsewhere, everyone, isWithin, listOf, ofRoom, ofRooms, requests,
};
