'use strict';

/* The limits of the daemon that concern frames and topics. */

/* Used until the first WELCOME: the least max_frame that a daemon can have, since
 * it ends a connection that subscribes with a larger frame, and the usual
 * max_topic. */
const LIMITS_UNTOLD = Object.freeze({ maxFrame: 4096, maxTopic: 4096 });

/*
 * Bytes of a topic with which SUBSCRIBE and PRESENCE are within max_frame, since
 * larger frames end the connection. The same for questions, which have the name
 * of the namespace in their topic and in their body.
 */
function longestTopic(maxFrame) {
	return Math.floor(maxFrame * 3 / 8);
}

/* Returns the limits that the body of a WELCOME announces. */
function limitsOf({ max_frame: maxFrame, max_topic: maxTopic }) {
	return { maxFrame, maxTopic: Math.min(maxTopic, longestTopic(maxFrame)) };
}

/* Whether a topic has `max` bytes or fewer. Does not count short ones. */
function isWithin(topic, max) {
	return 3 * topic.length <= max ||
		(topic.length <= max && Buffer.byteLength(topic) <= max);
}

/* Whether a topic can be subscribed. */
function canSubscribe(topic, { maxFrame, maxTopic }) {
	return isWithin(topic, Math.min(maxTopic, longestTopic(maxFrame)));
}

module.exports = { LIMITS_UNTOLD, canSubscribe, isWithin, limitsOf, longestTopic };
