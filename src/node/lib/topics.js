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

const { several } = require('./sender');

const TOPIC_MAX = 4096; // the daemon's default: longer rooms have no topic

/* Rooms as an array; they are one room, an iterable or missing. */
function listOf(rooms) {
	return typeof rooms === 'string' ? [rooms] : [...(rooms ?? [])];
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
 * Of a room in the namespace whose topic is all; null where it would have more
 * than max bytes.
 */
function ofRoom(all, room, max = TOPIC_MAX) {
	const topic = `${all}${room}#`;
	return Buffer.byteLength(topic) > max ? null : topic;
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

module.exports = { TOPIC_MAX, everyone, listOf, ofRoom, ofRooms, requests };
