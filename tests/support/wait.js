'use strict';

/*
 * Waiting with an end. The bounds are there to end a hang, not to measure: a busy machine is many
 * times slower than an idle one.
 */

// Not the global one, which some tests replace to see what delays others ask for.
const { clearTimeout, setTimeout } = require('timers');

const PATIENCE_MS = 30_000;
const POLL_MS = 5;

async function within(promise, what, ms = PATIENCE_MS) {
	let timer;
	const late = new Promise((resolve, reject) => {
		timer = setTimeout(() => reject(new Error(`no ${what} in ${ms} ms`)), ms);
	});
	try {
		return await Promise.race([promise, late]);
	} finally {
		clearTimeout(timer);
	}
}

function pause(ms) {
	return new Promise((resolve) => { setTimeout(resolve, ms); });
}

/* For what sends no event: a counter that moves, a file that appears. */
async function until(probe, what, ms = PATIENCE_MS) {
	const end = Date.now() + ms;
	for (;;) {
		const value = await probe();
		if (value)
			return value;
		if (Date.now() > end)
			throw new Error(`no ${what} in ${ms} ms`);
		await pause(POLL_MS);
	}
}

/* The next `event` of `emitter`, as an array of its arguments. */
function next(emitter, event, ms = PATIENCE_MS) {
	return within(new Promise((resolve) => {
		emitter.once(event, (...args) => resolve(args));
	}), event, ms);
}

module.exports = { PATIENCE_MS, next, pause, until, within };
