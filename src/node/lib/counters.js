'use strict';

/* What a client counts; index.d.ts says what each is. */
function counters() {
	return {
		published: 0,
		received: 0,
		receivedBytes: 0,
		dropped: 0,
		droppedBytes: 0,
		connects: 0,
		errors: 0,
		malformed: 0,
		asked: 0,
		questions: 0,
		missed: 0,
		missedBytes: 0,
	};
}

module.exports = { counters };
