'use strict';

/*
 * Runs long work in slices, so that the event loop serves others in between: all
 * work of a process together takes one slice of a turn of the loop. Work begins at
 * once while there is time left in this turn.
 */

const SLICE_MS = 8;

const jobs = [];
let used = 0; // ms of this turn
let isQueued = false;

function work() {
	while (jobs.length > 0 && used < SLICE_MS) {
		const start = performance.now();
		const job = jobs.shift();
		if (job(start + SLICE_MS - used)) {
			jobs.push(job);
		}
		used += performance.now() - start;
	}
	if (!isQueued) {
		isQueued = true;
		setImmediate(() => {
			isQueued = false;
			used = 0;
			if (jobs.length > 0) {
				work();
			}
		});
	}
}

/* Calls job(until) until it returns false. It must not throw, and should return when
 * performance.now() is `until`. */
function inTurns(job) {
	jobs.push(job);
	work();
}

module.exports = { SLICE_MS, inTurns };
