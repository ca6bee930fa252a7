'use strict';

/* Reasons for which published messages are not sent. */
const DROP_REASONS = [
	'queue-full', 'expired', 'volatile', 'too-big', 'topic-too-long', 'bad-room', 'bad-event',
	'disconnect', 'closed',
];

/* The counters of a client; index.d.ts describes each. */
function counters() {
	return {
		published: 0,
		received: 0,
		receivedBytes: 0,
		dropped: 0,
		droppedBytes: 0,
		droppedFor: Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])),
		connects: 0,
		errors: 0,
		malformed: 0,
		asked: 0,
		questions: 0,
		missed: 0,
		missedBytes: 0,
	};
}

function countDrop(stats, { messages, bytes }, reason) {
	stats.dropped += messages;
	stats.droppedBytes += bytes;
	stats.droppedFor[reason] += messages;
}

module.exports = { countDrop, counters };
